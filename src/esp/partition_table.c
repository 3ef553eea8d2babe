#include "esp/partition_table.h"

#include "esp/partition_findings.h"

#include <string.h>

const char esp_partition_table_default_csv[] =
	"# Name,   Type, SubType,  Offset,   Size\n"
	"nvs,      data, nvs,      0x9000,   0x4000\n"
	"otadata,  data, ota,      0xd000,   0x2000\n"
	"cfg_0,    data, nvs,      0xf000,   0x3000\n"
	"cfg_1,    data, nvs,      0x12000,  0x3000\n"
	"nvs_keys, data, nvs_keys, 0x15000,  0x1000, encrypted\n"
	"ota_0,    app,  ota_0,    0x20000,  0x190000\n"
	"ota_1,    app,  ota_1,    0x1b0000, 0x190000\n"
	"coredump, data, coredump, 0x340000, 0x10000\n";

void esp_partition_table_free(EspPartitionTable *table)
{
	if (table == NULL)
		return;
	g_free(table->partitions);
	g_free(table);
}

/* ---- Reading ---- */

EspPartitionTable *esp_partition_table_check(const guint8 *data, gsize size_bytes,
					     const EspPartitionTableOptions *options,
					     GPtrArray *findings)
{
	EspPartitionTable *table;

	options = partition_options(options);
	table = esp_partition_table_is_binary(data, size_bytes)
			? partition_binary_read(data, size_bytes, findings)
			: partition_csv_read((const char *)data, size_bytes, options, findings);
	if (table != NULL)
		esp_partition_table_find_faults(table, options, findings);
	return table;
}

EspPartitionTable *esp_partition_table_read(const guint8 *data, gsize size_bytes,
					    const EspPartitionTableOptions *options, GError **error)
{
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_check(data, size_bytes, options, findings);

	return esp_partition_findings_ok(findings, error) ? g_steal_pointer(&table) : NULL;
}

EspPartitionTable *esp_partition_table_from_csv(const char *text, gsize size_bytes,
						const EspPartitionTableOptions *options,
						GError **error)
{
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();
	g_autoptr(EspPartitionTable) table = NULL;

	options = partition_options(options);
	table = partition_csv_read(text, size_bytes, options, findings);
	if (table != NULL)
		esp_partition_table_find_faults(table, options, findings);
	return esp_partition_findings_ok(findings, error) ? g_steal_pointer(&table) : NULL;
}

/* ---- Finding ---- */

const EspPartition *esp_partition_find(const EspPartitionTable *table, const char *label)
{
	for (gsize i = 0; i < table->n_partitions; i++)
		if (strcmp(table->partitions[i].label, label) == 0)
			return &table->partitions[i];
	return NULL;
}

const EspPartition *esp_partition_find_type(const EspPartitionTable *table, guint type,
					    guint subtype)
{
	for (gsize i = 0; i < table->n_partitions; i++)
		if (table->partitions[i].type == type && table->partitions[i].subtype == subtype)
			return &table->partitions[i];
	return NULL;
}

guint esp_partition_ota_slots(const EspPartitionTable *table)
{
	guint n = 0;

	while (n < ESP_PARTITION_OTA_SLOTS_MAX &&
	       esp_partition_find_type(table, ESP_PARTITION_APP, ESP_PARTITION_APP_OTA_0 + n) !=
		       NULL)
		n++;
	return n;
}

gboolean esp_partition_always_encrypted(const EspPartition *partition)
{
	switch (partition->type) {
	case ESP_PARTITION_APP:
	case ESP_PARTITION_BOOTLOADER:
	case ESP_PARTITION_PARTITION_TABLE:
		return TRUE;
	case ESP_PARTITION_DATA:
		return partition->subtype == ESP_PARTITION_DATA_OTA ||
		       partition->subtype == ESP_PARTITION_DATA_TEE_OTA ||
		       partition->subtype == ESP_PARTITION_DATA_NVS_KEYS;
	default:
		return FALSE;
	}
}

gboolean esp_partition_is_primary(const EspPartition *partition)
{
	return (partition->type == ESP_PARTITION_BOOTLOADER ||
		partition->type == ESP_PARTITION_PARTITION_TABLE) &&
	       partition->subtype == ESP_PARTITION_PRIMARY;
}
