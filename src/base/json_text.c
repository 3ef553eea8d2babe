#include "base/json_text.h"

#include <stdio.h>
#include <string.h>

enum {
	PLAIN_DIGITS_MAX = 18, /* what always fits 64 bits */
	REAL_MAX_BYTES = 64,
};

/* --- reading --- */

typedef struct {
	const char *at;
	const char *end;
	guint depth_left;
	GString *unescaped; /* made for the first string with escapes */
} Reader;

typedef struct {
	const char *text;
	gsize size_bytes;
} Slice;

static char peek(Reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\n\r", *reader->at) != NULL &&
	       *reader->at != '\0')
		reader->at++;
	return reader->at < reader->end ? *reader->at : '\0';
}

static gboolean take(Reader *reader, char wanted)
{
	if (peek(reader) != wanted)
		return FALSE;
	reader->at++;
	return TRUE;
}

/* \uXXXX; FALSE for halves of pairs and for NUL. */
static gboolean take_code_point(Reader *reader)
{
	gunichar code = 0;

	if (reader->end - reader->at < 4)
		return FALSE;
	for (int i = 0; i < 4; i++) {
		int digit = g_ascii_xdigit_value(*reader->at++);

		if (digit < 0)
			return FALSE;
		code = code << 4 | (gunichar)digit;
	}
	if (code == 0 || (code >= 0xD800 && code <= 0xDFFF))
		return FALSE;
	g_string_append_unichar(reader->unescaped, code);
	return TRUE;
}

static gboolean take_escape(Reader *reader)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char escape;

	if (reader->at >= reader->end)
		return FALSE;
	escape = *reader->at++;
	if (escape == 'u')
		return take_code_point(reader);
	found = escape == '\0' ? NULL : strchr(from, escape);
	if (found == NULL)
		return FALSE;
	g_string_append_c(reader->unescaped, to[found - from]);
	return TRUE;
}

/* Up to the next quote or backslash. FALSE if that is not there, or what is before it is no text.
 */
static gboolean take_run(Reader *reader, Slice *run)
{
	const char *at = reader->at;
	guint8 all = 0;

	while (at < reader->end && *at != '"' && *at != '\\' && (guint8)*at >= ' ')
		all |= (guint8)*at++;
	if (at == reader->end || (guint8)*at < ' ')
		return FALSE;
	run->text = reader->at;
	run->size_bytes = (gsize)(at - reader->at);
	reader->at = at;
	return all < 0x80 || g_utf8_validate_len(run->text, run->size_bytes, NULL);
}

/* After its first quote. The slice is of the text itself, or of `unescaped`: good until the next.
 */
static gboolean take_string(Reader *reader, Slice *string)
{
	if (!take_run(reader, string))
		return FALSE;
	if (*reader->at == '"') {
		reader->at++;
		return TRUE;
	}
	if (reader->unescaped == NULL)
		reader->unescaped = g_string_new(NULL);
	g_string_truncate(reader->unescaped, 0);
	while (*reader->at == '\\') {
		g_string_append_len(reader->unescaped, string->text, (gssize)string->size_bytes);
		reader->at++;
		if (!take_escape(reader) || !take_run(reader, string))
			return FALSE;
	}
	g_string_append_len(reader->unescaped, string->text, (gssize)string->size_bytes);
	reader->at++;
	*string = (Slice){reader->unescaped->str, reader->unescaped->len};
	return TRUE;
}

static json_t *read_integer(Reader *reader)
{
	gboolean negative = *reader->at == '-';
	const char *first = reader->at + (negative ? 1 : 0);
	const char *at = first;
	json_int_t value = 0;

	while (at < reader->end && g_ascii_isdigit(*at) && at - first < PLAIN_DIGITS_MAX)
		value = value * 10 + (*at++ - '0');
	/* More digits, a fraction or an exponent follow where this does not end here. */
	if (at == first || (*first == '0' && at - first > 1) ||
	    (at < reader->end && (g_ascii_isdigit(*at) || strchr(".eE", *at) != NULL)))
		return NULL;
	reader->at = at;
	return json_integer(negative ? -value : value);
}

static json_t *read_word(Reader *reader, const char *word, json_t *value)
{
	gsize size_bytes = strlen(word);

	if ((gsize)(reader->end - reader->at) < size_bytes ||
	    memcmp(reader->at, word, size_bytes) != 0)
		return NULL;
	reader->at += size_bytes;
	return value;
}

static json_t *read_value(Reader *reader);

static gboolean read_member(Reader *reader, json_t *object)
{
	Slice key;
	g_autofree char *kept = NULL;
	json_t *value;

	if (!take(reader, '"') || !take_string(reader, &key))
		return FALSE;
	/* The value may have escapes of its own. */
	if (reader->unescaped != NULL && key.text == reader->unescaped->str)
		key.text = kept = g_strndup(key.text, key.size_bytes);
	if (json_object_getn(object, key.text, key.size_bytes) != NULL || !take(reader, ':'))
		return FALSE;
	value = read_value(reader);
	return value != NULL &&
	       json_object_setn_new_nocheck(object, key.text, key.size_bytes, value) == 0;
}

