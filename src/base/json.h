/* base/json.h — JSON in and out over jansson. Any thread, as long as a value is used by one thread
 * at a time: jansson's reference counts are not shared between threads here. */
#pragma once

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

enum {
	BASE_JSON_MAX_BYTES =
		4 * 1024 * 1024,   /* one document; kube-apiserver refuses above 3 MiB */
	BASE_JSON_MAX_DEPTH = 100, /* nested arrays and objects */
};

/* Parses one document. Strict: UTF-8, no duplicate keys, nothing after the end, at most
 * BASE_JSON_MAX_BYTES and BASE_JSON_MAX_DEPTH. Returns it, yours, or NULL with BASE_ERROR_INVALID
 * ("line L, column C: …") or BASE_ERROR_TOO_LARGE. */
json_t *base_json_parse(const char *text, gsize size_bytes, GError **error);

/* Parses text that was printed here and kept: no limits. Yours; NULL if it is not JSON after all.
 */
json_t *base_json_parse_own(const char *text, gsize size_bytes);

/* Compact text with keys in the order of the object. Yours, NUL-terminated; `size_bytes` may be
 * NULL. */
char *base_json_dump(const json_t *value, gsize *size_bytes);

/* Compact text with sorted keys: equal values give equal text, whatever their history. Yours. */
char *base_json_dump_canonical(const json_t *value);

/* Compact text as bytes, for caches and bodies. Yours. */
GBytes *base_json_dump_bytes(const json_t *value);

/* The value at a path of object keys, ending with NULL:  base_json_get(o, "spec", "secret", "name",
 * NULL). Borrowed; NULL where a step is missing or not an object. */
json_t *base_json_get(const json_t *value, ...) G_GNUC_NULL_TERMINATED;

/* The string at such a path. Borrowed; NULL where missing or not a string. */
const char *base_json_get_string(const json_t *value, ...) G_GNUC_NULL_TERMINATED;

/* The integer at such a path, or `fallback`. */
gint64 base_json_get_int(const json_t *value, gint64 fallback, ...) G_GNUC_NULL_TERMINATED;

/* The boolean at such a path, or `fallback`. */
gboolean base_json_get_bool(const json_t *value, gboolean fallback, ...) G_GNUC_NULL_TERMINATED;

/* Sets `object[key]` to a string, or removes the key if `text` is NULL. */
void base_json_set_string(json_t *object, const char *key, const char *text);

/* The object at `object[key]`, made if it is missing or not an object. Borrowed. */
json_t *base_json_ensure_object(json_t *object, const char *key);
