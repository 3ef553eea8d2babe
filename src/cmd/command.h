/* cmd/command.h — the command table. A command is one file here and one row in table.c; help,
 * completion and the manual pages are printed from the rows.
 *
 * Two programs are made of the table. `espalier` carries what needs no more than GLib and starts in
 * a millisecond; the other rows it leaves to `espalier-fleet`, which carries all of them and the
 * libraries of the control plane, by replacing itself with it. */
#pragma once

#include <glib.h>

/* Exit status of every command. */
typedef enum {
	CMD_DONE = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
	CMD_NOT_READY = 3,   /* not Ready in time */
	CMD_FOLDER_USED = 4, /* the data folder is held by another process */
} CmdExit;

/* What a command is made of. `run` gets the arguments after the command's words (argv[0] is the
 * last of them), prints results to standard output, chatter and errors to standard error, and
 * returns the exit status. */
typedef struct {
	const char *usage;    /* arguments after the name, for example "-f DIR -o OUT [--csv]" */
	const char *examples; /* lines that run as they are printed */
	const GOptionEntry *options; /* for help and completion, ended by G_OPTION_ENTRY_NULL; may
					be NULL */
	const char *words; /* further words that completion offers ("bash zsh"), or NULL */
	CmdExit (*run)(int argc, char **argv);
} CmdCommand;

/* A row. A name of two words ("nvs generate") is a command of a family, whose own row ("nvs") has
 * no command and stands before it. */
typedef struct {
	const char *name;
	const char *group;         /* heading in `espalier --help`: "One machine", "Fleet", … */
	const char *summary;       /* one line, no full stop */
	const CmdCommand *command; /* NULL: a family, or carried by espalier-fleet only */
} CmdRow;

/* The table, in the order of help. Borrowed. */
const CmdRow *cmd_rows(gsize *n_rows);

/* The row that the first words of `argv` name, with the number of words it took (1 or 2); NULL,
 * `n_words` untouched, if there is none. */
const CmdRow *cmd_row_find(int argc, char **argv, int *n_words);

/* TRUE if `row` is a family: rows of two words begin with its name. */
gboolean cmd_row_is_family(const CmdRow *row);

/* TRUE if `row` is a command of the family `family`. */
gboolean cmd_row_is_of_family(const CmdRow *row, const CmdRow *family);

/* Parses the command's options in place (GOption), leaving the positional arguments behind argv[0];
 * prints help for --help. Returns TRUE to go on; FALSE with `exit` set (CMD_DONE after help,
 * CMD_USAGE after a message). */
gboolean cmd_parse(const CmdCommand *command, int *argc, char ***argv, CmdExit *exit);

/* Prints "espalier NAME: message" to standard error and returns CMD_FAILED. */
CmdExit cmd_fail(const char *name, const GError *error);

/* Prints "espalier NAME: message" and where help is; returns CMD_USAGE. */
CmdExit cmd_usage_error(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);
