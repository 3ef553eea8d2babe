/* Partition tables, CSV and binary: the first byte says what the table is for, the rest is the
 * table. What is accepted goes to the other form and back, to the same bytes; what is not has a
 * fault in the list of all that is wrong. */
#include "esp/partition_table.h"

#include <stdint.h>
#include <string.h>

enum { INPUT_MAX_BYTES = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *variable(const char *name, gpointer user_data)
{
	(void)user_data;
	return strcmp(name, "SIZE") == 0 ? "0x3000" : NULL;
}

static void round_trip(const EspPartitionTable *table, const EspPartitionTableOptions *options)
{
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	g_autofree char *csv = esp_partition_table_to_csv(table, options, NULL);
	g_autoptr(EspPartitionTable) again = NULL, from_csv = NULL;
	g_autoptr(GBytes) binary_again = NULL;
	gsize size_bytes = 0;
	const guint8 *bytes;

	g_assert(binary != NULL);
	bytes = g_bytes_get_data(binary, &size_bytes);
	again = esp_partition_table_read(bytes, size_bytes, options, NULL);
	g_assert(again != NULL && again->n_partitions == table->n_partitions);
	binary_again = esp_partition_table_to_binary(again, NULL);
	g_assert(g_bytes_equal(binary, binary_again));
	if (csv == NULL)
		return;
	/* Rows of bootloaders have their place from the options, and order may not be that of
	 * offsets. */
	from_csv = esp_partition_table_from_csv(csv, strlen(csv), options, NULL);
	g_assert(from_csv == NULL || from_csv->n_partitions == table->n_partitions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const EspPartitionSubtype extra[] = {{.type = 0, .subtype = 0x40, .name = "own"}};
	EspPartitionTableOptions options = {.variable = variable, .extra_subtypes = extra};
	g_autoptr(GPtrArray) findings = NULL;
	g_autoptr(EspPartitionTable) table = NULL;

	if (size == 0 || size > INPUT_MAX_BYTES)
		return 0;
	options.table_offset = (data[0] & 1) != 0 ? 0x10000 : 0;
	options.has_bootloader_offset = (data[0] & 2) != 0;
	options.has_recovery_offset = (data[0] & 4) != 0;
	options.recovery_offset = 0x3F0000;
	options.flash_bytes = (data[0] & 8) != 0 ? 4 * 1024 * 1024 : 0;
	options.secure_boot_v1 = (data[0] & 16) != 0;
	options.no_md5 = (data[0] & 32) != 0;
	options.n_extra_subtypes = (data[0] & 64) != 0 ? 1 : 0;
	findings = esp_partition_findings_new();
	table = esp_partition_table_check(data + 1, size - 1, &options, findings);
	if (!esp_partition_findings_ok(findings, NULL))
		return 0;
	g_assert(table != NULL && table->n_partitions > 0);
	g_array_unref(esp_partition_table_gaps(table, &options));
	round_trip(table, &options);
	return 0;
}
