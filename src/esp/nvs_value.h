/* esp/nvs_value.h — the encodings of the generator's CSV, for nvs_csv.c. */
#pragma once

#include "esp/nvs.h"

/* Reads `bytes` by an encoding in lower case into the type and the value of `entry`. Memory of
 * strings and blobs is added to `values`, which frees it. FALSE with ESP_ERROR_INVALID and a
 * message that goes on from "key 'a.b' ". */
gboolean nvs_value_decode(const char *encoding, GBytes *bytes, EspNvsEntry *entry,
			  GPtrArray *values, GError **error);
