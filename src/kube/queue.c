#include "kube/queue.h"

#include "base/clock.h"

#include <string.h>

/* What is known of a key while it is due, delayed, worked on, or has failures. */
typedef struct {
	char *key;
	gboolean is_due;    /* in `due` */
	gboolean is_active; /* a worker has it */
	gboolean is_dirty;  /* added while a worker has it: due again afterwards */
	gint64 due_since_us;
	gint64 wake_us; /* when a delayed key becomes due; 0: not delayed */
	guint failures; /* in a row */
} Item;

struct KubeQueue {
	char *name;
	guint n_workers;
	KubeReconcile reconcile;
	gpointer user_data;
	gint64 backoff_min_us;
	gint64 backoff_max_us;

	GMutex lock;
	GCond changed;
	GHashTable *items; /* key → Item * */
	GQueue due;        /* Item *, first come first served */
	GTree *delayed;    /* Item *, by wake_us */
	GPtrArray *workers;
	guint active;
	gboolean no_more; /* keys are no longer taken */
	gboolean ending;  /* workers end after what they have */
	KubeQueueCounters counters;
};

static void free_item(gpointer data)
{
	Item *item = data;

	g_free(item->key);
	g_free(item);
}

static gint by_wake_time(gconstpointer a, gconstpointer b, gpointer user_data)
{
	const Item *one = a, *other = b;

	(void)user_data;
	if (one->wake_us != other->wake_us)
		return one->wake_us < other->wake_us ? -1 : 1;
	return strcmp(one->key, other->key);
}

KubeQueue *kube_queue_new(const KubeQueueOptions *options)
{
	KubeQueue *queue = g_new0(KubeQueue, 1);

	queue->name = g_strdup(options->name);
	queue->n_workers = CLAMP(options->workers, 1, KUBE_QUEUE_MAX_WORKERS);
	queue->reconcile = options->reconcile;
	queue->user_data = options->user_data;
	queue->backoff_min_us = options->backoff_min_us != 0 ? options->backoff_min_us
							     : (gint64)KUBE_QUEUE_BACKOFF_MIN_US;
	queue->backoff_max_us = options->backoff_max_us != 0 ? options->backoff_max_us
							     : (gint64)KUBE_QUEUE_BACKOFF_MAX_US;
	g_mutex_init(&queue->lock);
	g_cond_init(&queue->changed);
	queue->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_item);
	queue->delayed = g_tree_new_full(by_wake_time, NULL, NULL, NULL);
	queue->workers = g_ptr_array_new();
	g_queue_init(&queue->due);
	return queue;
}

/* --- all below holds the lock --- */

static Item *find_or_make(KubeQueue *queue, const char *key)
{
	Item *item = g_hash_table_lookup(queue->items, key);

	if (item != NULL)
		return item;
	item = g_new0(Item, 1);
	item->key = g_strdup(key);
	g_hash_table_insert(queue->items, item->key, item);
	return item;
}

/* Forgets a key about which there is nothing left to know. */
static void tidy(KubeQueue *queue, Item *item)
{
	if (!item->is_due && !item->is_active && item->wake_us == 0 && item->failures == 0)
		g_hash_table_remove(queue->items, item->key);
}

static void undelay(KubeQueue *queue, Item *item)
{
	if (item->wake_us == 0)
		return;
	g_tree_remove(queue->delayed, item);
	item->wake_us = 0;
}

static void delay(KubeQueue *queue, Item *item, gint64 wake_us)
{
	if (item->wake_us != 0 && item->wake_us <= wake_us)
		return;
	undelay(queue, item);
	item->wake_us = wake_us;
	g_tree_insert(queue->delayed, item, item);
}

static void make_due(KubeQueue *queue, Item *item)
{
	undelay(queue, item);
	if (item->is_active) {
		item->is_dirty = TRUE;
		return;
	}
	if (item->is_due)
		return;
	item->is_due = TRUE;
	item->due_since_us = base_clock_monotonic_us();
	g_queue_push_tail(&queue->due, item);
	queue->counters.adds++;
}

/* The delayed key that wakes first, or NULL. */
static Item *first_delayed(KubeQueue *queue)
{
	GTreeNode *node = g_tree_node_first(queue->delayed);

	return node != NULL ? g_tree_node_key(node) : NULL;
}

static void wake_delayed(KubeQueue *queue)
{
	gint64 now_us = base_clock_monotonic_us();
	Item *item;

	while ((item = first_delayed(queue)) != NULL && item->wake_us <= now_us)
		make_due(queue, item);
}

static gint64 next_backoff_us(const KubeQueue *queue, Item *item)
{
	gint64 wait_us = queue->backoff_min_us;

	for (guint i = 0; i < item->failures && wait_us < queue->backoff_max_us; i++)
		wait_us *= 2;
	item->failures++;
	return MIN(wait_us, queue->backoff_max_us);
}

static void add_limited(KubeQueue *queue, Item *item)
{
	queue->counters.retries++;
	delay(queue, item, base_clock_monotonic_us() + next_backoff_us(queue, item));
}

/* --- adding --- */

void kube_queue_add(KubeQueue *queue, const char *key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);

	if (queue->no_more)
		return;
	make_due(queue, find_or_make(queue, key));
	g_cond_broadcast(&queue->changed);
}

void kube_queue_add_after(KubeQueue *queue, const char *key, gint64 delay_us)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);
	Item *item;

	if (queue->no_more)
		return;
	item = find_or_make(queue, key);
	if (delay_us <= 0)
		make_due(queue, item);
	else if (!item->is_due)
		delay(queue, item, base_clock_monotonic_us() + delay_us);
	g_cond_broadcast(&queue->changed);
}

