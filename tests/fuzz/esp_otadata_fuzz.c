/* otadata: the first byte says how many slots there are, the rest is the partition, erased flash at
 * its end. Whatever it holds, a slot can be selected and is then the one that starts. */
#include "esp/otadata.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint8 partition[ESP_OTADATA_BYTES];
	guint n_slots;
	EspOtaBoot boot;

	if (size == 0)
		return 0;
	n_slots = 1 + data[0] % 16U;
	memset(partition, 0xFF, sizeof partition);
	memcpy(partition, data + 1, MIN(size - 1, sizeof partition));
	(void)esp_otadata_choose(data, size, n_slots, FALSE, &boot, NULL);
	g_assert(esp_otadata_choose(partition, sizeof partition, n_slots, FALSE, &boot, NULL));
	g_assert(boot.slot >= 0 && boot.slot < (int)n_slots);
	g_assert(esp_otadata_roll(partition, sizeof partition, NULL, NULL));
	(void)esp_otadata_mark(partition, sizeof partition, ESP_OTA_VALID, NULL, NULL);
	g_assert(esp_otadata_select(partition, sizeof partition, n_slots, (int)n_slots - 1,
				    ESP_OTA_NEW, NULL, NULL));
	return 0;
}
