#include "core/internal.h"

#include <string.h>

enum {
	LOG_LINE_MAX = 255,
	NUMBER_CHARS = 20,
};

uint64_t core_now_ms(const CoreDevice *device)
{
	return device->port->monotonic_ms(device->port->context);
}

void core_log_parts(const CoreDevice *device, CoreLogLevel level, const char *const *parts)
{
	char line[LOG_LINE_MAX + 1];
	WireText text;

	wire_text_begin(&text, line, sizeof(line));
	for (; *parts != NULL; parts++) {
		size_t room = sizeof(line) - 1 - text.length;
		size_t length = strlen(*parts);

		wire_text_add_bytes(&text, *parts, length < room ? length : room);
	}
	wire_text_end(&text);
	device->port->log(device->port->context, level, line);
}

static const char *number(char buffer[static NUMBER_CHARS + 1], uint64_t value)
{
	WireText text;

	wire_text_begin(&text, buffer, NUMBER_CHARS + 1);
	wire_text_add_unsigned(&text, value);
	wire_text_end(&text);
	return buffer;
}

/* ---- The connection comes and goes ---- */

static void wait_and_retry(CoreDevice *device, bool unauthorised, const char *why)
{
	const CorePort *port = device->port;
	char digits[NUMBER_CHARS + 1];
	uint32_t wait_ms;

	if (device->phase == CORE_ONLINE && core_now_ms(device) >= device->stable_ms)
		core_backoff_reset(&device->backoff);
	wait_ms = core_backoff_next(&device->backoff, unauthorised, port->random(port->context));
	device->phase = CORE_WAITING;
	device->in_flight = 0;
	device->deadline_ms = core_now_ms(device) + wait_ms;
	core_log(device, CORE_LOG_WARNING, "broker ", device->config.host, ": ", why,
		 "; trying again in ", number(digits, wait_ms), " ms");
}

void core_abandon(CoreDevice *device, bool unauthorised, const char *why)
{
	if (device->phase == CORE_STOPPING) {
		device->phase = CORE_STOPPED;
		device->port->mqtt_disconnect(device->port->context, false);
		return;
	}
	device->port->mqtt_disconnect(device->port->context, false);
	wait_and_retry(device, unauthorised, why);
}

static void connect_now(CoreDevice *device)
{
	const CoreConfig *config = &device->config;
	CoreLogin login = {
		.host = config->host,
		.port = config->port,
		.tls = config->tls,
		.ca_pem = config->ca_pem,
		.client_id = config->name,
		.user = config->user,
		.password = config->password,
		.keepalive_s = config->keepalive_s,
		.will_topic = device->will_topic,
		.will_payload = wire_homie5_state_name(WIRE_HOMIE5_LOST),
	};

	device->phase = CORE_CONNECTING;
	device->in_flight = 0;
	device->deadline_ms = core_now_ms(device) + CORE_CONNECT_TIMEOUT_MS;
	if (!device->port->mqtt_connect(device->port->context, &login))
		wait_and_retry(device, false, "cannot connect");
}

static void stopped(CoreDevice *device, bool clean)
{
	device->phase = CORE_STOPPED;
	device->port->mqtt_disconnect(device->port->context, clean);
}

void core_stop(CoreDevice *device, bool restarts)
{
	bool connected = device->phase == CORE_ANNOUNCING || device->phase == CORE_ONLINE;

	if (device->phase == CORE_STOPPED)
		return;
	device->restarts = restarts;
	if (device->phase == CORE_STOPPING)
		return;
	core_log(device, CORE_LOG_INFO, restarts ? "restarting" : "switching off");
	if (!connected) {
		stopped(device, true);
		return;
	}
	device->phase = CORE_STOPPING;
	device->deadline_ms = core_now_ms(device) + CORE_STOP_TIMEOUT_MS;
	core_publish_state(device, WIRE_HOMIE5_DISCONNECTED);
}

/* ---- Events ---- */

