#include "esp/nvs_keys.h"

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/openssl.h"

#include <string.h>

enum { CRC_OFFSET = ESP_NVS_KEYS_BYTES, READ_BYTES = CRC_OFFSET + 4, PATTERN_WORDS = 8 };

/* What the HMAC peripheral is given, as words of 32 bits. */
enum { DATA_PATTERN = 0xAEBE5A5AU, TWEAK_PATTERN = 0xCEDEA5A5U };

G_STATIC_ASSERT(sizeof(EspNvsKeys) == ESP_NVS_KEYS_BYTES);

void esp_nvs_keys_clear(EspNvsKeys *keys)
{
	explicit_bzero(keys, sizeof *keys);
}

gboolean esp_nvs_keys_generate(EspNvsKeys *keys, GError **error)
{
	g_auto(EspNvsKeys) fresh = {0};

	if (esp_openssl()->RAND_bytes(fresh.data, sizeof fresh.data) != 1 ||
	    esp_openssl()->RAND_bytes(fresh.tweak, sizeof fresh.tweak) != 1) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
				    "NVS keys cannot be made: OpenSSL's random generator has no "
				    "entropy");
		return FALSE;
	}
	*keys = fresh;
	return TRUE;
}

static void derive(const guint8 *hmac_key, guint32 pattern, guint8 key[static 32])
{
	guint8 message[PATTERN_WORDS * 4];

	for (gsize i = 0; i < PATTERN_WORDS; i++)
		esp_put_le32(message + 4 * i, pattern);
	esp_hmac_sha256(hmac_key, ESP_NVS_HMAC_KEY_BYTES, message, sizeof message, key);
}

void esp_nvs_keys_derive(const guint8 hmac_key[static ESP_NVS_HMAC_KEY_BYTES], EspNvsKeys *keys)
{
	derive(hmac_key, DATA_PATTERN, keys->data);
	derive(hmac_key, TWEAK_PATTERN, keys->tweak);
}

void esp_nvs_keys_write(const EspNvsKeys *keys, guint8 image[static ESP_NVS_KEYS_PARTITION_BYTES])
{
	memset(image, 0xFF, ESP_NVS_KEYS_PARTITION_BYTES);
	memcpy(image, keys, ESP_NVS_KEYS_BYTES);
	esp_put_le32(image + CRC_OFFSET, esp_crc_rom(image, ESP_NVS_KEYS_BYTES));
}

static gboolean keys_fail(GError **error, int code, const char *what)
{
	g_set_error(error, ESP_ERROR, code, "NVS key partition: %s", what);
	return FALSE;
}

gboolean esp_nvs_keys_read(const guint8 *data, gsize size_bytes, EspNvsKeys *keys, GError **error)
{
	if (size_bytes < READ_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TRUNCATED,
			    "NVS key partition: it ends after %" G_GSIZE_FORMAT
			    " bytes; 64 of keys and 4 of their CRC are wanted",
			    size_bytes);
		return FALSE;
	}
	if (esp_bytes_are(data, READ_BYTES, 0xFF))
		return keys_fail(error, ESP_ERROR_NOT_FOUND,
				 "it is erased flash: no keys were made yet");
	if (esp_get_le32(data + CRC_OFFSET) != esp_crc_rom(data, ESP_NVS_KEYS_BYTES))
		return keys_fail(error, ESP_ERROR_CORRUPT,
				 "the CRC at offset 64 is wrong: it is damaged, encrypted or no "
				 "key partition");
	memcpy(keys, data, ESP_NVS_KEYS_BYTES);
	return TRUE;
}
