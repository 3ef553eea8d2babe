/* ports/posix/exit.h — the exit status of a firmware, read by the boot ROM. */
#pragma once

/* How the firmware tells its boot ROM what to do next: its exit status. Any other end is a panic.
 */
typedef enum {
	POSIX_EXIT_OFF = 0,
	POSIX_EXIT_RESTART = 10, /* start again at once, reset reason "software" */
	POSIX_EXIT_HALTED = 11,  /* nothing to do with this configuration */
} PosixExit;
