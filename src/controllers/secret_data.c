#include "controllers/secret_data.h"

#include "base/digest.h"

#include <openssl/crypto.h>
#include <string.h>

GBytes *secret_data_bytes(const json_t *secret, const char *key)
{
	const char *text = base_json_get_string(secret, "data", key, NULL);
	gsize size_bytes = 0;
	guint8 *bytes;

	if (text == NULL || strlen(text) % 4 != 0)
		return NULL;
	bytes = g_base64_decode(text, &size_bytes);
	if (bytes == NULL)
		return NULL;
	return g_bytes_new_take(bytes, size_bytes);
}

char *secret_data_string(const json_t *secret, const char *key)
{
	g_autoptr(GBytes) bytes = secret_data_bytes(secret, key);
	gsize size_bytes = 0;
	const char *data = bytes == NULL ? NULL : g_bytes_get_data(bytes, &size_bytes);
	char *text;

	if (data == NULL || size_bytes == 0 || memchr(data, '\0', size_bytes) != NULL)
		return NULL;
	text = g_strndup(data, size_bytes);
	OPENSSL_cleanse((void *)data, size_bytes);
	return text;
}

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
