/* The thread that tells the watches, and how a watch catches up with the history before it joins
 * the living. Watches are kept by the first two parts of their prefix, so that a change costs only
 * those who look at its kind. */
#include "base/error.h"
#include "store/internal.h"

#include <string.h>

enum {
	PENDING_MAX_CHANGES = 4096, /* between writer and watches; then the writer waits */
};

struct StorePublisher {
	GThread *thread;

	GMutex queue_lock;
	GCond queue_changed;
	GQueue queue; /* of StoreChange */
	gboolean closing;

	/* Held while watches are told, so that stopping one waits for that. */
	GMutex watches_lock;
	GHashTable *buckets; /* "/group/plural/" → GPtrArray of StoreWatch */
	GPtrArray *of_all;   /* of StoreWatch with prefix "/" */
	gint64 published;
	GDestroyNotify shared_free;
};

struct StoreWatch {
	StorePublisher *publisher;
	char *prefix;
	gint64 after;
	StoreWatchFunc func;
	gpointer user_data;
};

/* The length of "/group/plural/" at the start of `key`; 0 where there is no such start. */
static gsize bucket_length(const char *key)
{
	const char *end = key[0] == '/' ? strchr(key + 1, '/') : NULL;

	end = end != NULL ? strchr(end + 1, '/') : NULL;
	return end != NULL ? (gsize)(end + 1 - key) : 0;
}

static void tell(GPtrArray *watches, const StoreEvent *event)
{
	for (guint i = 0; watches != NULL && i < watches->len; i++) {
		const StoreWatch *watch = g_ptr_array_index(watches, i);

		if (event->revision > watch->after && g_str_has_prefix(event->key, watch->prefix))
			watch->func(event, watch->user_data);
	}
}

static void publish(StorePublisher *publisher, const StoreChange *change)
{
	g_autofree char *bucket = g_strndup(change->key, bucket_length(change->key));
	gpointer shared = NULL;
	StoreEvent event = {
		.key = change->key,
		.revision = change->revision,
		.value = change->value,
		.previous = change->previous,
		.deleted = change->deleted,
		.shared = &shared,
	};

	g_mutex_lock(&publisher->watches_lock);
	tell(publisher->of_all, &event);
	tell(g_hash_table_lookup(publisher->buckets, bucket), &event);
	publisher->published = change->revision;
	g_mutex_unlock(&publisher->watches_lock);
	if (shared != NULL && publisher->shared_free != NULL)
		publisher->shared_free(shared);
}

static gpointer publisher_thread(gpointer data)
{
	StorePublisher *publisher = data;

	g_mutex_lock(&publisher->queue_lock);
	for (;;) {
		StoreChange *change = g_queue_pop_head(&publisher->queue);

		if (change == NULL && publisher->closing)
			break;
		if (change == NULL) {
			g_cond_wait(&publisher->queue_changed, &publisher->queue_lock);
			continue;
		}
		if (publisher->queue.length == PENDING_MAX_CHANGES - 1)
			g_cond_broadcast(&publisher->queue_changed);
		g_mutex_unlock(&publisher->queue_lock);
		publish(publisher, change);
		store_change_free(change);
		g_mutex_lock(&publisher->queue_lock);
	}
	g_mutex_unlock(&publisher->queue_lock);
	return NULL;
}

StorePublisher *store_publisher_new(gint64 revision)
{
	StorePublisher *publisher = g_new0(StorePublisher, 1);

	g_mutex_init(&publisher->queue_lock);
	g_cond_init(&publisher->queue_changed);
	g_queue_init(&publisher->queue);
	g_mutex_init(&publisher->watches_lock);
	publisher->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						   (GDestroyNotify)g_ptr_array_unref);
	publisher->of_all = g_ptr_array_new();
	publisher->published = revision;
	publisher->thread = g_thread_new("store-publisher", publisher_thread, publisher);
	return publisher;
}

void store_publisher_free(StorePublisher *publisher)
{
	if (publisher == NULL)
		return;
	g_mutex_lock(&publisher->queue_lock);
	publisher->closing = TRUE;
	g_cond_broadcast(&publisher->queue_changed);
	g_mutex_unlock(&publisher->queue_lock);
	g_thread_join(publisher->thread);
	g_mutex_clear(&publisher->queue_lock);
	g_cond_clear(&publisher->queue_changed);
	g_mutex_clear(&publisher->watches_lock);
	g_hash_table_unref(publisher->buckets);
	g_ptr_array_unref(publisher->of_all);
	g_free(publisher);
}

void store_publisher_add(StorePublisher *publisher, GPtrArray *changes)
{
	g_mutex_lock(&publisher->queue_lock);
	while (publisher->queue.length >= PENDING_MAX_CHANGES)
		g_cond_wait(&publisher->queue_changed, &publisher->queue_lock);
	for (guint i = 0; i < changes->len; i++)
		g_queue_push_tail(&publisher->queue,
				  g_steal_pointer(&g_ptr_array_index(changes, i)));
	g_cond_broadcast(&publisher->queue_changed);
	g_mutex_unlock(&publisher->queue_lock);
	g_ptr_array_set_size(changes, 0);
}

void store_set_shared_free(Store *store, GDestroyNotify shared_free)
{
	store->publisher->shared_free = shared_free;
}

gint64 store_published_revision(Store *store)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker =
		g_mutex_locker_new(&store->publisher->watches_lock);

	return store->publisher->published;
}

