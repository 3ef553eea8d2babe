/* cmd/other_program.h — the way from `espalier` to the program that carries all commands. */
#pragma once

#include "cmd/command.h"

/* Replaces this process with espalier-fleet, which stands beside its executable or in
 * ../libexec/espalier/ of it. Returns only if that fails, after a message: CMD_FAILED. */
CmdExit cmd_other_program_exec(char **argv);