void kube_queue_add_limited(KubeQueue *queue, const char *key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);

	if (queue->no_more)
		return;
	add_limited(queue, find_or_make(queue, key));
	g_cond_broadcast(&queue->changed);
}

void kube_queue_forget(KubeQueue *queue, const char *key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);
	Item *item = g_hash_table_lookup(queue->items, key);

	if (item == NULL)
		return;
	item->failures = 0;
	tidy(queue, item);
}

/* --- working --- */

/* The next key to work on; NULL when the worker is to end. Waits. */
static Item *take(KubeQueue *queue)
{
	while (!queue->ending) {
		Item *item;
		Item *sleeper;

		wake_delayed(queue);
		item = g_queue_pop_head(&queue->due);
		if (item != NULL) {
			item->is_due = FALSE;
			item->is_active = TRUE;
			queue->active++;
			queue->counters.queue_us += base_clock_monotonic_us() - item->due_since_us;
			return item;
		}
		sleeper = first_delayed(queue);
		if (sleeper != NULL)
			g_cond_wait_until(&queue->changed, &queue->lock, sleeper->wake_us);
		else
			g_cond_wait(&queue->changed, &queue->lock);
	}
	return NULL;
}

static void settle(KubeQueue *queue, Item *item, KubeResult result)
{
	switch (result.outcome) {
	case KUBE_RESULT_DONE:
		item->failures = 0;
		queue->counters.done++;
		break;
	case KUBE_RESULT_AGAIN:
		item->failures = 0;
		queue->counters.again++;
		if (!queue->no_more)
			delay(queue, item, base_clock_monotonic_us() + MAX(result.after_us, 0));
		break;
	case KUBE_RESULT_FAILED:
		queue->counters.failed++;
		if (!queue->no_more)
			add_limited(queue, item);
		break;
	}
}

static void put_back(KubeQueue *queue, Item *item, KubeResult result, gint64 worked_us)
{
	queue->active--;
	queue->counters.work_us += worked_us;
	queue->counters.longest_work_us = MAX(queue->counters.longest_work_us, worked_us);
	item->is_active = FALSE;
	settle(queue, item, result);
	if (item->is_dirty) {
		item->is_dirty = FALSE;
		/* A key that failed keeps its back-off, whatever changed meanwhile did not wait
		 * for it; but news must be looked at now. */
		make_due(queue, item);
	}
	tidy(queue, item);
	g_cond_broadcast(&queue->changed);
}

static gpointer work(gpointer user_data)
{
	KubeQueue *queue = user_data;
	Item *item;

	g_mutex_lock(&queue->lock);
	while ((item = take(queue)) != NULL) {
		gint64 began_us = base_clock_monotonic_us();
		KubeResult result;

		/* An active item stays where it is, so its key may be used without the lock. */
		g_mutex_unlock(&queue->lock);
		result = queue->reconcile(item->key, queue->user_data);
		g_mutex_lock(&queue->lock);
		put_back(queue, item, result, base_clock_monotonic_us() - began_us);
	}
	g_mutex_unlock(&queue->lock);
	return NULL;
}

void kube_queue_start(KubeQueue *queue)
{
	g_mutex_lock(&queue->lock);
	for (guint i = queue->workers->len; i < queue->n_workers && !queue->ending; i++)
		g_ptr_array_add(queue->workers, g_thread_new(queue->name, work, queue));
	g_mutex_unlock(&queue->lock);
}

/* --- ending --- */

static gboolean is_idle(KubeQueue *queue)
{
	wake_delayed(queue);
	return g_queue_is_empty(&queue->due) && queue->active == 0;
}

static void drop_delayed(KubeQueue *queue)
{
	Item *item;

	while ((item = first_delayed(queue)) != NULL) {
		undelay(queue, item);
		item->failures = 0;
		tidy(queue, item);
	}
}

gboolean kube_queue_stop(KubeQueue *queue, gint64 timeout_us)
{
	gint64 until_us = g_get_monotonic_time() + timeout_us;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);

	queue->no_more = TRUE;
	drop_delayed(queue);
	while (queue->workers->len > 0 && !is_idle(queue) &&
	       g_cond_wait_until(&queue->changed, &queue->lock, until_us))
		;
	queue->ending = TRUE;
	g_cond_broadcast(&queue->changed);
	return is_idle(queue);
}

void kube_queue_free(KubeQueue *queue)
{
	if (queue == NULL)
		return;
	kube_queue_stop(queue, 0);
	for (guint i = 0; i < queue->workers->len; i++)
		g_thread_join(queue->workers->pdata[i]);
	g_ptr_array_unref(queue->workers);
	g_queue_clear(&queue->due);
	g_tree_unref(queue->delayed);
	g_hash_table_unref(queue->items);
	g_mutex_clear(&queue->lock);
	g_cond_clear(&queue->changed);
	g_free(queue->name);
	g_free(queue);
}

gboolean kube_queue_wait_idle(KubeQueue *queue, gint64 timeout_us)
{
	gint64 until_us = g_get_monotonic_time() + timeout_us;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);

	while (!is_idle(queue) && g_cond_wait_until(&queue->changed, &queue->lock, until_us))
		;
	return is_idle(queue);
}

void kube_queue_counters(KubeQueue *queue, KubeQueueCounters *counters)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&queue->lock);

	*counters = queue->counters;
	counters->depth = g_queue_get_length(&queue->due);
	counters->delayed = (guint)g_tree_nnodes(queue->delayed);
	counters->active = queue->active;
}
