#include "esp/error.h"
#include "esp/partition_table.h"

#include <stdlib.h>
#include <string.h>

enum {
	SECTOR_BYTES = 0x1000,
	APP_OFFSET_ALIGNMENT = 0x10000,
	APP_SIZE_ALIGNMENT_SIGNED_V1 = 0x10000,
	OTADATA_BYTES = 0x2000,
	NVS_WRITABLE_BYTES = 0x3000,
	CUSTOM_TYPE_FIRST = 0x40,
	CUSTOM_TYPE_LAST = 0xFE,
};

static gboolean fails(GError **error, const EspPartition *partition, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static gboolean fails(GError **error, const EspPartition *partition, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "partition '%s': %s", partition->label,
		    what);
	return FALSE;
}

static guint64 end_of(const EspPartition *partition)
{
	return (guint64)partition->offset + partition->size_bytes;
}

/* The bootloader's and the table's own rows lie at or below the table. */
static gboolean is_primary(const EspPartition *partition)
{
	return (partition->type == ESP_PARTITION_BOOTLOADER ||
		partition->type == ESP_PARTITION_PARTITION_TABLE) &&
	       partition->subtype == 0;
}

static gboolean check_type(const EspPartition *partition, GError **error)
{
	if (partition->type <= ESP_PARTITION_PARTITION_TABLE ||
	    (partition->type >= CUSTOM_TYPE_FIRST && partition->type <= CUSTOM_TYPE_LAST))
		return TRUE;
	return fails(error, partition, "type 0x%02x is reserved; own types are 0x%x to 0x%x",
		     partition->type, CUSTOM_TYPE_FIRST, CUSTOM_TYPE_LAST);
}

static gboolean check_alignment(const EspPartition *partition,
				const EspPartitionTableOptions *options, GError **error)
{
	guint32 alignment =
		partition->type == ESP_PARTITION_APP ? APP_OFFSET_ALIGNMENT : SECTOR_BYTES;
	guint32 step = options->secure_boot_v1 ? APP_SIZE_ALIGNMENT_SIGNED_V1 : SECTOR_BYTES;

	if (partition->offset % alignment != 0)
		return fails(error, partition, "offset 0x%x is not a multiple of 0x%x",
			     partition->offset, alignment);
	if (partition->size_bytes == 0)
		return fails(error, partition, "it has no size");
	if (partition->type == ESP_PARTITION_APP && partition->size_bytes % step != 0)
		return fails(error, partition, "size 0x%x is not a multiple of 0x%x",
			     partition->size_bytes, step);
	return TRUE;
}

/* What ESP-IDF wants of certain data partitions. */
static gboolean check_data(const EspPartition *partition, GError **error)
{
	gboolean readonly = (partition->flags & ESP_PARTITION_READONLY) != 0;

	if (partition->type != ESP_PARTITION_DATA)
		return TRUE;
	switch (partition->subtype) {
	case ESP_PARTITION_DATA_OTA:
	case ESP_PARTITION_DATA_TEE_OTA:
		if (partition->size_bytes != OTADATA_BYTES)
			return fails(error, partition, "its size must be 0x%x, not 0x%x",
				     OTADATA_BYTES, partition->size_bytes);
		if (readonly && partition->subtype == ESP_PARTITION_DATA_OTA)
			return fails(error, partition, "otadata cannot be readonly");
		return TRUE;
	case ESP_PARTITION_DATA_COREDUMP:
		if (readonly)
			return fails(error, partition, "a coredump partition cannot be readonly");
		return TRUE;
	case ESP_PARTITION_DATA_NVS:
		if (partition->size_bytes < NVS_WRITABLE_BYTES && !readonly)
			return fails(error, partition,
				     "NVS of 0x%x bytes must be flagged readonly; 0x%x can be "
				     "written to",
				     partition->size_bytes, NVS_WRITABLE_BYTES);
		return TRUE;
	default:
		return TRUE;
	}
}

