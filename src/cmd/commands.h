/* cmd/commands.h — the rows of the command table; each is defined in the file of its name. */
#pragma once

#include "cmd/command.h"

extern const CmdCommand cmd_apply_command;
extern const CmdCommand cmd_build;
extern const CmdCommand cmd_completion;
extern const CmdCommand cmd_delete;
extern const CmdCommand cmd_describe;
extern const CmdCommand cmd_down;
extern const CmdCommand cmd_flash;
extern const CmdCommand cmd_get;
extern const CmdCommand cmd_man;
extern const CmdCommand cmd_push;
extern const CmdCommand cmd_up;
extern const CmdCommand cmd_wait;
