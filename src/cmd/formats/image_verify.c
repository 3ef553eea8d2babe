#include "cmd/commands.h"
#include "cmd/formats/image_describe.h"
#include "cmd/formats/io.h"

#include "base/error.h"
#include "esp/partition_table.h"

#include <stdio.h>
#include <string.h>

#define NAME "image verify"

enum {
	REVISION_MAX = 0xFFFF,
	NAME_WIDTH = 30,
};

static char *output_option, *chip_option, *size_option, *revision_option, *efuse_option,
	*secure_option, *table_option;
static gboolean bootloader_option;

static const GOptionEntry options[] = {
	{"chip", 0, 0, G_OPTION_ARG_STRING, &chip_option,
	 "fail unless it is for this chip (esp32c3, …; default: the one in its header)", "CHIP"},
	{"partition-size", 0, 0, G_OPTION_ARG_STRING, &size_option,
	 "fail if it does not fit a partition of N bytes (0x100000, 1M)", "N"},
	{"table", 0, 0, G_OPTION_ARG_FILENAME, &table_option,
	 "fail if it fits no slot of this partition table (CSV or binary)", "FILE"},
	{"revision", 0, 0, G_OPTION_ARG_STRING, &revision_option,
	 "revision of the chip (v0.3, or 3 as in major * 100 + minor)", "N"},
	{"efuse-block-revision", 0, 0, G_OPTION_ARG_STRING, &efuse_option,
	 "revision of the chip's eFuse block (v1.2, or 102)", "N"},
	{"secure-version", 0, 0, G_OPTION_ARG_STRING, &secure_option,
	 "anti-rollback counter in the chip's eFuses", "N"},
	{"bootloader", 0, 0, G_OPTION_ARG_NONE, &bootloader_option,
	 "check it as a bootloader, whatever it looks like", NULL},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

/* The file of --table, and what came of it. */
typedef struct {
	EspPartitionTable *table; /* NULL: not asked for */
	gboolean fits;            /* some slot */
} Slots;

static void slots_clear(Slots *slots)
{
	esp_partition_table_free(slots->table);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Slots, slots_clear)

/* "v1.3", "1.3" and "103" are the same. ESP_IMAGE_ANY if the option was not given. */
static gboolean parse_revision(const char *option, const char *text, gint64 *revision,
			       GError **error)
{
	g_auto(GStrv) words = NULL;
	guint64 major, minor;

	*revision = ESP_IMAGE_ANY;
	if (text == NULL)
		return TRUE;
	words = g_strsplit(*text == 'v' ? text + 1 : text, ".", 3);
	if (g_strv_length(words) == 1) {
		if (!cmd_number_parse(option, words[0], 0, REVISION_MAX, &minor, error))
			return FALSE;
		*revision = (gint64)minor;
		return TRUE;
	}
	if (g_strv_length(words) == 2 &&
	    g_ascii_string_to_unsigned(words[0], 10, 0, REVISION_MAX / 100 - 1, &major, NULL) &&
	    g_ascii_string_to_unsigned(words[1], 10, 0, 99, &minor, NULL)) {
		*revision = (gint64)(major * 100 + minor);
		return TRUE;
	}
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "%s takes a revision (v0.3, or 3 as in major * 100 + minor), not '%s'", option,
		    text);
	return FALSE;
}

static gboolean parse_target(EspImageTarget *target, GError **error)
{
	guint64 number;

	*target = (EspImageTarget){.secure_version = ESP_IMAGE_ANY};
	if (chip_option != NULL) {
		target->chip = esp_chip_find(chip_option);
		if (target->chip == NULL) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
				    "--chip '%s' is not known here; esp32, esp32c3, esp32s3 … are",
				    chip_option);
			return FALSE;
		}
	}
	if (bootloader_option)
		target->kind = ESP_IMAGE_KIND_BOOTLOADER;
	if (size_option != NULL) {
		if (!cmd_number_parse("--partition-size", size_option, 1, G_MAXUINT32, &number,
				      error))
			return FALSE;
		target->partition_bytes = number;
	}
	if (secure_option != NULL) {
		if (!cmd_number_parse("--secure-version", secure_option, 0, G_MAXUINT32, &number,
				      error))
			return FALSE;
		target->secure_version = (gint64)number;
	}
	return parse_revision("--revision", revision_option, &target->revision, error) &&
	       parse_revision("--efuse-block-revision", efuse_option, &target->efuse_block_revision,
			      error);
}

static gboolean read_table(const EspImageTarget *target, Slots *slots, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;
	EspPartitionTableOptions table_options = {0};

	if (table_option == NULL)
		return TRUE;
	bytes = cmd_input_read(table_option, ESP_PARTITION_CSV_MAX_BYTES, error);
	if (bytes == NULL)
		return FALSE;
	if (target->chip != NULL)
		table_options.bootloader_offset = target->chip->boot_offset;
	slots->table = esp_partition_table_read(g_bytes_get_data(bytes, NULL),
						g_bytes_get_size(bytes), &table_options, error);
	if (slots->table == NULL)
		g_prefix_error(error, "%s: ", cmd_input_name(table_option));
	return slots->table != NULL;
}

