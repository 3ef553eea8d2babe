#include "http/server_private.h"

#include <string.h>

enum {
	STREAM_BLOCK_BYTES = 4096,
};

struct HttpStream {
	gatomicrefcount references; /* the owner's, the exchange's, the response's */
	GMutex lock;
	struct MHD_Connection *connection; /* NULL once it is done with us */
	HttpServer *server;
	gboolean suspended;
	gboolean ended; /* by the owner */
	gboolean cut;   /* from the other side */
	GQueue queue;   /* GBytes * */
	gsize head_offset;
	gsize queued_bytes;
	gsize max_queued_bytes;

	GMutex closed_lock; /* held while `closed` runs, so that http_stream_end can wait for it */
	HttpStreamClosed closed;
	gpointer user_data;
	gboolean is_closed;
};

HttpStream *http_stream_new(HttpExchange *exchange, gsize max_queued_bytes)
{
	HttpStream *stream = g_new0(HttpStream, 1);

	g_atomic_ref_count_init(&stream->references);
	g_mutex_init(&stream->lock);
	g_mutex_init(&stream->closed_lock);
	g_queue_init(&stream->queue);
	stream->connection = exchange->connection;
	stream->server = exchange->server;
	stream->max_queued_bytes = max_queued_bytes;
	return stream;
}

static HttpStream *stream_ref(HttpStream *stream)
{
	g_atomic_ref_count_inc(&stream->references);
	return stream;
}

void http_stream_unref(HttpStream *stream)
{
	if (!g_atomic_ref_count_dec(&stream->references))
		return;
	g_queue_clear_full(&stream->queue, (GDestroyNotify)g_bytes_unref);
	g_mutex_clear(&stream->closed_lock);
	g_mutex_clear(&stream->lock);
	g_free(stream);
}

static void wake(HttpStream *stream)
{
	if (!stream->suspended || stream->connection == NULL)
		return;
	stream->suspended = FALSE;
	MHD_resume_connection(stream->connection);
}

/* Fills `buffer` with what is queued. */
static gsize take(HttpStream *stream, char *buffer, gsize max)
{
	gsize taken = 0;

	while (taken < max && stream->queue.head != NULL) {
		GBytes *head = stream->queue.head->data;
		gsize size;
		const char *data = g_bytes_get_data(head, &size);
		gsize part = MIN(size - stream->head_offset, max - taken);

		if (part > 0)
			memcpy(buffer + taken, data + stream->head_offset, part);
		taken += part;
		stream->head_offset += part;
		if (stream->head_offset == size) {
			g_bytes_unref(g_queue_pop_head(&stream->queue));
			stream->head_offset = 0;
		}
	}
	stream->queued_bytes -= taken;
	return taken;
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t max)
{
	HttpStream *stream = context;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->lock);
	gsize taken;

	(void)position;
	if (stream->cut || http_server_is_stopping(stream->server)) {
		stream->cut = TRUE;
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	taken = take(stream, buffer, max);
	if (taken > 0)
		return (ssize_t)taken;
	if (stream->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	stream->suspended = TRUE;
	MHD_suspend_connection(stream->connection);
	return 0;
}

static void release_stream(void *context)
{
	http_stream_unref(context);
}

struct MHD_Response *http_stream_response(HttpStream *stream)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream,
						 stream_ref(stream), release_stream);
}

HttpStream *http_reply_stream(HttpExchange *exchange, guint status, const char *content_type)
{
	HttpStream *stream;
	struct MHD_Response *response;

	g_mutex_lock(&exchange->lock);
	stream = http_stream_new(exchange,
				 exchange->server != NULL
					 ? http_server_limits(exchange->server)->stream_queue_bytes
					 : 0);
	if (exchange->connection != NULL && !exchange->is_answered)
		exchange->stream = stream_ref(stream);
	else
		stream->cut = stream->is_closed = TRUE;
	g_mutex_unlock(&exchange->lock);
	response = http_stream_response(stream);
	http_reply_finish(exchange, status, content_type, response, 0);
	return stream;
}

gboolean http_stream_push(HttpStream *stream, GBytes *bytes)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->lock);
	gsize size = g_bytes_get_size(bytes);

	if (stream->cut || stream->ended)
		return FALSE;
	if (size > stream->max_queued_bytes - stream->queued_bytes) {
		stream->cut = TRUE;
		wake(stream);
		return FALSE;
	}
	if (size == 0)
		return TRUE;
	g_queue_push_tail(&stream->queue, g_bytes_ref(bytes));
	stream->queued_bytes += size;
	wake(stream);
	return TRUE;
}

void http_stream_cut(HttpStream *stream)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->lock);

	stream->cut = TRUE;
	wake(stream);
}

gboolean http_stream_is_cut(HttpStream *stream)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->lock);

	return stream->cut;
}

void http_stream_completed(HttpStream *stream)
{
	g_mutex_lock(&stream->lock);
	stream->connection = NULL;
	stream->cut = TRUE;
	g_mutex_unlock(&stream->lock);

	g_mutex_lock(&stream->closed_lock);
	stream->is_closed = TRUE;
	if (stream->closed != NULL)
		stream->closed(stream, stream->user_data);
	stream->closed = NULL;
	g_mutex_unlock(&stream->closed_lock);
}

void http_stream_on_closed(HttpStream *stream, HttpStreamClosed closed, gpointer user_data)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&stream->closed_lock);

	if (stream->is_closed) {
		closed(stream, user_data);
		return;
	}
	stream->closed = closed;
	stream->user_data = user_data;
}

void http_stream_end(HttpStream *stream)
{
	if (stream == NULL)
		return;
	g_mutex_lock(&stream->closed_lock);
	stream->closed = NULL;
	g_mutex_unlock(&stream->closed_lock);

	g_mutex_lock(&stream->lock);
	stream->ended = TRUE;
	wake(stream);
	g_mutex_unlock(&stream->lock);
	http_stream_unref(stream);
}
