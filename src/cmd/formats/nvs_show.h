/* cmd/formats/nvs_show.h — values of NVS entries as text and as JSON. Pure; any thread. */
#pragma once

#include "base/json.h"
#include "esp/nvs.h"

/* The value for people, on one line: strings in quotes with what cannot be printed escaped, blobs
 * in hexadecimal, both cut after `max_bytes`. Yours. */
char *nvs_show_value(const EspNvsEntry *entry, gsize max_bytes);

/* Bytes of the value: a string without its NUL, a number its width. */
gsize nvs_show_size(const EspNvsEntry *entry);

/* The word of the call that reads it: "nvs_get_u8" … "nvs_get_str", "nvs_get_blob". Borrowed. */
const char *nvs_show_getter(EspNvsType type);

/* Appends the value as the device's own dumps have it: numbers in decimal, strings with their NUL
 * and blobs in hexadecimal, whole. */
void nvs_show_raw(GString *text, const EspNvsEntry *entry);

/* {namespace, key, type, sizeBytes, value}: integers of up to 32 bits and reals are numbers, those
 * of 64 bits strings (JavaScript's numbers do not hold them); a string is a string, one that is not
 * UTF-8 and a blob have `valueHex` in place of `value`. Yours. */
json_t *nvs_show_json(const EspNvsEntry *entry);
