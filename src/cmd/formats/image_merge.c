#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/merge_input.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define NAME "image merge"

static char *output_option, *format_option, *chip_option, *target_option, *pad_option, *mode_option,
	*size_option, *frequency_option, *chunk_option;
static gboolean md5_disable_option;

static const GOptionEntry options[] = {
	{"format", 0, 0, G_OPTION_ARG_STRING, &format_option,
	 "raw: as it lies in flash; hex: Intel HEX; uf2 (default: raw)", "FORM"},
	{"chip", 0, 0, G_OPTION_ARG_STRING, &chip_option,
	 "what it is for (default: what the bundle or its images say)", "CHIP"},
	{"target-offset", 0, 0, G_OPTION_ARG_STRING, &target_option,
	 "raw: begin with this place in flash (default: 0)", "N"},
	{"pad-to-size", 0, 0, G_OPTION_ARG_STRING, &pad_option,
	 "raw: fill up to this flash size with 0xFF (4MB, 0x400000)", "SIZE"},
	{"flash-mode", 0, 0, G_OPTION_ARG_STRING, &mode_option,
	 "into the bootloader's header: qio, qout, dio, dout, keep", "MODE"},
	{"flash-size", 0, 0, G_OPTION_ARG_STRING, &size_option,
	 "into the bootloader's header: 1MB … 128MB, keep", "SIZE"},
	{"flash-freq", 0, 0, G_OPTION_ARG_STRING, &frequency_option,
	 "into the bootloader's header: 80m, 40m …, keep", "FREQUENCY"},
	{"chunk-size", 0, 0, G_OPTION_ARG_STRING, &chunk_option,
	 "uf2: bytes of data in a block, a multiple of 4 (default: the most)", "N"},
	{"md5-disable", 0, 0, G_OPTION_ARG_NONE, &md5_disable_option,
	 "uf2: no MD5 behind each block's data", NULL},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

typedef enum { FORMAT_RAW, FORMAT_HEX, FORMAT_UF2 } Format;

static const char *const format_names[] = {"raw", "hex", "uf2"};

/* The options, read. */
typedef struct {
	Format format;
	guint32 target, pad_to, chunk_bytes;
	gboolean is_json;
} Request;

/* What was made. */
typedef struct {
	const char *out;
	const EspMerge *merge;
	const Request *request;
	gsize size_bytes;
	EspMergeOwned owned[ESP_PARTITIONS_MAX];
	gsize n_owned;
	GPtrArray *warnings; /* char * */
} Result;

/* ---- Options ---- */

static gboolean number(const char *option, const char *text, guint64 max, guint32 *value,
		       GError **error)
{
	guint64 parsed = 0;

	if (text != NULL && !cmd_number_parse(option, text, 0, max, &parsed, error))
		return FALSE;
	*value = (guint32)parsed;
	return TRUE;
}

static gboolean parse_format(Format *format, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(format_names); i++)
		if (strcmp(format_option != NULL ? format_option : "raw", format_names[i]) == 0) {
			*format = (Format)i;
			return TRUE;
		}
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "--format takes raw, hex or uf2, not '%s'", format_option);
	return FALSE;
}

static gboolean only_for(Format format, Format wanted, const char *option, gboolean is_given,
			 GError **error)
{
	if (!is_given || format == wanted)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "%s is for --format %s only", option,
		    format_names[wanted]);
	return FALSE;
}

static gboolean parse_request(Request *request, GError **error)
{
	if (!parse_format(&request->format, error) ||
	    !only_for(request->format, FORMAT_RAW, "--target-offset", target_option != NULL,
		      error) ||
	    !only_for(request->format, FORMAT_RAW, "--pad-to-size", pad_option != NULL, error) ||
	    !only_for(request->format, FORMAT_UF2, "--chunk-size", chunk_option != NULL, error) ||
	    !only_for(request->format, FORMAT_UF2, "--md5-disable", md5_disable_option, error) ||
	    !number("--target-offset", target_option, ESP_FLASH_MAX_BYTES, &request->target,
		    error) ||
	    !number("--chunk-size", chunk_option, ESP_UF2_CHUNK_MAX_BYTES, &request->chunk_bytes,
		    error))
		return FALSE;
	if (pad_option != NULL && esp_flash_size_parse(pad_option, &request->pad_to))
		return TRUE;
	return number("--pad-to-size", pad_option, ESP_FLASH_MAX_BYTES, &request->pad_to, error);
}

/* ---- Warnings ---- */

