/* espalier and espalier-fleet: look the command up in the table and run it. */
#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd/other_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static CmdExit fail_unknown(int argc, char **argv)
{
	if (argc > 2 && argv[2][0] != '-' && cmd_row_find(1, argv + 1, &(int){0}) != NULL)
		fprintf(stderr,
			"espalier: there is no command '%s %s'; `espalier %s --help` lists them\n",
			argv[1], argv[2], argv[1]);
	else
		fprintf(stderr,
			"espalier: there is no command '%s'; `espalier --help` lists them\n",
			argv[1]);
	return CMD_USAGE;
}

/* `espalier nvs`, with nothing, --help or a word that is no command of the family after it. */
static CmdExit run_family(const CmdRow *family, int argc, char **argv)
{
	gboolean asks = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);

	if (argc > 2 && !asks)
		return fail_unknown(argc, argv);
	cmd_help_print_family(asks ? stdout : stderr, family);
	return asks ? CMD_DONE : CMD_USAGE;
}

static CmdExit run(int argc, char **argv)
{
	const CmdRow *row;
	int n_words = 0;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		cmd_help_print_overview(stdout);
		return CMD_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("espalier %s\n", ESPALIER_VERSION);
		return CMD_DONE;
	}
	row = cmd_row_find(argc - 1, argv + 1, &n_words);
	if (row == NULL)
		return fail_unknown(argc, argv);
	if (row->command != NULL)
		return row->command->run(argc - n_words, argv + n_words);
	if (cmd_row_is_family(row))
		return run_family(row, argc, argv);
	return cmd_other_program_exec(argv);
}

/* A full disk or a closed pipe behind standard output is a failure like any other. */
int main(int argc, char **argv)
{
	CmdExit exit = run(argc, argv);

	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return (int)exit;
	fprintf(stderr, "espalier: cannot write to standard output: %s\n", g_strerror(errno));
	return exit == CMD_DONE ? CMD_FAILED : (int)exit;
}
