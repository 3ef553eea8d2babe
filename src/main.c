/* espalier — looks its sub-command up in the table and runs it. */
#include "cmd/command.h"
#include "cmd/help.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const CmdCommand *command;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		cmd_help_print_overview(stdout);
		return CMD_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("espalier %s\n", ESPALIER_VERSION);
		return CMD_DONE;
	}
	command = cmd_command_find(argv[1]);
	if (command == NULL) {
		fprintf(stderr,
			"espalier: there is no command '%s'; `espalier --help` lists them\n",
			argv[1]);
		return CMD_USAGE;
	}
	return (int)command->run(argc - 1, argv + 1);
}
