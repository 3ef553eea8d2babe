/* esp/partition_findings.h — how the sources of esp/partition_table.h say what they find. */
#pragma once

#include "esp/partition_table.h"

#include <glib.h>
#include <stdarg.h>

/* Appends a finding. `line` 0 is none; it is for the finding's field, the text says it itself. */
void partition_fault(GPtrArray *findings, guint line, int code, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Appends a finding about `at`, or about the table if that is NULL; a line of the CSV that it has
 * goes before the text. `code` 0 for a warning. */
void partition_finding(GPtrArray *findings, const EspPartition *at, EspPartitionSeverity severity,
		       int code, const char *format, va_list args) G_GNUC_PRINTF(5, 0);

gboolean partition_has_faults(const GPtrArray *findings);

#define PARTITION_NO_ROWS "partition table: it has no rows"

/* Default options for NULL. */
const EspPartitionTableOptions *partition_options(const EspPartitionTableOptions *options);
guint64 partition_table_offset(const EspPartitionTableOptions *options);

/* The rows of a CSV with their places, without esp_partition_table_find_faults. NULL with a fault
 * if a line cannot be read; a row that has no place is left out, with a fault. */
EspPartitionTable *partition_csv_read(const char *text, gsize size_bytes,
				      const EspPartitionTableOptions *options, GPtrArray *findings);

/* The rows of a binary up to the first that is none; with faults, if its form is not right. Never
 * NULL. */
EspPartitionTable *partition_binary_read(const guint8 *data, gsize size_bytes, GPtrArray *findings);

/* What is no fault but likely a mistake, of one row and of the table. */
void partition_find_doubts(const EspPartitionTable *table, const EspPartitionTableOptions *options,
			   GPtrArray *findings);
