/* core/backoff.h — how long to wait before the next attempt: doubling, bounded, with jitter, so
 * that a fleet does not come back in one moment. Portable C11, pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	CORE_BACKOFF_FIRST_MS = 500,
	CORE_BACKOFF_MAX_MS = 60 * 1000,
	/* The broker knows us and says no: asking often helps nobody and looks like an attack. */
	CORE_BACKOFF_UNAUTHORISED_FIRST_MS = 10 * 1000,
	CORE_BACKOFF_UNAUTHORISED_MAX_MS = 10 * 60 * 1000,
};

typedef struct {
	unsigned failures; /* in a row */
} CoreBackoff;

void core_backoff_reset(CoreBackoff *backoff);

/* Counts one more failure and returns the wait in ms: between half and all of
 * FIRST * 2^(failures - 1), never above MAX. `random` is any 32 bits. */
uint32_t core_backoff_next(CoreBackoff *backoff, bool unauthorised, uint32_t random);
