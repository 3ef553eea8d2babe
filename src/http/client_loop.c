#include "base/clock.h"
#include "http/client.h"
#include "http/transfer.h"

#include <string.h>

enum {
	POLL_MAX_MS = 60 * 1000,
	MAX_IDLE_CONNECTIONS = 2, /* watches end rarely; keep no connection for long */
};

/* Work handed over from another thread. */
typedef struct {
	HttpLoopFunc func;
	gpointer user_data;
	gboolean *done; /* a waiting caller's flag; under the lock */
} Invocation;

typedef struct {
	guint number;
	gint64 due_us;
	HttpLoopFunc func;
	gpointer user_data;
} Timer;

struct HttpLoop {
	CURLM *multi;
	GThread *thread;
	GHashTable *calls; /* HttpCall * */
	GArray *timers;    /* few: one or two a watch */
	guint last_timer;

	GMutex lock;
	GCond done;
	GQueue invocations; /* Invocation * */
	gboolean stopping;
};

struct HttpCall {
	HttpTransfer transfer;
	HttpLoop *loop;
	const HttpCallHandlers *handlers;
	gpointer user_data;
	GByteArray *line; /* the beginning of a line whose end has not come yet */
};

/* --- lines --- */

static gboolean refused(HttpCall *call)
{
	if (call->transfer.fault == NULL)
		g_set_error(&call->transfer.fault, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_SINK,
			    "%s: the answer was not taken to its end", call->transfer.what);
	return FALSE;
}

static gboolean append_to_line(HttpCall *call, const guint8 *data, gsize size_bytes)
{
	if (size_bytes > HTTP_CLIENT_MAX_LINE_BYTES - call->line->len) {
		g_set_error(&call->transfer.fault, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TOO_LARGE,
			    "%s: a line is longer than %d bytes", call->transfer.what,
			    HTTP_CLIENT_MAX_LINE_BYTES);
		return FALSE;
	}
	g_byte_array_append(call->line, data, (guint)size_bytes);
	return TRUE;
}

static gboolean hand_out_line(HttpCall *call)
{
	guint size_bytes = call->line->len;
	gboolean taken;

	if (size_bytes > 0 && call->line->data[size_bytes - 1] == '\r')
		g_byte_array_set_size(call->line, --size_bytes);
	g_byte_array_append(call->line, (const guint8 *)"", 1);
	taken = call->handlers->on_line((const char *)call->line->data, size_bytes,
					call->user_data);
	/* A large event must not keep its memory for the life of the watch. */
	if (size_bytes > 64 * 1024) {
		g_byte_array_unref(call->line);
		call->line = g_byte_array_new();
	}
	g_byte_array_set_size(call->line, 0);
	return taken || refused(call);
}

static gboolean split_lines(HttpTransfer *transfer, const guint8 *data, gsize size_bytes)
{
	HttpCall *call = transfer->sink_data;
	const guint8 *end = data + size_bytes;

	while (data < end) {
		const guint8 *newline = memchr(data, '\n', (gsize)(end - data));
		const guint8 *stop = newline != NULL ? newline : end;

		if (!append_to_line(call, data, (gsize)(stop - data)))
			return FALSE;
		if (newline == NULL)
			return TRUE;
		if (!hand_out_line(call))
			return FALSE;
		data = newline + 1;
	}
	return TRUE;
}

static gboolean hand_out_data(HttpTransfer *transfer, const guint8 *data, gsize size_bytes)
{
	HttpCall *call = transfer->sink_data;

	return call->handlers->on_data(data, size_bytes, call->user_data) || refused(call);
}

/* --- calls --- */

static void free_call(HttpCall *call)
{
	CURL *easy = call->transfer.easy;

	g_hash_table_remove(call->loop->calls, call);
	if (easy != NULL) {
		curl_multi_remove_handle(call->loop->multi, easy);
		curl_easy_cleanup(easy);
	}
	http_transfer_clear(&call->transfer);
	g_byte_array_unref(call->line);
	g_free(call);
}

