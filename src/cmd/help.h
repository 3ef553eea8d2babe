/* cmd/help.h — what people read: the overview, a command's help. All out of the command table. */
#pragma once

#include "cmd/command.h"

#include <stdio.h>

/* What Espalier can do, in groups. */
void cmd_help_print_overview(FILE *out);

/* The commands of a family. */
void cmd_help_print_family(FILE *out, const CmdRow *family);

/* Usage, summary, options and examples of one command, which this program carries. */
void cmd_help_print_command(FILE *out, const CmdRow *row);
