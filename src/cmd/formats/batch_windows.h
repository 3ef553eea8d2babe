/* cmd/formats/batch_windows.h — how a batch moves its journal. Devices are numbered from 1; a
 * window is some thousands of them. While the workers write one window, a thread of its own syncs
 * the one before and then says so in the journal: one sync for all files of a window, and none for
 * a file. At most two windows are on their way; the journal's `begun` says so before their first
 * file. */
#pragma once

#include "cmd/formats/batch_journal.h"
#include "cmd/formats/batch_output.h"

typedef struct BatchWindows BatchWindows;

/* Starts behind `journal->n_done`, which is on the disk, as is all else that the journal says;
 * writes the journal for the first two windows. `output` is borrowed. Yours, or NULL. */
BatchWindows *batch_windows_new(const BatchJournal *journal, const BatchOutput *output,
				gsize device_bytes, GError **error);

/* Waits up to `wait_us` for leave to begin with a device; FALSE: not yet, or it never will be
 * (batch_windows_end says why). */
gboolean batch_windows_may_begin(BatchWindows *windows, guint64 device, gint64 wait_us);

/* A device's files are there. Any thread. */
void batch_windows_finished(BatchWindows *windows, guint64 device);

/* TRUE if a sync or the journal failed: nothing moves any more. */
gboolean batch_windows_failed(BatchWindows *windows);

/* Devices finished since the start. Any thread. */
guint64 batch_windows_count(BatchWindows *windows);

/* Waits until the whole windows that are finished are in the journal, ends and frees. `complete`:
 * all devices are finished. FALSE with the first error of syncs and journal. */
gboolean batch_windows_end(BatchWindows *windows, gboolean complete, GError **error);