static void warn(Result *result, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void warn(Result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(result->warnings, g_strdup_vprintf(format, args));
	va_end(args);
}

/* What of the device's own is written over. A raw file is written whole, gaps and all; the other
 * forms hold the parts alone. */
static void look_for_owned(Result *result)
{
	gboolean is_raw = result->request->format == FORMAT_RAW, has_table = FALSE;
	guint32 from = is_raw ? result->request->target : 0;
	guint64 to = is_raw ? from + (guint64)result->size_bytes : 0;

	result->n_owned = esp_merge_owned(result->merge, from, to, result->owned, &has_table);
	for (gsize i = 0; i < result->n_owned; i++) {
		const EspPartition *partition = &result->owned[i].partition;

		warn(result,
		     "flashing it %s partition '%s' (0x%x, %u bytes), which is the "
		     "device's own",
		     result->owned[i].is_written ? "overwrites" : "erases", partition->label,
		     partition->offset, partition->size_bytes);
	}
	if (is_raw && !has_table)
		warn(result, "there is no partition table among the files: what of the device's "
			     "own lies between them is not known, and would be erased");
	else if (is_raw && result->n_owned > 0)
		warn(result, "for devices in use flash the files one by one, or use --format hex "
			     "or uf2, which hold the files alone");
}

static void look_for_unmapped(Result *result)
{
	const EspChip *chip = esp_merge_chip(result->merge);
	guint32 end = esp_merge_end(result->merge);

	if (end > chip->mapped_flash_bytes)
		warn(result, "it ends at 0x%x; %s runs no code from behind %u MB", end, chip->title,
		     chip->mapped_flash_bytes / (1024 * 1024));
}

/* ---- The file ---- */

static GBytes *make(const EspMerge *merge, const Request *request, GError **error)
{
	switch (request->format) {
	case FORMAT_HEX:
		return esp_merge_hex(merge);
	case FORMAT_UF2:
		return esp_merge_uf2(merge, request->chunk_bytes, !md5_disable_option, error);
	default:
		return esp_merge_raw(merge, request->target, request->pad_to, error);
	}
}

/* An option wins over flasher_args.json, whose "detect" means that nothing is known. Without a
 * bootloader (a host device's) its settings have no place. */
static const char *setting(const char *option, const char *of_bundle)
{
	if (option != NULL)
		return option;
	return g_strcmp0(of_bundle, "detect") == 0 ? NULL : of_bundle;
}

static EspMerge *merge_of(const CmdMergeInput *input, char **note, GError **error)
{
	const ArtefactFlasherArgs *args =
		input->args != NULL && input->args->bootloader != NULL ? input->args : NULL;
	const EspMergeFlash flash = {
		.mode = setting(mode_option, args != NULL ? args->mode : NULL),
		.size = setting(size_option, args != NULL ? args->size : NULL),
		.frequency = setting(frequency_option, args != NULL ? args->frequency : NULL),
	};
	g_autoptr(EspMerge) merge =
		esp_merge_new(input->chip, (const EspMergePart *)(gconstpointer)input->parts->data,
			      input->parts->len, error);

	if (merge == NULL || !esp_merge_set_flash(merge, &flash, note, error))
		return NULL;
	return g_steal_pointer(&merge);
}

/* ---- Telling ---- */

static json_t *result_json(const Result *result)
{
	gsize n_parts;
	const EspMergePart *parts = esp_merge_parts(result->merge, &n_parts);
	json_t *files = json_array(), *owned = json_array(), *warnings = json_array();

	for (gsize i = 0; i < n_parts; i++)
		json_array_append_new(files,
				      json_pack("{s:s, s:I, s:I}", "name", parts[i].name, "offset",
						(json_int_t)parts[i].offset, "sizeBytes",
						(json_int_t)g_bytes_get_size(parts[i].bytes)));
	for (gsize i = 0; i < result->n_owned; i++) {
		const EspPartition *partition = &result->owned[i].partition;

		json_array_append_new(owned,
				      json_pack("{s:s, s:I, s:I, s:b}", "label", partition->label,
						"offset", (json_int_t)partition->offset,
						"sizeBytes", (json_int_t)partition->size_bytes,
						"written", result->owned[i].is_written));
	}
	for (guint i = 0; i < result->warnings->len; i++)
		json_array_append_new(warnings, json_string(result->warnings->pdata[i]));
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "file", result->out,
			 "format", format_names[result->request->format], "chip",
			 esp_merge_chip(result->merge)->name, "sizeBytes",
			 (json_int_t)result->size_bytes, "startOffset",
			 (json_int_t)(result->request->format == FORMAT_RAW
					      ? result->request->target
					      : esp_merge_start(result->merge)),
			 "endOffset", (json_int_t)esp_merge_end(result->merge), "parts", files,
			 "devicePartitions", owned, "warnings", warnings);
}

