#include "kube/cache.h"

#include "base/clock.h"
#include "kube/cache_store.h"
#include "kube/query.h"
#include "kube/stream.h"

#include <string.h>

enum {
	BACKOFF_MAX_DOUBLINGS = 16,
	SHORT_WATCH_US = 1000 * 1000, /* a watch that ends sooner, without a word, is a failure */
};

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

typedef struct {
	KubeCacheHandler handler;
	gpointer user_data;
} Handler;

struct KubeCache {
	KubeClient *client;
	HttpLoop *loop;
	const KubeResource *resource;
	KubeCacheOptions options; /* strings are ours */
	KubeStore *store;
	GArray *handlers; /* Handler, fixed before the start */

	/* Only on the loop's thread: one call or one timer at a time. */
	HttpCall *call;
	guint timer;
	guint failures; /* in a row */
	gboolean stopped;
	KubeListReader *reader;
	char *continue_token;
	guint round;            /* of the list in progress; objects not marked with it are gone */
	gboolean without_pages; /* the token of the last list expired under us */
	gint64 watch_began_us;
	gboolean watch_spoke;   /* the watch in progress sent something */
	gboolean watch_expired; /* … and this was: too old */
	GError *fault;          /* why a callback ended the call */

	GMutex lock;
	GCond synced_changed;
	gboolean started;
	gboolean synced;
	char *resource_version;
	char *last_error;
	KubeCacheCounters counters;
};

static void start_list(KubeCache *cache);
static void start_page(KubeCache *cache);
static void start_watch(KubeCache *cache);

/* --- making and ending --- */

KubeCache *kube_cache_new(KubeClient *client, const KubeResource *resource,
			  const KubeCacheOptions *options)
{
	KubeCache *cache = g_new0(KubeCache, 1);

	cache->client = client;
	cache->resource = resource;
	if (options != NULL)
		cache->options = *options;
	cache->options.name_space = g_strdup(cache->options.name_space);
	cache->options.label_selector = g_strdup(cache->options.label_selector);
	cache->options.field_selector = g_strdup(cache->options.field_selector);
	cache->store = kube_store_new(resource);
	cache->handlers = g_array_new(FALSE, FALSE, sizeof(Handler));
	g_mutex_init(&cache->lock);
	g_cond_init(&cache->synced_changed);
	return cache;
}

void kube_cache_add_index(KubeCache *cache, const char *index, KubeIndexFunc func,
			  gpointer user_data)
{
	g_assert(!cache->started);
	kube_store_add_index(cache->store, index, func, user_data);
}

void kube_cache_on_event(KubeCache *cache, KubeCacheHandler handler, gpointer user_data)
{
	Handler entry = {handler, user_data};

	g_assert(!cache->started);
	g_array_append_val(cache->handlers, entry);
}

static void begin(gpointer user_data)
{
	start_list(user_data);
}

void kube_cache_start(KubeCache *cache)
{
	g_assert(!cache->started);
	cache->started = TRUE;
	cache->loop = kube_client_loop(cache->client);
	http_loop_invoke(cache->loop, begin, cache);
}

static void end(gpointer user_data)
{
	KubeCache *cache = user_data;

	cache->stopped = TRUE;
	if (cache->call != NULL)
		http_call_cancel(g_steal_pointer(&cache->call));
	if (cache->timer != 0)
		http_loop_cancel_timer(cache->loop, cache->timer);
	cache->timer = 0;
}

void kube_cache_stop(KubeCache *cache)
{
	if (cache->loop != NULL)
		http_loop_invoke_wait(cache->loop, end, cache);
	cache->loop = NULL;
}

void kube_cache_free(KubeCache *cache)
{
	if (cache == NULL)
		return;
	kube_cache_stop(cache);
	kube_list_reader_free(cache->reader);
	kube_store_free(cache->store);
	g_array_unref(cache->handlers);
	g_clear_error(&cache->fault);
	g_free(cache->continue_token);
	g_free(cache->resource_version);
	g_free(cache->last_error);
	g_free((char *)cache->options.name_space);
	g_free((char *)cache->options.label_selector);
	g_free((char *)cache->options.field_selector);
	g_mutex_clear(&cache->lock);
	g_cond_clear(&cache->synced_changed);
	g_free(cache);
}

/* --- objects in --- */

