#include "core/internal.h"

#include <string.h>

static void do_reboot(CoreDevice *device, WireAck *answer)
{
	const CorePort *port = device->port;

	/* Kept over the restart: the same command delivered again must not restart it again. */
	if (!port->own_set(port->context, WIRE_NVS_OWN_RESTART,
			   wire_hash(answer->id, strlen(answer->id))))
		core_log(device, CORE_LOG_WARNING, "cannot remember the command ", answer->id);
	answer->ok = true;
}

static void do_identify(CoreDevice *device, WireAck *answer)
{
	device->port->identify(device->port->context);
	answer->ok = true;
}

static void do_report(CoreDevice *device, WireAck *answer)
{
	device->info_due = true;
	for (size_t i = 0; i < device->config.n_sensors; i++)
		device->config.sensors[i].due_ms = 0;
	answer->ok = true;
}

static void do_config(CoreDevice *device, WireAck *answer)
{
	(void)device;
	wire_copy(answer->message, sizeof(answer->message),
		  "this firmware takes a new configuration only by flashing; "
		  "use `espalier flash`");
}

static void do_unknown(CoreDevice *device, WireAck *answer)
{
	(void)device;
	wire_copy(answer->message, sizeof(answer->message),
		  "this firmware does not know that command; it knows reboot, identify and report");
}

static void (*const actions[])(CoreDevice *device, WireAck *answer) = {
	[WIRE_DO_REBOOT] = do_reboot,   [WIRE_DO_IDENTIFY] = do_identify,
	[WIRE_DO_REPORT] = do_report,   [WIRE_DO_CONFIG] = do_config,
	[WIRE_DO_UNKNOWN] = do_unknown,
};

/* TRUE if the command restarted the device before this boot. */
static bool restarted_by(const CoreDevice *device, const char *id)
{
	const CorePort *port = device->port;
	uint32_t last;

	return port->own_get(port->context, WIRE_NVS_OWN_RESTART, &last) &&
	       last == wire_hash(id, strlen(id));
}

static void run(CoreDevice *device, const WireCommand *command)
{
	bool again = command->action == WIRE_DO_REBOOT && restarted_by(device, command->id);
	WireAck answer = {.ok = again};

	wire_copy(answer.id, sizeof(answer.id), command->id);
	if (!again)
		actions[command->action](device, &answer);
	core_log(device, CORE_LOG_INFO, "command ", answer.id,
		 answer.ok ? " done" : " refused: ", answer.message);
	core_history_add(&device->history, &answer);
	core_publish_answer(device, &answer);
	if (command->action == WIRE_DO_REBOOT && !again)
		core_stop(device, true);
}

void core_handle_command(CoreDevice *device, const CoreEvent *event)
{
	WireCommand command;
	const WireAck *known;

	/* A retained command would come again at every connect. */
	if (event->retained || device->phase == CORE_STOPPING)
		return;
	if (!wire_command_decode(event->payload, event->payload_bytes, &command)) {
		core_log(device, CORE_LOG_WARNING, "a message that is no command was ignored");
		return;
	}
	if (device->in_flight >= CORE_IN_FLIGHT_MAX + CORE_ANSWERS_IN_FLIGHT) {
		core_log(device, CORE_LOG_WARNING, "too many commands at once; ", command.id,
			 " was ignored");
		return;
	}
	known = core_history_find(&device->history, command.id);
	if (known != NULL)
		core_publish_answer(device, known);
	else
		run(device, &command);
}
