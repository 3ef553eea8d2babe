/* fleet/commands.h — commands of one session that wait for their answer. The fleet's thread alone.
 */
#pragma once

#include "fleet/fleet.h"

typedef struct {
	WireCommand command;
	char device[WIRE_DEVICE_NAME_MAX + 1];
	gint64 end_us; /* monotonic */
	FleetCommandDone done;
	gpointer user_data;
	int *open; /* counts the open commands of all sessions; atomic, borrowed */
} FleetCommand;

/* Answers (borrowed `ack` or `error`), and frees. */
void fleet_command_finish(FleetCommand *command, const WireAck *ack, const GError *error);

typedef struct FleetCommands FleetCommands;

FleetCommands *fleet_commands_new(void);
/* None may wait any more. */
void fleet_commands_free(FleetCommands *commands);

/* Takes a command that was sent. */
void fleet_commands_add(FleetCommands *commands, FleetCommand *command);
/* Answers the command that `ack` belongs to; another device's id is nobody's. */
void fleet_commands_answer(FleetCommands *commands, const char *device, const WireAck *ack);
/* Fails those whose time is over; returns when the next one's is, or G_MAXINT64. */
gint64 fleet_commands_expire(FleetCommands *commands, gint64 now_us);
void fleet_commands_fail_all(FleetCommands *commands, const GError *error);
