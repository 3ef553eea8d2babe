#include "cmd/commands.h"

#include <stdio.h>
#include <string.h>

static void print_bash_options(const CmdCommand *command)
{
	printf("\t\t%s) words=\"--help%s", command->name,
	       command == &cmd_completion ? " bash zsh" : "");
	for (const GOptionEntry *option = command->options;
	     option != NULL && option->long_name != NULL; option++)
		if (option->long_name[0] != '\0' && !(option->flags & G_OPTION_FLAG_HIDDEN))
			printf(" --%s", option->long_name);
	puts("\" ;;");
}

static void print_bash(const CmdCommand *const *commands, gsize n_commands)
{
	puts("# bash completion for espalier\n"
	     "_espalier()\n{\n"
	     "\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
	     "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"--help --version\"");
	for (gsize i = 0; i < n_commands; i++)
		printf("\t\twords=\"$words %s\"\n", commands[i]->name);
	puts("\telse\n\t\tcase \"${COMP_WORDS[1]}\" in");
	for (gsize i = 0; i < n_commands; i++)
		print_bash_options(commands[i]);
	puts("\t\tesac\n\tfi\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
	     "}\ncomplete -o default -F _espalier espalier");
}

static void print_zsh(const CmdCommand *const *commands, gsize n_commands)
{
	puts("#compdef espalier\n_espalier() {\n\tlocal -a commands\n\tcommands=(");
	for (gsize i = 0; i < n_commands; i++)
		printf("\t\t'%s:%s'\n", commands[i]->name, commands[i]->summary);
	puts("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command "
	     "commands\n\t\treturn\n\tfi\n\tcase $words[2] in");
	for (gsize i = 0; i < n_commands; i++) {
		printf("\t%s) _arguments '--help[this text]'", commands[i]->name);
		for (const GOptionEntry *o = commands[i]->options;
		     o != NULL && o->long_name != NULL; o++)
			if (o->long_name[0] != '\0' && !(o->flags & G_OPTION_FLAG_HIDDEN))
				printf(" '--%s%s'", o->long_name,
				       o->arg_description != NULL ? "=:value:_files" : "");
		puts(" '*:file:_files' ;;");
	}
	puts("\tesac\n}\n_espalier \"$@\"");
}

static CmdExit run(int argc, char **argv)
{
	gsize n_commands;
	const CmdCommand *const *commands = cmd_commands(&n_commands);
	CmdExit exit;

	if (!cmd_parse(&cmd_completion, &argc, &argv, &exit))
		return exit;
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		print_bash(commands, n_commands);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		print_zsh(commands, n_commands);
	else
		return cmd_usage_error("completion", "name one shell: bash or zsh");
	return CMD_DONE;
}

const CmdCommand cmd_completion = {
	.name = "completion",
	.group = "Help",
	.summary = "print completion for a shell",
	.usage = "bash|zsh",
	.examples = "  source <(espalier completion bash)\n"
		    "  espalier completion zsh > _espalier   # into a folder of your fpath\n",
	.run = run,
};
