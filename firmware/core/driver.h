/* core/driver.h — sensor drivers: one file each and one row in drivers.c. Portable C11, no
 * allocation. What a driver measures stands in the catalogue (wire/sensors.h).
 *
 * The drivers here are simulated: their values come from the device's seed and the time alone, and
 * look like a garden's. */
#pragma once

#include "wire/sensors.h"

typedef struct {
	uint32_t seed;   /* of this sensor on this device */
	uint64_t time_s; /* wall clock, or since boot where that is not known */
} CoreMoment;

typedef struct {
	const char *name;
	/* Reads all measures in the catalogue's order and units. FALSE if the sensor does not
	 * answer. */
	bool (*read)(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX]);
} CoreDriver;

/* The driver called `name`, or NULL. */
const CoreDriver *core_driver_find(const char *name);

/* For the rows of drivers.c. */
bool core_battery_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX]);
bool core_bme280_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX]);
bool core_soil_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX]);
