#include "cmd/help.h"

#include <string.h>

enum {
	NAME_COLUMNS = 12,
	OPTION_COLUMNS = 28,
};

void cmd_help_print_overview(FILE *out)
{
	gsize n_commands;
	const CmdCommand *const *commands = cmd_commands(&n_commands);
	const char *group = "";

	fputs("Espalier grows a fleet of ESP32 devices out of Kubernetes resources.\n\n"
	      "Usage: espalier COMMAND [OPTIONS]\n",
	      out);
	for (gsize i = 0; i < n_commands; i++) {
		if (strcmp(group, commands[i]->group) != 0) {
			group = commands[i]->group;
			fprintf(out, "\n%s\n", group);
		}
		fprintf(out, "  %-*s %s\n", NAME_COLUMNS, commands[i]->name, commands[i]->summary);
	}
	fputs("\n`espalier COMMAND --help` explains one, with examples. Begin with: espalier up -f "
	      "samples/greenhouse\n",
	      out);
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

void cmd_help_print_command(FILE *out, const CmdCommand *command)
{
	fprintf(out, "espalier %s — %s\n\nUsage: espalier %s %s\n", command->name, command->summary,
		command->name, command->usage);
	fputs("\nOptions\n", out);
	for (const GOptionEntry *option = command->options;
	     option != NULL && option->long_name != NULL; option++)
		print_option(out, option);
	fprintf(out, "%-*s  %s\n", OPTION_COLUMNS, "  -h, --help", "this text");
	if (command->examples != NULL)
		fprintf(out, "\nExamples\n%s", command->examples);
}
