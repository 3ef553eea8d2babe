/* Key partitions of any bytes: what is read is written back to the same ones. */
#include "esp/nvs_keys.h"

#include "esp/bytes.h"
#include "esp/crc.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_keys(const guint8 *data, gsize size)
{
	guint8 image[ESP_NVS_KEYS_PARTITION_BYTES];
	g_auto(EspNvsKeys) keys = {0};
	g_autoptr(GError) error = NULL;

	if (!esp_nvs_keys_read(data, size, &keys, &error)) {
		g_assert(error != NULL);
		return;
	}
	esp_nvs_keys_write(&keys, image);
	g_assert(memcmp(image, data, ESP_NVS_KEYS_BYTES + 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint8 image[ESP_NVS_KEYS_BYTES + 4];

	read_keys(data, size);
	if (size != ESP_NVS_KEYS_BYTES)
		return 0;
	/* The CRC, which a fuzzer does not guess. */
	memcpy(image, data, size);
	esp_put_le32(image + size, esp_crc_rom(image, size));
	read_keys(image, sizeof image);
	return 0;
}
