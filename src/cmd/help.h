/* cmd/help.h — what people read: the overview, a command's help. All out of the command table. */
#pragma once

#include "cmd/command.h"

#include <stdio.h>

/* What Espalier can do, in groups. */
void cmd_help_print_overview(FILE *out);

/* Usage, summary, options and examples of one command. */
void cmd_help_print_command(FILE *out, const CmdCommand *command);
