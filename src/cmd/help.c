#include "cmd/help.h"

#include <string.h>

enum {
	NAME_COLUMNS = 12,
	FAMILY_NAME_COLUMNS = 22,
	OPTION_COLUMNS = 28,
};

void cmd_help_print_overview(FILE *out)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);
	const char *group = "";

	fputs("Espalier grows a fleet of ESP32 devices out of Kubernetes resources.\n\n"
	      "Usage: espalier COMMAND [OPTIONS]\n",
	      out);
	for (gsize i = 0; i < n_rows; i++) {
		if (strchr(rows[i].name, ' ') != NULL)
			continue;
		if (strcmp(group, rows[i].group) != 0) {
			group = rows[i].group;
			fprintf(out, "\n%s\n", group);
		}
		fprintf(out, "  %-*s %s\n", NAME_COLUMNS, rows[i].name, rows[i].summary);
	}
	fputs("\n`espalier COMMAND --help` explains one, with examples. Begin with: espalier up -f "
	      "samples/greenhouse\n",
	      out);
}

void cmd_help_print_family(FILE *out, const CmdRow *family)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);

	fprintf(out, "espalier %s — %s\n\nUsage: espalier %s COMMAND [OPTIONS]\n\nCommands\n",
		family->name, family->summary, family->name);
	for (gsize i = 0; i < n_rows; i++)
		if (cmd_row_is_of_family(&rows[i], family))
			fprintf(out, "  %-*s  %s\n", FAMILY_NAME_COLUMNS, rows[i].name,
				rows[i].summary);
	fprintf(out, "\n`espalier %s COMMAND --help` explains one, with examples.\n", family->name);
}

static void print_option(FILE *out, const GOptionEntry *option)
{
	g_autoptr(GString) left = g_string_new("  ");

	if (option->flags & G_OPTION_FLAG_HIDDEN ||
	    strcmp(option->long_name, G_OPTION_REMAINING) == 0)
		return;
	if (option->short_name != '\0')
		g_string_append_printf(left, "-%c, ", option->short_name);
	g_string_append_printf(left, "--%s", option->long_name);
	if (option->arg_description != NULL)
		g_string_append_printf(left, " %s", option->arg_description);
	fprintf(out, "%-*s  %s\n", OPTION_COLUMNS, left->str, option->description);
}

void cmd_help_print_command(FILE *out, const CmdRow *row)
{
	const CmdCommand *command = row->command;

	fprintf(out, "espalier %s — %s\n\nUsage: espalier %s %s\n", row->name, row->summary,
		row->name, command->usage);
	fputs("\nOptions\n", out);
	for (const GOptionEntry *option = command->options;
	     option != NULL && option->long_name != NULL; option++)
		print_option(out, option);
	fprintf(out, "%-*s  %s\n", OPTION_COLUMNS, "  -h, --help", "this text");
	if (command->examples != NULL)
		fprintf(out, "\nExamples\n%s", command->examples);
}