static void on_network_up(CoreDevice *device)
{
	if (device->phase != CORE_NETWORK)
		return;
	/* A network that returns does so for many devices at once. */
	if (device->network_was_up)
		wait_and_retry(device, false, "the network was away");
	else
		connect_now(device);
	device->network_was_up = true;
}

static void on_network_down(CoreDevice *device)
{
	if (device->phase == CORE_HALTED || device->phase == CORE_STOPPED)
		return;
	device->port->mqtt_disconnect(device->port->context, false);
	device->in_flight = 0;
	device->phase = device->phase == CORE_STOPPING ? CORE_STOPPED : CORE_NETWORK;
}

static void on_connection_lost(CoreDevice *device, bool unauthorised, const char *why)
{
	if (device->phase == CORE_CONNECTING || device->phase == CORE_ANNOUNCING ||
	    device->phase == CORE_ONLINE)
		wait_and_retry(device, unauthorised, why == NULL ? "connection lost" : why);
	else if (device->phase == CORE_STOPPING)
		device->phase = CORE_STOPPED;
}

/* The broker has one more of what was sent. */
static void on_acknowledged(CoreDevice *device)
{
	if (device->in_flight == 0)
		return;
	device->in_flight--;
	device->ack_deadline_ms = core_now_ms(device) + CORE_ACK_TIMEOUT_MS;
	if (device->phase == CORE_ANNOUNCING)
		core_announce_continue(device);
	else if (device->phase == CORE_STOPPING && device->in_flight == 0)
		stopped(device, true);
}

static void on_subscribed(CoreDevice *device, const CoreEvent *event)
{
	if (event->message != device->subscription)
		return;
	if (!event->accepted) {
		core_abandon(device, true, "the broker refuses the subscription to commands");
		return;
	}
	on_acknowledged(device);
}

static void on_message(CoreDevice *device, const CoreEvent *event)
{
	char name[WIRE_DEVICE_NAME_MAX + 1];
	WireFleetTopic topic;

	if (wire_topic_fleet_parse(event->topic, name, &topic) && topic == WIRE_FLEET_CMD &&
	    strcmp(name, device->config.name) == 0)
		core_handle_command(device, event);
}

static void handle(CoreDevice *device, const CoreEvent *event)
{
	switch (event->type) {
	case CORE_EVENT_NETWORK_UP:
		on_network_up(device);
		break;
	case CORE_EVENT_NETWORK_DOWN:
		on_network_down(device);
		break;
	case CORE_EVENT_CONNECTED:
		if (device->phase == CORE_CONNECTING)
			core_announce_begin(device);
		break;
	case CORE_EVENT_REFUSED:
		on_connection_lost(device, event->unauthorised, event->text);
		break;
	case CORE_EVENT_DISCONNECTED:
		on_connection_lost(device, false, event->text);
		break;
	case CORE_EVENT_PUBLISHED:
		on_acknowledged(device);
		break;
	case CORE_EVENT_SUBSCRIBED:
		on_subscribed(device, event);
		break;
	case CORE_EVENT_MESSAGE:
		on_message(device, event);
		break;
	case CORE_EVENT_STOP:
		core_stop(device, false);
		break;
	}
}

/* ---- Time ---- */

static void publish_what_is_due(CoreDevice *device, uint64_t now_ms)
{
	if (device->info_due && core_has_room(device, 1)) {
		device->info_due = false;
		if (!core_publish_info(device))
			return;
	}
	for (size_t i = 0; i < device->config.n_sensors; i++) {
		CoreSensor *sensor = &device->config.sensors[i];
		uint64_t interval_ms = (uint64_t)sensor->wire.interval_s * 1000;

		if (sensor->due_ms > now_ms ||
		    !core_has_room(device, sensor->catalogue->n_measures))
			continue;
		/* On the beat, unless beats were missed: those are not made up for. */
		sensor->due_ms += interval_ms;
		if (sensor->due_ms <= now_ms)
			sensor->due_ms = now_ms + interval_ms;
		if (!core_publish_sensor(device, sensor))
			return;
	}
}

