#include "core/internal.h"

#include <string.h>

bool core_has_room(const CoreDevice *device, size_t more)
{
	return device->in_flight + more <= CORE_IN_FLIGHT_MAX;
}

bool core_publish(CoreDevice *device, const char *payload, size_t payload_bytes, bool retain)
{
	const CorePort *port = device->port;

	if (port->mqtt_publish(port->context, device->topic, payload, payload_bytes, retain) == 0) {
		core_abandon(device, false, "the connection takes no more messages");
		return false;
	}
	if (device->in_flight == 0)
		device->ack_deadline_ms = core_now_ms(device) + CORE_ACK_TIMEOUT_MS;
	device->in_flight++;
	return true;
}

bool core_publish_state(CoreDevice *device, WireHomie5State state)
{
	const char *word = wire_homie5_state_name(state);

	wire_topic_homie5(device->topic, sizeof(device->topic), device->config.root,
			  device->config.name, WIRE_HOMIE5_STATE);
	return core_publish(device, word, strlen(word), true);
}

bool core_publish_description(CoreDevice *device)
{
	WireSensor sensors[WIRE_NVS_SENSORS_MAX];
	size_t length;

	for (size_t i = 0; i < device->config.n_sensors; i++)
		sensors[i] = device->config.sensors[i].wire;
	length = wire_homie5_description(device->config.name, sensors, device->config.n_sensors,
					 device->payload, sizeof(device->payload));
	wire_topic_homie5(device->topic, sizeof(device->topic), device->config.root,
			  device->config.name, WIRE_HOMIE5_DESCRIPTION);
	return core_publish(device, device->payload, length, true);
}

static void fill_info(const CoreDevice *device, WireInfo *info)
{
	const CoreHardware *hardware = &device->hardware;
	CoreLink link = {0};

	device->port->link(device->port->context, &link);
	memset(info, 0, sizeof(*info));
	wire_copy(info->firmware_version, sizeof(info->firmware_version),
		  hardware->firmware_version);
	wire_copy(info->firmware_sha256, sizeof(info->firmware_sha256), hardware->firmware_sha256);
	wire_copy(info->slot, sizeof(info->slot), hardware->slot);
	wire_copy(info->config, sizeof(info->config), device->config.hash);
	wire_copy(info->chip, sizeof(info->chip), hardware->chip);
	wire_copy(info->reset, sizeof(info->reset), hardware->reset);
	wire_copy(info->ip, sizeof(info->ip), link.ip);
	wire_mac_format(hardware->mac, info->mac);
	info->revision = hardware->revision;
	info->heap_bytes = link.heap_bytes;
	info->rssi_dbm = link.rssi_dbm;
	info->boots = device->boots;
	info->uptime_s = (core_now_ms(device) - device->started_ms) / 1000;
}

bool core_publish_info(CoreDevice *device)
{
	WireInfo info;
	size_t length;

	fill_info(device, &info);
	length = wire_info_encode(&info, device->payload, sizeof(device->payload));
	wire_topic_fleet(device->topic, sizeof(device->topic), device->config.name,
			 WIRE_FLEET_INFO);
	return core_publish(device, device->payload, length, true);
}

bool core_publish_answer(CoreDevice *device, const WireAck *answer)
{
	size_t length = wire_ack_encode(answer, device->payload, sizeof(device->payload));

	wire_topic_fleet(device->topic, sizeof(device->topic), device->config.name, WIRE_FLEET_ACK);
	return core_publish(device, device->payload, length, false);
}

/* One value on <root>/5/<device>/<node>/<property>. */
static bool publish_measure(CoreDevice *device, const CoreSensor *sensor,
			    const WireMeasure *measure, int32_t value)
{
	char rest[WIRE_SENSOR_NAME_MAX + 1 + WIRE_SENSOR_NAME_MAX + 1];
	WireText text;

	wire_text_begin(&text, rest, sizeof(rest));
	wire_text_add(&text, sensor->wire.name);
	wire_text_add(&text, "/");
	wire_text_add(&text, measure->id);
	wire_text_end(&text);
	wire_topic_homie5(device->topic, sizeof(device->topic), device->config.root,
			  device->config.name, rest);
	wire_text_begin(&text, device->payload, sizeof(device->payload));
	wire_text_add_decimal(&text, value, measure->decimals);
	return core_publish(device, device->payload, wire_text_end(&text), true);
}

bool core_publish_sensor(CoreDevice *device, CoreSensor *sensor)
{
	int32_t values[WIRE_SENSOR_MEASURES_MAX] = {0};
	uint64_t wall_s = device->port->wall_s(device->port->context);
	CoreMoment moment = {.seed = sensor->seed, .time_s = wall_s};

	if (wall_s == 0)
		moment.time_s = (core_now_ms(device) - device->started_ms) / 1000;
	if (!sensor->driver->read(&moment, values)) {
		core_log(device, CORE_LOG_WARNING, "sensor ", sensor->wire.name,
			 " does not answer");
		return true;
	}
	for (size_t i = 0; i < sensor->catalogue->n_measures; i++)
		if (!publish_measure(device, sensor, &sensor->catalogue->measures[i], values[i]))
			return false;
	return true;
}
