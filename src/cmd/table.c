#include "cmd/command.h"
#include "cmd/commands.h"

#include <string.h>

/* One row a sub-command, in the order of help; rows of a group stand together. */
static const CmdCommand *const table[] = {
	&cmd_up,   &cmd_down,  &cmd_apply_command, &cmd_get,   &cmd_describe,   &cmd_delete,
	&cmd_wait, &cmd_build, &cmd_push,          &cmd_flash, &cmd_completion, &cmd_man,
};

const CmdCommand *const *cmd_commands(gsize *n_commands)
{
	*n_commands = G_N_ELEMENTS(table);
	return table;
}

const CmdCommand *cmd_command_find(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	return NULL;
}
