/* model/settings_value.h — text and bytes as values of a type. For model/settings.c. */
#pragma once

#include "model/settings.h"

/* The value as people write it: integers in decimal, blobs in base64. FALSE with
 * MODEL_ERROR_SPEC_INVALID; the value's content is in no message. */
gboolean model_value_set_text(ModelValue *value, const char *text, GError **error);

/* The value as a Secret holds it: integers in decimal, blobs as they are. */
gboolean model_value_set_bytes(ModelValue *value, GBytes *bytes, GError **error);

/* TRUE for UTF-8 without NUL. */
gboolean model_bytes_are_text(GBytes *bytes);

/* Strict base64 with padding. Yours, or NULL. */
GBytes *model_base64_decode(const char *text);
