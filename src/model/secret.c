#include "model/secret.h"

#include "model/settings_value.h"

#include <openssl/crypto.h>
#include <string.h>

GBytes *model_secret_bytes(const json_t *secret, const char *key)
{
	const char *text = base_json_get_string(secret, "stringData", key, NULL);
	const char *base64 = base_json_get_string(secret, "data", key, NULL);

	if (text != NULL)
		return g_bytes_new(text, strlen(text));
	return base64 != NULL ? model_base64_decode(base64) : NULL;
}

char *model_secret_text(const json_t *secret, const char *key)
{
	g_autoptr(GBytes) bytes = model_secret_bytes(secret, key);
	gsize size_bytes = 0;
	const char *data = bytes == NULL ? NULL : g_bytes_get_data(bytes, &size_bytes);
	char *text;

	if (data == NULL || size_bytes == 0 || memchr(data, '\0', size_bytes) != NULL)
		return NULL;
	text = g_strndup(data, size_bytes);
	OPENSSL_cleanse((void *)data, size_bytes);
	return text;
}
