/* Encrypts what will lie at an address of a chip's flash: flash_encrypt CHIP KEY ADDRESS IN OUT */
#include <esp/flash_encryption.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(EspFlashCipher) cipher = NULL;
	g_autofree char *key = NULL, *data = NULL;
	const EspChip *chip = argc == 6 ? esp_chip_find(argv[1]) : NULL;
	gsize key_bytes = 0, size_bytes = 0;
	EspFlashScheme scheme;

	if (chip == NULL) {
		fprintf(stderr, "usage: flash_encrypt CHIP KEY ADDRESS IN OUT\n");
		return 2;
	}
	if (!g_file_get_contents(argv[2], &key, &key_bytes, &error) ||
	    !g_file_get_contents(argv[4], &data, &size_bytes, &error) ||
	    !esp_flash_scheme_of(chip, key_bytes, &scheme, &error) ||
	    (cipher = esp_flash_cipher_new(scheme, ESP_FLASH_ENCRYPT, (const guint8 *)key,
					   key_bytes, ESP_FLASH_CRYPT_CONFIG_MAX, &error)) ==
		    NULL ||
	    !esp_flash_cipher_run(cipher, g_ascii_strtoull(argv[3], NULL, 0), (guint8 *)data,
				  size_bytes, &error) ||
	    !g_file_set_contents(argv[5], data, (gssize)size_bytes, &error)) {
		fprintf(stderr, "flash_encrypt: %s\n", error->message);
		return 1;
	}
	printf("%s: %zu bytes for 0x%s\n", argv[5], size_bytes, argv[3] + 2);
	return 0;
}
