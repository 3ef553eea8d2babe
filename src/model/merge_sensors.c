#include "model/merge.h"

#include "base/clock.h"
#include "model/error.h"
#include "wire/sensors.h"

#include <string.h>

static gboolean refuse(const char *sensor, GError **error, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static gboolean refuse(const char *sensor, GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID, "sensors: '%s' %s",
		    sensor != NULL ? sensor : "", what);
	return FALSE;
}

static gboolean read_interval(const ModelSensor *sensor, WireSensor *wire, GError **error)
{
	const char *text = base_json_get_string(sensor->json, "interval", NULL);
	gint64 interval_us = 0;

	if (text == NULL)
		return TRUE;
	if (!base_clock_parse_duration(text, &interval_us) || interval_us < G_USEC_PER_SEC ||
	    interval_us % G_USEC_PER_SEC != 0 ||
	    interval_us / G_USEC_PER_SEC > WIRE_SENSOR_INTERVAL_MAX_S)
		return refuse(sensor->name, error,
			      "has the interval %s; write whole seconds from 1s to %dh", text,
			      WIRE_SENSOR_INTERVAL_MAX_S / 3600);
	wire->interval_s = (guint32)(interval_us / G_USEC_PER_SEC);
	return TRUE;
}

static gboolean read_pins(const ModelSensor *sensor, WireSensor *wire, GError **error)
{
	const json_t *i2c = json_object_get(sensor->json, "i2c");
	const json_t *pins = json_object_get(sensor->json, "pins");
	const char *key;
	json_t *number;

	if (i2c != NULL && pins != NULL)
		return refuse(sensor->name, error, "has both i2c and pins; a driver uses one");
	wire->on_i2c = i2c != NULL;
	json_object_foreach ((json_t *)(i2c != NULL ? i2c : pins), key, number) {
		WirePin *pin = &wire->pins[wire->n_pins];
		json_int_t value = json_integer_value(number);

		if (wire->n_pins == WIRE_SENSOR_PINS_MAX ||
		    strlen(key) > WIRE_SENSOR_PIN_NAME_MAX || value < 0 ||
		    value > WIRE_SENSOR_PIN_NUMBER_MAX)
			return refuse(
				sensor->name, error,
				"has a pin '%s' that cannot be: at most %d pins with names of "
				"%d characters and numbers up to %d",
				key, WIRE_SENSOR_PINS_MAX, WIRE_SENSOR_PIN_NAME_MAX,
				WIRE_SENSOR_PIN_NUMBER_MAX);
		g_strlcpy(pin->name, key, sizeof pin->name);
		pin->number = (guint8)value;
		wire->n_pins++;
	}
	return TRUE;
}

static int compare_pins(const void *a, const void *b)
{
	return strcmp(((const WirePin *)a)->name, ((const WirePin *)b)->name);
}

/* The compact JSON of one sensor. Pins are sorted, so that the same sensor is the same text. */
static char *sensor_text(const ModelSensor *sensor, GError **error)
{
	WireSensor wire = {0};
	char text[WIRE_SENSOR_MAX_BYTES];

	if (!read_interval(sensor, &wire, error) || !read_pins(sensor, &wire, error))
		return NULL;
	qsort(wire.pins, wire.n_pins, sizeof wire.pins[0], compare_pins);
	if (g_strlcpy(wire.name, sensor->name, sizeof wire.name) >= sizeof wire.name ||
	    g_strlcpy(wire.driver, sensor->driver, sizeof wire.driver) >= sizeof wire.driver ||
	    wire_sensor_encode(&wire, text, sizeof text) == 0) {
		refuse(sensor->name, error,
		       "cannot be written for the device: name, driver and pins are ids of a-z, "
		       "0-9 "
		       "and '-', and the whole has at most %d bytes",
		       WIRE_SENSOR_MAX_BYTES);
		return NULL;
	}
	return g_strdup(text);
}

static const ModelSensor *find(const ModelSensors *sensors, const char *name)
{
	for (gsize i = 0; i < sensors->n_items; i++)
		if (g_strcmp0(sensors->items[i].name, name) == 0)
			return &sensors->items[i];
	return NULL;
}

static gboolean add_sensor(GPtrArray *texts, const ModelSensor *sensor, GError **error)
{
	char *text;

	if (sensor->disabled)
		return TRUE;
	if (sensor->name == NULL || sensor->driver == NULL)
		return refuse(sensor->name, error, "has no driver");
	if (texts->len == WIRE_NVS_SENSORS_MAX)
		return refuse(sensor->name, error,
			      "is one too many: a device has at most %d sensors",
			      WIRE_NVS_SENSORS_MAX);
	text = sensor_text(sensor, error);
	if (text == NULL)
		return FALSE;
	g_ptr_array_add(texts, text);
	return TRUE;
}

GPtrArray *model_merge_sensors(const ModelDeviceClass *device_class, const ModelDevice *device,
			       GError **error)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	const ModelSensors *of_class = &device_class->sensors, *own = &device->sensors;

	for (gsize i = 0; i < of_class->n_items; i++) {
		const ModelSensor *replaced = find(own, of_class->items[i].name);

		if (!add_sensor(texts, replaced != NULL ? replaced : &of_class->items[i], error))
			return NULL;
	}
	for (gsize i = 0; i < own->n_items; i++)
		if (find(of_class, own->items[i].name) == NULL &&
		    !add_sensor(texts, &own->items[i], error))
			return NULL;
	return g_steal_pointer(&texts);
}