void kube_cache_strip(json_t *object, gpointer user_data)
{
	json_t *metadata = json_object_get(object, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");

	(void)user_data;
	json_object_del(metadata, "managedFields");
	json_object_del(annotations, LAST_APPLIED);
	if (json_is_object(annotations) && json_object_size(annotations) == 0)
		json_object_del(metadata, "annotations");
}

/* A server that does not know PartialObjectMetadata answers with the whole: not kept. */
static void keep_metadata_only(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (object, next, key, value) {
		if (!g_str_equal(key, "metadata"))
			json_object_del(object, key);
	}
}

static void transform(KubeCache *cache, json_t *object)
{
	if (cache->options.metadata_only)
		keep_metadata_only(object);
	if (cache->options.transform != NULL)
		cache->options.transform(object, cache->options.transform_data);
	else
		kube_cache_strip(object, NULL);
}

static void tell(KubeCache *cache, KubeChange change, const char *key, const json_t *old,
		 const json_t *now)
{
	g_autofree char *name_space = NULL, *name = NULL;

	g_mutex_lock(&cache->lock);
	cache->counters.changes++;
	g_mutex_unlock(&cache->lock);
	kube_key_split(key, &name_space, &name);
	for (guint i = 0; i < cache->handlers->len; i++) {
		const Handler *handler = &g_array_index(cache->handlers, Handler, i);

		handler->handler(change, name_space, name, old, now, handler->user_data);
	}
}

static void put(KubeCache *cache, json_t *object)
{
	g_auto(KubeStoreChange) change = {0};

	transform(cache, object);
	kube_store_put(cache->store, object, cache->round, cache->handlers->len > 0, &change);
	if (change.changed)
		tell(cache, change.change, change.key, change.old, object);
}

/* `last` is the last state if the server told it; else what is held here is taken for it. */
static void drop(KubeCache *cache, const char *key, json_t *last)
{
	g_auto(KubeStoreChange) change = {0};

	kube_store_remove(cache->store, key, &change);
	if (change.changed)
		tell(cache, KUBE_DELETED, change.key, change.old, last != NULL ? last : change.old);
}

/* --- failures --- */

static void remember_error(KubeCache *cache, const char *message)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	g_free(cache->last_error);
	cache->last_error = g_strdup(message);
	if (message != NULL)
		cache->counters.failures++;
}

static void all_is_well(KubeCache *cache)
{
	cache->failures = 0;
	remember_error(cache, NULL);
}

static void count(KubeCache *cache, guint64 *counter)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	(*counter)++;
}

/* Doubled with each failure in a row; half of it is chance, so that many clients do not come back
 * at once when a server does. */
static gint64 backoff_us(const KubeCache *cache)
{
	guint most_ms = cache->options.backoff_max_ms != 0 ? cache->options.backoff_max_ms
							   : KUBE_CACHE_BACKOFF_MAX_MS;
	guint doublings = MIN(cache->failures > 0 ? cache->failures - 1 : 0, BACKOFF_MAX_DOUBLINGS);
	gint64 wait_ms = MIN((gint64)KUBE_CACHE_BACKOFF_MIN_MS << doublings, most_ms);

	return wait_ms * 1000 / 2 + g_random_int_range(0, (gint32)(wait_ms * 1000 / 2 + 1));
}

static void resume_list(gpointer user_data)
{
	KubeCache *cache = user_data;

	cache->timer = 0;
	start_list(cache);
}

static void resume_watch(gpointer user_data)
{
	KubeCache *cache = user_data;

	cache->timer = 0;
	start_watch(cache);
}

/* Tries again after the back-off, or after `at_least_s` if that is longer. */
static void try_later(KubeCache *cache, HttpLoopFunc func, const char *message, gint64 at_least_s)
{
	gint64 wait_us;

	cache->failures++;
	wait_us = MAX(backoff_us(cache), at_least_s * G_USEC_PER_SEC);
	remember_error(cache, message);
	cache->timer = http_loop_after(cache->loop, wait_us, func, cache);
}

/* --- paths --- */

static GString *selection_path(const KubeCache *cache)
{
	g_autofree char *base =
		kube_resource_path(cache->resource, cache->options.name_space, NULL, NULL);
	GString *path = g_string_new(base);

	kube_query_append(path, "labelSelector", cache->options.label_selector);
	kube_query_append(path, "fieldSelector", cache->options.field_selector);
	return path;
}

