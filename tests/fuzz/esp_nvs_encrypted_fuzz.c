/* Encrypted NVS images: what reads with the keys is what the decrypted image reads as. Short input
 * is encrypted first, so that the fuzzer need not break the cipher; a page or more is taken as it
 * is. */
#include "esp/nvs_inspect.h"
#include "esp_nvs_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const EspNvsKeys keys = {{1, 2, 3}, {4, 5, 6}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static guint8 image[PAGES_MOST * ESP_NVS_PAGE_BYTES];
	g_autoptr(EspNvsContents) encrypted = NULL, plain = NULL;
	g_autoptr(EspNvsInspection) inspection = NULL;
	gsize size_bytes;

	if (size > CHOICES_MAX_BYTES &&
	    (size < ESP_NVS_PAGE_BYTES || size > 2 * ESP_NVS_PAGE_BYTES))
		return 0;
	size_bytes = make_pages(data, size, 2, image);
	if (size < ESP_NVS_PAGE_BYTES && !esp_nvs_encrypt(image, size_bytes, &keys, NULL))
		return 0;
	encrypted = esp_nvs_read_encrypted(image, size_bytes, &keys, ESP_NVS_READ_OLD_BLOBS, NULL);
	inspection = esp_nvs_inspect(image, size_bytes, &keys, NULL);
	g_assert(inspection != NULL);
	if (!esp_nvs_decrypt(image, size_bytes, &keys, NULL)) {
		g_assert(encrypted == NULL || encrypted->n_entries == 0);
		g_assert(inspection->looks_encrypted);
		return 0;
	}
	plain = esp_nvs_read(image, size_bytes, ESP_NVS_READ_OLD_BLOBS, NULL);
	g_assert((plain == NULL) == (encrypted == NULL));
	if (plain != NULL)
		g_assert(plain->n_entries == encrypted->n_entries);
	return 0;
}
