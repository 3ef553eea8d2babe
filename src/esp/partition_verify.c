#include "esp/error.h"
#include "esp/partition_findings.h"
#include "esp/partition_names.h"
#include "esp/partition_table.h"

#include <stdlib.h>
#include <string.h>

enum {
	SECTOR_BYTES = 0x1000,
	APP_OFFSET_ALIGNMENT = 0x10000,
	APP_SIZE_ALIGNMENT_SIGNED_V1 = 0x10000,
	OTADATA_BYTES = 0x2000,
	NVS_WRITABLE_BYTES = 0x3000,
	MEBIBYTE = 0x100000,
};

/* A walk over a table; `at` is the partition looked at, NULL for the table as a whole. */
typedef struct {
	const EspPartitionTable *table;
	const EspPartitionTableOptions *options;
	GPtrArray *findings;
	const EspPartition *at;
} Verify;

static void fault(const Verify *verify, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void fault(const Verify *verify, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	partition_finding(verify->findings, verify->at, ESP_PARTITION_FAULT, code, format, args);
	va_end(args);
}

static guint64 end_of(const EspPartition *partition)
{
	return (guint64)partition->offset + partition->size_bytes;
}

static gboolean is_data(const EspPartition *partition, guint subtype)
{
	return partition->type == ESP_PARTITION_DATA && partition->subtype == subtype;
}

/* ---- One partition ---- */

static void check_alignment(const Verify *verify)
{
	const EspPartition *at = verify->at;
	guint32 alignment = at->type == ESP_PARTITION_APP ? APP_OFFSET_ALIGNMENT : SECTOR_BYTES;
	guint32 step =
		verify->options->secure_boot_v1 ? APP_SIZE_ALIGNMENT_SIGNED_V1 : SECTOR_BYTES;

	if (at->offset % alignment != 0)
		fault(verify, ESP_ERROR_INVALID,
		      "Partition %s invalid: Offset 0x%x is not aligned to 0x%x", at->label,
		      at->offset, alignment);
	if (at->type == ESP_PARTITION_APP && at->size_bytes % step != 0)
		fault(verify, ESP_ERROR_INVALID,
		      "Partition %s invalid: Size 0x%x is not aligned to 0x%x%s", at->label,
		      at->size_bytes, step,
		      step == SECTOR_BYTES ? "" : " as secure boot v1 needs it");
}

static void check_readonly(const Verify *verify)
{
	const EspPartition *at = verify->at;
	gboolean readonly = (at->flags & ESP_PARTITION_READONLY) != 0;

	if (readonly &&
	    (is_data(at, ESP_PARTITION_DATA_OTA) || is_data(at, ESP_PARTITION_DATA_COREDUMP)))
		fault(verify, ESP_ERROR_INVALID,
		      "Partition %s invalid: '%s' partition of type %u and subtype %u is always "
		      "read-write and cannot be read-only",
		      at->label, at->label, at->type, at->subtype);
	if (!readonly && is_data(at, ESP_PARTITION_DATA_NVS) && at->size_bytes < NVS_WRITABLE_BYTES)
		fault(verify, ESP_ERROR_INVALID,
		      "Partition %s invalid: '%s' partition of type %u and subtype %u of this size "
		      "(0x%x) must be flagged as 'readonly' (the size of read/write NVS has to be "
		      "at least 0x%x)",
		      at->label, at->label, at->type, at->subtype, at->size_bytes,
		      NVS_WRITABLE_BYTES);
}

/* A name is printed, written to CSV and looked up by code: ESP-IDF takes any bytes, nobody wants
 * them. */
static void check_label(const Verify *verify)
{
	const EspPartition *at = verify->at;

	if (!g_utf8_validate(at->label, -1, NULL)) {
		fault(verify, ESP_ERROR_INVALID, "Partition at 0x%x invalid: its name is not UTF-8",
		      at->offset);
		return;
	}
	for (const char *c = at->label; *c != '\0'; c++)
		if (g_ascii_iscntrl(*c)) {
			fault(verify, ESP_ERROR_INVALID,
			      "Partition at 0x%x invalid: its name has a control character",
			      at->offset);
			return;
		}
}

static void check_end(const Verify *verify)
{
	if (end_of(verify->at) > G_MAXUINT32)
		fault(verify, ESP_ERROR_INVALID, "Partition %s invalid: it ends beyond 4 GiB",
		      verify->at->label);
}

/* ---- The table ---- */

static void check_names(Verify *verify)
{
	const EspPartition *rows = verify->table->partitions;

	for (gsize i = 0; i < verify->table->n_partitions; i++)
		for (gsize j = 0; j < i; j++)
			if (strcmp(rows[i].label, rows[j].label) == 0) {
				verify->at = &rows[i];
				fault(verify, ESP_ERROR_INVALID,
				      "Partition names must be unique: '%s' is the name of "
				      "partitions at 0x%x and 0x%x",
				      rows[i].label, rows[j].offset, rows[i].offset);
				break;
			}
}

static int compare_offsets(const void *a, const void *b)
{
	const EspPartition *first = *(const EspPartition *const *)a;
	const EspPartition *second = *(const EspPartition *const *)b;

	if (first->offset != second->offset)
		return first->offset < second->offset ? -1 : 1;
	return first < second ? -1 : first > second; /* rows of one array: in their order */
}

/* The partitions by offset. Yours. */
static const EspPartition **sorted_by_offset(const EspPartitionTable *table)
{
	const EspPartition **sorted = g_new(const EspPartition *, table->n_partitions + 1);

	for (gsize i = 0; i < table->n_partitions; i++)
		sorted[i] = &table->partitions[i];
	qsort(sorted, table->n_partitions, sizeof *sorted, compare_offsets);
	return sorted;
}

static void check_places(Verify *verify)
{
	g_autofree const EspPartition **sorted = sorted_by_offset(verify->table);
	guint64 table_end =
		partition_table_offset(verify->options) + ESP_PARTITION_TABLE_SECTOR_BYTES;
	const EspPartition *last = NULL;

	for (gsize i = 0; i < verify->table->n_partitions; i++) {
		const EspPartition *at = verify->at = sorted[i];

		if (at->offset < table_end && !esp_partition_is_primary(at))
			fault(verify, ESP_ERROR_INVALID,
			      "Partition offset 0x%x is below 0x%" G_GINT64_MODIFIER
			      "x, the end of the partition table ('%s')",
			      at->offset, table_end, at->label);
		if (last != NULL && at->offset < end_of(last))
			fault(verify, ESP_ERROR_INVALID,
			      "Partition at 0x%x overlaps 0x%x-0x%" G_GINT64_MODIFIER
			      "x ('%s' and '%s')",
			      at->offset, last->offset, end_of(last) - 1, at->label, last->label);
		if (last == NULL || end_of(at) >= end_of(last))
			last = at;
	}
}

/* Of otadata there is one at most, of a fixed size; so of the TEE's. */
static void check_otadata(Verify *verify, guint subtype, const char *prefix, const char *name)
{
	const EspPartition *found = NULL;

	for (gsize i = 0; i < verify->table->n_partitions; i++) {
		const EspPartition *at = verify->at = &verify->table->partitions[i];

		if (!is_data(at, subtype))
			continue;
		if (found != NULL) {
			fault(verify, ESP_ERROR_INVALID,
			      "Found multiple %sotadata partitions. Only one partition can be "
			      "defined with type=\"data\"(1) and subtype=%s ('%s' and '%s')",
			      prefix, name, found->label, at->label);
			return;
		}
		found = at;
	}
	verify->at = found;
	if (found != NULL && found->size_bytes != OTADATA_BYTES)
		fault(verify, ESP_ERROR_INVALID,
		      "%sotadata partition must have size = 0x%x, not 0x%x ('%s')", prefix,
		      OTADATA_BYTES, found->size_bytes, found->label);
}

static void check_flash(Verify *verify)
{
	guint64 end = 0, flash_bytes = verify->options->flash_bytes;

	for (gsize i = 0; i < verify->table->n_partitions; i++) {
		const EspPartition *at = &verify->table->partitions[i];

		if (end_of(at) > end) {
			end = end_of(at);
			verify->at = at;
		}
	}
	if (flash_bytes != 0 && end > flash_bytes)
		fault(verify, ESP_ERROR_TOO_LARGE,
		      "Partitions tables occupies %.1fMB of flash (%" G_GUINT64_FORMAT
		      " bytes) which does not fit in configured flash size "
		      "%" G_GUINT64_FORMAT "MB: '%s' ends 0x%" G_GINT64_MODIFIER "x bytes beyond",
		      (double)end / MEBIBYTE, end, flash_bytes / MEBIBYTE, verify->at->label,
		      end - flash_bytes);
}

static void check_length(Verify *verify)
{
	gsize n = verify->table->n_partitions;
	gsize bytes = (n + (verify->table->has_md5 ? 1 : 0)) * ESP_PARTITION_ROW_BYTES;

	verify->at = NULL;
	if (n == 0)
		fault(verify, ESP_ERROR_INVALID, PARTITION_NO_ROWS);
	if (bytes >= ESP_PARTITION_TABLE_BYTES)
		fault(verify, ESP_ERROR_TOO_LARGE,
		      "Binary partition table length (%" G_GSIZE_FORMAT
		      ") longer than max: %d rows are possible%s",
		      bytes, verify->table->has_md5 ? ESP_PARTITIONS_MAX - 1 : ESP_PARTITIONS_MAX,
		      verify->table->has_md5 ? " beside the MD5 row" : "");
}

/* ---- All of it ---- */

void esp_partition_table_find_faults(const EspPartitionTable *table,
				     const EspPartitionTableOptions *options, GPtrArray *findings)
{
	Verify verify = {table, partition_options(options), findings, NULL};

	for (gsize i = 0; i < table->n_partitions; i++) {
		verify.at = &table->partitions[i];
		check_alignment(&verify);
		check_readonly(&verify);
		check_label(&verify);
		check_end(&verify);
	}
	check_names(&verify);
	check_places(&verify);
	check_otadata(&verify, ESP_PARTITION_DATA_OTA, "", "\"ota\"(0)");
	check_otadata(&verify, ESP_PARTITION_DATA_TEE_OTA, "TEE ", "\"tee_ota\"(0x90)");
	check_flash(&verify);
	check_length(&verify);
	partition_find_doubts(table, verify.options, findings);
}

gboolean esp_partition_table_verify(const EspPartitionTable *table,
				    const EspPartitionTableOptions *options, GError **error)
{
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();

	esp_partition_table_find_faults(table, options, findings);
	return esp_partition_findings_ok(findings, error);
}

GArray *esp_partition_table_gaps(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options)
{
	g_autofree const EspPartition **sorted = sorted_by_offset(table);
	guint64 used = partition_table_offset(partition_options(options)) +
		       ESP_PARTITION_TABLE_SECTOR_BYTES;
	guint64 flash_bytes = partition_options(options)->flash_bytes;
	GArray *gaps = g_array_new(FALSE, FALSE, sizeof(EspPartitionGap));

	for (gsize i = 0; i <= table->n_partitions; i++) {
		gboolean end = i == table->n_partitions;
		guint64 next = end ? flash_bytes : sorted[i]->offset;
		EspPartitionGap gap = {used, next - used};

		if (next > used)
			g_array_append_val(gaps, gap);
		used = MAX(used, end ? next : end_of(sorted[i]));
	}
	return gaps;
}
