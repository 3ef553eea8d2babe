#include "base/yaml_scalar.h"

#include "base/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <yaml.h>

static gboolean is_one_of(const char *text, const char *const *words)
{
	return g_strv_contains(words, text);
}

static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const trues[] = {"true", "True", "TRUE", NULL};
static const char *const falses[] = {"false", "False", "FALSE", NULL};
/* YAML 1.1, which kubectl still speaks, takes these for booleans. */
static const char *const old_booleans[] = {"yes", "Yes", "YES", "no",  "No",  "NO", "on",
					   "On",  "ON",  "off", "Off", "OFF", NULL};
static const char *const no_numbers[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
					 "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
					 ".NaN",  ".NAN",  NULL};

static json_t *refuse(GError **error, const char *text, const char *why)
{
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "%s %s: quote it (\"%s\")", text, why,
		    text);
	return NULL;
}

static gboolean all_in(const char *text, const char *set)
{
	return *text != '\0' && text[strspn(text, set)] == '\0';
}

/* [-+]? [0-9]+ | 0o [0-7]+ | 0x [0-9a-fA-F]+ */
static guint integer_base(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (all_in(digits, "0123456789"))
		return 10;
	if (g_str_has_prefix(text, "0o") && all_in(text + 2, "01234567"))
		return 8;
	if (g_str_has_prefix(text, "0x") && all_in(text + 2, "0123456789abcdefABCDEF"))
		return 16;
	return 0;
}

static json_t *integer(const char *text, guint base, GError **error)
{
	const char *digits = text + (*text == '-' || *text == '+');
	gint64 value;

	if (base == 10 && digits[0] == '0' && digits[1] != '\0')
		return refuse(error, text,
			      "would be octal to some readers and decimal to others; drop the "
			      "leading zero or, if it is text");
	errno = 0;
	value = g_ascii_strtoll(base == 10 ? text : text + 2, NULL, base);
	if (errno == ERANGE)
		return refuse(error, text, "does not fit a 64-bit integer; if it is text");
	return json_integer(value);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static gboolean is_float(const char *text)
{
	const char *at = text + (*text == '-' || *text == '+');
	gsize whole = strspn(at, "0123456789"), fraction = 0;

	at += whole;
	if (*at == '.') {
		at++;
		fraction = strspn(at, "0123456789");
		at += fraction;
	}
	if (whole + fraction == 0)
		return FALSE;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '-' || *at == '+';
		return all_in(at, "0123456789");
	}
	return *at == '\0';
}

static json_t *plain_value(const BaseYamlScalar *scalar, GError **error)
{
	const char *text = scalar->text;
	guint base = integer_base(text);

	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	if (is_one_of(text, old_booleans))
		return refuse(error, text,
			      "is a boolean to some readers and text to others; write true or "
			      "false or, if it is text");
	if (base != 0)
		return integer(text, base, error);
	if (is_float(text)) {
		double value = g_ascii_strtod(text, NULL);

		return isfinite(value)
			       ? json_real(value)
			       : refuse(error, text, "is too large a number; if it is text");
	}
	if (is_one_of(text, no_numbers))
		return refuse(error, text, "is no number that JSON has; if it is text");
	return json_stringn(text, scalar->size_bytes);
}

static const struct {
	const char *tag;
	json_type type;
} tagged_types[] = {
	{YAML_INT_TAG, JSON_INTEGER},
	{YAML_FLOAT_TAG, JSON_REAL},
	{YAML_NULL_TAG, JSON_NULL},
};

static gboolean tag_fits(const char *tag, const json_t *value)
{
	if (strcmp(tag, YAML_BOOL_TAG) == 0)
		return json_is_boolean(value);
	for (gsize i = 0; i < G_N_ELEMENTS(tagged_types); i++)
		if (strcmp(tag, tagged_types[i].tag) == 0)
			return json_typeof(value) == tagged_types[i].type;
	return FALSE;
}

json_t *base_yaml_scalar_value(const BaseYamlScalar *scalar, GError **error)
{
	json_t *value;

	if (memchr(scalar->text, '\0', scalar->size_bytes) != NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "text with a NUL character cannot be used");
		return NULL;
	}
	if (scalar->tag != NULL &&
	    (strcmp(scalar->tag, YAML_STR_TAG) == 0 || strcmp(scalar->tag, "!") == 0))
		return json_stringn(scalar->text, scalar->size_bytes);
	if (scalar->tag == NULL && !scalar->plain)
		return json_stringn(scalar->text, scalar->size_bytes);
	value = plain_value(scalar, error);
	if (value == NULL || scalar->tag == NULL || tag_fits(scalar->tag, value))
		return value;
	json_decref(value);
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "tag %s does not fit this value; leave the tag out", scalar->tag);
	return NULL;
}

gboolean base_yaml_key_check(const char *key, gsize size_bytes, gboolean plain, GError **error)
{
	if (memchr(key, '\0', size_bytes) != NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "a key with a NUL character cannot be used");
		return FALSE;
	}
	if (plain && strcmp(key, "<<") == 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "merge keys (<<) are not part of YAML 1.2; write the keys out");
		return FALSE;
	}
	if (plain && is_one_of(key, old_booleans)) {
		refuse(error, key, "is a boolean to some readers and text to others");
		return FALSE;
	}
	return TRUE;
}
