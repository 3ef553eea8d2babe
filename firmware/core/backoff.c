#include "core/backoff.h"

enum {
	DOUBLINGS_MAX = 16, /* both maxima are long reached; keeps the shift in range */
};

void core_backoff_reset(CoreBackoff *backoff)
{
	backoff->failures = 0;
}

uint32_t core_backoff_next(CoreBackoff *backoff, bool unauthorised, uint32_t random)
{
	uint64_t first = unauthorised ? CORE_BACKOFF_UNAUTHORISED_FIRST_MS : CORE_BACKOFF_FIRST_MS;
	uint64_t max = unauthorised ? CORE_BACKOFF_UNAUTHORISED_MAX_MS : CORE_BACKOFF_MAX_MS;
	uint64_t wait = first << backoff->failures;

	if (wait > max)
		wait = max;
	if (backoff->failures < DOUBLINGS_MAX)
		backoff->failures++;
	return (uint32_t)(wait / 2 + random % (wait / 2 + 1));
}
