#include "cmd/commands.h"
#include "cmd/formats/image_describe.h"
#include "cmd/formats/io.h"

#include <stdio.h>

#define NAME "image info"

static char *output_option;

static const GOptionEntry options[] = {
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

/* To standard error what is wrong, after all that is known. */
static gboolean complain(const CmdImage *file)
{
	const EspImageReport *report = file->report;
	gboolean is_damaged = FALSE;

	fflush(stdout);
	for (gsize i = 0; i < report->n_checks; i++) {
		const EspImageCheck *check = &report->checks[i];

		if (!cmd_image_check_is_of_damage(check))
			continue;
		g_printerr("espalier " NAME ": %s: %s: %s\n", file->name, check->name, check->text);
		is_damaged = TRUE;
	}
	return is_damaged;
}

static CmdExit run(int argc, char **argv)
{
	const EspImageTarget anywhere = {.revision = ESP_IMAGE_ANY,
					 .efuse_block_revision = ESP_IMAGE_ANY,
					 .secure_version = ESP_IMAGE_ANY};
	g_autoptr(GError) error = NULL;
	g_auto(CmdImage) file = {0};
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_image_info, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "one file is needed");
	if (!cmd_image_open(&file, argv[1], &anywhere, &error))
		return cmd_fail(NAME, error);
	if (is_json)
		cmd_json_print(cmd_image_json(&file));
	else
		cmd_image_print(&file);
	return complain(&file) ? CMD_FAILED : CMD_DONE;
}

const CmdCommand cmd_image_info = {
	.usage = "FILE|- [--output json]",
	.examples = "  espalier image info build/app.bin\n"
		    "  espalier image info build/bootloader/bootloader.bin --output json\n",
	.options = options,
	.run = run,
};
