#include "apiserver/watch.h"

#include "apiserver/crds.h"
#include "apiserver/frame.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"

#include <string.h>

/* One watch. Made by the call that asks for it, then fed by the store's thread; only the thread of
 * ApiWatches ends it. */
typedef struct {
	ApiWatches *watches;
	HttpStream *stream;
	StoreWatch *store_watch; /* NULL for kinds that do not change */
	const ApiKind *kind;
	ApiFilter *filter;
	ApiForm form;
	ApiInclude include;
	gboolean bookmarks;
	gint64 ends_us;
	gint closed; /* atomic: the stream was cut from the other side */

	GMutex lock; /* what is pushed, in order with its revision */
	gint64 revision;
} Watcher;

struct ApiWatches {
	Store *store;
	GThread *thread;
	GAsyncQueue *wake; /* something changed; its lock is never held around a call */

	GMutex lock;
	GPtrArray *watchers;
	gboolean stopping;
};

static char wake_token;

static void wake(ApiWatches *watches)
{
	g_async_queue_push(watches->wake, &wake_token);
}

static void watcher_free(Watcher *watcher)
{
	store_watch_stop(watcher->store_watch);
	http_stream_end(watcher->stream);
	api_filter_free(watcher->filter);
	g_mutex_clear(&watcher->lock);
	g_free(watcher);
}

/* On any thread, also within a push. */
static void stream_closed(HttpStream *stream, gpointer user_data)
{
	Watcher *watcher = user_data;

	(void)stream;
	g_atomic_int_set(&watcher->closed, 1);
	wake(watcher->watches);
}

static gboolean push(Watcher *watcher, GBytes *line, gint64 revision)
{
	gboolean ok;

	g_mutex_lock(&watcher->lock);
	ok = revision >= watcher->revision && http_stream_push(watcher->stream, line);
	watcher->revision = MAX(revision, watcher->revision);
	g_mutex_unlock(&watcher->lock);
	return ok;
}

/* What the change is to this watcher; FALSE if it is nothing. */
static gboolean frame_type(const Watcher *watcher, const StoreEvent *event, ApiFrames *frames,
			   ApiFrameType *type)
{
	ApiView *before = api_frames_before(frames);
	gboolean did = before != NULL && api_filter_matches(watcher->filter, event->key, before);
	gboolean does = !event->deleted &&
			api_filter_matches(watcher->filter, event->key, api_frames_now(frames));

	if (does)
		*type = did ? API_FRAME_MODIFIED : API_FRAME_ADDED;
	else
		*type = event->deleted ? API_FRAME_DELETED : API_FRAME_LEFT;
	return did || does;
}

static void tell(const StoreEvent *event, gpointer user_data)
{
	Watcher *watcher = user_data;
	ApiFrames *frames;
	ApiFrameType type;

	if (g_atomic_int_get(&watcher->closed))
		return;
	frames = api_frames_of(event);
	if (frame_type(watcher, event, frames, &type))
		push(watcher,
		     api_frames_line(frames, watcher->kind, watcher->form, watcher->include, type),
		     event->revision);
}

static gboolean send_present(const StoreRecord *record, gpointer user_data)
{
	Watcher *watcher = user_data;
	g_auto(ApiView) view = {.value = record->value};
	g_autoptr(GBytes) line = NULL;

	if (!api_filter_matches(watcher->filter, record->key, &view))
		return TRUE;
	line = api_frame_added(watcher->kind, watcher->form, watcher->include, &view);
	return push(watcher, line, 0);
}

static void send_crds(Watcher *watcher)
{
	g_autoptr(json_t) all = api_crds_all(watcher->filter);
	gsize i;
	json_t *crd;

	json_array_foreach (all, i, crd) {
		g_auto(ApiView) view = {.whole = json_incref(crd)};
		g_autoptr(GBytes) line =
			api_frame_added(watcher->kind, watcher->form, watcher->include, &view);

		push(watcher, line, 0);
	}
}

