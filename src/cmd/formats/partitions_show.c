#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/formats/columns.h"
#include "cmd/formats/partitions_options.h"
#include "cmd/text.h"

#include <stdio.h>
#include <string.h>

#define NAME "partitions show"

enum { KIBIBYTE = 0x400, MEBIBYTE = 0x100000 };

static char *format_option, *output_option;

static const GOptionEntry options[] = {
	CMD_PARTITIONS_OPTIONS,
	{"format", 0, 0, G_OPTION_ARG_STRING, &format_option,
	 "table, csv (as ESP-IDF writes it) or json (default table)", "FORMAT"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option,
	 "text or json; json is --format json (default text)", "FORMAT"},
	G_OPTION_ENTRY_NULL};

static char *size_text(guint32 size_bytes)
{
	if (size_bytes % MEBIBYTE == 0 && size_bytes != 0)
		return g_strdup_printf("%uM", size_bytes / MEBIBYTE);
	if (size_bytes % KIBIBYTE == 0 && size_bytes != 0)
		return g_strdup_printf("%uK", size_bytes / KIBIBYTE);
	return g_strdup_printf("%u", size_bytes);
}

/* "encrypted:readonly", with what flash encryption does anyway. */
static char *flags_text(const EspPartition *partition)
{
	gboolean always = esp_partition_always_encrypted(partition);
	gboolean encrypted = (partition->flags & ESP_PARTITION_ENCRYPTED) != 0;
	gboolean readonly = (partition->flags & ESP_PARTITION_READONLY) != 0;

	if (!encrypted && !always && !readonly)
		return g_strdup("-");
	return g_strconcat(encrypted ? "encrypted"
			   : always  ? "(encrypted)"
				     : "",
			   readonly && (encrypted || always) ? ":" : "", readonly ? "readonly" : "",
			   NULL);
}

static void add_row(CmdColumns *columns, const EspPartition *row,
		    const EspPartitionTableOptions *given)
{
	g_autofree char *label = cmd_partitions_label(row);
	char type[8], subtype[8];

	cmd_columns_add(columns, cmd_text_printable(label, FALSE));
	cmd_columns_add(columns, g_strdup(esp_partition_type_name(row->type, type)));
	cmd_columns_add(columns, g_strdup(esp_partition_subtype_name_with(given, row->type,
									  row->subtype, subtype)));
	cmd_columns_add(columns, g_strdup_printf("0x%x", row->offset));
	cmd_columns_add(columns, size_text(row->size_bytes));
	cmd_columns_add(columns, g_strdup_printf("0x%" G_GINT64_MODIFIER "x",
						 (guint64)row->offset + row->size_bytes));
	cmd_columns_add(columns, flags_text(row));
}

static void print_table(const EspPartitionTable *table, const EspPartitionTableOptions *given)
{
	static const char *const headings[] = {"NAME",  "TYPE", "SUBTYPE", ">OFFSET",
					       ">SIZE", ">END", "FLAGS",   NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	for (gsize i = 0; i < table->n_partitions; i++)
		add_row(columns, &table->partitions[i], given);
	cmd_columns_print(columns);
}

static gboolean print_csv(const EspPartitionTable *table, const EspPartitionTableOptions *given,
			  GError **error)
{
	g_autofree char *csv = esp_partition_table_to_csv(table, given, error);

	if (csv != NULL)
		fputs(csv, stdout);
	return csv != NULL;
}

static void print_json(const char *path, const CmdPartitionsFile *file,
		       const EspPartitionTableOptions *given)
{
	cmd_json_print(json_pack("{s:s, s:s, s:b, s:o, s:o}", "file", cmd_input_name(path), "kind",
				 file->is_binary ? "binary" : "csv", "md5",
				 file->table != NULL && file->table->has_md5, "partitions",
				 cmd_partitions_rows_json(file->table, given), "findings",
				 cmd_partitions_findings_json(file)));
}

/* Shows what can be known of a table with faults, too, and fails then. */
static CmdExit show(const char *path, const char *format, const EspPartitionTableOptions *given,
		    const CmdPartitionsFile *file)
{
	g_autofree char *prefix = g_strdup_printf("espalier " NAME ": %s: ", cmd_input_name(path));
	gboolean failed = cmd_partitions_file_has_faults(file);
	g_autoptr(GError) error = NULL;

	if (strcmp(format, "json") == 0)
		print_json(path, file, given);
	else if (strcmp(format, "table") == 0 && file->table != NULL)
		print_table(file->table, given);
	else if (strcmp(format, "csv") == 0 && file->table != NULL && !failed &&
		 !print_csv(file->table, given, &error))
		return cmd_fail(NAME, error);
	fflush(stdout);
	cmd_partitions_findings_print(file, prefix, stderr);
	return failed ? CMD_FAILED : CMD_DONE;
}

static CmdExit run(int argc, char **argv)
{
	g_auto(CmdPartitionsOptions) given = {0};
	g_auto(CmdPartitionsFile) file = {0};
	g_autoptr(GError) error = NULL;
	const char *format = "table";
	CmdExit exit = CMD_DONE;

	if (!cmd_parse(&cmd_partitions_show, &argc, &argv, &exit))
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "name one table, CSV or binary");
	if (cmd_output_is_json(NAME, output_option, &exit))
		format = "json";
	else if (format_option != NULL)
		format = format_option;
	if (exit != CMD_DONE || !cmd_partitions_options_read(NAME, &given, &exit))
		return exit;
	if (strcmp(format, "table") != 0 && strcmp(format, "csv") != 0 &&
	    strcmp(format, "json") != 0)
		return cmd_usage_error(NAME, "--format takes table, csv or json, not '%s'", format);
	if (!cmd_partitions_file_read(argv[1], &given, &file, &error))
		return cmd_fail(NAME, error);
	return show(argv[1], format, &given.table, &file);
}

const CmdCommand cmd_partitions_show = {
	.usage = "FILE [--format table|csv|json] [--offset OFFSET]",
	.examples = "  espalier partitions show partition-table.bin\n"
		    "  espalier partitions show partition-table.bin --format csv\n"
		    "  espalier partitions show partitions.csv --output json\n",
	.words = "table csv json",
	.options = options,
	.run = run,
};
