#include "cmd/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum {
	SILENT_US = G_USEC_PER_SEC,
	INTERVAL_US = G_USEC_PER_SEC / 5,
	PERCENT = 100,
};

void cmd_progress_begin(CmdProgress *progress)
{
	*progress = (CmdProgress){.since_us = base_clock_monotonic_us()};
}

void cmd_progress_show(CmdProgress *progress, const char *text, guint64 done_bytes,
		       guint64 total_bytes)
{
	gint64 now_us = base_clock_monotonic_us();

	if (now_us - progress->since_us < SILENT_US || now_us - progress->shown_us < INTERVAL_US ||
	    isatty(STDERR_FILENO) == 0)
		return;
	progress->shown_us = now_us;
	progress->is_shown = TRUE;
	if (total_bytes > 0)
		fprintf(stderr, "\r\033[K%s: %" G_GUINT64_FORMAT " %%", text,
			done_bytes * PERCENT / total_bytes);
	else
		fprintf(stderr, "\r\033[K%s", text);
}

void cmd_progress_end(CmdProgress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
	progress->is_shown = FALSE;
}