/* Sends all that is there; `revision` is what a watch goes on from. */
static ApiStatus *send_initial(const ApiCall *call, Watcher *watcher, gint64 *revision)
{
	g_autofree char *prefix = api_object_prefix(call->kind, api_call_namespace(call));
	g_autoptr(GBytes) bookmark = NULL;
	GError *error = NULL;

	if (call->kind->rules == API_RULES_NONE) {
		send_crds(watcher);
		*revision = store_revision(call->store);
	} else if (!store_list(call->store, prefix, NULL, send_present, watcher, revision,
			       &error)) {
		return api_store_failure(error);
	}
	if (call->query.send_initial_events) {
		bookmark = api_frame_bookmark(watcher->kind, watcher->form, *revision, TRUE);
		push(watcher, bookmark, *revision);
	}
	return NULL;
}

static ApiStatus *watch_failure(const ApiCall *call, gint64 after, GError *error)
{
	ApiStatus *status;

	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_COMPACTED))
		status = api_status_expired_watch(after, store_compacted_revision(call->store));
	else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_FUTURE))
		status = api_status_too_large_resource_version(after, store_revision(call->store));
	else
		return api_store_failure(error);
	g_error_free(error);
	return status;
}

/* Feeds the stream: what is there, if that is asked for, then what comes. */
static ApiStatus *begin(const ApiCall *call, Watcher *watcher, gint64 after)
{
	g_autofree char *prefix = api_object_prefix(call->kind, api_call_namespace(call));
	gboolean initial =
		call->query.has_send_initial_events ? call->query.send_initial_events : after == 0;
	ApiStatus *refusal = initial ? send_initial(call, watcher, &after) : NULL;
	GError *error = NULL;

	if (refusal != NULL || call->kind->rules == API_RULES_NONE)
		return refusal;
	watcher->store_watch = store_watch(call->store, prefix, after, tell, watcher, &error);
	return watcher->store_watch != NULL ? NULL : watch_failure(call, after, error);
}

static gint64 duration_us(const ApiCall *call)
{
	guint16 random;

	if (call->query.timeout_seconds > 0)
		return call->query.timeout_seconds * G_USEC_PER_SEC;
	/* Spread, so that not all come back at once. */
	base_random_bytes(&random, sizeof random);
	return (API_WATCH_DEFAULT_MIN_S + random % API_WATCH_DEFAULT_MIN_S) *
	       (gint64)G_USEC_PER_SEC;
}

static ApiStatus *check_query(const ApiCall *call, gint64 *after)
{
	const char *text = call->query.resource_version;
	GPtrArray *causes;

	if (text != NULL && !g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, after, NULL))
		return api_status_bad_request("resourceVersion: Invalid value: \"%.64s\"", text);
	if (!call->query.has_send_initial_events ||
	    g_strcmp0(call->query.resource_version_match, "NotOlderThan") == 0)
		return NULL;
	causes = api_causes_new();
	api_causes_forbidden(
		causes, "resourceVersionMatch",
		"sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	return api_status_invalid("meta.k8s.io", "ListOptions", "", causes);
}

ApiStatus *api_watch(ApiCall *call)
{
	gint64 after = 0;
	ApiStatus *refusal = check_query(call, &after);
	g_autoptr(ApiFilter) filter = NULL;
	g_autoptr(ApiStatus) failure = NULL;
	g_autoptr(GBytes) line = NULL;
	Watcher *watcher;

	if (refusal != NULL)
		return refusal;
	filter = api_filter_new(call->kind, call->query.label_selector, call->query.field_selector,
				&refusal);
	if (filter == NULL)
		return refusal;
	watcher = g_new0(Watcher, 1);
	g_mutex_init(&watcher->lock);
	watcher->watches = call->watches;
	watcher->kind = call->kind;
	watcher->filter = g_steal_pointer(&filter);
	watcher->form = call->form;
	watcher->include = call->include;
	watcher->bookmarks = call->query.bookmarks;
	watcher->ends_us = base_clock_monotonic_us() + duration_us(call);
	http_reply_header(call->exchange, "Cache-Control", "no-cache, private");
	watcher->stream = http_reply_stream(call->exchange, 200, "application/json");
	http_stream_on_closed(watcher->stream, stream_closed, watcher);

	failure = begin(call, watcher, after);
	if (failure != NULL) {
		line = api_frame_error(failure);
		push(watcher, line, G_MAXINT64);
		watcher->ends_us = 0;
	}
	g_mutex_lock(&call->watches->lock);
	g_ptr_array_add(call->watches->watchers, watcher);
	g_mutex_unlock(&call->watches->lock);
	wake(call->watches);
	return NULL;
}