/* Reports the end from the loop, not from within http_loop_start. */
static void fail_later(gpointer user_data)
{
	HttpCall *call = user_data;
	g_autoptr(GError) error = g_steal_pointer(&call->transfer.fault);

	call->handlers->on_done(NULL, error, call->user_data);
	free_call(call);
}

HttpCall *http_loop_start(HttpLoop *loop, HttpClient *client, const HttpRequest *request,
			  const HttpCallHandlers *handlers, gpointer user_data)
{
	HttpCall *call = g_new0(HttpCall, 1);
	g_autoptr(GError) error = NULL;

	call->loop = loop;
	call->handlers = handlers;
	call->user_data = user_data;
	call->line = g_byte_array_new();
	g_hash_table_add(loop->calls, call);
	if (!http_transfer_prepare(&call->transfer, client, curl_easy_init(), request, &error)) {
		call->transfer.fault = g_steal_pointer(&error);
		http_loop_after(loop, 0, fail_later, call);
		return call;
	}
	call->transfer.sink_data = call;
	if (handlers->on_line != NULL)
		call->transfer.sink = split_lines;
	else if (handlers->on_data != NULL)
		call->transfer.sink = hand_out_data;
	curl_easy_setopt(call->transfer.easy, CURLOPT_PRIVATE, call);
	curl_multi_add_handle(loop->multi, call->transfer.easy);
	return call;
}

static void drop_timers_of(HttpLoop *loop, gconstpointer user_data)
{
	for (guint i = loop->timers->len; i > 0; i--)
		if (g_array_index(loop->timers, Timer, i - 1).user_data == user_data)
			g_array_remove_index(loop->timers, i - 1);
}

void http_call_cancel(HttpCall *call)
{
	drop_timers_of(call->loop, call);
	free_call(call);
}

static void finish_call(HttpCall *call, CURLcode code)
{
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) error = NULL;

	if (code == CURLE_OK)
		response = http_transfer_response(&call->transfer);
	else
		http_transfer_fail(&call->transfer, code, &error);
	call->handlers->on_done(response, error, call->user_data);
	free_call(call);
}

static void finish_calls(HttpLoop *loop)
{
	CURLMsg *message;
	int left = 0;

	while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
		HttpCall *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		finish_call(call, message->data.result);
	}
}

/* --- timers --- */

guint http_loop_after(HttpLoop *loop, gint64 delay_us, HttpLoopFunc func, gpointer user_data)
{
	Timer timer = {
		.due_us = base_clock_monotonic_us() + MAX(delay_us, 0),
		.func = func,
		.user_data = user_data,
	};

	/* 0 is never a number, so callers may keep it for "none". */
	if (++loop->last_timer == 0)
		loop->last_timer = 1;
	timer.number = loop->last_timer;
	g_array_append_val(loop->timers, timer);
	return timer.number;
}

void http_loop_cancel_timer(HttpLoop *loop, guint number)
{
	for (guint i = 0; i < loop->timers->len; i++) {
		if (g_array_index(loop->timers, Timer, i).number == number) {
			g_array_remove_index(loop->timers, i);
			return;
		}
	}
}

/* The index of the timer that is due first, or -1. */
static gint first_timer(const HttpLoop *loop)
{
	gint first = -1;

	for (guint i = 0; i < loop->timers->len; i++)
		if (first < 0 || g_array_index(loop->timers, Timer, i).due_us <
					 g_array_index(loop->timers, Timer, first).due_us)
			first = (gint)i;
	return first;
}

static void run_timers(HttpLoop *loop)
{
	gint64 now_us = base_clock_monotonic_us();
	gint i;

	while ((i = first_timer(loop)) >= 0) {
		Timer timer = g_array_index(loop->timers, Timer, i);

		if (timer.due_us > now_us)
			return;
		g_array_remove_index(loop->timers, (guint)i);
		timer.func(timer.user_data);
	}
}

