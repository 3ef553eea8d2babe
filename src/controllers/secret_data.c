#include "controllers/secret_data.h"

#include "base/digest.h"

#include <string.h>

void secret_data_set_bytes(json_t *data, const char *key, const void *bytes, gsize size_bytes)
{
	char *text = g_base64_encode(bytes, size_bytes);

	json_object_set_new(data, key, json_string(text));
	base_secret_free(text);
}

void secret_data_set_string(json_t *data, const char *key, const char *text)
{
	secret_data_set_bytes(data, key, text, strlen(text));
}
