#include "base/json.h"

#include "base/error.h"
#include "base/json_text.h"

#include <stdarg.h>
#include <string.h>

enum { DUMP_FIRST_BYTES = 1024 };

/* jansson recurses to JSON_PARSER_MAX_DEPTH (2048); deeper than ours is refused before it parses.
 */
static gboolean depth_is_bounded(const char *text, gsize size_bytes)
{
	guint depth = 0;
	gboolean in_string = FALSE;

	for (gsize i = 0; i < size_bytes; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = FALSE;
		} else if (c == '"') {
			in_string = TRUE;
		} else if (c == '{' || c == '[') {
			if (++depth > BASE_JSON_MAX_DEPTH)
				return FALSE;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return TRUE;
}

json_t *base_json_parse(const char *text, gsize size_bytes, GError **error)
{
	json_error_t where;
	json_t *value;

	if (size_bytes > BASE_JSON_MAX_BYTES) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "JSON document has %" G_GSIZE_FORMAT " bytes, at most %d are accepted",
			    size_bytes, BASE_JSON_MAX_BYTES);
		return NULL;
	}
	value = base_json_read_plain(text, size_bytes, BASE_JSON_MAX_DEPTH);
	if (value != NULL)
		return value;
	if (!depth_is_bounded(text, size_bytes)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "JSON document is nested deeper than %d levels", BASE_JSON_MAX_DEPTH);
		return NULL;
	}
	value = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &where);
	if (value == NULL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "line %d, column %d: %s",
			    where.line, where.column, where.text);
	return value;
}

json_t *base_json_parse_own(const char *text, gsize size_bytes)
{
	json_t *value = base_json_read_plain(text, size_bytes, BASE_JSON_MAX_DEPTH);

	return value != NULL ? value : json_loadb(text, size_bytes, 0, NULL);
}

char *base_json_dump(const json_t *value, gsize *size_bytes)
{
	GString *text = g_string_sized_new(DUMP_FIRST_BYTES);
	char *exact;

	base_json_append(text, value);
	if (size_bytes != NULL)
		*size_bytes = text->len;
	/* What a growing buffer has too much would stay with what is kept for long. */
	exact = g_memdup2(text->str, text->len + 1);
	g_string_free(text, TRUE);
	return exact;
}

char *base_json_dump_canonical(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	g_assert(text != NULL);
	return text;
}

GBytes *base_json_dump_bytes(const json_t *value)
{
	gsize size_bytes = 0;
	char *text = base_json_dump(value, &size_bytes);

	return g_bytes_new_take(text, size_bytes);
}

static json_t *walk(const json_t *value, va_list path)
{
	const char *key;
	json_t *at = (json_t *)value;

	while (at != NULL && (key = va_arg(path, const char *)) != NULL)
		at = json_object_get(at, key);
	return at;
}

json_t *base_json_get(const json_t *value, ...)
{
	va_list path;
	json_t *found;

	va_start(path, value);
	found = walk(value, path);
	va_end(path);
	return found;
}

const char *base_json_get_string(const json_t *value, ...)
{
	va_list path;
	json_t *found;

	va_start(path, value);
	found = walk(value, path);
	va_end(path);
	return json_string_value(found);
}

gint64 base_json_get_int(const json_t *value, gint64 fallback, ...)
{
	va_list path;
	json_t *found;

	va_start(path, fallback);
	found = walk(value, path);
	va_end(path);
	return json_is_integer(found) ? (gint64)json_integer_value(found) : fallback;
}

gboolean base_json_get_bool(const json_t *value, gboolean fallback, ...)
{
	va_list path;
	json_t *found;

	va_start(path, fallback);
	found = walk(value, path);
	va_end(path);
	return json_is_boolean(found) ? json_is_true(found) : fallback;
}

void base_json_set_string(json_t *object, const char *key, const char *text)
{
	if (text == NULL)
		json_object_del(object, key);
	else
		json_object_set_new(object, key, json_string(text));
}

json_t *base_json_ensure_object(json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);

	if (!json_is_object(member)) {
		json_object_set_new(object, key, json_object());
		member = json_object_get(object, key);
	}
	return member;
}
