#include "core/config.h"

#include <string.h>

#define REMEDY "; flash this device again with `espalier flash`"

/* Puts a sentence together; always FALSE. */
static bool complain(char problem[static CORE_PROBLEM_MAX + 1], const char *what,
		     const char *detail)
{
	WireText text;

	wire_text_begin(&text, problem, CORE_PROBLEM_MAX + 1);
	wire_text_add(&text, what);
	wire_text_add(&text, detail);
	wire_text_add(&text, REMEDY);
	wire_text_end(&text);
	return false;
}

static bool read_identity(CoreConfig *config, const CorePort *port,
			  char problem[static CORE_PROBLEM_MAX + 1])
{
	uint8_t hash[WIRE_CONFIG_HASH_BYTES];
	WireText text;

	if (!port->config_string(port->context, WIRE_NVS_ESPALIER, WIRE_NVS_ESPALIER_NAME,
				 config->name, sizeof(config->name)))
		return complain(problem, "no identity: the configuration has no key espalier/name",
				"");
	if (!wire_is_id(config->name, WIRE_DEVICE_NAME_MAX))
		return complain(problem, "espalier/name is not the name of a device", "");
	wire_text_begin(&text, config->hash, sizeof(config->hash));
	if (port->config_blob(port->context, WIRE_NVS_ESPALIER, WIRE_NVS_ESPALIER_CONFIG, hash,
			      sizeof(hash)))
		wire_text_add_hex(&text, hash, sizeof(hash));
	wire_text_end(&text);
	return true;
}

/* A number of `mqtt` within its range, or `fallback` if there is none. */
static uint16_t read_number(const CorePort *port, const char *key, uint64_t minimum,
			    uint16_t fallback)
{
	uint64_t value;

	if (!port->config_number(port->context, WIRE_NVS_MQTT, key, &value))
		return fallback;
	return value < minimum || value > UINT16_MAX ? fallback : (uint16_t)value;
}

static bool read_required(const CorePort *port, const char *key, char *out, size_t size_bytes,
			  char problem[static CORE_PROBLEM_MAX + 1])
{
	if (!port->config_string(port->context, WIRE_NVS_MQTT, key, out, size_bytes) ||
	    out[0] == '\0')
		return complain(problem, "no broker: the configuration has no usable key mqtt/",
				key);
	return true;
}

static bool read_convention(CoreConfig *config, const CorePort *port,
			    char problem[static CORE_PROBLEM_MAX + 1])
{
	char convention[WIRE_NVS_NAME_MAX + 1];

	if (port->config_string(port->context, WIRE_NVS_MQTT, WIRE_NVS_MQTT_CONVENTION, convention,
				sizeof(convention)) &&
	    strcmp(convention, WIRE_CONVENTION_HOMIE5) != 0)
		return complain(problem, "this firmware does not speak the convention ",
				convention);
	if (!port->config_string(port->context, WIRE_NVS_MQTT, WIRE_NVS_MQTT_ROOT, config->root,
				 sizeof(config->root)) ||
	    config->root[0] == '\0')
		wire_copy(config->root, sizeof(config->root), WIRE_HOMIE5_ROOT_DEFAULT);
	return true;
}

static bool read_broker(CoreConfig *config, const CorePort *port,
			char problem[static CORE_PROBLEM_MAX + 1])
{
	uint64_t tls;

	if (!read_required(port, WIRE_NVS_MQTT_HOST, config->host, sizeof(config->host), problem) ||
	    !read_required(port, WIRE_NVS_MQTT_USER, config->user, sizeof(config->user), problem) ||
	    !read_required(port, WIRE_NVS_MQTT_PASSWORD, config->password, sizeof(config->password),
			   problem) ||
	    !read_convention(config, port, problem))
		return false;
	config->port = read_number(port, WIRE_NVS_MQTT_PORT, 1, WIRE_MQTT_PORT_DEFAULT);
	config->keepalive_s = read_number(port, WIRE_NVS_MQTT_KEEPALIVE, CORE_KEEPALIVE_MIN_S,
					  WIRE_MQTT_KEEPALIVE_DEFAULT_S);
	/* Without the key: TLS. A password goes out in the clear only where somebody said so. */
	config->tls = !port->config_number(port->context, WIRE_NVS_MQTT, WIRE_NVS_MQTT_TLS, &tls) ||
		      tls != 0;
	return !config->tls || read_required(port, WIRE_NVS_MQTT_CA, config->ca_pem,
					     sizeof(config->ca_pem), problem);
}

static void warn(const CorePort *port, const char *key, const char *what, const char *detail)
{
	char line[CORE_PROBLEM_MAX + 1];
	WireText text;

	wire_text_begin(&text, line, sizeof(line));
	wire_text_add(&text, "sensors/");
	wire_text_add(&text, key);
	wire_text_add(&text, what);
	wire_text_add(&text, detail);
	wire_text_end(&text);
	port->log(port->context, CORE_LOG_WARNING, line);
}

static bool name_is_taken(const CoreConfig *config, const char *name)
{
	for (size_t i = 0; i < config->n_sensors; i++)
		if (strcmp(config->sensors[i].wire.name, name) == 0)
			return true;
	return false;
}

static void add_sensor(CoreConfig *config, const CorePort *port, const char *key, const char *json,
		       uint32_t device_seed)
{
	CoreSensor *sensor = &config->sensors[config->n_sensors];

	if (!wire_sensor_decode(json, strlen(json), &sensor->wire)) {
		warn(port, key, " is not a sensor; left out", "");
		return;
	}
	sensor->catalogue = wire_driver_find(sensor->wire.driver);
	sensor->driver = core_driver_find(sensor->wire.driver);
	if (sensor->catalogue == NULL || sensor->driver == NULL) {
		warn(port, key, ": this firmware has no driver ", sensor->wire.driver);
		return;
	}
	if (name_is_taken(config, sensor->wire.name)) {
		warn(port, key, ": there is already a sensor called ", sensor->wire.name);
		return;
	}
	sensor->seed = device_seed ^ wire_hash(sensor->wire.name, strlen(sensor->wire.name));
	sensor->due_ms = 0;
	config->n_sensors++;
}

static void read_sensors(CoreConfig *config, const CorePort *port,
			 const uint8_t mac[static WIRE_MAC_BYTES])
{
	char json[WIRE_SENSOR_MAX_BYTES + 1];
	char key[WIRE_NVS_NAME_MAX + 1];

	for (unsigned i = 0; wire_nvs_sensor_key(i, key); i++)
		if (port->config_string(port->context, WIRE_NVS_SENSORS, key, json, sizeof(json)))
			add_sensor(config, port, key, json, wire_hash(mac, WIRE_MAC_BYTES));
}

bool core_config_read(CoreConfig *config, const CorePort *port,
		      const uint8_t mac[static WIRE_MAC_BYTES],
		      char problem[static CORE_PROBLEM_MAX + 1])
{
	memset(config, 0, sizeof(*config));
	if (!read_identity(config, port, problem) || !read_broker(config, port, problem))
		return false;
	read_sensors(config, port, mac);
	return true;
}
