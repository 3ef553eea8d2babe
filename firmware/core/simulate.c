#include "core/simulate.h"

/* Mixes all bits into all (the finaliser of MurmurHash3). */
static uint32_t mix(uint32_t value)
{
	value ^= value >> 16;
	value = (uint32_t)((uint64_t)value * 0x85ebca6bU);
	value ^= value >> 13;
	value = (uint32_t)((uint64_t)value * 0xc2b2ae35U);
	return value ^ value >> 16;
}

int32_t core_wave(uint32_t seed, uint64_t time_s, uint32_t period_s, int32_t amplitude)
{
	uint64_t shift = mix(seed) % (period_s / 8 + 1);
	int64_t phase = (int64_t)((time_s + shift) % period_s * 65536 / period_s);
	int64_t half = phase % 32768;
	/* A parabola through 0, 1, 0 is within 6 % of half a sine. */
	int64_t height = 4 * half * (32768 - half) / 32768;

	return (int32_t)((phase < 32768 ? height : -height) * amplitude / 32768);
}

int32_t core_noise(uint32_t seed, uint64_t time_s, int32_t amplitude)
{
	uint32_t span = (uint32_t)amplitude * 2 + 1;

	return (int32_t)(mix(seed ^ mix((uint32_t)time_s)) % span) - amplitude;
}

int32_t core_progress(uint32_t seed, uint64_t time_s, uint32_t period_s, int32_t scale)
{
	uint64_t shift = mix(seed) % period_s;

	return (int32_t)((time_s + shift) % period_s * (uint64_t)scale / period_s);
}

int32_t core_clamp(int32_t value, int32_t minimum, int32_t maximum)
{
	return value < minimum ? minimum : value > maximum ? maximum : value;
}
