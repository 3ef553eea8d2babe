#include "cmd/commands.h"
#include "cmd/formats/columns.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"

static const char name[] = "nvs plan";

enum { KEYS_TOLD = 10 };

static char *size_option;
static char *output_option;
static int version_option = 2;

static const GOptionEntry options[] = {
	{"size", 's', 0, G_OPTION_ARG_STRING, &size_option,
	 "size of the partition: 0x3000, 12288 or 12K (default 0x3000)", "SIZE"},
	{"format-version", 0, 0, G_OPTION_ARG_INT, &version_option,
	 "1, or 2 (default) for blobs in parts, ESP-IDF 4.0 and later", "N"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

/* A size in bytes, or null for none. */
static json_t *optional(gssize size_bytes)
{
	return size_bytes < 0 ? json_null() : json_integer((json_int_t)size_bytes);
}

static void print_json(const EspNvsSizeReport *report, gsize size_bytes)
{
	json_t *keys = json_array();

	for (gsize i = 0; i < report->n_keys; i++) {
		const EspNvsKeySize *key = &report->keys[i];

		json_array_append_new(keys, json_pack("{s:s,s:s,s:s,s:I,s:I}", "namespace",
						      key->entry->space, "key", key->entry->key,
						      "type", esp_nvs_type_name(key->entry->type),
						      "valueBytes", (json_int_t)key->value_bytes,
						      "takenBytes", (json_int_t)key->taken_bytes));
	}
	cmd_json_print(json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:o}", "fits",
				 report->fits, "sizeBytes", (json_int_t)size_bytes, "usedBytes",
				 (json_int_t)report->usage.used_bytes, "capacityBytes",
				 (json_int_t)report->usage.capacity_bytes, "freeBytes",
				 (json_int_t)report->free_bytes, "missingBytes",
				 (json_int_t)report->missing_bytes, "smallestSizeBytes",
				 (json_int_t)report->smallest_bytes, "pages",
				 (json_int_t)report->usage.n_pages, "namespaces",
				 (json_int_t)report->usage.n_namespaces, "longestStringBytes",
				 optional(report->string_max_bytes), "longestBlobBytes",
				 optional(report->blob_max_bytes), "moreNumbers",
				 (json_int_t)report->n_more_numbers, "largestKeys", keys));
}

static void print_keys(const EspNvsSizeReport *report)
{
	static const char *const headings[] = {"LARGEST KEYS", "TYPE", ">VALUE BYTES",
					       ">TAKEN BYTES", NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	for (gsize i = 0; i < MIN(report->n_keys, (gsize)KEYS_TOLD); i++) {
		const EspNvsKeySize *key = &report->keys[i];

		cmd_columns_add(columns,
				g_strdup_printf("%s.%s", key->entry->space, key->entry->key));
		cmd_columns_add(columns, g_strdup(esp_nvs_type_name(key->entry->type)));
		cmd_columns_add_number(columns, key->value_bytes);
		cmd_columns_add_number(columns, key->taken_bytes);
	}
	cmd_columns_print(columns);
}

static void print_room(const EspNvsSizeReport *report)
{
	g_print("still fits: %" G_GSIZE_FORMAT " more numbers", report->n_more_numbers);
	if (report->string_max_bytes >= 0)
		g_print(", or a string of %" G_GSSIZE_FORMAT " bytes", report->string_max_bytes);
	if (report->blob_max_bytes >= 0)
		g_print(", or a blob of %" G_GSSIZE_FORMAT " bytes", report->blob_max_bytes);
	g_print("\n");
}

static void print_text(const EspNvsSizeReport *report, gsize size_bytes)
{
	g_print("a partition of 0x%" G_GSIZE_MODIFIER "x bytes has %" G_GSIZE_FORMAT
		" for settings; these take %" G_GSIZE_FORMAT " (pages %" G_GSIZE_FORMAT
		", namespaces %" G_GSIZE_FORMAT ", keys %" G_GSIZE_FORMAT ")\n",
		size_bytes, report->usage.capacity_bytes, report->usage.used_bytes,
		report->usage.n_pages, report->usage.n_namespaces, report->n_keys);
	if (report->fits) {
		g_print("fits: %" G_GSIZE_FORMAT " bytes are free\n", report->free_bytes);
		print_room(report);
	} else {
		g_print("does not fit: %" G_GSIZE_FORMAT " bytes are missing\n",
			report->missing_bytes);
	}
	g_print("the smallest partition that can be written to: 0x%" G_GSIZE_MODIFIER "x bytes\n\n",
		report->smallest_bytes);
	print_keys(report);
}

static CmdExit run(int argc, char **argv)
{
	EspNvsWriteOptions write_options = {0};
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(EspNvsSizeReport) report = NULL;
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_plan, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc < 2)
		return cmd_usage_error(name, "name one CSV or more: IN.csv");
	if (!nvs_size_parse(size_option == NULL ? "0x3000" : size_option, &size_bytes, &error))
		return cmd_usage_error(name, "%s", error->message);
	if (!nvs_version_check(name, version_option))
		return CMD_USAGE;
	write_options.format_version = (guint)version_option;
	contents = nvs_csv_load(argv + 1, argc - 1, &error);
	if (contents != NULL)
		report = esp_nvs_size_report(contents->entries, contents->n_entries, size_bytes,
					     &write_options, &error);
	if (report == NULL)
		return cmd_fail(name, error);
	if (json)
		print_json(report, size_bytes);
	else
		print_text(report, size_bytes);
	return report->fits ? CMD_DONE : CMD_FAILED;
}

const CmdCommand cmd_nvs_plan = {
	.usage = "IN.csv… [--size SIZE] [--format-version 1|2]",
	.examples = "  espalier nvs plan settings.csv --size 0x3000\n"
		    "  espalier nvs plan settings.csv --size 0x3000 --output json\n",
	.options = options,
	.run = run,
};
