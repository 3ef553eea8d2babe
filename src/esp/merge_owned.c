#include "esp/merge.h"

/* A row of the data that a device writes itself. What lies there survives a new firmware. */
static gboolean is_the_devices(const EspPartition *partition)
{
	switch (partition->type) {
	case ESP_PARTITION_APP:
	case ESP_PARTITION_BOOTLOADER:
	case ESP_PARTITION_PARTITION_TABLE:
		return FALSE;
	case ESP_PARTITION_DATA:
		return partition->subtype != ESP_PARTITION_DATA_PHY;
	default:
		return TRUE;
	}
}

static gboolean begins_with_table(const guint8 *data, gsize size_bytes, EspPartitionTable **table)
{
	*table = esp_partition_table_from_binary(data, size_bytes, NULL);
	return *table != NULL;
}

/* A part may be a table, or a whole flash with one in it. */
static EspPartitionTable *find_table(const EspMergePart *parts, gsize n_parts)
{
	EspPartitionTable *table = NULL;

	for (gsize i = 0; i < n_parts; i++) {
		gsize size_bytes;
		const guint8 *data = g_bytes_get_data(parts[i].bytes, &size_bytes);
		gsize usual = ESP_PARTITION_TABLE_OFFSET - parts[i].offset;

		if (begins_with_table(data, size_bytes, &table))
			break;
		if (parts[i].offset < ESP_PARTITION_TABLE_OFFSET && usual < size_bytes &&
		    begins_with_table(data + usual, size_bytes - usual, &table))
			break;
	}
	return table;
}

static gboolean overlap(guint64 start, guint64 end, guint64 other_start, guint64 other_end)
{
	return start < other_end && other_start < end;
}

static gboolean is_written(const EspPartition *partition, const EspMergePart *parts, gsize n_parts)
{
	guint64 end = (guint64)partition->offset + partition->size_bytes;

	for (gsize i = 0; i < n_parts; i++)
		if (overlap(partition->offset, end, parts[i].offset,
			    (guint64)parts[i].offset + g_bytes_get_size(parts[i].bytes)))
			return TRUE;
	return FALSE;
}

gsize esp_merge_owned(const EspMerge *merge, guint32 from, guint64 to,
		      EspMergeOwned owned[static ESP_PARTITIONS_MAX], gboolean *has_table)
{
	gsize n_parts, n_owned = 0;
	const EspMergePart *parts = esp_merge_parts(merge, &n_parts);
	g_autoptr(EspPartitionTable) table = find_table(parts, n_parts);

	if (has_table != NULL)
		*has_table = table != NULL;
	for (gsize i = 0; table != NULL && i < table->n_partitions; i++) {
		const EspPartition *partition = &table->partitions[i];
		guint64 end = (guint64)partition->offset + partition->size_bytes;
		gboolean written = is_written(partition, parts, n_parts);

		if (!is_the_devices(partition) || n_owned == ESP_PARTITIONS_MAX ||
		    !(written || overlap(partition->offset, end, from, to)))
			continue;
		owned[n_owned++] = (EspMergeOwned){*partition, written};
	}
	return n_owned;
}
