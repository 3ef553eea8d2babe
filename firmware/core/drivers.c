#include "core/driver.h"

#include <string.h>

static const CoreDriver drivers[] = {
	{"battery", core_battery_read},
	{"bme280", core_bme280_read},
	{"soil", core_soil_read},
};

const CoreDriver *core_driver_find(const char *name)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(drivers[i].name, name) == 0)
			return &drivers[i];
	return NULL;
}
