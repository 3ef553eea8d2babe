/* controllers/secret_data.h — the base64 members of a Secret's `data`. Of this room only. Pure. */
#pragma once

#include "base/json.h"

#include <glib.h>

/* data[key] as bytes, yours; NULL if it is missing or not base64. */
GBytes *secret_data_bytes(const json_t *secret, const char *key);

/* The same as a string, yours (wipe it with base_secret_free if it is one); NULL also if it has a
 * NUL inside. */
char *secret_data_string(const json_t *secret, const char *key);

/* Sets `data[key]`. */
void secret_data_set_bytes(json_t *data, const char *key, const void *bytes, gsize size_bytes);
void secret_data_set_string(json_t *data, const char *key, const char *text);
