#include "cmd/commands.h"
#include "cmd/formats/image_describe.h"
#include "cmd/formats/partitions_options.h"

#include "base/error.h"

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
		target->chip = cmd_chip_parse(chip_option, error);
		if (target->chip == NULL)
			return FALSE;
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

static guint64 bytes_needed(const CmdImage *file)
{
	const EspImage *image = &file->report->image;

	return file->is_signed ? esp_image_signed_bytes(image) : image->size_bytes;
}

static gboolean fits(const CmdImage *file, const EspPartition *slot)
{
	return file->report->image.has_end && bytes_needed(file) <= slot->size_bytes;
}

/* The slots of a table, or of none: NULL. */
static GPtrArray *slots_of(const EspPartitionTable *table)
{
	GPtrArray *slots = g_ptr_array_new();

	for (gsize i = 0; table != NULL && i < table->n_partitions; i++)
		if (table->partitions[i].type == ESP_PARTITION_APP)
			g_ptr_array_add(slots, &table->partitions[i]);
	return slots;
}

static gboolean fits_some(const CmdImage *file, const GPtrArray *slots)
{
	for (guint i = 0; i < slots->len; i++)
		if (fits(file, slots->pdata[i]))
			return TRUE;
	return FALSE;
}

static json_t *slots_json(const CmdImage *file, const GPtrArray *slots)
{
	json_t *array = json_array();

	for (guint i = 0; i < slots->len; i++) {
		const EspPartition *slot = slots->pdata[i];

		json_array_append_new(array, json_pack("{s:s, s:I, s:I, s:b}", "label", slot->label,
						       "offset", (json_int_t)slot->offset,
						       "sizeBytes", (json_int_t)slot->size_bytes,
						       "fits", fits(file, slot)));
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

static json_t *document(const CmdImage *file, const GPtrArray *slots, gboolean would_start)
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
	json_object_set_new(root, "slots", slots_json(file, slots));
	json_object_set_new(root, "wouldStart", json_boolean(would_start));
	return root;
}

static void print_slots(const CmdImage *file, const GPtrArray *slots)
{
	guint64 needed = bytes_needed(file);

	for (guint i = 0; i < slots->len; i++) {
		const EspPartition *slot = slots->pdata[i];

		if (!file->report->image.has_end)
			printf("slot     %-*s where the image ends is not known\n", NAME_WIDTH,
			       slot->label);
		else if (fits(file, slot))
			printf("fits     %-*s %" G_GUINT64_FORMAT " bytes free\n", NAME_WIDTH,
			       slot->label, slot->size_bytes - needed);
		else
			printf("too big  %-*s by %" G_GUINT64_FORMAT " bytes\n", NAME_WIDTH,
			       slot->label, needed - slot->size_bytes);
	}
}

static void print(const CmdImage *file, const GPtrArray *slots)
{
	const EspImageReport *report = file->report;

	for (gsize i = 0; i < report->n_checks; i++)
		printf("%-7s  %-*s %s\n", verdict_name(report->checks[i].verdict), NAME_WIDTH,
		       report->checks[i].name, report->checks[i].text);
	print_slots(file, slots);
}

/* `table` NULL: no slots were asked for. */
static CmdExit tell(const CmdImage *file, const EspPartitionTable *table, gboolean is_json)
{
	g_autoptr(GPtrArray) slots = slots_of(table);
	gboolean would_start =
		file->report->would_start && (table == NULL || fits_some(file, slots));

	if (is_json)
		cmd_json_print(document(file, slots, would_start));
	else
		print(file, slots);
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
	g_autoptr(EspPartitionTable) table = NULL;
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
	if (table_option != NULL)
		table = cmd_partitions_table_load(table_option, &error);
	if (error != NULL || !cmd_image_open(&file, argv[1], &target, &error))
		return cmd_fail(NAME, error);
	return tell(&file, table, is_json);
}

const CmdCommand cmd_image_verify = {
	.usage = "FILE|- [--chip CHIP] [--partition-size N | --table FILE] [--revision N]",
	.examples = "  espalier image verify build/app.bin --chip esp32c3 --partition-size 1M\n"
		    "  espalier image verify build/app.bin --table partitions.csv --revision v0.3\n"
		    "  espalier image verify build/bootloader/bootloader.bin --bootloader\n",
	.options = options,
	.run = run,
};