static void handle_time(CoreDevice *device)
{
	uint64_t now_ms = core_now_ms(device);
	bool connected = device->phase == CORE_ANNOUNCING || device->phase == CORE_ONLINE;

	if (connected && device->in_flight > 0 && now_ms >= device->ack_deadline_ms) {
		core_abandon(device, false, "the broker acknowledges nothing");
		return;
	}
	if (device->phase == CORE_ONLINE) {
		publish_what_is_due(device, now_ms);
		return;
	}
	if (now_ms < device->deadline_ms)
		return;
	if (device->phase == CORE_WAITING)
		connect_now(device);
	else if (device->phase == CORE_CONNECTING)
		core_abandon(device, false, "no answer");
	else if (device->phase == CORE_STOPPING)
		stopped(device, false);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_moment_ms(const CoreDevice *device, uint64_t now_ms)
{
	uint64_t next = now_ms + CORE_STEP_MAX_MS;

	if (device->phase == CORE_WAITING || device->phase == CORE_CONNECTING ||
	    device->phase == CORE_STOPPING)
		next = earlier(next, device->deadline_ms);
	if ((device->phase == CORE_ANNOUNCING || device->phase == CORE_ONLINE) &&
	    device->in_flight > 0)
		next = earlier(next, device->ack_deadline_ms);
	if (device->phase != CORE_ONLINE)
		return next;
	for (size_t i = 0; i < device->config.n_sensors; i++) {
		const CoreSensor *sensor = &device->config.sensors[i];

		/* One that waits for room is woken by an acknowledgement, not by time. */
		if (core_has_room(device, sensor->catalogue->n_measures))
			next = earlier(next, sensor->due_ms);
	}
	return next;
}

uint32_t core_step(CoreDevice *device)
{
	const CorePort *port = device->port;
	CoreEvent event;
	uint64_t now_ms;
	uint64_t next_ms;

	while (device->phase != CORE_STOPPED && port->poll_event(port->context, &event))
		handle(device, &event);
	handle_time(device);
	if (device->phase == CORE_STOPPED && device->restarts) {
		device->restarts = false;
		port->reboot(port->context, WIRE_RESET_SOFTWARE);
	}
	now_ms = core_now_ms(device);
	next_ms = next_moment_ms(device, now_ms);
	return next_ms > now_ms ? (uint32_t)(next_ms - now_ms) : 0;
}

/* ---- Boot ---- */

static void count_boot(CoreDevice *device)
{
	const CorePort *port = device->port;

	if (!port->own_get(port->context, WIRE_NVS_OWN_BOOTS, &device->boots))
		device->boots = 0;
	device->boots++;
	if (!port->own_set(port->context, WIRE_NVS_OWN_BOOTS, device->boots))
		core_log(device, CORE_LOG_WARNING, "cannot count this boot in the partition ",
			 WIRE_PARTITION_OWN);
}

void core_start(CoreDevice *device, const CorePort *port)
{
	char problem[CORE_PROBLEM_MAX + 1];
	char digits[NUMBER_CHARS + 1];

	memset(device, 0, sizeof(*device));
	device->port = port;
	device->started_ms = core_now_ms(device);
	port->hardware(port->context, &device->hardware);
	count_boot(device);
	core_log(device, CORE_LOG_INFO, "firmware ", device->hardware.firmware_version, " from ",
		 device->hardware.slot, ", boot ", number(digits, device->boots),
		 ", reset: ", device->hardware.reset);
	if (!core_config_read(&device->config, port, device->hardware.mac, problem)) {
		core_log(device, CORE_LOG_ERROR, problem);
		device->phase = CORE_HALTED;
		return;
	}
	wire_topic_homie5(device->will_topic, sizeof(device->will_topic), device->config.root,
			  device->config.name, WIRE_HOMIE5_STATE);
	device->phase = CORE_NETWORK;
	port->network_start(port->context);
}
