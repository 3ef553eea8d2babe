/* cmd/command.h — the command table. A sub-command is one file here and one row in table.c; help,
 * completion and the manual pages are printed from the rows. */
#pragma once

#include <glib.h>

/* Exit status of every sub-command. */
typedef enum {
	CMD_DONE = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_NOT_READY = 3,   /* not Ready in time */
	CMD_FOLDER_USED = 4, /* the data folder is held by another process */
} CmdExit;

/* One sub-command. `run` gets the arguments after the sub-command's name (argv[0] is the name),
 * prints results to standard output, chatter and errors to standard error, and returns the exit
 * status. */
typedef struct {
	const char *name;
	const char *group;    /* heading in `espalier --help`: "One machine", "Fleet", "Build and
				 flash", … */
	const char *summary;  /* one line, no full stop */
	const char *usage;    /* arguments after the name, for example "-f DIR -o OUT [--csv]" */
	const char *examples; /* lines that run as they are printed */
	const GOptionEntry *options; /* for help and completion, ended by {NULL} as GOption wants;
					may be NULL */
	CmdExit (*run)(int argc, char **argv);
} CmdCommand;

/* The table, in the order of help. Borrowed. */
const CmdCommand *const *cmd_commands(gsize *n_commands);

/* The row called `name`, or NULL. */
const CmdCommand *cmd_command_find(const char *name);

/* Parses the row's options in place (GOption), leaving the positional arguments behind argv[0];
 * prints help for --help. Returns TRUE to go on; FALSE with `exit` set (CMD_DONE after help,
 * CMD_USAGE after a message). */
gboolean cmd_parse(const CmdCommand *command, int *argc, char ***argv, CmdExit *exit);

/* Prints "espalier NAME: message" to standard error and returns CMD_FAILED. */
CmdExit cmd_fail(const char *name, const GError *error);

/* Prints "espalier NAME: message" and where help is; returns CMD_USAGE. */
CmdExit cmd_usage_error(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);