static char *list_path(const KubeCache *cache)
{
	GString *path = selection_path(cache);
	guint size = cache->options.page_size != 0 ? cache->options.page_size : KUBE_LIST_PAGE;
	g_autofree char *limit = g_strdup_printf("%u", size);

	if (!cache->without_pages)
		kube_query_append(path, "limit", limit);
	kube_query_append(path, "continue", cache->continue_token);
	return g_string_free(path, FALSE);
}

static char *watch_path(const KubeCache *cache, guint seconds)
{
	GString *path = selection_path(cache);
	g_autofree char *timeout = g_strdup_printf("%u", seconds);

	kube_query_append(path, "watch", "true");
	kube_query_append(path, "allowWatchBookmarks", "true");
	kube_query_append(path, "resourceVersion", cache->resource_version);
	kube_query_append(path, "timeoutSeconds", timeout);
	return g_string_free(path, FALSE);
}

/* --- listing --- */

static gboolean on_list_item(const char *text, gsize size_bytes, gpointer user_data)
{
	KubeCache *cache = user_data;
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = base_json_parse(text, size_bytes, &error);

	if (object == NULL) {
		kube_error_set(&cache->fault, KUBE_ERROR_PROTOCOL, "an item of the list: %s",
			       error->message);
		return FALSE;
	}
	if (!kube_object_is_addressable(object)) {
		kube_error_set(&cache->fault, KUBE_ERROR_PROTOCOL,
			       "an item of the list has no proper name");
		return FALSE;
	}
	put(cache, object);
	return TRUE;
}

static gboolean on_list_data(const guint8 *data, gsize size_bytes, gpointer user_data)
{
	KubeCache *cache = user_data;
	g_autoptr(GError) error = NULL;

	if (kube_list_reader_feed(cache->reader, (const char *)data, size_bytes, &error))
		return TRUE;
	if (cache->fault == NULL)
		cache->fault = g_steal_pointer(&error);
	return FALSE;
}

/* The list is complete: what it did not name is gone. */
static void finish_list(KubeCache *cache, const char *resource_version)
{
	g_autoptr(GPtrArray) gone = kube_store_stale_keys(cache->store, cache->round);

	for (guint i = 0; i < gone->len; i++)
		drop(cache, gone->pdata[i], NULL);
	g_clear_pointer(&cache->continue_token, g_free);
	cache->without_pages = FALSE;
	all_is_well(cache);
	g_mutex_lock(&cache->lock);
	g_free(cache->resource_version);
	cache->resource_version = g_strdup(resource_version);
	cache->counters.lists++;
	cache->synced = TRUE;
	g_cond_broadcast(&cache->synced_changed);
	g_mutex_unlock(&cache->lock);
	start_watch(cache);
}

static void finish_page(KubeCache *cache)
{
	g_autoptr(KubeListReader) reader = g_steal_pointer(&cache->reader);
	g_autoptr(GError) error = NULL;
	const char *resource_version;

	count(cache, &cache->counters.pages);
	if (!kube_list_reader_finish(reader, &error)) {
		try_later(cache, resume_list, error->message, 0);
		return;
	}
	g_free(cache->continue_token);
	cache->continue_token = g_strdup(kube_list_reader_continue(reader));
	if (cache->continue_token != NULL) {
		start_page(cache);
		return;
	}
	resource_version = kube_list_reader_resource_version(reader);
	if (resource_version == NULL)
		try_later(cache, resume_list, "the list has no resourceVersion to watch from", 0);
	else
		finish_list(cache, resource_version);
}

static void list_failed(KubeCache *cache, const HttpResponse *response, const GError *error)
{
	g_autoptr(GError) reason = g_steal_pointer(&cache->fault);

	if (reason == NULL && response != NULL)
		kube_error_set_from_answer(&reason, response->status, response->body,
					   cache->resource->plural);
	/* Pages take time; where the revisions go faster than that, one answer has to do. */
	if (cache->continue_token != NULL && g_error_matches(reason, KUBE_ERROR, KUBE_ERROR_GONE)) {
		count(cache, &cache->counters.expired);
		cache->without_pages = TRUE;
	}
	try_later(cache, resume_list, reason != NULL ? reason->message : error->message,
		  response != NULL ? http_response_retry_after_s(response) : 0);
}

static gboolean is_over(KubeCache *cache, const GError *error)
{
	return cache->stopped ||
	       g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_CANCELLED);
}

