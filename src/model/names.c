#include "model/names.h"

#include <string.h>

enum {
	SUBDOMAIN_MAX = 253,
	LABEL_MAX = 63,
	CONFIG_KEY_MAX = 253,
};

#define SUBDOMAIN_FORM "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
#define QUALIFIED_PROBLEM                                                                          \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "  \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static void say(GPtrArray *problems, const char *problem)
{
	g_ptr_array_add(problems, g_strdup(problem));
}

static void say_too_long(GPtrArray *problems, int max)
{
	g_ptr_array_add(problems, g_strdup_printf("must be no more than %d characters", max));
}

static gboolean is_lower_or_digit(char c)
{
	return g_ascii_islower(c) || g_ascii_isdigit(c);
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? of `length` bytes. */
static gboolean is_label_form(const char *name, gsize length)
{
	if (length == 0 || !is_lower_or_digit(name[0]) || !is_lower_or_digit(name[length - 1]))
		return FALSE;
	for (gsize i = 0; i < length; i++)
		if (!is_lower_or_digit(name[i]) && name[i] != '-')
			return FALSE;
	return TRUE;
}

static gboolean is_subdomain_form(const char *name)
{
	for (;;) {
		gsize length = strcspn(name, ".");

		if (!is_label_form(name, length))
			return FALSE;
		if (name[length] == '\0')
			return TRUE;
		name += length + 1;
	}
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static gboolean is_qualified_form(const char *name)
{
	gsize length = strlen(name);

	if (length == 0 || !g_ascii_isalnum(name[0]) || !g_ascii_isalnum(name[length - 1]))
		return FALSE;
	for (gsize i = 0; i < length; i++)
		if (!g_ascii_isalnum(name[i]) && strchr("-_.", name[i]) == NULL)
			return FALSE;
	return TRUE;
}

GPtrArray *model_dns_subdomain_problems(const char *name)
{
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);

	if (strlen(name) > SUBDOMAIN_MAX)
		say_too_long(problems, SUBDOMAIN_MAX);
	if (!is_subdomain_form(name))
		say(problems,
		    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
		    "characters, '-' or '.', and must start and end with an alphanumeric character "
		    "(e.g. 'example.com', regex used for validation is '" SUBDOMAIN_FORM "')");
	return problems;
}

GPtrArray *model_dns_label_problems(const char *name)
{
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);

	if (strlen(name) > LABEL_MAX)
		say_too_long(problems, LABEL_MAX);
	if (is_label_form(name, strlen(name)))
		return problems;
	say(problems,
	    is_subdomain_form(name)
		    ? "must not contain dots"
		    : "a lowercase RFC 1123 label must consist of lower case alphanumeric "
		      "characters or '-', and must start and end with an alphanumeric character "
		      "(e.g. 'my-name',  or '123-abc', regex used for validation is "
		      "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
	return problems;
}

static void check_prefix(GPtrArray *problems, const char *name, const char *slash)
{
	g_autofree char *prefix = g_strndup(name, (gsize)(slash - name));
	g_autoptr(GPtrArray) of_prefix = model_dns_subdomain_problems(prefix);

	if (prefix[0] == '\0') {
		say(problems, "prefix part must be non-empty");
		return;
	}
	for (guint i = 0; i < of_prefix->len; i++)
		g_ptr_array_add(problems,
				g_strconcat("prefix part ", g_ptr_array_index(of_prefix, i), NULL));
}

GPtrArray *model_qualified_name_problems(const char *name)
{
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
	const char *slash = strchr(name, '/'), *last = name;

	if (slash != NULL && strchr(slash + 1, '/') != NULL) {
		say(problems, "a qualified name " QUALIFIED_PROBLEM
			      " with an optional DNS subdomain prefix and '/' (e.g. "
			      "'example.com/MyName')");
		return problems;
	}
	if (slash != NULL) {
		check_prefix(problems, name, slash);
		last = slash + 1;
	}
	if (last[0] == '\0')
		say(problems, "name part must be non-empty");
	else if (strlen(last) > LABEL_MAX)
		g_ptr_array_add(
			problems,
			g_strdup_printf("name part must be no more than %d characters", LABEL_MAX));
	if (!is_qualified_form(last))
		say(problems, "name part " QUALIFIED_PROBLEM);
	return problems;
}

GPtrArray *model_label_value_problems(const char *value)
{
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);

	if (strlen(value) > LABEL_MAX)
		say_too_long(problems, LABEL_MAX);
	if (value[0] != '\0' && !is_qualified_form(value))
		say(problems,
		    "a valid label must be an empty string or consist of alphanumeric characters, "
		    "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
		    "'MyValue',  or 'my_value',  or '12345', regex used for validation is "
		    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
	return problems;
}

GPtrArray *model_config_key_problems(const char *key)
{
	GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
	gsize length = strlen(key);
	gboolean good = length > 0;

	for (gsize i = 0; i < length; i++)
		good = good && (g_ascii_isalnum(key[i]) || strchr("-_.", key[i]) != NULL);
	if (length > CONFIG_KEY_MAX)
		say_too_long(problems, CONFIG_KEY_MAX);
	if (!good)
		say(problems,
		    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
		    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation "
		    "is '[-._a-zA-Z0-9]+')");
	if (strcmp(key, ".") == 0)
		say(problems, "must not be '.'");
	else if (strcmp(key, "..") == 0)
		say(problems, "must not be '..'");
	else if (strncmp(key, "..", 2) == 0)
		say(problems, "must not start with '..'");
	return problems;
}

static gboolean none(GPtrArray *problems)
{
	gboolean empty = problems->len == 0;

	g_ptr_array_unref(problems);
	return empty;
}

gboolean model_is_dns_subdomain(const char *name)
{
	return none(model_dns_subdomain_problems(name));
}

gboolean model_is_dns_label(const char *name)
{
	return none(model_dns_label_problems(name));
}

gboolean model_is_qualified_name(const char *name)
{
	return none(model_qualified_name_problems(name));
}
