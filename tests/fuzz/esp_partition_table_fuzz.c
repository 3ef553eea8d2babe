/* Partition tables, CSV and binary: one that is accepted goes to the other form and back. */
#include "esp/partition_table.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const EspPartitionTableOptions options = {.flash_bytes = 16 * 1024 * 1024};
	g_autoptr(EspPartitionTable) table = esp_partition_table_read(data, size, &options, NULL);
	g_autoptr(EspPartitionTable) again = NULL;
	g_autoptr(GBytes) binary = NULL;
	g_autofree char *csv = NULL;
	gsize binary_bytes = 0;
	const guint8 *bytes;

	if (table == NULL)
		return 0;
	csv = esp_partition_table_to_csv(table, NULL, NULL);
	binary = esp_partition_table_to_binary(table, NULL);
	g_assert(binary != NULL);
	bytes = g_bytes_get_data(binary, &binary_bytes);
	again = esp_partition_table_read(bytes, binary_bytes, &options, NULL);
	g_assert(again != NULL && again->n_partitions == table->n_partitions);
	(void)esp_partition_ota_slots(again);
	return 0;
}