static void on_list_done(const HttpResponse *response, const GError *error, gpointer user_data)
{
	KubeCache *cache = user_data;

	cache->call = NULL;
	if (is_over(cache, error))
		return;
	if (response != NULL && response->status == 200)
		finish_page(cache);
	else
		list_failed(cache, response, error);
}

static void start_call(KubeCache *cache, const char *path, const char *accept, gint64 timeout_ms,
		       const HttpCallHandlers *handlers)
{
	const char *headers[] = {accept, NULL};
	HttpRequest request = {.path = path, .headers = headers, .timeout_ms = (guint)timeout_ms};

	g_clear_error(&cache->fault);
	cache->call = http_loop_start(cache->loop, kube_client_http(cache->client), &request,
				      handlers, cache);
}

static void start_page(KubeCache *cache)
{
	static const HttpCallHandlers handlers = {.on_data = on_list_data, .on_done = on_list_done};
	g_autofree char *path = list_path(cache);

	g_clear_pointer(&cache->reader, kube_list_reader_free);
	cache->reader = kube_list_reader_new(on_list_item, cache);
	start_call(cache, path,
		   cache->options.metadata_only ? KUBE_ACCEPT_PARTIAL_LIST : KUBE_ACCEPT_JSON,
		   KUBE_CACHE_LIST_TIMEOUT_S * 1000, &handlers);
}

static void start_list(KubeCache *cache)
{
	if (cache->stopped)
		return;
	cache->round++;
	g_clear_pointer(&cache->continue_token, g_free);
	start_page(cache);
}

/* --- watching --- */

static void advance(KubeCache *cache, const char *resource_version)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	if (g_strcmp0(cache->resource_version, resource_version) == 0)
		return;
	g_free(cache->resource_version);
	cache->resource_version = g_strdup(resource_version);
}

static gboolean take_error(KubeCache *cache, const json_t *status)
{
	kube_error_set_from_status(&cache->fault, status, 0, cache->resource->plural);
	cache->watch_expired = g_error_matches(cache->fault, KUBE_ERROR, KUBE_ERROR_GONE);
	return FALSE;
}

static gboolean take_event(KubeCache *cache, KubeWatchEvent *event)
{
	g_autofree char *resource_version = g_strdup(event->resource_version);
	g_autofree char *key = NULL;

	switch (event->type) {
	case KUBE_WATCH_ADDED:
	case KUBE_WATCH_MODIFIED:
		put(cache, event->object);
		break;
	case KUBE_WATCH_DELETED:
		key = kube_key(kube_object_namespace(event->object),
			       kube_object_name(event->object));
		transform(cache, event->object);
		drop(cache, key, event->object);
		break;
	case KUBE_WATCH_BOOKMARK:
		count(cache, &cache->counters.bookmarks);
		break;
	case KUBE_WATCH_ERROR:
		return take_error(cache, event->object);
	}
	/* After the handlers: whoever reads the version finds the change in the cache. */
	advance(cache, resource_version);
	return TRUE;
}

static gboolean on_watch_line(const char *line, gsize size_bytes, gpointer user_data)
{
	KubeCache *cache = user_data;
	g_auto(KubeWatchEvent) event = {0};

	if (size_bytes == 0)
		return TRUE;
	if (!kube_watch_event_read(line, size_bytes, &event, &cache->fault)) {
		count(cache, &cache->counters.garbage);
		return FALSE;
	}
	if (!cache->watch_spoke && event.type != KUBE_WATCH_ERROR) {
		cache->watch_spoke = TRUE;
		all_is_well(cache);
	}
	return take_event(cache, &event);
}

/* Resume where we were (the connection is at fault) or list again (our knowledge may be). */
static gboolean must_list(const GError *reason, const HttpResponse *response)
{
	if (response == NULL && reason == NULL)
		return FALSE;
	return !g_error_matches(reason, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE) &&
	       !g_error_matches(reason, KUBE_ERROR, KUBE_ERROR_TOO_MANY);
}

static void watch_failed(KubeCache *cache, const HttpResponse *response, const GError *error)
{
	g_autoptr(GError) reason = g_steal_pointer(&cache->fault);
	gboolean list_again;

	if (reason == NULL && response != NULL)
		kube_error_set_from_answer(&reason, response->status, response->body,
					   cache->resource->plural);
	list_again = must_list(reason, response);
	if (g_error_matches(reason, KUBE_ERROR, KUBE_ERROR_GONE))
		count(cache, &cache->counters.expired);
	try_later(cache, list_again ? resume_list : resume_watch,
		  reason != NULL ? reason->message : error->message,
		  response != NULL ? http_response_retry_after_s(response) : 0);
}

