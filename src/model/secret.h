/* model/secret.h — the members of a Secret. Pure. */
#pragma once

#include "base/json.h"

#include <glib.h>

/* The bytes of a key, as a manifest (stringData, which goes before) or the API (data, base64) has
 * it. Yours; NULL if it is missing or not base64. */
GBytes *model_secret_bytes(const json_t *secret, const char *key);

/* The same as a string, yours (wipe it with base_secret_free if it is one); NULL also if it is
 * empty or has a NUL inside. */
char *model_secret_text(const json_t *secret, const char *key);
