#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "esp/nvs_keys.h"

#include <string.h>

static const char name[] = "nvs generate";

static char *size_option;
static char *encrypt_option;
static char *output_option;
static int version_option = 2;

static const GOptionEntry options[] = {
	{"size", 's', 0, G_OPTION_ARG_STRING, &size_option,
	 "size of the partition: 0x3000, 12288 or 12K", "SIZE"},
	{"format-version", 0, 0, G_OPTION_ARG_INT, &version_option,
	 "1, or 2 (default) for blobs in parts, ESP-IDF 4.0 and later", "N"},
	{"encrypt-with", 0, 0, G_OPTION_ARG_FILENAME, &encrypt_option,
	 "encrypt with the keys of this file (espalier nvs keys)", "KEYS"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static guint64 n_keys(const EspNvsContents *contents)
{
	guint64 n = 0;

	for (gsize i = 0; i < contents->n_entries; i++)
		n += contents->entries[i].type == ESP_NVS_NAMESPACE ? 0 : 1;
	return n;
}

static void print_json(const char *path, gsize size_bytes, const EspNvsContents *contents,
		       const EspNvsUsage *usage)
{
	cmd_json_print(
		json_pack("{s:s,s:I,s:I,s:b,s:I,s:I,s:I,s:I,s:I}", "file", path, "sizeBytes",
			  (json_int_t)size_bytes, "formatVersion", (json_int_t)version_option,
			  "encrypted", encrypt_option != NULL, "namespaces",
			  (json_int_t)usage->n_namespaces, "keys", (json_int_t)n_keys(contents),
			  "usedBytes", (json_int_t)usage->used_bytes, "capacityBytes",
			  (json_int_t)usage->capacity_bytes, "pages", (json_int_t)usage->n_pages));
}

static void print_text(const char *path, const EspNvsContents *contents, const EspNvsUsage *usage)
{
	g_print("%s: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes used (pages %" G_GSIZE_FORMAT
		", namespaces %" G_GSIZE_FORMAT ", keys %" G_GUINT64_FORMAT ")%s\n",
		path, usage->used_bytes, usage->capacity_bytes, usage->n_pages, usage->n_namespaces,
		n_keys(contents), encrypt_option == NULL ? "" : ", encrypted");
}

static gboolean generate(char **inputs, int n_inputs, const char *path, gsize size_bytes,
			 gboolean json, GError **error)
{
	EspNvsWriteOptions write_options = {.format_version = (guint)version_option};
	g_auto(EspNvsKeys) keys = {0};
	g_autoptr(EspNvsContents) contents = nvs_csv_load(inputs, n_inputs, error);
	g_autofree guint8 *image = NULL;
	EspNvsUsage usage;

	if (contents == NULL)
		return FALSE;
	if (encrypt_option != NULL) {
		if (!nvs_keys_load(encrypt_option, &keys, error))
			return FALSE;
		write_options.keys = &keys;
	}
	image = g_malloc(size_bytes);
	if (!esp_nvs_image_write_with(contents->entries, contents->n_entries, &write_options, image,
				      size_bytes, &usage, error) ||
	    !cmd_output_write(path, image, size_bytes,
			      encrypt_option == NULL ? CMD_MODE_SECRET : CMD_MODE_PUBLIC, error))
		return FALSE;
	if (json)
		print_json(path, size_bytes, contents, &usage);
	else if (strcmp(path, "-") != 0)
		print_text(path, contents, &usage);
	return TRUE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_generate, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc < 3)
		return cmd_usage_error(name, "name one CSV or more, and the image: IN.csv OUT.bin");
	if (size_option == NULL)
		return cmd_usage_error(name, "say with --size how large the partition is");
	if (!nvs_size_parse(size_option, &size_bytes, &error))
		return cmd_usage_error(name, "%s", error->message);
	if (!nvs_version_check(name, version_option))
		return CMD_USAGE;
	if (json && strcmp(argv[argc - 1], "-") == 0)
		return cmd_usage_error(name, "the image and the JSON cannot both go to standard "
					     "output");
	if (!generate(argv + 1, argc - 2, argv[argc - 1], size_bytes, json, &error))
		return cmd_fail(name, error);
	return CMD_DONE;
}

const CmdCommand cmd_nvs_generate = {
	.usage = "IN.csv… OUT.bin --size SIZE [--format-version 1|2] [--encrypt-with KEYS]",
	.examples = "  espalier nvs generate settings.csv nvs.bin --size 0x6000\n"
		    "  espalier nvs generate settings.csv nvs.bin --size 24K --encrypt-with "
		    "keys.bin\n"
		    "  espalier nvs generate - - --size 0x3000 <settings.csv >nvs.bin\n",
	.options = options,
	.run = run,
};