/* A watch that ended as agreed, or that was silent beyond its end. */
static void watch_ended(KubeCache *cache)
{
	gint64 lasted_us = base_clock_monotonic_us() - cache->watch_began_us;

	if (cache->watch_spoke || lasted_us >= SHORT_WATCH_US)
		start_watch(cache);
	else
		try_later(cache, resume_watch, "the server ended the watch at once", 0);
}

static void on_watch_done(const HttpResponse *response, const GError *error, gpointer user_data)
{
	KubeCache *cache = user_data;

	cache->call = NULL;
	if (is_over(cache, error))
		return;
	if (cache->fault == NULL && response != NULL && response->status == 200)
		watch_ended(cache);
	else if (g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TIMEOUT) &&
		 base_clock_monotonic_us() - cache->watch_began_us >= SHORT_WATCH_US)
		watch_ended(cache);
	else
		watch_failed(cache, response, error);
}

static guint watch_seconds(const KubeCache *cache)
{
	if (cache->options.watch_timeout_s != 0)
		return cache->options.watch_timeout_s;
	return (guint)g_random_int_range(KUBE_CACHE_WATCH_MIN_S, KUBE_CACHE_WATCH_MAX_S + 1);
}

static void start_watch(KubeCache *cache)
{
	static const HttpCallHandlers handlers = {.on_line = on_watch_line,
						  .on_done = on_watch_done};
	guint seconds = watch_seconds(cache);
	guint grace_ms = cache->options.stall_grace_ms != 0 ? cache->options.stall_grace_ms
							    : KUBE_CACHE_STALL_GRACE_S * 1000;
	g_autofree char *path = NULL;

	if (cache->stopped)
		return;
	path = watch_path(cache, seconds);
	cache->watch_began_us = base_clock_monotonic_us();
	cache->watch_spoke = FALSE;
	cache->watch_expired = FALSE;
	count(cache, &cache->counters.watches);
	/* The server ends it after `seconds`. If it has not by then, the connection is dead. */
	start_call(cache, path,
		   cache->options.metadata_only ? KUBE_ACCEPT_PARTIAL : KUBE_ACCEPT_JSON,
		   (gint64)seconds * 1000 + grace_ms, &handlers);
}

/* --- reading --- */

gboolean kube_cache_is_synced(KubeCache *cache)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	return cache->synced;
}

gboolean kube_cache_wait_synced(KubeCache *cache, gint64 timeout_us)
{
	gint64 until_us = g_get_monotonic_time() + timeout_us;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	while (!cache->synced && g_cond_wait_until(&cache->synced_changed, &cache->lock, until_us))
		;
	return cache->synced;
}

json_t *kube_cache_get_by_key(KubeCache *cache, const char *key)
{
	return kube_store_get(cache->store, key);
}

json_t *kube_cache_get(KubeCache *cache, const char *name_space, const char *name)
{
	g_autofree char *key = kube_key(name_space, name);

	return kube_store_get(cache->store, key);
}

gboolean kube_cache_has(KubeCache *cache, const char *name_space, const char *name)
{
	g_autofree char *key = kube_key(name_space, name);

	return kube_store_has(cache->store, key);
}

guint kube_cache_count(KubeCache *cache)
{
	return kube_store_count(cache->store);
}

void kube_cache_foreach(KubeCache *cache, KubeCacheFunc func, gpointer user_data)
{
	kube_store_foreach(cache->store, func, user_data);
}

GPtrArray *kube_cache_keys(KubeCache *cache)
{
	return kube_store_keys(cache->store);
}

GPtrArray *kube_cache_index(KubeCache *cache, const char *index, const char *value)
{
	return kube_store_find(cache->store, index, value);
}

guint kube_cache_index_count(KubeCache *cache, const char *index, const char *value)
{
	return kube_store_find_count(cache->store, index, value);
}

void kube_cache_counters(KubeCache *cache, KubeCacheCounters *counters)
{
	g_mutex_lock(&cache->lock);
	*counters = cache->counters;
	g_mutex_unlock(&cache->lock);
	counters->bytes = kube_store_bytes(cache->store);
}

char *kube_cache_last_error(KubeCache *cache)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	return g_strdup(cache->last_error);
}

char *kube_cache_resource_version(KubeCache *cache)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);

	return g_strdup(cache->resource_version);
}