static gboolean check_place(const EspPartition *partition, const EspPartitionTableOptions *options,
			    GError **error)
{
	guint64 table_offset =
		options->table_offset == 0 ? ESP_PARTITION_TABLE_OFFSET : options->table_offset;
	guint64 table_end = table_offset + ESP_PARTITION_TABLE_SECTOR_BYTES;

	if (end_of(partition) > G_MAXUINT32)
		return fails(error, partition, "it ends beyond 4 GiB");
	if (!is_primary(partition) && partition->offset < table_end)
		return fails(error, partition,
			     "offset 0x%x lies below the end of the partition table at 0x%x",
			     partition->offset, (guint)table_end);
	if (options->flash_bytes != 0 && end_of(partition) > options->flash_bytes) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "partition '%s': it ends at 0x%x, 0x%x bytes beyond the flash of "
			    "0x%" G_GINT64_MODIFIER "x bytes",
			    partition->label, (guint)end_of(partition),
			    (guint)(end_of(partition) - options->flash_bytes),
			    options->flash_bytes);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_label(const EspPartition *partition, GError **error)
{
	if (partition->label[0] == '\0')
		return fails(error, partition, "a partition needs a name");
	for (const char *c = partition->label; *c != '\0'; c++)
		if (g_ascii_iscntrl(*c))
			return fails(error, partition, "its name has a control character");
	return TRUE;
}

/* Names are unique, and so are otadata and the TEE's. */
static gboolean check_unique(const EspPartitionTable *table, gsize index, GError **error)
{
	const EspPartition *partition = &table->partitions[index];

	for (gsize i = 0; i < index; i++) {
		const EspPartition *other = &table->partitions[i];

		if (strcmp(other->label, partition->label) == 0)
			return fails(error, partition, "the name is used twice");
		if (partition->type == ESP_PARTITION_DATA && other->type == ESP_PARTITION_DATA &&
		    partition->subtype == other->subtype &&
		    (partition->subtype == ESP_PARTITION_DATA_OTA ||
		     partition->subtype == ESP_PARTITION_DATA_TEE_OTA))
			return fails(error, partition, "there is otadata already, in '%s'",
				     other->label);
	}
	return TRUE;
}

static int compare_offsets(const void *a, const void *b)
{
	const EspPartition *first = *(const EspPartition *const *)a;
	const EspPartition *second = *(const EspPartition *const *)b;

	return first->offset < second->offset ? -1 : first->offset > second->offset;
}

static gboolean check_overlaps(const EspPartitionTable *table, GError **error)
{
	g_autofree const EspPartition **sorted =
		g_new(const EspPartition *, table->n_partitions + 1);

	for (gsize i = 0; i < table->n_partitions; i++)
		sorted[i] = &table->partitions[i];
	qsort(sorted, table->n_partitions, sizeof *sorted, compare_offsets);
	for (gsize i = 1; i < table->n_partitions; i++)
		if (end_of(sorted[i - 1]) > sorted[i]->offset)
			return fails(error, sorted[i],
				     "offset 0x%x lies within '%s', which ends at 0x%x",
				     sorted[i]->offset, sorted[i - 1]->label,
				     (guint)end_of(sorted[i - 1]));
	return TRUE;
}

gboolean esp_partition_table_verify(const EspPartitionTable *table,
				    const EspPartitionTableOptions *options, GError **error)
{
	static const EspPartitionTableOptions defaults;

	if (options == NULL)
		options = &defaults;
	if (table->n_partitions == 0 || table->n_partitions > ESP_PARTITIONS_MAX) {
		g_set_error(error, ESP_ERROR,
			    table->n_partitions == 0 ? ESP_ERROR_INVALID : ESP_ERROR_TOO_LARGE,
			    "partition table: it has %" G_GSIZE_FORMAT " rows, 1 to %d are allowed",
			    table->n_partitions, ESP_PARTITIONS_MAX);
		return FALSE;
	}
	for (gsize i = 0; i < table->n_partitions; i++) {
		const EspPartition *partition = &table->partitions[i];

		if (!check_label(partition, error) || !check_type(partition, error) ||
		    !check_alignment(partition, options, error) || !check_data(partition, error) ||
		    !check_place(partition, options, error) || !check_unique(table, i, error))
			return FALSE;
	}
	return check_overlaps(table, error);
}