/* Takes out those that are over; they are the caller's. */
static GPtrArray *take_ended(ApiWatches *watches)
{
	GPtrArray *ended = g_ptr_array_new_with_free_func((GDestroyNotify)watcher_free);
	gint64 now_us = base_clock_monotonic_us();
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&watches->lock);

	for (guint i = watches->watchers->len; i > 0; i--) {
		Watcher *watcher = g_ptr_array_index(watches->watchers, i - 1);

		if (g_atomic_int_get(&watcher->closed) || watcher->ends_us <= now_us)
			g_ptr_array_add(ended,
					g_ptr_array_steal_index_fast(watches->watchers, i - 1));
	}
	return ended;
}

/* The open ones at this moment. Only this thread frees them, so they stay valid. */
static GPtrArray *take_snapshot(ApiWatches *watches, gint64 *next_us)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&watches->lock);
	GPtrArray *open = g_ptr_array_new();

	for (guint i = 0; i < watches->watchers->len; i++) {
		Watcher *watcher = g_ptr_array_index(watches->watchers, i);

		g_ptr_array_add(open, watcher);
		*next_us = MIN(*next_us, watcher->ends_us);
	}
	return open;
}

static void send_bookmarks(ApiWatches *watches, GPtrArray *open)
{
	/* Read first: all that is not newer has been pushed by then. */
	gint64 revision = store_published_revision(watches->store);

	for (guint i = 0; i < open->len; i++) {
		Watcher *watcher = g_ptr_array_index(open, i);
		g_autoptr(GBytes) line = NULL;

		if (!watcher->bookmarks || watcher->ends_us == 0)
			continue;
		line = api_frame_bookmark(watcher->kind, watcher->form, revision, FALSE);
		push(watcher, line, revision);
	}
}

static gpointer watches_thread(gpointer data)
{
	ApiWatches *watches = data;
	gint64 bookmark_us = base_clock_monotonic_us() + API_WATCH_BOOKMARK_S * G_USEC_PER_SEC;
	gboolean stopping = FALSE;

	while (!stopping) {
		gint64 next_us = bookmark_us;
		g_autoptr(GPtrArray) ended = take_ended(watches);
		g_autoptr(GPtrArray) open = take_snapshot(watches, &next_us);
		gint64 now_us = base_clock_monotonic_us();

		if (now_us >= bookmark_us) {
			send_bookmarks(watches, open);
			bookmark_us = now_us + API_WATCH_BOOKMARK_S * G_USEC_PER_SEC;
			next_us = MIN(next_us, bookmark_us);
		}
		/* Who watches anew starts where the last watch got, though nothing of its kind
		 * changed. */
		if (ended->len > 0)
			send_bookmarks(watches, ended);
		g_clear_pointer(&ended, g_ptr_array_unref);
		if (open->len == 0)
			g_async_queue_pop(watches->wake);
		else
			g_async_queue_timeout_pop(watches->wake, (guint64)MAX(next_us - now_us, 1));
		while (g_async_queue_try_pop(watches->wake) != NULL) {
		}
		g_mutex_lock(&watches->lock);
		stopping = watches->stopping;
		g_mutex_unlock(&watches->lock);
	}
	return NULL;
}

ApiWatches *api_watches_new(Store *store, GError **error)
{
	ApiWatches *watches = g_new0(ApiWatches, 1);

	watches->store = store;
	watches->wake = g_async_queue_new();
	watches->watchers = g_ptr_array_new_with_free_func((GDestroyNotify)watcher_free);
	g_mutex_init(&watches->lock);
	store_set_shared_free(store, api_frames_free);
	watches->thread = g_thread_try_new("watches", watches_thread, watches, error);
	if (watches->thread == NULL)
		g_clear_pointer(&watches, api_watches_free);
	return watches;
}

void api_watches_free(ApiWatches *watches)
{
	if (watches == NULL)
		return;
	if (watches->thread != NULL) {
		g_mutex_lock(&watches->lock);
		watches->stopping = TRUE;
		g_mutex_unlock(&watches->lock);
		wake(watches);
		g_thread_join(watches->thread);
	}
	g_ptr_array_unref(watches->watchers);
	g_async_queue_unref(watches->wake);
	g_mutex_clear(&watches->lock);
	g_free(watches);
}
