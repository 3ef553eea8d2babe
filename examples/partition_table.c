/* A partition table from CSV to binary, and what is in it: partition_table IN.csv OUT.bin */
#include <esp/partition_table.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	const EspPartitionTableOptions options = {.flash_bytes = 4 * 1024 * 1024};
	g_autoptr(GError) error = NULL;
	g_autoptr(EspPartitionTable) table = NULL;
	g_autoptr(GBytes) binary = NULL;
	g_autofree char *csv = NULL;
	gsize size_bytes = 0;

	if (argc != 3 || !g_file_get_contents(argv[1], &csv, &size_bytes, &error) ||
	    (table = esp_partition_table_from_csv(csv, size_bytes, &options, &error)) == NULL ||
	    (binary = esp_partition_table_to_binary(table, &error)) == NULL ||
	    !g_file_set_contents(argv[2], g_bytes_get_data(binary, NULL),
				 (gssize)g_bytes_get_size(binary), &error)) {
		fprintf(stderr, "partition_table: %s\n", error ? error->message : "which CSV?");
		return 1;
	}
	for (gsize i = 0; i < table->n_partitions; i++) {
		const EspPartition *row = &table->partitions[i];
		char type[8], subtype[8];

		printf("%-16s %-4s %-8s at 0x%06x, 0x%06x bytes%s\n", row->label,
		       esp_partition_type_name(row->type, type),
		       esp_partition_subtype_name(row->type, row->subtype, subtype), row->offset,
		       row->size_bytes, row->flags & ESP_PARTITION_ENCRYPTED ? ", encrypted" : "");
	}
	printf("%u slots for updates over the air\n", esp_partition_ota_slots(table));
	return 0;
}
