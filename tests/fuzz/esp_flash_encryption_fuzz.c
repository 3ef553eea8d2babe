/* Flash encryption: what is encrypted in one piece and decrypted in two is what it was. Six bytes
 * say the scheme, the size of the key, the configuration, where to cut and the address; the rest is
 * plaintext, and key. */
#include "esp/flash_encryption.h"

#include "esp/bytes.h"

#include <stdint.h>
#include <string.h>

enum {
	HEAD_BYTES = 8,
	DATA_MAX_BYTES = 768,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const gsize key_sizes[] = {16, 24, 32, 64, 0, 48};
	guint8 key[ESP_FLASH_ENCRYPTION_KEY_MAX_BYTES] = {1}, turned[DATA_MAX_BYTES];
	g_autoptr(EspFlashCipher) encrypt = NULL;
	g_autoptr(EspFlashCipher) decrypt = NULL;
	EspFlashScheme scheme;
	gsize key_bytes, cut;
	guint64 address;

	if (size < HEAD_BYTES || size > HEAD_BYTES + DATA_MAX_BYTES)
		return 0;
	scheme = (data[0] & 1) != 0 ? ESP_FLASH_AES : ESP_FLASH_XTS;
	key_bytes = key_sizes[data[1] % G_N_ELEMENTS(key_sizes)];
	address = esp_get_le32(data + 4);
	memcpy(key, data, MIN(size, sizeof key));
	encrypt = esp_flash_cipher_new(scheme, ESP_FLASH_ENCRYPT, key, key_bytes, data[2], NULL);
	decrypt = esp_flash_cipher_new(scheme, ESP_FLASH_DECRYPT, key, key_bytes, data[2], NULL);
	g_assert((encrypt == NULL) == (decrypt == NULL));
	if (encrypt == NULL)
		return 0;
	size -= HEAD_BYTES;
	memcpy(turned, data + HEAD_BYTES, size);
	if (!esp_flash_cipher_run(encrypt, address, turned, size, NULL)) {
		g_assert(memcmp(turned, data + HEAD_BYTES, size) == 0);
		return 0;
	}
	cut = MIN(size, data[3] * (gsize)ESP_FLASH_ENCRYPTION_BLOCK_BYTES);
	g_assert(esp_flash_cipher_run(decrypt, address, turned, cut, NULL));
	g_assert(esp_flash_cipher_run(decrypt, address + cut, turned + cut, size - cut, NULL));
	g_assert(memcmp(turned, data + HEAD_BYTES, size) == 0);
	return 0;
}
