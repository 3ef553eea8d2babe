/* controllers/secret_data.h — members set in a Secret's `data`. Of this room
 * only. Pure. Reading them is model/secret.h's. */
#pragma once

#include "base/json.h"

#include <glib.h>

/* Sets `data[key]`. */
void secret_data_set_bytes(json_t *data, const char *key, const void *bytes, gsize size_bytes);
void secret_data_set_string(json_t *data, const char *key, const char *text);
