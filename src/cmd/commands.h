/* cmd/commands.h — the rows of the command table; each is defined in the file of its name. */
#pragma once

#include "cmd/command.h"

extern const CmdCommand cmd_completion;
extern const CmdCommand cmd_down;
