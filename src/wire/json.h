/* wire/json.h — a small, bounded JSON reader (RFC 8259) over bytes of the caller's. Portable C, no
 * allocation: values are slices of the text.
 *
 * wire_json_document checks everything once; what the other functions take came out of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_JSON_MAX_DEPTH = 8, /* arrays and objects within each other */
	WIRE_JSON_KEY_MAX = 31,  /* a longer key is skipped as unknown */
};

/* A value's text, without spaces around it. */
typedef struct {
	const char *text;
	size_t size_bytes;
} WireJson;

/* Reads one document that is an object: strict UTF-8, nothing after it but spaces. FALSE, `object`
 * untouched, otherwise. */
bool wire_json_document(const char *text, size_t size_bytes, WireJson *object);

/* The member of `object` called `key`; of several the first. FALSE, `value` untouched, if there is
 * none or `object` is no object. */
bool wire_json_member(WireJson object, const char *key, WireJson *value);

/* All members in turn:  WireJson rest = object; while (wire_json_next(&rest, key, &value)) …
 * A key longer than WIRE_JSON_KEY_MAX comes as "". */
bool wire_json_next(WireJson *rest, char key[static WIRE_JSON_KEY_MAX + 1], WireJson *value);

bool wire_json_is_object(WireJson value);
bool wire_json_is_string(WireJson value);

/* The decoded text of a string. FALSE, `out` untouched, if it is none, has a NUL or does not fit.
 */
bool wire_json_string(WireJson value, char *out, size_t size_bytes);

/* An integer without fraction and exponent. FALSE, `out` untouched, if it is none or not within. */
bool wire_json_integer(WireJson value, int64_t minimum, int64_t maximum, int64_t *out);

/* true or false. FALSE, `out` untouched, for anything else. */
bool wire_json_bool(WireJson value, bool *out);
