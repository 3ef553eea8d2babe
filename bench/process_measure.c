/* process_measure RUNS PROGRAM ARGUMENT...: starts a program so often, one after another, its
 * output thrown away, and prints the median and the least of their microseconds, and the largest
 * resident memory of one in kB. From a small program, since a child that is forked from a large one
 * counts its parent's memory until it executes. */
#include <glib.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS_MAX = 100000 };

static int compare_times(const void *a, const void *b)
{
	gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

	return x < y ? -1 : x > y;
}

/* Microseconds of one run; -1 if it cannot be started or fails. */
static gint64 run_once(char **argv, const posix_spawn_file_actions_t *actions, long *rss_kb)
{
	gint64 start = g_get_monotonic_time();
	struct rusage usage;
	int status = 0;
	pid_t child;

	if (posix_spawnp(&child, argv[0], actions, NULL, argv, environ) != 0 ||
	    wait4(child, &status, 0, &usage) != child || status != 0)
		return -1;
	*rss_kb = MAX(*rss_kb, usage.ru_maxrss);
	return g_get_monotonic_time() - start;
}

int main(int argc, char **argv)
{
	gint64 runs = argc > 2 ? g_ascii_strtoll(argv[1], NULL, 10) : 0;
	g_autofree gint64 *times = NULL;
	posix_spawn_file_actions_t actions;
	long rss_kb = 0;

	if (runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: process_measure RUNS PROGRAM ARGUMENT...\n");
		return 2;
	}
	times = g_new(gint64, (gsize)runs);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	for (gint64 i = 0; i < runs; i++) {
		times[i] = run_once(argv + 2, &actions, &rss_kb);
		if (times[i] < 0) {
			fprintf(stderr, "process_measure: %s failed\n", argv[2]);
			return 1;
		}
	}
	posix_spawn_file_actions_destroy(&actions);
	qsort(times, (gsize)runs, sizeof *times, compare_times);
	printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %ld\n", times[runs / 2], times[0],
	       rss_kb);
	return 0;
}
