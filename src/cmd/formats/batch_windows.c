#include "cmd/formats/batch_windows.h"

enum {
	WINDOW_BYTES = 48 * 1024 * 1024, /* of images between two syncs */
	WINDOW_MIN = 64,
	WINDOW_MAX = 4096,
	AT_ONCE = 2,
};

struct BatchWindows {
	const BatchOutput *output;
	guint64 first;        /* number of devices before the first window */
	guint64 window;       /* devices of a window; the last one may have fewer */
	guint64 begun_before; /* by an earlier run */
	GThread *syncer;
	GMutex lock;
	GCond moved;
	/* under the lock: */
	BatchJournal journal;
	guint64 finished[AT_ONCE]; /* devices of the windows that are on their way */
	guint64 n_finished;
	gboolean ends; /* there will be no further devices */
	GError *error;
};

static guint64 window_start(const BatchWindows *windows, guint64 index)
{
	return MIN(windows->first + index * windows->window, windows->journal.n_devices);
}

/* Syncs and journals one window; without the lock. */
static gboolean settle(BatchWindows *windows, guint64 index, BatchJournal *next, GError **error)
{
	next->n_done = window_start(windows, index + 1);
	next->n_begun = MAX(window_start(windows, index + 1 + AT_ONCE), windows->begun_before);
	return batch_output_sync(windows->output, error) &&
	       batch_journal_write(windows->output->path, next, error);
}

static gpointer run_syncer(gpointer data)
{
	BatchWindows *windows = data;

	g_mutex_lock(&windows->lock);
	for (guint64 index = 0; windows->journal.n_done < windows->journal.n_devices; index++) {
		guint64 size = window_start(windows, index + 1) - window_start(windows, index);
		BatchJournal next = windows->journal;
		GError *error = NULL;
		gboolean settled;

		while (windows->finished[index % AT_ONCE] < size && !windows->ends)
			g_cond_wait(&windows->moved, &windows->lock);
		if (windows->finished[index % AT_ONCE] < size)
			break;
		g_mutex_unlock(&windows->lock);
		settled = settle(windows, index, &next, &error);
		g_mutex_lock(&windows->lock);
		windows->finished[index % AT_ONCE] = 0;
		if (settled)
			windows->journal = next;
		windows->error = error;
		g_cond_broadcast(&windows->moved);
		if (!settled)
			break;
	}
	g_mutex_unlock(&windows->lock);
	return NULL;
}

BatchWindows *batch_windows_new(const BatchJournal *journal, const BatchOutput *output,
				gsize device_bytes, GError **error)
{
	BatchWindows *windows = g_new0(BatchWindows, 1);

	windows->output = output;
	windows->journal = *journal;
	windows->first = journal->n_done;
	windows->window = CLAMP(WINDOW_BYTES / device_bytes, WINDOW_MIN, WINDOW_MAX);
	windows->begun_before = journal->n_begun;
	windows->journal.n_begun = MAX(window_start(windows, AT_ONCE), windows->begun_before);
	if (!batch_journal_write(output->path, &windows->journal, error)) {
		g_free(windows);
		return NULL;
	}
	windows->journal.n_begun = window_start(windows, AT_ONCE);
	g_mutex_init(&windows->lock);
	g_cond_init(&windows->moved);
	windows->syncer = g_thread_new("batch-sync", run_syncer, windows);
	return windows;
}

gboolean batch_windows_may_begin(BatchWindows *windows, guint64 device, gint64 wait_us)
{
	gint64 until = g_get_monotonic_time() + wait_us;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&windows->lock);

	while (device > windows->journal.n_begun && windows->error == NULL)
		if (!g_cond_wait_until(&windows->moved, &windows->lock, until))
			break;
	return device <= windows->journal.n_begun && windows->error == NULL;
}

void batch_windows_finished(BatchWindows *windows, guint64 device)
{
	guint64 slot = (device - 1 - windows->first) / windows->window % AT_ONCE;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&windows->lock);

	windows->finished[slot]++;
	windows->n_finished++;
	if (windows->finished[slot] == windows->window ||
	    windows->n_finished == windows->journal.n_devices - windows->first)
		g_cond_broadcast(&windows->moved);
}

gboolean batch_windows_failed(BatchWindows *windows)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&windows->lock);

	return windows->error != NULL;
}

guint64 batch_windows_count(BatchWindows *windows)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&windows->lock);

	return windows->n_finished;
}

gboolean batch_windows_end(BatchWindows *windows, gboolean complete, GError **error)
{
	g_autoptr(GError) failure = NULL;

	g_mutex_lock(&windows->lock);
	windows->ends = !complete;
	g_cond_broadcast(&windows->moved);
	g_mutex_unlock(&windows->lock);
	g_thread_join(windows->syncer);
	failure = g_steal_pointer(&windows->error);
	g_mutex_clear(&windows->lock);
	g_cond_clear(&windows->moved);
	g_free(windows);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}
