#include "cmd/commands.h"
#include "cmd/formats/otadata_apps.h"

#define NAME "otadata show"

static char *output_option;

static const GOptionEntry options[] = {CMD_OTADATA_OPTIONS,
				       {"output", 0, 0, G_OPTION_ARG_STRING, &output_option,
					"text or json (default text)", "FORMAT"},
				       G_OPTION_ENTRY_NULL};

static CmdExit run(int argc, char **argv)
{
	CmdOtadataApps apps = {0};
	g_autofree guint8 *data = NULL;
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	gboolean is_json;

	if (!cmd_parse(&cmd_otadata_show, &argc, &argv, &exit))
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "name one file with the otadata partition");
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE || !cmd_otadata_apps_read(NAME, &apps, &exit))
		return exit;
	data = cmd_otadata_read(argv[1], &size_bytes, &error);
	if (data == NULL || !cmd_otadata_report(data, size_bytes, &apps, is_json, &error))
		return cmd_fail(NAME, error);
	return CMD_DONE;
}

const CmdCommand cmd_otadata_show = {
	.usage = "FILE [--slots N [--has-factory] | --table FILE]",
	.examples = "  espalier otadata show otadata.bin\n"
		    "  espalier otadata show otadata.bin --table partition-table.bin\n"
		    "  espalier otadata show otadata.bin --slots 2 --has-factory --output json\n",
	.options = options,
	.run = run,
};
