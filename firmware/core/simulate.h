/* core/simulate.h — what simulated drivers are made of: waves and noise in whole numbers, the same
 * for the same seed and time. Portable C11, pure. */
#pragma once

#include <stdint.h>

enum {
	CORE_HOUR_S = 3600,
	CORE_DAY_S = 24 * 3600,
};

/* Between -`amplitude` and `amplitude`, shaped like a sine with that period; the seed shifts it by
 * up to an eighth of the period. */
int32_t core_wave(uint32_t seed, uint64_t time_s, uint32_t period_s, int32_t amplitude);

/* Between -`amplitude` and `amplitude`, another number each second. */
int32_t core_noise(uint32_t seed, uint64_t time_s, int32_t amplitude);

/* How far the present period is, 0 … `scale` - 1; the seed decides where the period begins. */
int32_t core_progress(uint32_t seed, uint64_t time_s, uint32_t period_s, int32_t scale);

int32_t core_clamp(int32_t value, int32_t minimum, int32_t maximum);
