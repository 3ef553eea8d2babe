/* Air in a greenhouse: warm and dry in the afternoon, and the weather goes by every five days. */
#include "core/driver.h"
#include "core/simulate.h"

bool core_bme280_read(const CoreMoment *moment, int32_t values[static WIRE_SENSOR_MEASURES_MAX])
{
	uint32_t seed = moment->seed;
	int32_t place = (int32_t)(seed % 400) - 200;
	int32_t day = core_wave(seed, moment->time_s, CORE_DAY_S, 1000);
	int32_t weather = core_wave(seed, moment->time_s, 5 * CORE_DAY_S, 1000);

	values[0] = core_clamp(2100 + place + day * 6 / 10 + weather / 5 +
				       core_noise(seed, moment->time_s, 8),
			       -4000, 8500);
	values[1] = core_clamp(
		620 - day / 8 - weather / 10 + core_noise(seed + 1, moment->time_s, 6), 0, 1000);
	values[2] = core_clamp(101325 + weather * 9 / 10 + core_noise(seed + 2, moment->time_s, 12),
			       30000, 110000);
	return true;
}
