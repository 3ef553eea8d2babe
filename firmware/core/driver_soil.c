/* A bed that is watered every three days and dries in between; its soil follows the air slowly. */
#include "core/driver.h"
#include "core/simulate.h"

bool core_soil_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX])
{
	uint32_t seed = moment->seed;
	int32_t dried = core_progress(seed, moment->time_s, 3 * CORE_DAY_S, 350);

	values[0] = core_clamp(640 - dried + core_noise(seed, moment->time_s, 3), 0, 1000);
	values[1] = core_clamp(1750 + core_wave(seed, moment->time_s, CORE_DAY_S, 180) +
				       core_noise(seed + 1, moment->time_s, 4),
			       -4000, 8500);
	return true;
}