static gboolean read_members(Reader *reader, json_t *object)
{
	if (take(reader, '}'))
		return TRUE;
	do {
		if (!read_member(reader, object))
			return FALSE;
	} while (take(reader, ','));
	return take(reader, '}');
}

static gboolean read_elements(Reader *reader, json_t *array)
{
	if (take(reader, ']'))
		return TRUE;
	do {
		json_t *value = read_value(reader);

		if (value == NULL)
			return FALSE;
		json_array_append_new(array, value);
	} while (take(reader, ','));
	return take(reader, ']');
}

/* An array or object, after its bracket. Takes `made`. */
static json_t *read_inside(Reader *reader, json_t *made)
{
	gboolean good = FALSE;

	if (reader->depth_left > 0) {
		reader->depth_left--;
		good = json_is_object(made) ? read_members(reader, made)
					    : read_elements(reader, made);
		reader->depth_left++;
	}
	if (good)
		return made;
	json_decref(made);
	return NULL;
}

static json_t *read_value(Reader *reader)
{
	Slice string;

	switch (peek(reader)) {
	case '{':
		reader->at++;
		return read_inside(reader, json_object());
	case '[':
		reader->at++;
		return read_inside(reader, json_array());
	case '"':
		reader->at++;
		return take_string(reader, &string)
			       ? json_stringn_nocheck(string.text, string.size_bytes)
			       : NULL;
	case 't':
		return read_word(reader, "true", json_true());
	case 'f':
		return read_word(reader, "false", json_false());
	case 'n':
		return read_word(reader, "null", json_null());
	case '\0':
		return NULL;
	default:
		return read_integer(reader);
	}
}

json_t *base_json_read_plain(const char *text, gsize size_bytes, guint max_depth)
{
	/* No bytes may be no address, from which nothing is counted on. */
	Reader reader = {.at = text,
			 .end = size_bytes > 0 ? text + size_bytes : text,
			 .depth_left = max_depth};
	json_t *value = NULL;

	if (peek(&reader) == '{' || peek(&reader) == '[')
		value = read_value(&reader);
	if (value != NULL && (peek(&reader) != '\0' || reader.at < reader.end)) {
		json_decref(value);
		value = NULL;
	}
	if (reader.unescaped != NULL)
		g_string_free(reader.unescaped, TRUE);
	return value;
}

/* --- printing --- */

static void append_escaped(GString *text, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = strchr(from, c);

	if (found != NULL && c != '\0') {
		g_string_append_c(text, '\\');
		g_string_append_c(text, to[found - from]);
		return;
	}
	g_string_append_printf(text, "\\u%04X", (guint)(guint8)c);
}

void base_json_append_string(GString *text, const char *string, gsize size_bytes)
{
	const char *end = string + size_bytes;

	g_string_append_c(text, '"');
	while (string < end) {
		const char *at = string;

		while (at < end && *at != '"' && *at != '\\' && (guint8)*at >= ' ')
			at++;
		g_string_append_len(text, string, at - string);
		if (at < end)
			append_escaped(text, *at++);
		string = at;
	}
	g_string_append_c(text, '"');
}

static void append_object(GString *text, const json_t *object)
{
	/* jansson's iterators want an object that they may change. */
	json_t *walked = (json_t *)object;
	const char *separator = "{";

	if (json_object_size(object) == 0)
		g_string_append_c(text, '{');
	for (void *at = json_object_iter(walked); at != NULL;
	     at = json_object_iter_next(walked, at)) {
		g_string_append(text, separator);
		base_json_append_string(text, json_object_iter_key(at),
					json_object_iter_key_len(at));
		g_string_append_c(text, ':');
		base_json_append(text, json_object_iter_value(at));
		separator = ",";
	}
	g_string_append_c(text, '}');
}

static void append_array(GString *text, const json_t *array)
{
	g_string_append_c(text, '[');
	for (gsize i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			g_string_append_c(text, ',');
		base_json_append(text, json_array_get(array, i));
	}
	g_string_append_c(text, ']');
}

static void append_real(GString *text, const json_t *real)
{
	char digits[REAL_MAX_BYTES];
	size_t size_bytes = json_dumpb(real, digits, sizeof digits, JSON_ENCODE_ANY);

	g_string_append_len(text, digits, (gssize)MIN(size_bytes, sizeof digits));
}

void base_json_append(GString *text, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		append_object(text, value);
		return;
	case JSON_ARRAY:
		append_array(text, value);
		return;
	case JSON_STRING:
		base_json_append_string(text, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		g_string_append_printf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_REAL:
		append_real(text, value);
		return;
	case JSON_TRUE:
		g_string_append(text, "true");
		return;
	case JSON_FALSE:
		g_string_append(text, "false");
		return;
	case JSON_NULL:
		g_string_append(text, "null");
		return;
	}
}