/* Tells one row of DATABASE_HISTORY to the watch. */
static void tell_row(StoreWatch *watch, sqlite3_stmt *row)
{
	g_auto(StoreRecord) record = {0};
	g_autoptr(GBytes) previous = NULL;
	gint64 previous_revision = sqlite3_column_int64(row, 5);
	gint64 previous_at = sqlite3_column_int64(row, 6);
	gpointer shared = NULL;
	StoreEvent event = {.shared = &shared};

	database_read_record(row, &record);
	if (!g_str_has_prefix(record.key, watch->prefix))
		return;
	previous = database_column_bytes(row, 7);
	event.key = record.key;
	event.revision = record.mod_revision;
	event.previous = previous;
	event.deleted = record.value == NULL;
	if (event.deleted && previous == NULL)
		return;
	if (event.deleted)
		record.value = database_stamp(
			previous, previous_at < 0 ? STORE_REVISION_NOWHERE : (gsize)previous_at,
			database_digits(previous_revision), record.mod_revision);
	event.value = record.value;
	watch->func(&event, watch->user_data);
	if (shared != NULL && watch->publisher->shared_free != NULL)
		watch->publisher->shared_free(shared);
}

static gboolean replay(StoreWatch *watch, Database *reader, GError **error)
{
	sqlite3_stmt *row = database_statement(reader, DATABASE_HISTORY);
	gboolean ok = TRUE;
	int code;

	sqlite3_bind_int64(row, 1, watch->after);
	while (ok && (code = sqlite3_step(row)) != SQLITE_DONE) {
		if (code != SQLITE_ROW) {
			ok = database_fail(reader, "reading the history", error);
			break;
		}
		watch->after = sqlite3_column_int64(row, 0);
		tell_row(watch, row);
	}
	sqlite3_reset(row);
	return ok;
}

static gboolean is_kept(gint64 after, gint64 newest, gint64 compacted, GError **error)
{
	if (after < compacted) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_COMPACTED,
			    "too old resource version: %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT ")",
			    after, compacted);
		return FALSE;
	}
	if (after > newest) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_FUTURE,
			    "Too large resource version: %" G_GINT64_FORMAT
			    ", current: %" G_GINT64_FORMAT,
			    after, newest);
		return FALSE;
	}
	return TRUE;
}

/* Checks and replays within one snapshot: what it calls kept is there to be read. */
static gboolean replay_kept(StoreWatch *watch, Database *reader, GError **error)
{
	gint64 newest = 0;
	gint64 compacted = 0;
	gboolean ok;

	database_statement(reader, DATABASE_BEGIN_READ);
	if (!database_run(reader, DATABASE_BEGIN_READ, "reading the history", error))
		return FALSE;
	ok = database_revisions(reader, &newest, &compacted, error) &&
	     is_kept(watch->after, newest, compacted, error) && replay(watch, reader, error);
	database_statement(reader, DATABASE_END);
	database_run(reader, DATABASE_END, "reading the history", NULL);
	return ok;
}

/* Joins the living if nothing was published that the watch has not seen. */
static gboolean join(StoreWatch *watch)
{
	StorePublisher *publisher = watch->publisher;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&publisher->watches_lock);
	g_autofree char *bucket = NULL;
	GPtrArray *watches;

	if (publisher->published > watch->after)
		return FALSE;
	if (strcmp(watch->prefix, "/") == 0) {
		g_ptr_array_add(publisher->of_all, watch);
		return TRUE;
	}
	bucket = g_strndup(watch->prefix, bucket_length(watch->prefix));
	watches = g_hash_table_lookup(publisher->buckets, bucket);
	if (watches == NULL) {
		watches = g_ptr_array_new();
		g_hash_table_insert(publisher->buckets, g_steal_pointer(&bucket), watches);
	}
	g_ptr_array_add(watches, watch);
	return TRUE;
}

static void watch_free(StoreWatch *watch)
{
	g_free(watch->prefix);
	g_free(watch);
}

static gboolean catch_up(Store *store, StoreWatch *watch, GError **error)
{
	Database *reader = store_reader_take(store, error);
	gboolean ok = reader != NULL;
	gboolean joined = FALSE;

	while (ok && !joined) {
		ok = replay_kept(watch, reader, error);
		joined = ok && join(watch);
	}
	if (reader != NULL)
		store_reader_give(store, reader);
	return joined;
}

StoreWatch *store_watch(Store *store, const char *prefix, gint64 after, StoreWatchFunc func,
			gpointer user_data, GError **error)
{
	StoreWatch *watch = g_new0(StoreWatch, 1);

	watch->publisher = store->publisher;
	watch->prefix = g_strdup(prefix);
	watch->after = after > 0 ? after : store_revision(store);
	watch->func = func;
	watch->user_data = user_data;
	if (!catch_up(store, watch, error))
		g_clear_pointer(&watch, watch_free);
	return watch;
}

void store_watch_stop(StoreWatch *watch)
{
	StorePublisher *publisher;
	g_autofree char *bucket = NULL;
	GPtrArray *watches;

	if (watch == NULL)
		return;
	publisher = watch->publisher;
	bucket = g_strndup(watch->prefix, bucket_length(watch->prefix));
	g_mutex_lock(&publisher->watches_lock);
	if (!g_ptr_array_remove_fast(publisher->of_all, watch)) {
		watches = g_hash_table_lookup(publisher->buckets, bucket);
		if (watches != NULL)
			g_ptr_array_remove_fast(watches, watch);
	}
	g_mutex_unlock(&publisher->watches_lock);
	watch_free(watch);
}
