#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/partition_findings.h"
#include "esp/partition_table.h"

#include <string.h>

enum {
	MD5_AT = 16, /* in its row; 0xFF before it */
	LABEL_BYTES = 16,
	ROW_MAGIC = 0x50AA,
	MD5_MAGIC = 0xEBEB,
	END_MAGIC = 0xFFFF,
};

gboolean esp_partition_table_is_binary(const guint8 *data, gsize size_bytes)
{
	return size_bytes >= 2 && esp_get_le16(data) == ROW_MAGIC;
}

/* ---- Reading ---- */

static EspPartition read_row(const guint8 *row)
{
	EspPartition partition = {.type = row[2],
				  .subtype = row[3],
				  .offset = esp_get_le32(row + 4),
				  .size_bytes = esp_get_le32(row + 8),
				  .flags = esp_get_le32(row + 28)};

	memcpy(partition.label, row + 12, LABEL_BYTES);
	return partition;
}

static gboolean row_is_end(const guint8 *row)
{
	return esp_get_le16(row) == END_MAGIC && row[2] == 0xFF && row[3] == 0xFF;
}

static void check_md5(const guint8 *data, gsize at, GPtrArray *findings)
{
	guint8 digest[ESP_MD5_BYTES];

	esp_md5(data, at, digest);
	if (memcmp(digest, data + at + MD5_AT, ESP_MD5_BYTES) != 0)
		partition_fault(findings, 0, ESP_ERROR_CORRUPT,
				"partition table: MD5 checksums don't match: row %" G_GSIZE_FORMAT
				" has not that of the rows before it; they are damaged",
				at / ESP_PARTITION_ROW_BYTES);
}

/* Takes the row at `at` into the table. FALSE with a fault if nothing that follows would mean
 * anything. */
static gboolean take_row(const guint8 *data, gsize at, EspPartitionTable *table, GArray *rows,
			 GPtrArray *findings)
{
	guint magic = esp_get_le16(data + at);
	gsize index = at / ESP_PARTITION_ROW_BYTES;
	EspPartition partition;

	if (magic != ROW_MAGIC && magic != MD5_MAGIC) {
		partition_fault(findings, 0, ESP_ERROR_INVALID,
				"partition table: row %" G_GSIZE_FORMAT
				" has invalid magic number 0x%04x, not 0x%04x",
				index, magic, ROW_MAGIC);
		return FALSE;
	}
	if (table->has_md5) {
		partition_fault(findings, 0, ESP_ERROR_INVALID,
				"partition table: row %" G_GSIZE_FORMAT
				" stands behind the MD5 row; only the end may",
				index);
		return FALSE;
	}
	if (magic == MD5_MAGIC) {
		table->has_md5 = TRUE;
		check_md5(data, at, findings);
		return TRUE;
	}
	partition = read_row(data + at);
	g_array_append_val(rows, partition);
	return TRUE;
}

EspPartitionTable *partition_binary_read(const guint8 *data, gsize size_bytes, GPtrArray *findings)
{
	EspPartitionTable *table = g_new0(EspPartitionTable, 1);
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(EspPartition));
	gsize most = MIN(size_bytes, (gsize)ESP_PARTITION_TABLE_BYTES), at = 0;

	while (at + ESP_PARTITION_ROW_BYTES <= most && !row_is_end(data + at) &&
	       take_row(data, at, table, rows, findings))
		at += ESP_PARTITION_ROW_BYTES;
	if (at + ESP_PARTITION_ROW_BYTES > most)
		partition_fault(findings, 0, ESP_ERROR_TRUNCATED,
				"partition table: it is missing an end-of-table marker in its "
				"%" G_GSIZE_FORMAT " bytes",
				most);
	table->n_partitions = rows->len;
	table->partitions = (EspPartition *)(void *)g_array_free(rows, FALSE);
	return table;
}

EspPartitionTable *esp_partition_table_from_binary(const guint8 *data, gsize size_bytes,
						   GError **error)
{
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();
	g_autoptr(EspPartitionTable) table = partition_binary_read(data, size_bytes, findings);

	if (table->n_partitions == 0)
		partition_fault(findings, 0, ESP_ERROR_INVALID, PARTITION_NO_ROWS);
	return esp_partition_findings_ok(findings, error) ? g_steal_pointer(&table) : NULL;
}

/* ---- Writing ---- */

static void write_row(guint8 *row, const EspPartition *partition)
{
	esp_put_le16(row, ROW_MAGIC);
	row[2] = partition->type;
	row[3] = partition->subtype;
	esp_put_le32(row + 4, partition->offset);
	esp_put_le32(row + 8, partition->size_bytes);
	memset(row + 12, 0, LABEL_BYTES);
	memcpy(row + 12, partition->label, strnlen(partition->label, LABEL_BYTES));
	esp_put_le32(row + 28, partition->flags);
}

GBytes *esp_partition_table_to_binary(const EspPartitionTable *table, GError **error)
{
	gsize most = ESP_PARTITIONS_MAX - (table->has_md5 ? 1 : 0);
	gsize end = table->n_partitions * ESP_PARTITION_ROW_BYTES;
	guint8 *data;

	if (table->n_partitions > most) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "Binary partition table length longer than max: it has "
			    "%" G_GSIZE_FORMAT " rows, %" G_GSIZE_FORMAT " are allowed",
			    table->n_partitions, most);
		return NULL;
	}
	data = g_malloc(ESP_PARTITION_TABLE_BYTES);
	memset(data, 0xFF, ESP_PARTITION_TABLE_BYTES);
	for (gsize i = 0; i < table->n_partitions; i++)
		write_row(data + i * ESP_PARTITION_ROW_BYTES, &table->partitions[i]);
	if (table->has_md5) {
		esp_put_le16(data + end, MD5_MAGIC);
		esp_md5(data, end, data + end + MD5_AT);
	}
	return g_bytes_new_take(data, ESP_PARTITION_TABLE_BYTES);
}
