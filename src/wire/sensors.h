/* wire/sensors.h — the catalogue of sensor drivers and the compact JSON of one sensor (NVS
 * sensors/s0 … s15). Portable C, no allocation.
 *
 *     {"name":"climate","driver":"bme280","i2c":{"sda":21,"scl":22},"interval":30}
 *     {"name":"bed","driver":"soil","pins":{"adc":34},"interval":60} */
#pragma once

#include "wire/nvs_names.h"

enum {
	WIRE_SENSOR_NAME_MAX = 31,
	WIRE_SENSOR_DRIVER_MAX = 15,
	WIRE_SENSOR_PINS_MAX = 8,
	WIRE_SENSOR_PIN_NAME_MAX = 15,
	WIRE_SENSOR_PIN_NUMBER_MAX = 127,
	WIRE_SENSOR_MEASURES_MAX = 4,
	WIRE_SENSOR_INTERVAL_DEFAULT_S = 60,
	WIRE_SENSOR_INTERVAL_MAX_S = 7 * 24 * 3600,
	WIRE_SENSOR_MAX_BYTES = 512, /* of the JSON */
};

/* What a driver measures. Its values are integers in units of 10^-decimals. */
typedef struct {
	const char *id;       /* Homie property id: "temperature" */
	const char *name;     /* for people: "Temperature" */
	const char *unit;     /* Homie 5 unit, exact UTF-8: "°C"; NULL = none */
	const char *datatype; /* Homie 5: "float", "integer" */
	const char *format;   /* Homie 5: "0:100"; NULL = none */
	unsigned decimals;
} WireMeasure;

typedef struct {
	const char *driver; /* "bme280" */
	const char *name;   /* for people: "Climate (BME280)" */
	size_t n_measures;
	WireMeasure measures[WIRE_SENSOR_MEASURES_MAX];
} WireDriver;

/* The catalogue. Borrowed. */
const WireDriver *wire_drivers(size_t *n_drivers);
/* The driver called `name`, or NULL. */
const WireDriver *wire_driver_find(const char *name);

typedef struct {
	char name[WIRE_SENSOR_PIN_NAME_MAX + 1]; /* [a-z0-9-]+ */
	uint8_t number;
} WirePin;

/* One sensor as configured. With `on_i2c` the pins are the members of "i2c" (sda, scl), else those
 * of "pins". */
typedef struct {
	char name[WIRE_SENSOR_NAME_MAX + 1]; /* Homie node id */
	char driver[WIRE_SENSOR_DRIVER_MAX + 1];
	bool on_i2c;
	size_t n_pins;
	WirePin pins[WIRE_SENSOR_PINS_MAX];
	uint32_t interval_s; /* 0 when encoding = left out, so the default */
} WireSensor;

/* Writes the compact JSON; returns its length, or 0 if it does not fit or a name is no id. */
size_t wire_sensor_encode(const WireSensor *sensor, char *out, size_t size_bytes);

/* Reads it. `interval` is seconds, or text such as "30s", "5m", "1h"; at least 1 s. Unknown fields
 * are skipped; FALSE, `sensor` untouched, if it is not a sensor (a driver that the catalogue lacks
 * is still one). */
bool wire_sensor_decode(const char *text, size_t size_bytes, WireSensor *sensor);
