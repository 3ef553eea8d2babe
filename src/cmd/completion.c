#include "cmd/commands.h"

#include <stdio.h>
#include <string.h>

static gboolean option_is_shown(const GOptionEntry *option)
{
	return option->long_name[0] != '\0' && !(option->flags & G_OPTION_FLAG_HIDDEN);
}

/* The words that may follow a row's name: a family's commands, or options. */
static void print_words(const CmdRow *row, const CmdRow *rows, gsize n_rows)
{
	const CmdCommand *command = row->command;

	printf("--help");
	for (gsize i = 0; i < n_rows; i++)
		if (cmd_row_is_of_family(&rows[i], row))
			printf(" %s", strchr(rows[i].name, ' ') + 1);
	if (command == NULL)
		return;
	if (command->words != NULL)
		printf(" %s", command->words);
	for (const GOptionEntry *option = command->options;
	     option != NULL && option->long_name != NULL; option++)
		if (option_is_shown(option))
			printf(" --%s", option->long_name);
}

/* Bash: words by what was typed so far, the longest name first. */
static void print_bash(const CmdRow *rows, gsize n_rows)
{
	puts("# bash completion for espalier\n"
	     "_espalier()\n{\n"
	     "\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
	     "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"--help --version\"");
	for (gsize i = 0; i < n_rows; i++)
		if (strchr(rows[i].name, ' ') == NULL)
			printf("\t\twords=\"$words %s\"\n", rows[i].name);
	puts("\telse\n\t\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]} \" in");
	for (int two_words = 1; two_words >= 0; two_words--)
		for (gsize i = 0; i < n_rows; i++)
			if ((strchr(rows[i].name, ' ') != NULL) == two_words) {
				printf("\t\t\"%s \"*) words=\"", rows[i].name);
				print_words(&rows[i], rows, n_rows);
				puts("\" ;;");
			}
	puts("\t\tesac\n\tfi\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	     "}\ncomplete -o default -F _espalier espalier");
}

static void print_zsh_options(const CmdCommand *command)
{
	printf("_arguments '--help[this text]'");
	for (const GOptionEntry *o = command->options; o != NULL && o->long_name != NULL; o++)
		if (option_is_shown(o))
			printf(" '--%s%s'", o->long_name,
			       o->arg_description != NULL ? "=:value:_files" : "");
	puts(" '*:file:_files' ;;");
}

/* A list of names and summaries for _describe: the commands of a family, or all first words. */
static void print_zsh_list(const CmdRow *family, const CmdRow *rows, gsize n_rows)
{
	for (gsize i = 0; i < n_rows; i++)
		if (family != NULL ? cmd_row_is_of_family(&rows[i], family)
				   : strchr(rows[i].name, ' ') == NULL)
			printf("\t\t'%s:%s'\n",
			       rows[i].name + (family != NULL ? strlen(family->name) + 1 : 0),
			       rows[i].summary);
	puts("\t)");
}

static void print_zsh_case(const CmdRow *row, const CmdRow *rows, gsize n_rows)
{
	if (row->command != NULL) {
		printf("\t\"%s \"*) ", row->name);
		print_zsh_options(row->command);
		return;
	}
	printf("\t\"%s \"*) commands=(\n", row->name);
	print_zsh_list(row, rows, n_rows);
	puts("\t\t_describe command commands ;;");
}

static void print_zsh(const CmdRow *rows, gsize n_rows)
{
	puts("#compdef espalier\n_espalier() {\n\tlocal -a commands\n\tcommands=(");
	print_zsh_list(NULL, rows, n_rows);
	puts("\tif (( CURRENT == 2 )); then\n\t\t_describe command "
	     "commands\n\t\treturn\n\tfi\n\tcase \"$words[2] $words[3] \" in");
	for (int two_words = 1; two_words >= 0; two_words--)
		for (gsize i = 0; i < n_rows; i++)
			if ((strchr(rows[i].name, ' ') != NULL) == two_words)
				print_zsh_case(&rows[i], rows, n_rows);
	puts("\tesac\n}\n_espalier \"$@\"");
}

static CmdExit run(int argc, char **argv)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);
	CmdExit exit;

	if (!cmd_parse(&cmd_completion, &argc, &argv, &exit))
		return exit;
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		print_bash(rows, n_rows);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		print_zsh(rows, n_rows);
	else
		return cmd_usage_error("completion", "name one shell: bash or zsh");
	return CMD_DONE;
}

const CmdCommand cmd_completion = {
	.usage = "bash|zsh",
	.words = "bash zsh",
	.examples = "  source <(espalier completion bash)\n"
		    "  espalier completion zsh > _espalier   # into a folder of your fpath\n",
	.run = run,
};
