#include "cmd/commands.h"
#include "cmd/formats/columns.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_image.h"

static const char name[] = "nvs check";

static char *keys_option;
static char *output_option;

static const GOptionEntry options[] = {
	{"keys", 'k', 0, G_OPTION_ARG_FILENAME, &keys_option,
	 "file with the keys of an encrypted image", "KEYS"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static void print_json(const NvsImage *image)
{
	const EspNvsInspection *inspection = image->inspection;
	json_t *pages = json_array();

	for (gsize i = 0; i < inspection->n_pages; i++) {
		const EspNvsPageSummary *page = &inspection->pages[i];

		json_array_append_new(pages,
				      json_pack("{s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "offset",
						(json_int_t)page->offset, "state", page->state,
						"sequence", (json_int_t)page->sequence,
						"formatVersion", (json_int_t)page->format_version,
						"written", (json_int_t)page->n_written, "erased",
						(json_int_t)page->n_erased, "empty",
						(json_int_t)page->n_empty, "illegal",
						(json_int_t)page->n_illegal));
	}
	cmd_json_print(json_pack(
		"{s:s,s:I,s:b,s:b,s:I,s:I,s:I,s:I,s:o,s:o,s:I}", "image", image->name, "sizeBytes",
		(json_int_t)image->size_bytes, "damaged", inspection->n_faults > 0,
		"looksEncrypted", inspection->looks_encrypted, "keys",
		(json_int_t)image->contents->n_entries, "faults", (json_int_t)inspection->n_faults,
		"warnings", (json_int_t)inspection->n_warnings, "notes",
		(json_int_t)inspection->n_notes, "pages", pages, "findings",
		nvs_findings_json(image, ESP_NVS_NOTE), "moreFindings",
		(json_int_t)inspection->n_more));
}

static void print_pages(const EspNvsInspection *inspection)
{
	static const char *const headings[] = {">PAGE",     "OFFSET",   "STATE",
					       ">SEQUENCE", ">VERSION", ">WRITTEN",
					       ">ERASED",   ">EMPTY",   NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	for (gsize i = 0; i < inspection->n_pages; i++) {
		const EspNvsPageSummary *page = &inspection->pages[i];

		cmd_columns_add_number(columns, i);
		cmd_columns_add(columns, g_strdup_printf("0x%" G_GSIZE_MODIFIER "x", page->offset));
		cmd_columns_add(columns, g_strdup(page->state));
		cmd_columns_add_number(columns, page->sequence);
		cmd_columns_add_number(columns, page->format_version);
		cmd_columns_add_number(columns, page->n_written);
		cmd_columns_add_number(columns, page->n_erased);
		cmd_columns_add_number(columns, page->n_empty);
	}
	cmd_columns_print(columns);
}

static void print_text(const NvsImage *image)
{
	const EspNvsInspection *inspection = image->inspection;

	print_pages(inspection);
	nvs_findings_print(stdout, image, ESP_NVS_NOTE);
	g_print("%" G_GSIZE_FORMAT " keys can be read; %" G_GSIZE_FORMAT " faults, %" G_GSIZE_FORMAT
		" warnings, %" G_GSIZE_FORMAT " notes\n",
		image->contents->n_entries, inspection->n_faults, inspection->n_warnings,
		inspection->n_notes);
}

static CmdExit run(int argc, char **argv)
{
	g_auto(NvsImage) image = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_check, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(name, "name the image");
	if (!nvs_image_open(&image, argv[1], keys_option, &error))
		return cmd_fail(name, error);
	if (json)
		print_json(&image);
	else
		print_text(&image);
	return image.inspection->n_faults > 0 ? CMD_FAILED : CMD_DONE;
}

const CmdCommand cmd_nvs_check = {
	.usage = "IMAGE [--keys KEYS]",
	.examples = "  espalier nvs check nvs.bin\n"
		    "  espalier nvs check nvs-encrypted.bin --keys keys.bin --output json\n",
	.options = options,
	.run = run,
};