static int poll_timeout_ms(const HttpLoop *loop)
{
	gint i = first_timer(loop);
	gint64 wait_us;

	if (i < 0)
		return POLL_MAX_MS;
	wait_us = g_array_index(loop->timers, Timer, i).due_us - base_clock_monotonic_us();
	return (int)CLAMP((wait_us + 999) / 1000, 0, POLL_MAX_MS);
}

/* --- the thread --- */

static void run_invocations(HttpLoop *loop)
{
	Invocation *invocation;

	g_mutex_lock(&loop->lock);
	while ((invocation = g_queue_pop_head(&loop->invocations)) != NULL) {
		g_mutex_unlock(&loop->lock);
		invocation->func(invocation->user_data);
		g_mutex_lock(&loop->lock);
		if (invocation->done != NULL) {
			*invocation->done = TRUE;
			g_cond_broadcast(&loop->done);
		}
		g_free(invocation);
	}
	g_mutex_unlock(&loop->lock);
}

static gboolean is_stopping(HttpLoop *loop)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&loop->lock);

	return loop->stopping;
}

static gpointer run(gpointer user_data)
{
	HttpLoop *loop = user_data;
	int running = 0;

	while (!is_stopping(loop)) {
		run_invocations(loop);
		run_timers(loop);
		curl_multi_perform(loop->multi, &running);
		finish_calls(loop);
		curl_multi_poll(loop->multi, NULL, 0, poll_timeout_ms(loop), NULL);
	}
	run_invocations(loop);
	return NULL;
}

HttpLoop *http_loop_new(const char *thread_name)
{
	HttpLoop *loop = g_new0(HttpLoop, 1);

	http_curl_init();
	loop->multi = curl_multi_init();
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)MAX_IDLE_CONNECTIONS);
	loop->calls = g_hash_table_new(NULL, NULL);
	loop->timers = g_array_new(FALSE, FALSE, sizeof(Timer));
	g_mutex_init(&loop->lock);
	g_cond_init(&loop->done);
	g_queue_init(&loop->invocations);
	loop->thread = g_thread_new(thread_name, run, loop);
	return loop;
}

void http_loop_free(HttpLoop *loop)
{
	GHashTableIter iter;
	gpointer call;

	if (loop == NULL)
		return;
	g_mutex_lock(&loop->lock);
	loop->stopping = TRUE;
	g_mutex_unlock(&loop->lock);
	curl_multi_wakeup(loop->multi);
	g_thread_join(loop->thread);
	g_hash_table_iter_init(&iter, loop->calls);
	while (g_hash_table_iter_next(&iter, &call, NULL)) {
		free_call(call);
		g_hash_table_iter_init(&iter, loop->calls);
	}
	curl_multi_cleanup(loop->multi);
	g_hash_table_unref(loop->calls);
	g_array_unref(loop->timers);
	g_mutex_clear(&loop->lock);
	g_cond_clear(&loop->done);
	g_free(loop);
}

static void invoke(HttpLoop *loop, HttpLoopFunc func, gpointer user_data, gboolean *done)
{
	Invocation *invocation = g_new0(Invocation, 1);

	*invocation = (Invocation){func, user_data, done};
	g_mutex_lock(&loop->lock);
	g_queue_push_tail(&loop->invocations, invocation);
	g_mutex_unlock(&loop->lock);
	curl_multi_wakeup(loop->multi);
}

void http_loop_invoke(HttpLoop *loop, HttpLoopFunc func, gpointer user_data)
{
	invoke(loop, func, user_data, NULL);
}

void http_loop_invoke_wait(HttpLoop *loop, HttpLoopFunc func, gpointer user_data)
{
	gboolean done = FALSE;

	if (g_thread_self() == loop->thread) {
		func(user_data);
		return;
	}
	invoke(loop, func, user_data, &done);
	g_mutex_lock(&loop->lock);
	while (!done)
		g_cond_wait(&loop->done, &loop->lock);
	g_mutex_unlock(&loop->lock);
}
