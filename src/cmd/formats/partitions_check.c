#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/formats/columns.h"
#include "cmd/formats/partitions_options.h"

#include <stdio.h>
#include <string.h>

#define NAME "partitions check"

static char *output_option;
static gboolean strict_option;

static const GOptionEntry options[] = {
	CMD_PARTITIONS_OPTIONS,
	{"strict", 0, 0, G_OPTION_ARG_NONE, &strict_option, "fail on warnings, too", NULL},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text or json (default text)",
	 "FORMAT"},
	G_OPTION_ENTRY_NULL};

/* What is checked, and what was found. */
typedef struct {
	const char *path;
	CmdPartitionsOptions given;
	CmdPartitionsFile file;
	GArray *gaps; /* EspPartitionGap; empty where the table cannot be relied on */
} Check;

static void check_clear(Check *check)
{
	cmd_partitions_options_clear(&check->given);
	cmd_partitions_file_clear(&check->file);
	g_clear_pointer(&check->gaps, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

static guint64 free_bytes(const Check *check)
{
	guint64 sum = 0;

	for (guint i = 0; i < check->gaps->len; i++)
		sum += g_array_index(check->gaps, EspPartitionGap, i).size_bytes;
	return sum;
}

static gboolean fails(const Check *check)
{
	return cmd_partitions_file_has_faults(&check->file) ||
	       (strict_option && check->file.findings->len > 0);
}

/* ---- JSON ---- */

static json_t *gaps_json(const Check *check)
{
	json_t *list = json_array();

	for (guint i = 0; i < check->gaps->len; i++) {
		const EspPartitionGap *gap = &g_array_index(check->gaps, EspPartitionGap, i);

		json_array_append_new(list,
				      json_pack("{s:I, s:I}", "offset", (json_int_t)gap->offset,
						"sizeBytes", (json_int_t)gap->size_bytes));
	}
	return list;
}

static void print_json(const Check *check)
{
	const EspPartitionTable *table = check->file.table;

	cmd_json_print(json_pack(
		"{s:s, s:s, s:b, s:b, s:i, s:I, s:I, s:o, s:o, s:o}", "file",
		cmd_input_name(check->path), "kind", check->file.is_binary ? "binary" : "csv", "ok",
		!fails(check), "md5", table != NULL && table->has_md5, "otaSlots",
		table == NULL ? 0 : (int)esp_partition_ota_slots(table), "flashBytes",
		(json_int_t)check->given.table.flash_bytes, "freeBytes",
		(json_int_t)free_bytes(check), "gaps", gaps_json(check), "partitions",
		cmd_partitions_rows_json(table, &check->given.table), "findings",
		cmd_partitions_findings_json(&check->file)));
}

/* ---- Text ---- */

static void print_gaps(const Check *check)
{
	static const char *const headings[] = {">OFFSET", ">END", ">SIZE", NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	printf("free: 0x%" G_GINT64_MODIFIER "x bytes%s\n", free_bytes(check),
	       check->given.table.flash_bytes == 0
		       ? " before the last partition's end (name the flash size: --flash-size 4MB)"
		       : "");
	for (guint i = 0; i < check->gaps->len; i++) {
		const EspPartitionGap *gap = &g_array_index(check->gaps, EspPartitionGap, i);
		const guint64 numbers[] = {gap->offset, gap->offset + gap->size_bytes,
					   gap->size_bytes};

		for (gsize j = 0; j < G_N_ELEMENTS(numbers); j++)
			cmd_columns_add(columns,
					g_strdup_printf("0x%" G_GINT64_MODIFIER "x", numbers[j]));
	}
	cmd_columns_print(columns);
}

static void print_encrypted(const EspPartitionTable *table)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (gsize i = 0; i < table->n_partitions; i++) {
		const EspPartition *row = &table->partitions[i];
		g_autofree char *label = cmd_partitions_label(row);

		if (esp_partition_always_encrypted(row) ||
		    (row->flags & ESP_PARTITION_ENCRYPTED) != 0)
			g_string_append_printf(names, "%s%s%s", names->len > 0 ? ", " : "", label,
					       esp_partition_always_encrypted(row) ? ""
										   : " (flag)");
	}
	printf("with flash encryption, encrypted: %s\n",
	       names->len > 0 ? names->str : "no partition");
}

static void print_text(const Check *check)
{
	const EspPartitionTable *table = check->file.table;

	cmd_partitions_findings_print(&check->file, "", stdout);
	if (table != NULL && !cmd_partitions_file_has_faults(&check->file)) {
		printf("%s, %" G_GSIZE_FORMAT " partitions, %u OTA slots%s\n",
		       check->file.is_binary ? "binary" : "CSV", table->n_partitions,
		       esp_partition_ota_slots(table), table->has_md5 ? "" : ", no MD5");
		print_gaps(check);
		print_encrypted(table);
	}
}

static CmdExit run(int argc, char **argv)
{
	g_auto(Check) check = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_partitions_check, &argc, &argv, &exit))
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "name one table, CSV or binary");
	check.path = argv[1];
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE || !cmd_partitions_options_read(NAME, &check.given, &exit))
		return exit;
	if (!cmd_partitions_file_read(check.path, &check.given, &check.file, &error))
		return cmd_fail(NAME, error);
	check.gaps = check.file.table == NULL || cmd_partitions_file_has_faults(&check.file)
			     ? g_array_new(FALSE, FALSE, sizeof(EspPartitionGap))
			     : esp_partition_table_gaps(check.file.table, &check.given.table);
	if (is_json)
		print_json(&check);
	else
		print_text(&check);
	return fails(&check) ? CMD_FAILED : CMD_DONE;
}

const CmdCommand cmd_partitions_check = {
	.usage = "FILE [--flash-size SIZE] [--offset OFFSET] [--secure v1|v2] [--strict]",
	.examples = "  espalier partitions check partitions.csv --flash-size 4MB\n"
		    "  espalier partitions check partition-table.bin --strict\n"
		    "  espalier partitions check partitions.csv --secure v1 --output json\n",
	.options = options,
	.run = run,
};
