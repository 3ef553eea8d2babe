/* ports/posix/supervisor.h — the power supply of host devices: switches each one on, restarts what
 * restarts or dies, and switches all off; if it is killed, so are they. One thread. */
#pragma once

#include <glib.h>

enum {
	POSIX_CRASH_WAIT_FIRST_MS = 1000, /* doubles with each crash in a row … */
	POSIX_CRASH_WAIT_MAX_MS = 60 * 1000,
	POSIX_CRASH_FORGET_MS = 60 * 1000, /* … until one run lasted so long */
	POSIX_STOP_TIMEOUT_MS = 5 * 1000,  /* then the rest is killed */
};

/* Runs the devices of `paths` (ended by NULL) until SIGTERM or SIGINT, or until all are off. A
 * device that cannot start is complained of, and the others run. `quiet`: warnings and errors only.
 * Returns how many devices could not start or had a configuration to halt at. */
guint posix_supervise(const char *const *paths, gboolean quiet);
