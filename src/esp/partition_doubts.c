#include "esp/partition_findings.h"
#include "esp/partition_names.h"
#include "esp/partition_table.h"

#include <string.h>

enum { SECTOR_BYTES = 0x1000, DOCUMENTED_LABEL_MAX = 15 };

#define FLAGS_KNOWN ((guint32)(ESP_PARTITION_ENCRYPTED | ESP_PARTITION_READONLY))

typedef struct {
	const EspPartitionTable *table;
	const EspPartitionTableOptions *options;
	GPtrArray *findings;
	const EspPartition *at;
} Doubt;

static void warn(const Doubt *doubt, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void warn(const Doubt *doubt, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	partition_finding(doubt->findings, doubt->at, ESP_PARTITION_WARNING, 0, format, args);
	va_end(args);
}

/* ---- One partition ---- */

static void doubt_name(const Doubt *doubt)
{
	const EspPartition *at = doubt->at;
	guint8 number = 0;

	if (at->label[0] == '\0')
		warn(doubt, "the partition at 0x%x has no name", at->offset);
	if (strlen(at->label) > DOCUMENTED_LABEL_MAX)
		warn(doubt, "the name '%s' has %d bytes; ESP-IDF documents at most %d", at->label,
		     ESP_PARTITION_LABEL_MAX, DOCUMENTED_LABEL_MAX);
	if (partition_type_by_name(at->label, &number) && number != at->type)
		warn(doubt,
		     "Partition has name '%s' which is a partition type, but does not match this "
		     "partition's type (0x%x). Mistake in partition table?",
		     at->label, at->type);
	if (partition_name_is_subtype(doubt->options, at->label) &&
	    !(partition_subtype_by_name(doubt->options, at->type, at->label, &number) &&
	      number == at->subtype))
		warn(doubt,
		     "Partition has name '%s' which is a partition subtype, but this partition has "
		     "non-matching type 0x%x and subtype 0x%x. Mistake in partition table?",
		     at->label, at->type, at->subtype);
}

static void doubt_type(const Doubt *doubt)
{
	const EspPartition *at = doubt->at;

	if (at->type > ESP_PARTITION_PARTITION_TABLE && at->type < ESP_PARTITION_CUSTOM_FIRST)
		warn(doubt, "'%s': type 0x%02x is reserved for ESP-IDF; own types are 0x%x to 0x%x",
		     at->label, at->type, ESP_PARTITION_CUSTOM_FIRST, ESP_PARTITION_CUSTOM_LAST);
	if (at->type > ESP_PARTITION_CUSTOM_LAST)
		warn(doubt, "'%s': type 0x%02x means any type to ESP-IDF and is never found",
		     at->label, at->type);
}

static void doubt_size(const Doubt *doubt)
{
	const EspPartition *at = doubt->at;

	if (at->size_bytes == 0)
		warn(doubt, "'%s' has no size", at->label);
	else if (at->size_bytes % SECTOR_BYTES != 0 && (at->flags & ESP_PARTITION_READONLY) == 0)
		warn(doubt,
		     "'%s': size 0x%x is no multiple of 0x%x: its last sector cannot be erased",
		     at->label, at->size_bytes, SECTOR_BYTES);
}

static void doubt_flags(const Doubt *doubt)
{
	const EspPartition *at = doubt->at;

	if ((at->flags & ~FLAGS_KNOWN) != 0)
		warn(doubt,
		     "'%s': Partition definition had unknown flag(s) 0x%08x. Newer binary format?",
		     at->label, at->flags & ~FLAGS_KNOWN);
	if ((at->flags & ESP_PARTITION_ENCRYPTED) != 0 && at->type == ESP_PARTITION_DATA &&
	    at->subtype == ESP_PARTITION_DATA_NVS)
		warn(doubt,
		     "'%s': NVS must not be flagged encrypted, the device refuses it; it has its "
		     "own encryption, with a partition of subtype nvs_keys",
		     at->label);
}

/* The cache may map less than there is. The bootloader takes the last of equal apps, esp_ota_ops
 * the first. */
static void doubt_app(const Doubt *doubt)
{
	const EspPartition *at = doubt->at;
	const EspPartition *first;

	if (at->type != ESP_PARTITION_APP)
		return;
	if (doubt->options->mapped_bytes != 0 &&
	    (guint64)at->offset + at->size_bytes > doubt->options->mapped_bytes)
		warn(doubt,
		     "'%s' ends at 0x%" G_GINT64_MODIFIER "x, but the chip runs apps only from "
		     "the first 0x%x bytes of flash",
		     at->label, (guint64)at->offset + at->size_bytes, doubt->options->mapped_bytes);
	first = esp_partition_find_type(doubt->table, at->type, at->subtype);
	if (first != at)
		warn(doubt, "'%s' has the subtype of '%s': only one of them can start", at->label,
		     first->label);
}

/* ---- The table ---- */

static guint count_ota_apps(const EspPartitionTable *table)
{
	guint n = 0;

	for (gsize i = 0; i < table->n_partitions; i++) {
		const EspPartition *at = &table->partitions[i];

		n += at->type == ESP_PARTITION_APP && at->subtype >= ESP_PARTITION_APP_OTA_0 &&
		     at->subtype < ESP_PARTITION_APP_OTA_0 + ESP_PARTITION_OTA_SLOTS_MAX;
	}
	return n;
}

static void doubt_slots(const Doubt *doubt)
{
	const EspPartitionTable *table = doubt->table;
	gboolean otadata =
		esp_partition_find_type(table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA) != NULL;
	guint n_slots = esp_partition_ota_slots(table), n_apps = count_ota_apps(table);

	if (n_apps > n_slots)
		warn(doubt,
		     "%u partitions of subtype ota_N, %u of them from ota_0 on without a gap: the "
		     "bootloader and the app would count slots differently",
		     n_apps, n_slots);
	if (n_slots > 0 && !otadata)
		warn(doubt, "there are OTA slots, but no otadata partition (data, ota) to say "
			    "which one starts");
	if (n_slots == 0 && otadata)
		warn(doubt, "there is an otadata partition, but no OTA slot (app, ota_0)");
}

void partition_find_doubts(const EspPartitionTable *table, const EspPartitionTableOptions *options,
			   GPtrArray *findings)
{
	Doubt doubt = {table, options, findings, NULL};

	for (gsize i = 0; i < table->n_partitions; i++) {
		doubt.at = &table->partitions[i];
		doubt_name(&doubt);
		doubt_type(&doubt);
		doubt_size(&doubt);
		doubt_flags(&doubt);
		doubt_app(&doubt);
	}
	doubt.at = NULL;
	doubt_slots(&doubt);
	if (!table->has_md5)
		warn(&doubt, "there is no MD5 row: apps of ESP-IDF refuse the table unless they "
			     "were built without CONFIG_PARTITION_TABLE_MD5");
}
