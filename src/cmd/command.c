#include "cmd/command.h"
#include "cmd/help.h"

#include <stdarg.h>
#include <string.h>

static gboolean asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return TRUE;
	return FALSE;
}

static const CmdRow *row_of(const CmdCommand *command)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);

	for (gsize i = 0; i < n_rows; i++)
		if (rows[i].command == command)
			return &rows[i];
	g_error("a command has no row in the table");
}

gboolean cmd_parse(const CmdCommand *command, int *argc, char ***argv, CmdExit *exit)
{
	g_autoptr(GOptionContext) context = NULL;
	g_autoptr(GError) error = NULL;

	if (asks_for_help(*argc, *argv)) {
		cmd_help_print_command(stdout, row_of(command));
		*exit = CMD_DONE;
		return FALSE;
	}
	context = g_option_context_new(NULL);
	g_option_context_set_help_enabled(context, FALSE);
	if (command->options != NULL)
		g_option_context_add_main_entries(context, command->options, NULL);
	if (!g_option_context_parse(context, argc, argv, &error)) {
		*exit = cmd_usage_error(row_of(command)->name, "%s", error->message);
		return FALSE;
	}
	return TRUE;
}

CmdExit cmd_fail(const char *name, const GError *error)
{
	g_printerr("espalier %s: %s\n", name, error->message);
	return CMD_FAILED;
}

CmdExit cmd_usage_error(const char *name, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_printerr("espalier %s: %s\nespalier %s --help explains it\n", name, message, name);
	return CMD_USAGE;
}