static void result_print(const Result *result)
{
	gsize n_parts;
	const EspMergePart *parts = esp_merge_parts(result->merge, &n_parts);
	FILE *out = strcmp(result->out, "-") == 0 ? stderr : stdout;

	for (gsize i = 0; i < n_parts; i++)
		fprintf(out, "0x%08x  %10" G_GSIZE_FORMAT "  %s\n", parts[i].offset,
			g_bytes_get_size(parts[i].bytes), parts[i].name);
	fprintf(out, "%s: %" G_GSIZE_FORMAT " bytes, %s for %s, ", result->out, result->size_bytes,
		format_names[result->request->format], esp_merge_chip(result->merge)->title);
	if (result->request->format == FORMAT_RAW)
		fprintf(out, "to be written at 0x%x\n", result->request->target);
	else
		fprintf(out, "knows its places\n");
	fflush(out);
	for (guint i = 0; i < result->warnings->len; i++)
		g_printerr("espalier " NAME ": warning: %s\n",
			   (const char *)result->warnings->pdata[i]);
}

/* ---- The command ---- */

static gboolean write_merged(const CmdMergeInput *input, const Request *request, const char *out,
			     GError **error)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	Result result = {.out = out, .request = request, .warnings = warnings};
	g_autofree char *note = NULL;
	g_autoptr(EspMerge) merge = merge_of(input, &note, error);
	g_autoptr(GBytes) bytes = merge != NULL ? make(merge, request, error) : NULL;
	guint mode = input->is_secret ? CMD_MODE_SECRET : CMD_MODE_PUBLIC;

	if (bytes == NULL || !cmd_output_write(out, g_bytes_get_data(bytes, &result.size_bytes),
					       g_bytes_get_size(bytes), mode, error))
		return FALSE;
	result.merge = merge;
	if (note != NULL)
		warn(&result, "%s", note);
	look_for_owned(&result);
	look_for_unmapped(&result);
	if (request->is_json)
		cmd_json_print(result_json(&result));
	else
		result_print(&result);
	return TRUE;
}

static CmdExit merge_words(int argc, char **argv, const Request *request)
{
	g_auto(CmdMergeInput) input = {0};
	g_autoptr(GError) error = NULL;
	gboolean is_folder = argc == 3;
	const char *out = is_folder ? argv[2] : argv[1];

	if (is_folder && !g_file_test(argv[1], G_FILE_TEST_IS_DIR))
		return cmd_usage_error(
			NAME,
			"%s is no folder; name a bundle, or pairs of a place in flash and a file",
			argv[1]);
	if (is_folder ? !cmd_merge_input_from_folder(&input, argv[1], &error)
		      : !cmd_merge_input_from_words(&input, argv + 2, argc - 2, &error))
		return g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID)
			       ? cmd_usage_error(NAME, "%s", error->message)
			       : cmd_fail(NAME, error);
	if (!cmd_merge_input_check(&input, chip_option, &error))
		return cmd_fail(NAME, error);
	if (input.chip == NULL)
		return cmd_usage_error(NAME, "--chip is needed: none of the files is an image "
					     "that says which");
	return write_merged(&input, request, out, &error) ? CMD_DONE : cmd_fail(NAME, error);
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	Request request = {0};

	if (!cmd_parse(&cmd_image_merge, &argc, &argv, &exit))
		return exit;
	request.is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 3 && (argc < 4 || argc % 2 != 0))
		return cmd_usage_error(NAME, "a folder and a file to write are needed, or a file "
					     "to write and pairs of a place in flash and a file");
	if (request.is_json && strcmp(argc == 3 ? argv[2] : argv[1], "-") == 0)
		return cmd_usage_error(NAME, "both the file and --output json would go to "
					     "standard output");
	if (!parse_request(&request, &error))
		return cmd_usage_error(NAME, "%s", error->message);
	return merge_words(argc, argv, &request);
}

const CmdCommand cmd_image_merge = {
	.usage = "FOLDER OUT | OUT PLACE FILE [PLACE FILE …] [--format raw|hex|uf2]",
	.examples = "  espalier image merge build flash.bin --pad-to-size 4MB\n"
		    "  espalier image merge build flash.hex --format hex\n"
		    "  espalier image merge flash.bin 0x1000 bootloader.bin 0x8000 table.bin "
		    "0x10000 app.bin\n",
	.options = options,
	.words = "raw hex uf2",
	.run = run,
};
