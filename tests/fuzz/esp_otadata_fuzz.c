/* otadata: the first byte says how many slots there are and which is selected, then come the first
 * 32 bytes of the two records, erased flash where the input ends. Whatever they hold, a slot can be
 * selected and is then the one that starts, unless no sequence number is left. */
#include "esp/otadata.h"

#include <stdint.h>
#include <string.h>

enum { RECORD = ESP_OTADATA_RECORD_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void select_and_start(guint8 *partition, guint n_slots, int slot)
{
	EspOtaRecord records[2];
	EspOtaBoot boot;
	int record = 9;

	if (!esp_otadata_select(partition, ESP_OTADATA_BYTES, n_slots, slot, ESP_OTA_NEW, &record,
				NULL)) {
		g_assert(esp_otadata_read(partition, ESP_OTADATA_BYTES, records, NULL));
		g_assert(MAX(records[0].sequence, records[1].sequence) > 0xFFFFFFFFU - 2 * n_slots);
		return;
	}
	g_assert(record == 0 || record == 1);
	g_assert(esp_otadata_choose(partition, ESP_OTADATA_BYTES, n_slots, FALSE, &boot, NULL));
	g_assert(boot.slot == slot && boot.record == record);
	g_assert(esp_otadata_mark(partition, ESP_OTADATA_BYTES, ESP_OTA_VALID, NULL, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static guint8 partition[ESP_OTADATA_BYTES];
	int order[ESP_OTADATA_ORDER_MAX];
	guint n_slots;
	EspOtaBoot boot;
	gboolean changed;

	if (size == 0 || size > 1 + 2 * RECORD)
		return 0;
	n_slots = 1 + data[0] % 16U;
	memset(partition, 0xFF, RECORD);
	memset(partition + ESP_OTADATA_SECTOR_BYTES, 0xFF, RECORD);
	memcpy(partition, data + 1, MIN(size - 1, (size_t)RECORD));
	if (size > 1 + RECORD)
		memcpy(partition + ESP_OTADATA_SECTOR_BYTES, data + 1 + RECORD, size - 1 - RECORD);
	g_assert(!esp_otadata_choose(data, size, n_slots, FALSE, &boot, NULL));
	g_assert(esp_otadata_choose(partition, sizeof partition, n_slots, FALSE, &boot, NULL));
	g_assert(boot.slot >= 0 && boot.slot < (int)n_slots);
	g_assert(esp_otadata_fallbacks(boot.slot, n_slots, TRUE, TRUE, order) == n_slots + 2);
	g_assert(esp_otadata_roll(partition, sizeof partition, &changed, NULL));
	select_and_start(partition, n_slots, (data[0] >> 4) % (int)n_slots);
	return 0;
}
