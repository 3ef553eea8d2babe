#include "cmd/commands.h"
#include "cmd/formats/columns.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_image.h"
#include "cmd/formats/nvs_show.h"
#include "esp/nvs_csv.h"

#include <string.h>

static const char name[] = "nvs dump";

enum { SHOWN_BYTES = 48 }; /* of a value in a table */

static char *keys_option;
static char *format_option;
static char *output_option;

static const GOptionEntry options[] = {
	{"keys", 'k', 0, G_OPTION_ARG_FILENAME, &keys_option,
	 "file with the keys of an encrypted image", "KEYS"},
	{"format", 'f', 0, G_OPTION_ARG_STRING, &format_option,
	 "table (default), tsv, csv (input of nvs generate) or json", "FORMAT"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option,
	 "text (default), or json: the same "
	 "as --format json",
	 "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static gboolean print_table(const NvsImage *image, GError **error)
{
	static const char *const headings[] = {"NAMESPACE", "KEY", "TYPE", ">BYTES", "VALUE", NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	(void)error;
	for (gsize i = 0; i < image->contents->n_entries; i++) {
		const EspNvsEntry *entry = &image->contents->entries[i];

		cmd_columns_add(columns, g_strdup(entry->space));
		cmd_columns_add(columns, g_strdup(entry->key));
		cmd_columns_add(columns, g_strdup(esp_nvs_type_name(entry->type)));
		cmd_columns_add_number(columns, nvs_show_size(entry));
		cmd_columns_add(columns, nvs_show_value(entry, SHOWN_BYTES));
	}
	cmd_columns_print(columns);
	return TRUE;
}

static gboolean print_tsv(const NvsImage *image, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);

	(void)error;
	for (gsize i = 0; i < image->contents->n_entries; i++) {
		const EspNvsEntry *entry = &image->contents->entries[i];

		g_string_printf(line, "%s\t%s\t%s\t", entry->space, entry->key,
				nvs_show_getter(entry->type));
		nvs_show_raw(line, entry);
		puts(line->str);
	}
	return TRUE;
}

static gboolean print_csv(const NvsImage *image, GError **error)
{
	g_autofree char *csv =
		esp_nvs_csv_write(image->contents->entries, image->contents->n_entries, error);

	if (csv == NULL)
		return FALSE;
	fputs(csv, stdout);
	return TRUE;
}

static gboolean print_json(const NvsImage *image, GError **error)
{
	json_t *entries = json_array();

	(void)error;
	for (gsize i = 0; i < image->contents->n_entries; i++)
		json_array_append_new(entries, nvs_show_json(&image->contents->entries[i]));
	cmd_json_print(json_pack("{s:s,s:I,s:b,s:b,s:o,s:o,s:I}", "image", image->name, "sizeBytes",
				 (json_int_t)image->size_bytes, "decrypted", keys_option != NULL,
				 "damaged", image->inspection->n_faults > 0, "entries", entries,
				 "findings", nvs_findings_json(image, ESP_NVS_WARNING),
				 "moreFindings", (json_int_t)image->inspection->n_more));
	return TRUE;
}

static const struct {
	const char *name;
	gboolean (*print)(const NvsImage *image, GError **error);
} formats[] = {
	{"table", print_table},
	{"tsv", print_tsv},
	{"csv", print_csv},
	{"json", print_json},
};

/* The index in `formats`, or G_N_ELEMENTS(formats) after a usage error. */
static gsize format_of(CmdExit *exit)
{
	gboolean json = cmd_output_is_json(name, output_option, exit);
	const char *word = format_option != NULL ? format_option : json ? "json" : "table";

	if (*exit != CMD_DONE)
		return G_N_ELEMENTS(formats);
	for (gsize i = 0; i < G_N_ELEMENTS(formats); i++)
		if (strcmp(formats[i].name, word) == 0)
			return i;
	*exit = cmd_usage_error(name, "--format takes table, tsv, csv or json, not '%s'", word);
	return G_N_ELEMENTS(formats);
}

static CmdExit run(int argc, char **argv)
{
	g_auto(NvsImage) image = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize format;

	if (!cmd_parse(&cmd_nvs_dump, &argc, &argv, &exit))
		return exit;
	format = format_of(&exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(name, "name the image");
	if (!nvs_image_open(&image, argv[1], keys_option, &error) ||
	    !formats[format].print(&image, &error))
		return cmd_fail(name, error);
	if (formats[format].print != print_json) {
		fflush(stdout);
		nvs_findings_print(stderr, &image, ESP_NVS_WARNING);
	}
	return image.inspection->n_faults > 0 ? CMD_FAILED : CMD_DONE;
}

const CmdCommand cmd_nvs_dump = {
	.usage = "IMAGE [--keys KEYS] [--format table|tsv|csv|json]",
	.examples = "  espalier nvs dump nvs.bin\n"
		    "  espalier nvs dump nvs-encrypted.bin --keys keys.bin --format json\n"
		    "  espalier nvs dump - --format csv <nvs.bin >settings.csv\n",
	.options = options,
	.words = "table tsv csv json",
	.run = run,
};
