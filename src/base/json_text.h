/* base/json_text.h — the quick way between json_t and compact text, for base/json.c and for who
 * prints pieces of documents. Objects here carry strings of many kilobytes (a configuration in
 * base64), which jansson reads and prints a character at a time. Pure, any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Reads a document of plain JSON: what it returns (yours) is what jansson would. NULL for anything
 * else (errors, duplicate keys, more than `max_depth` levels, fractions, escaped surrogates), about
 * which jansson has then to decide. */
json_t *base_json_read_plain(const char *text, gsize size_bytes, guint max_depth);

/* Appends a value as jansson prints it with JSON_COMPACT | JSON_ENCODE_ANY. It must not contain
 * itself. */
void base_json_append(GString *text, const json_t *value);

/* Appends a string with its quotes. */
void base_json_append_string(GString *text, const char *string, gsize size_bytes);
