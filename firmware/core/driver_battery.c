/* A lithium cell that is charged every ninety days: 4.15 V full, 3.35 V empty. */
#include "core/driver.h"
#include "core/simulate.h"

enum {
	FULL_MV = 4150,
	EMPTY_MV = 3350,
};

bool core_battery_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX])
{
	int32_t used =
		core_progress(moment->seed, moment->time_s, 90 * CORE_DAY_S, FULL_MV - EMPTY_MV);
	int32_t voltage = core_clamp(FULL_MV - used + core_noise(moment->seed, moment->time_s, 4),
				     EMPTY_MV, FULL_MV);

	values[0] = voltage;
	values[1] = (voltage - EMPTY_MV) * 100 / (FULL_MV - EMPTY_MV);
	return true;
}