static guint64 bytes_needed(const CmdImage *file)
{
	const EspImage *image = &file->report->image;

	return file->is_signed ? esp_image_signed_bytes(image) : image->size_bytes;
}

/* Each slot as an object, and whether the image fits one at least. */
static json_t *slots_json(const CmdImage *file, Slots *slots)
{
	guint64 needed = bytes_needed(file);
	json_t *array = json_array();

	for (gsize i = 0; slots->table != NULL && i < slots->table->n_partitions; i++) {
		const EspPartition *partition = &slots->table->partitions[i];
		gboolean fits = file->report->image.has_end && needed <= partition->size_bytes;

		if (partition->type != ESP_PARTITION_APP)
			continue;
		slots->fits = slots->fits || fits;
		json_array_append_new(
			array, json_pack("{s:s, s:I, s:I, s:b}", "label", partition->label,
					 "offset", (json_int_t)partition->offset, "sizeBytes",
					 (json_int_t)partition->size_bytes, "fits", fits));
	}
	return array;
}

static const char *verdict_name(EspImageVerdict verdict)
{
	static const char *const names[] = {
		[ESP_IMAGE_CHECK_PASSED] = "passed",
		[ESP_IMAGE_CHECK_FAILED] = "failed",
		[ESP_IMAGE_CHECK_SKIPPED] = "skipped",
	};

	return names[verdict];
}

static json_t *document(const CmdImage *file, json_t *slots, gboolean would_start)
{
	const EspImageReport *report = file->report;
	json_t *root = json_object(), *checks = json_array();

	for (gsize i = 0; i < report->n_checks; i++)
		json_array_append_new(checks,
				      json_pack("{s:s, s:s, s:s}", "name", report->checks[i].name,
						"result", verdict_name(report->checks[i].verdict),
						"text", report->checks[i].text));
	json_object_set_new(root, "file", json_string(file->name));
	json_object_set_new(root, "kind", json_string(cmd_image_kind_name(report->kind)));
	json_object_set_new(root, "checks", checks);
	json_object_set(root, "slots", slots);
	json_object_set_new(root, "wouldStart", json_boolean(would_start));
	return root;
}

static void print_slots(const CmdImage *file, const json_t *slots)
{
	guint64 needed = bytes_needed(file);
	const json_t *slot;
	size_t i;

	json_array_foreach (slots, i, slot) {
		const char *label = base_json_get_string(slot, "label", NULL);
		guint64 size = (guint64)base_json_get_int(slot, 0, "sizeBytes", NULL);

		if (!file->report->image.has_end)
			printf("slot     %-*s where the image ends is not known\n", NAME_WIDTH,
			       label);
		else if (needed <= size)
			printf("fits     %-*s %" G_GUINT64_FORMAT " bytes free\n", NAME_WIDTH,
			       label, size - needed);
		else
			printf("too big  %-*s by %" G_GUINT64_FORMAT " bytes\n", NAME_WIDTH, label,
			       needed - size);
	}
}

static void print(const CmdImage *file, const json_t *slots)
{
	const EspImageReport *report = file->report;

	for (gsize i = 0; i < report->n_checks; i++)
		printf("%-7s  %-*s %s\n", verdict_name(report->checks[i].verdict), NAME_WIDTH,
		       report->checks[i].name, report->checks[i].text);
	print_slots(file, slots);
}

static CmdExit tell(const CmdImage *file, Slots *slots, gboolean is_json)
{
	g_autoptr(json_t) slot_list = slots_json(file, slots);
	gboolean has_slot = slots->table == NULL || slots->fits;
	gboolean would_start = file->report->would_start && has_slot;

	if (is_json)
		cmd_json_print(document(file, slot_list, would_start));
	else
		print(file, slot_list);
	if (would_start)
		return CMD_DONE;
	fflush(stdout);
	g_printerr("espalier " NAME ": %s: %s\n", file->name,
		   file->report->would_start ? "it fits no slot of the table"
					     : "the chip would not start it");
	return CMD_FAILED;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_auto(CmdImage) file = {0};
	g_auto(Slots) slots = {0};
	CmdExit exit = CMD_DONE;
	EspImageTarget target;
	gboolean is_json;

	if (!cmd_parse(&cmd_image_verify, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "one file is needed");
	if (!parse_target(&target, &error))
		return cmd_usage_error(NAME, "%s", error->message);
	if (!read_table(&target, &slots, &error) ||
	    !cmd_image_open(&file, argv[1], &target, &error))
		return cmd_fail(NAME, error);
	return tell(&file, &slots, is_json);
}

const CmdCommand cmd_image_verify = {
	.usage = "FILE|- [--chip CHIP] [--partition-size N | --table FILE] [--revision N]",
	.examples = "  espalier image verify build/app.bin --chip esp32c3 --partition-size 1M\n"
		    "  espalier image verify build/app.bin --table partitions.csv --revision v0.3\n"
		    "  espalier image verify build/bootloader/bootloader.bin --bootloader\n",
	.options = options,
	.run = run,
};
