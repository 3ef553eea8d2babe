/* cmd/progress.h — one line on the terminal for what takes longer than a second; nothing where
 * standard error is no terminal. One thread. */
#pragma once

#include <glib.h>

typedef struct {
	gint64 since_us;
	gint64 shown_us;
	gboolean is_shown;
} CmdProgress;

void cmd_progress_begin(CmdProgress *progress);
/* Shows "text: done of total" if it is time to. `total` 0: only the text. */
void cmd_progress_show(CmdProgress *progress, const char *text, guint64 done_bytes,
		       guint64 total_bytes);
/* Clears the line. */
void cmd_progress_end(CmdProgress *progress);
