#include "fleet/commands.h"

#include <string.h>

struct FleetCommands {
	GHashTable *waiting; /* its id → FleetCommand, owned by hand */
};

void fleet_command_finish(FleetCommand *command, const WireAck *ack, const GError *error)
{
	if (command->done != NULL)
		command->done(ack, error, command->user_data);
	g_atomic_int_add(command->open, -1);
	g_free(command);
}

FleetCommands *fleet_commands_new(void)
{
	FleetCommands *commands = g_new0(FleetCommands, 1);

	commands->waiting = g_hash_table_new(g_str_hash, g_str_equal);
	return commands;
}

void fleet_commands_free(FleetCommands *commands)
{
	if (commands == NULL)
		return;
	g_hash_table_unref(commands->waiting);
	g_free(commands);
}

void fleet_commands_add(FleetCommands *commands, FleetCommand *command)
{
	g_hash_table_insert(commands->waiting, command->command.id, command);
}

void fleet_commands_answer(FleetCommands *commands, const char *device, const WireAck *ack)
{
	FleetCommand *command = g_hash_table_lookup(commands->waiting, ack->id);

	if (command == NULL || strcmp(command->device, device) != 0)
		return;
	g_hash_table_remove(commands->waiting, ack->id);
	fleet_command_finish(command, ack, NULL);
}

gint64 fleet_commands_expire(FleetCommands *commands, gint64 now_us)
{
	gint64 next_us = G_MAXINT64;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, commands->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		FleetCommand *command = value;
		g_autoptr(GError) error = NULL;

		if (command->end_us > now_us) {
			next_us = MIN(next_us, command->end_us);
			continue;
		}
		g_hash_table_iter_remove(&iter);
		g_set_error(&error, FLEET_ERROR, FLEET_ERROR_TIMEOUT,
			    "device '%s' did not answer '%s' in time", command->device,
			    wire_do_name(command->command.action));
		fleet_command_finish(command, NULL, error);
	}
	return next_us;
}

void fleet_commands_fail_all(FleetCommands *commands, const GError *error)
{
	GHashTableIter iter;
	gpointer command;

	g_hash_table_iter_init(&iter, commands->waiting);
	while (g_hash_table_iter_next(&iter, NULL, &command)) {
		g_hash_table_iter_remove(&iter);
		fleet_command_finish(command, NULL, error);
	}
}
