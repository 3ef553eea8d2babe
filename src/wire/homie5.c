#include "wire/homie5.h"

#include "wire/text.h"

#include <string.h>

static const char *const state_names[] = {
	[WIRE_HOMIE5_INIT] = "init",
	[WIRE_HOMIE5_READY] = "ready",
	[WIRE_HOMIE5_DISCONNECTED] = "disconnected",
	[WIRE_HOMIE5_SLEEPING] = "sleeping",
	[WIRE_HOMIE5_LOST] = "lost",
};

const char *wire_homie5_state_name(WireHomie5State state)
{
	return state_names[state];
}

bool wire_homie5_state_parse(const char *payload, size_t size_bytes, WireHomie5State *state)
{
	for (size_t i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (strlen(state_names[i]) == size_bytes &&
		    memcmp(state_names[i], payload, size_bytes) == 0) {
			*state = (WireHomie5State)i;
			return true;
		}
	}
	return false;
}

static void add_measure(WireText *text, const WireMeasure *measure)
{
	wire_text_add_json_string(text, measure->id);
	wire_text_add(text, ":{\"name\":");
	wire_text_add_json_string(text, measure->name);
	wire_text_add(text, ",\"datatype\":");
	wire_text_add_json_string(text, measure->datatype);
	if (measure->unit != NULL) {
		wire_text_add(text, ",\"unit\":");
		wire_text_add_json_string(text, measure->unit);
	}
	if (measure->format != NULL) {
		wire_text_add(text, ",\"format\":");
		wire_text_add_json_string(text, measure->format);
	}
	wire_text_add(text, "}");
}

static void add_node(WireText *text, const WireSensor *sensor, const WireDriver *driver)
{
	wire_text_add_json_string(text, sensor->name);
	wire_text_add(text, ":{\"name\":");
	wire_text_add_json_string(text, driver->name);
	wire_text_add(text, ",\"type\":");
	wire_text_add_json_string(text, driver->driver);
	wire_text_add(text, ",\"properties\":{");
	for (size_t i = 0; i < driver->n_measures; i++) {
		if (i > 0)
			wire_text_add(text, ",");
		add_measure(text, &driver->measures[i]);
	}
	wire_text_add(text, "}}");
}

size_t wire_homie5_description(const char *device, const WireSensor *sensors, size_t n_sensors,
			       char *out, size_t size_bytes)
{
	const char *separator = "";
	WireText text;
	uint32_t version;

	wire_text_begin(&text, out, size_bytes);
	wire_text_add(&text, "{\"homie\":\"5.0\",\"name\":");
	wire_text_add_json_string(&text, device);
	wire_text_add(&text, ",\"nodes\":{");
	for (size_t i = 0; i < n_sensors; i++) {
		const WireDriver *driver = wire_driver_find(sensors[i].driver);

		if (driver == NULL)
			continue;
		wire_text_add(&text, separator);
		add_node(&text, &sensors[i], driver);
		separator = ",";
	}
	wire_text_add(&text, "}");
	version = wire_hash(out, text.length);
	wire_text_add(&text, ",\"version\":");
	wire_text_add_unsigned(&text, version);
	wire_text_add(&text, "}");
	return wire_text_end(&text);
}
