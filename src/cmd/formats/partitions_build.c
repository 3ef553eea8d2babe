#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/formats/partitions_options.h"

#include <string.h>

#define NAME "partitions build"

static char *output_option;

static const GOptionEntry options[] = {
	CMD_PARTITIONS_OPTIONS,
	{"no-md5", 0, 0, G_OPTION_ARG_NONE, &cmd_partitions_words.no_md5,
	 "leave out the row with the MD5 of the others (apps of ESP-IDF want it)", NULL},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option,
	 "print what was made as text or json (default text)", "FORMAT"},
	G_OPTION_ENTRY_NULL};

/* A gap of alignment counts as used: what follows the last partition is free. */
static guint64 end_of_last(const EspPartitionTable *table)
{
	guint64 end = 0;

	for (gsize i = 0; i < table->n_partitions; i++)
		end = MAX(end,
			  (guint64)table->partitions[i].offset + table->partitions[i].size_bytes);
	return end;
}

static void print_result(const char *path, const CmdPartitionsFile *file,
			 const CmdPartitionsOptions *given, gboolean is_json)
{
	const EspPartitionTable *table = file->table;

	if (is_json) {
		cmd_json_print(json_pack("{s:s, s:i, s:b, s:I, s:i, s:o, s:o}", "file", path,
					 "sizeBytes", ESP_PARTITION_TABLE_BYTES, "md5",
					 table->has_md5, "flashEnd", (json_int_t)end_of_last(table),
					 "otaSlots", (int)esp_partition_ota_slots(table),
					 "partitions",
					 cmd_partitions_rows_json(table, &given->table), "findings",
					 cmd_partitions_findings_json(file)));
		return;
	}
	g_printerr("%s: %" G_GSIZE_FORMAT " partitions, the last ends at 0x%" G_GINT64_MODIFIER
		   "x\n",
		   strcmp(path, "-") == 0 ? "standard output" : path, table->n_partitions,
		   end_of_last(table));
}

static CmdExit build(const char *in, const char *out, const CmdPartitionsOptions *given,
		     gboolean is_json)
{
	g_auto(CmdPartitionsFile) file = {0};
	g_autofree char *prefix = g_strdup_printf("espalier " NAME ": %s: ", cmd_input_name(in));
	g_autoptr(GBytes) binary = NULL;
	g_autoptr(GError) error = NULL;

	if (!cmd_partitions_file_read(in, given, &file, &error))
		return cmd_fail(NAME, error);
	if (file.is_binary) {
		g_set_error(&error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s is a binary table already; `espalier partitions show --format csv` "
			    "makes CSV of it",
			    cmd_input_name(in));
		return cmd_fail(NAME, error);
	}
	cmd_partitions_findings_print(&file, prefix, stderr);
	if (cmd_partitions_file_has_faults(&file))
		return CMD_FAILED;
	binary = esp_partition_table_to_binary(file.table, &error);
	if (binary == NULL || !cmd_output_write(out, g_bytes_get_data(binary, NULL),
						g_bytes_get_size(binary), CMD_MODE_PUBLIC, &error))
		return cmd_fail(NAME, error);
	print_result(out, &file, given, is_json);
	return CMD_DONE;
}

static CmdExit run(int argc, char **argv)
{
	g_auto(CmdPartitionsOptions) given = {0};
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_partitions_build, &argc, &argv, &exit))
		return exit;
	if (argc != 3)
		return cmd_usage_error(NAME, "name the CSV and the file to make: IN.csv OUT.bin");
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE || !cmd_partitions_options_read(NAME, &given, &exit))
		return exit;
	if (is_json && strcmp(argv[2], "-") == 0)
		return cmd_usage_error(NAME, "standard output takes the table or JSON, not both");
	return build(argv[1], argv[2], &given, is_json);
}

const CmdCommand cmd_partitions_build = {
	.usage = "IN.csv OUT.bin [--offset OFFSET] [--flash-size SIZE] [--secure v1|v2] [--no-md5]",
	.examples =
		"  espalier partitions build partitions.csv partition-table.bin\n"
		"  espalier partitions build partitions.csv partition-table.bin --flash-size 4MB "
		"--offset 0x8000\n"
		"  espalier partitions build - - <partitions.csv >partition-table.bin\n",
	.options = options,
	.run = run,
};
