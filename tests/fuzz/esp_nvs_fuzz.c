/* The NVS reader, and updates in place, on any bytes. What an update leaves must read. */
#include "esp/nvs.h"

#include <stdint.h>
#include <string.h>

enum { IMAGE_MAX_BYTES = 0x10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reader must not look beyond its bytes, whatever their number; pages are what it likes, so the
 * rest of the last one is erased flash. */
static guint8 *padded(const uint8_t *data, size_t size, gsize *padded_bytes)
{
	gsize n = (size + ESP_NVS_PAGE_BYTES - 1) / ESP_NVS_PAGE_BYTES * ESP_NVS_PAGE_BYTES;
	guint8 *image = g_malloc(n + 1);

	memset(image, 0xFF, n);
	if (size > 0)
		memcpy(image, data, size);
	*padded_bytes = n;
	return image;
}

static void update(guint8 *image, gsize size_bytes, const EspNvsEntry *entry)
{
	g_autoptr(EspNvsContents) contents = NULL;
	const EspNvsEntry *found;

	if (!esp_nvs_set(image, size_bytes, NULL, entry, NULL, NULL))
		return;
	contents = esp_nvs_read(image, size_bytes, ESP_NVS_READ_DEFAULT, NULL);
	g_assert(contents != NULL);
	found = esp_nvs_find(contents, entry->space, entry->key);
	g_assert(found != NULL && found->type == entry->type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("espalier", "boots", ESP_NVS_U32, 7),
		esp_nvs_blob("a", "blob", data, MIN(size, (size_t)5000)),
	};
	g_autoptr(EspNvsContents) contents = NULL, old = NULL;
	g_autofree guint8 *image = NULL;
	gsize size_bytes = 0;

	if (size > IMAGE_MAX_BYTES)
		return 0;
	contents = esp_nvs_read(data, size, ESP_NVS_READ_DEFAULT, NULL);
	g_assert(contents == NULL || size % ESP_NVS_PAGE_BYTES == 0);
	image = padded(data, size, &size_bytes);
	old = esp_nvs_read(image, size_bytes, ESP_NVS_READ_OLD_BLOBS, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
		update(image, size_bytes, &entries[i]);
	return 0;
}
