#include "esp/partition_table.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <string.h>

enum {
	ROW_BYTES = 32,
	ROW_MAGIC = 0x50AA,
	MD5_MAGIC = 0xEBEB,
	END_MAGIC = 0xFFFF,
};

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

/* ---- Binary ---- */

static EspPartition read_row(const guint8 *row)
{
	EspPartition partition = {.type = row[2],
				  .subtype = row[3],
				  .offset = esp_get_le32(row + 4),
				  .size_bytes = esp_get_le32(row + 8),
				  .flags = esp_get_le32(row + 28)};

	memcpy(partition.label, row + 12, 16);
	return partition;
}

static gboolean row_is_end(const guint8 *row)
{
	return esp_get_le16(row) == END_MAGIC && row[2] == 0xFF && row[3] == 0xFF;
}

static gboolean check_md5(const guint8 *data, gsize at, EspPartitionTable *table, GError **error)
{
	guint8 digest[ESP_MD5_BYTES];

	if (table->has_md5) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "partition table: it has two MD5 rows");
		return FALSE;
	}
	esp_md5(data, at, digest);
	if (memcmp(digest, data + at + 16, ESP_MD5_BYTES) != 0) {
		g_set_error_literal(
			error, ESP_ERROR, ESP_ERROR_CORRUPT,
			"partition table: the MD5 is not that of its rows: it is damaged");
		return FALSE;
	}
	table->has_md5 = TRUE;
	return TRUE;
}

/* Takes the row at `at` into the table. */
static gboolean take_row(const guint8 *data, gsize at, EspPartitionTable *table, GArray *rows,
			 GError **error)
{
	guint magic = esp_get_le16(data + at);
	EspPartition partition;

	if (magic == MD5_MAGIC)
		return check_md5(data, at, table, error);
	if (magic != ROW_MAGIC) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "partition table: row %" G_GSIZE_FORMAT
			    " begins with 0x%04x, not with 0x%04x",
			    at / ROW_BYTES, magic, ROW_MAGIC);
		return FALSE;
	}
	partition = read_row(data + at);
	g_array_append_val(rows, partition);
	return TRUE;
}

EspPartitionTable *esp_partition_table_from_binary(const guint8 *data, gsize size_bytes,
						   GError **error)
{
	g_autoptr(EspPartitionTable) table = g_new0(EspPartitionTable, 1);
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(EspPartition));
	gsize most = MIN(size_bytes, (gsize)ESP_PARTITION_TABLE_BYTES);

	for (gsize at = 0;; at += ROW_BYTES) {
		if (at + ROW_BYTES > most) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_TRUNCATED,
				    "partition table: %" G_GSIZE_FORMAT
				    " bytes end without an end row",
				    most);
			return NULL;
		}
		if (row_is_end(data + at))
			break;
		if (!take_row(data, at, table, rows, error))
			return NULL;
	}
	if (rows->len == 0) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "partition table: it has no rows");
		return NULL;
	}
	table->n_partitions = rows->len;
	table->partitions = (EspPartition *)(void *)g_array_free(g_steal_pointer(&rows), FALSE);
	return g_steal_pointer(&table);
}

static void write_row(guint8 *row, const EspPartition *partition)
{
	esp_put_le16(row, ROW_MAGIC);
	row[2] = partition->type;
	row[3] = partition->subtype;
	esp_put_le32(row + 4, partition->offset);
	esp_put_le32(row + 8, partition->size_bytes);
	memset(row + 12, 0, 16);
	memcpy(row + 12, partition->label, strnlen(partition->label, 16));
	esp_put_le32(row + 28, partition->flags);
}

GBytes *esp_partition_table_to_binary(const EspPartitionTable *table, GError **error)
{
	g_autofree guint8 *data = NULL;
	gsize end = table->n_partitions * ROW_BYTES;

	if (table->n_partitions > ESP_PARTITIONS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "partition table: it has %" G_GSIZE_FORMAT " rows, %d are allowed",
			    table->n_partitions, ESP_PARTITIONS_MAX);
		return NULL;
	}
	data = g_malloc(ESP_PARTITION_TABLE_BYTES);
	memset(data, 0xFF, ESP_PARTITION_TABLE_BYTES);
	for (gsize i = 0; i < table->n_partitions; i++)
		write_row(data + i * ROW_BYTES, &table->partitions[i]);
	esp_put_le16(data + end, MD5_MAGIC);
	esp_md5(data, end, data + end + 16);
	return g_bytes_new_take(g_steal_pointer(&data), ESP_PARTITION_TABLE_BYTES);
}

EspPartitionTable *esp_partition_table_read(const guint8 *data, gsize size_bytes,
					    const EspPartitionTableOptions *options, GError **error)
{
	g_autoptr(EspPartitionTable) table = NULL;

	if (size_bytes < 2 || esp_get_le16(data) != ROW_MAGIC)
		return esp_partition_table_from_csv((const char *)data, size_bytes, options, error);
	table = esp_partition_table_from_binary(data, size_bytes, error);
	if (table == NULL || !esp_partition_table_verify(table, options, error))
		return NULL;
	return g_steal_pointer(&table);
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
		       partition->subtype == ESP_PARTITION_DATA_NVS_KEYS;
	default:
		return FALSE;
	}
}
