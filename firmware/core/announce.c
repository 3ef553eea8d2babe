#include "core/internal.h"

static bool publish_values(CoreDevice *device)
{
	CoreSensor *sensor = &device->config.sensors[device->step_sensor];
	uint64_t interval_ms;

	if (device->step_sensor == device->config.n_sensors) {
		device->step = CORE_STEP_SUBSCRIBE;
		return true;
	}
	if (!core_has_room(device, sensor->catalogue->n_measures) ||
	    !core_publish_sensor(device, sensor))
		return false;
	interval_ms = (uint64_t)sensor->wire.interval_s * 1000;
	sensor->due_ms = core_now_ms(device) + interval_ms;
	device->step_sensor++;
	return true;
}

static bool subscribe(CoreDevice *device)
{
	const CorePort *port = device->port;

	wire_topic_fleet(device->topic, sizeof(device->topic), device->config.name, WIRE_FLEET_CMD);
	device->subscription = port->mqtt_subscribe(port->context, device->topic);
	if (device->subscription == 0) {
		core_abandon(device, false, "the connection takes no subscription");
		return false;
	}
	if (device->in_flight == 0)
		device->ack_deadline_ms = core_now_ms(device) + CORE_ACK_TIMEOUT_MS;
	device->in_flight++;
	return true;
}

static void go_online(CoreDevice *device)
{
	device->phase = CORE_ONLINE;
	device->stable_ms = core_now_ms(device) + CORE_STABLE_MS;
	device->info_due = false;
	core_log(device, CORE_LOG_INFO, "online at ", device->config.host);
}

/* Does one step. TRUE if it may go on at once. */
static bool do_step(CoreDevice *device)
{
	switch (device->step) {
	case CORE_STEP_INIT:
		device->step = CORE_STEP_DESCRIPTION;
		return core_publish_state(device, WIRE_HOMIE5_INIT);
	case CORE_STEP_DESCRIPTION:
		device->step = CORE_STEP_VALUES;
		return core_publish_description(device);
	case CORE_STEP_VALUES:
		return publish_values(device);
	case CORE_STEP_SUBSCRIBE:
		if (!core_has_room(device, 1))
			return false;
		device->step = CORE_STEP_READY;
		return subscribe(device);
	case CORE_STEP_READY:
		if (device->in_flight > 0)
			return false;
		device->step = CORE_STEP_INFO;
		return core_publish_state(device, WIRE_HOMIE5_READY);
	case CORE_STEP_INFO:
		device->step = CORE_STEP_DONE;
		return core_publish_info(device);
	case CORE_STEP_DONE:
		if (device->in_flight == 0)
			go_online(device);
		return false;
	}
	return false;
}

void core_announce_begin(CoreDevice *device)
{
	device->phase = CORE_ANNOUNCING;
	device->step = CORE_STEP_INIT;
	device->step_sensor = 0;
	device->in_flight = 0;
	device->subscription = 0;
	core_announce_continue(device);
}

void core_announce_continue(CoreDevice *device)
{
	while (device->phase == CORE_ANNOUNCING && do_step(device))
		continue;
}
