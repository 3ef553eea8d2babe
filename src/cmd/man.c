/* The manual page espalier(1), out of the command table. */
#include "cmd/commands.h"

#include <stdio.h>
#include <string.h>

/* Text for roff: what it would take as its own is escaped, and so is what is not ASCII. */
static void print_text(const char *text)
{
	gboolean starts_line = TRUE;

	for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);

		if (starts_line && (c == '.' || c == '\''))
			fputs("\\&", stdout);
		if (c == '\\')
			fputs("\\e", stdout);
		else if (c == '-')
			fputs("\\-", stdout);
		else if (c > G_MAXINT8)
			printf("\\[u%04X]", c);
		else
			putchar((int)c);
		starts_line = c == '\n';
	}
}

static void print_option(const GOptionEntry *option)
{
	if (option->flags & G_OPTION_FLAG_HIDDEN ||
	    strcmp(option->long_name, G_OPTION_REMAINING) == 0)
		return;
	fputs(".TP\n.B ", stdout);
	if (option->short_name != '\0')
		printf("\\-%c, ", option->short_name);
	fputs("\\-\\-", stdout);
	print_text(option->long_name);
	if (option->arg_description != NULL) {
		putchar(' ');
		print_text(option->arg_description);
	}
	putchar('\n');
	print_text(option->description);
	putchar('\n');
}

static void print_command(const CmdRow *row)
{
	const CmdCommand *command = row->command;

	printf(".SS espalier %s ", row->name);
	print_text(command->usage);
	putchar('\n');
	print_text(row->summary);
	puts(".");
	for (const GOptionEntry *option = command->options;
	     option != NULL && option->long_name != NULL; option++)
		print_option(option);
	if (command->examples == NULL)
		return;
	puts(".PP\nExamples:\n.PP\n.nf");
	print_text(command->examples);
	puts(".fi");
}

static void print_page(void)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);

	puts(".TH ESPALIER 1 \"\" \"espalier " ESPALIER_VERSION "\" \"User Commands\"\n"
	     ".SH NAME\n"
	     "espalier \\- grows a fleet of ESP32 devices out of Kubernetes resources\n"
	     ".SH SYNOPSIS\n.B espalier\n.I COMMAND\n.RI [ OPTIONS ]\n"
	     ".SH COMMANDS");
	for (gsize i = 0; i < n_rows; i++)
		if (rows[i].command != NULL)
			print_command(&rows[i]);
	puts(".SH EXIT STATUS\n"
	     ".TP\n0\ndone\n.TP\n1\nfailed\n.TP\n2\nwrong usage\n"
	     ".TP\n3\nnot Ready in time\n.TP\n4\nthe data folder is in use\n"
	     ".SH ENVIRONMENT\n"
	     ".TP\n.B KUBECONFIG\nthe API server, if neither \\-\\-kubeconfig nor \\-\\-data is "
	     "given\n"
	     ".TP\n.B XDG_STATE_HOME\nits folder espalier is the default of \\-\\-data "
	     "(else ~/.local/state/espalier)\n"
	     ".TP\n.B NO_COLOR\nno colours, also on a terminal\n"
	     ".SH SEE ALSO\nespalier\\-device \\-\\-help,\n.BR kubectl (1)");
}

static CmdExit run(int argc, char **argv)
{
	CmdExit exit;

	if (!cmd_parse(&cmd_man, &argc, &argv, &exit))
		return exit;
	if (argc > 1)
		return cmd_usage_error("man", "unexpected '%s'; there is one page", argv[1]);
	print_page();
	return CMD_DONE;
}

const CmdCommand cmd_man = {
	.usage = "",
	.examples = "  espalier man | man -l -\n",
	.run = run,
};
