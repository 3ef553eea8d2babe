#include "wire/sensors.h"

#include "wire/json.h"
#include "wire/text.h"

#include <string.h>

static const WireDriver drivers[] = {
	{.driver = "battery",
	 .name = "Battery",
	 .n_measures = 2,
	 .measures = {{"voltage", "Voltage", "V", "float", "0:", 3},
		      {"level", "Level", "%", "integer", "0:100", 0}}},
	{.driver = "bme280",
	 .name = "Climate (BME280)",
	 .n_measures = 3,
	 .measures = {{"temperature", "Temperature", "\u00b0C", "float", "-40:85", 2},
		      {"humidity", "Relative humidity", "%", "float", "0:100", 1},
		      {"pressure", "Air pressure", "Pa", "integer", "30000:110000", 0}}},
	{.driver = "soil",
	 .name = "Soil",
	 .n_measures = 2,
	 .measures = {{"moisture", "Moisture", "%", "float", "0:100", 1},
		      {"temperature", "Temperature", "\u00b0C", "float", "-40:85", 2}}},
};

const WireDriver *wire_drivers(size_t *n_drivers)
{
	*n_drivers = sizeof(drivers) / sizeof(drivers[0]);
	return drivers;
}

const WireDriver *wire_driver_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(drivers[i].driver, name) == 0)
			return &drivers[i];
	return NULL;
}

static void add_pins(WireText *text, const WireSensor *sensor)
{
	if (sensor->n_pins == 0)
		return;
	wire_text_add(text, sensor->on_i2c ? ",\"i2c\":{" : ",\"pins\":{");
	for (size_t i = 0; i < sensor->n_pins; i++) {
		if (i > 0)
			wire_text_add(text, ",");
		wire_text_add_json_string(text, sensor->pins[i].name);
		wire_text_add(text, ":");
		wire_text_add_unsigned(text, sensor->pins[i].number);
	}
	wire_text_add(text, "}");
}

static bool names_are_ids(const WireSensor *sensor)
{
	if (!wire_is_id(sensor->name, WIRE_SENSOR_NAME_MAX) ||
	    !wire_is_id(sensor->driver, WIRE_SENSOR_DRIVER_MAX) ||
	    sensor->n_pins > WIRE_SENSOR_PINS_MAX)
		return false;
	for (size_t i = 0; i < sensor->n_pins; i++)
		if (!wire_is_id(sensor->pins[i].name, WIRE_SENSOR_PIN_NAME_MAX))
			return false;
	return true;
}

size_t wire_sensor_encode(const WireSensor *sensor, char *out, size_t size_bytes)
{
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	if (!names_are_ids(sensor))
		return 0;
	wire_text_add(&text, "{\"name\":");
	wire_text_add_json_string(&text, sensor->name);
	wire_text_add(&text, ",\"driver\":");
	wire_text_add_json_string(&text, sensor->driver);
	add_pins(&text, sensor);
	if (sensor->interval_s > 0) {
		wire_text_add(&text, ",\"interval\":");
		wire_text_add_unsigned(&text, sensor->interval_s);
	}
	wire_text_add(&text, "}");
	return wire_text_end(&text);
}

static bool read_pins(WireJson object, WireSensor *sensor)
{
	char name[WIRE_JSON_KEY_MAX + 1];
	WireJson value;
	int64_t number;

	if (!wire_json_is_object(object))
		return false;
	while (wire_json_next(&object, name, &value)) {
		WirePin *pin = &sensor->pins[sensor->n_pins];

		if (sensor->n_pins == WIRE_SENSOR_PINS_MAX ||
		    !wire_is_id(name, WIRE_SENSOR_PIN_NAME_MAX) ||
		    !wire_json_integer(value, 0, WIRE_SENSOR_PIN_NUMBER_MAX, &number))
			return false;
		wire_copy(pin->name, sizeof(pin->name), name);
		pin->number = (uint8_t)number;
		sensor->n_pins++;
	}
	return true;
}

/* "90s", "5m", "1h30m": numbers with their units, largest first or not. 0 = not a duration. */
static int64_t parse_duration(const char *text)
{
	int64_t sum_s = 0;

	while (*text != '\0') {
		int64_t number = 0;
		const char *digits = text;

		for (; *text >= '0' && *text <= '9' && number <= WIRE_SENSOR_INTERVAL_MAX_S; text++)
			number = number * 10 + (*text - '0');
		if (text == digits)
			return 0;
		if (*text == 'h')
			number *= 3600;
		else if (*text == 'm')
			number *= 60;
		else if (*text != 's')
			return 0;
		text++;
		sum_s += number;
		if (sum_s > WIRE_SENSOR_INTERVAL_MAX_S)
			return 0;
	}
	return sum_s;
}

static bool read_interval(WireJson value, WireSensor *sensor)
{
	int64_t seconds;
	char text[16];

	if (wire_json_string(value, text, sizeof(text)))
		seconds = parse_duration(text);
	else if (!wire_json_integer(value, 1, WIRE_SENSOR_INTERVAL_MAX_S, &seconds))
		return false;
	sensor->interval_s = (uint32_t)seconds;
	return seconds > 0;
}

bool wire_sensor_decode(const char *text, size_t size_bytes, WireSensor *sensor)
{
	WireSensor read = {.interval_s = WIRE_SENSOR_INTERVAL_DEFAULT_S};
	WireJson object, value;

	if (size_bytes > WIRE_SENSOR_MAX_BYTES || !wire_json_document(text, size_bytes, &object))
		return false;
	if (!wire_json_member(object, "name", &value) ||
	    !wire_json_string(value, read.name, sizeof(read.name)) ||
	    !wire_json_member(object, "driver", &value) ||
	    !wire_json_string(value, read.driver, sizeof(read.driver)))
		return false;
	if (wire_json_member(object, "i2c", &value)) {
		read.on_i2c = true;
		if (!read_pins(value, &read))
			return false;
	} else if (wire_json_member(object, "pins", &value) && !read_pins(value, &read)) {
		return false;
	}
	if (wire_json_member(object, "interval", &value) && !read_interval(value, &read))
		return false;
	if (!names_are_ids(&read))
		return false;
	*sensor = read;
	return true;
}
