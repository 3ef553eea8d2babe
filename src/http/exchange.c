#include "http/server_private.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define JSON_TYPE "application/json"

HttpExchange *http_exchange_ref(HttpExchange *exchange)
{
	g_atomic_ref_count_inc(&exchange->references);
	return exchange;
}

void http_exchange_unref(HttpExchange *exchange)
{
	if (!g_atomic_ref_count_dec(&exchange->references))
		return;
	if (exchange->free_data != NULL && exchange->data != NULL)
		exchange->free_data(exchange->data);
	if (exchange->response != NULL)
		MHD_destroy_response(exchange->response);
	if (exchange->body != NULL)
		g_byte_array_unref(exchange->body);
	g_clear_pointer(&exchange->body_bytes, g_bytes_unref);
	g_clear_pointer(&exchange->headers, g_ptr_array_unref);
	g_mutex_clear(&exchange->lock);
	g_free(exchange->method);
	g_free(exchange->path);
	g_free(exchange);
}

static HttpConnection *connection_context(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

static HttpExchange *exchange_new(HttpServer *server, struct MHD_Connection *connection,
				  const char *url, const char *method)
{
	HttpExchange *exchange = g_new0(HttpExchange, 1);

	g_atomic_ref_count_init(&exchange->references);
	g_mutex_init(&exchange->lock);
	exchange->server = server;
	exchange->connection = connection;
	exchange->peer = connection_context(connection);
	exchange->method = g_strdup(method);
	exchange->path = g_strdup(url);
	exchange->body_fd = -1;
	exchange->body_max = http_server_limits(server)->body_bytes;
	exchange->is_unix = http_server_options(server)->unix_path != NULL;
	g_strlcpy(exchange->address, http_connection_address(exchange->peer),
		  sizeof exchange->address);
	return exchange;
}

const char *http_exchange_method(const HttpExchange *exchange)
{
	return exchange->method;
}

const char *http_exchange_path(const HttpExchange *exchange)
{
	return exchange->path;
}

const char *http_exchange_peer(const HttpExchange *exchange)
{
	return exchange->address;
}

gboolean http_exchange_is_unix(const HttpExchange *exchange)
{
	return exchange->is_unix;
}

const char *http_exchange_query(HttpExchange *exchange, const char *key)
{
	const char *value = NULL;

	if (exchange->connection == NULL ||
	    MHD_lookup_connection_value_n(exchange->connection, MHD_GET_ARGUMENT_KIND, key,
					  strlen(key), &value, NULL) != MHD_YES)
		return NULL;
	return value != NULL ? value : "";
}

const char *http_exchange_header(HttpExchange *exchange, const char *name)
{
	if (exchange->connection == NULL)
		return NULL;
	return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

GBytes *http_exchange_body(HttpExchange *exchange)
{
	if (exchange->body_bytes == NULL)
		exchange->body_bytes =
			exchange->body != NULL
				? g_byte_array_free_to_bytes(g_steal_pointer(&exchange->body))
				: g_bytes_new_static("", 0);
	return exchange->body_bytes;
}

void http_exchange_body_to_fd(HttpExchange *exchange, int fd, guint64 max_bytes)
{
	exchange->body_fd = fd;
	exchange->body_max = max_bytes;
}

guint64 http_exchange_body_size(const HttpExchange *exchange)
{
	return exchange->body_size;
}

int http_exchange_body_errno(const HttpExchange *exchange)
{
	return exchange->body_errno;
}

void http_exchange_set_data(HttpExchange *exchange, gpointer data, GDestroyNotify free_data)
{
	exchange->data = data;
	exchange->free_data = free_data;
}

gpointer http_exchange_data(const HttpExchange *exchange)
{
	return exchange->data;
}

void http_exchange_defer(HttpExchange *exchange)
{
	g_assert(!exchange->deferred);
	exchange->deferred = TRUE;
	http_exchange_ref(exchange);
}

void http_exchange_answer(HttpExchange *exchange, guint status, struct MHD_Response *response,
			  guint64 bytes)
{
	gboolean deferred;

	g_mutex_lock(&exchange->lock);
	deferred = exchange->deferred;
	if (exchange->is_answered || exchange->connection == NULL) {
		MHD_destroy_response(response);
	} else {
		exchange->is_answered = TRUE;
		exchange->response = response;
		exchange->status = status;
		exchange->response_bytes = bytes;
		if (exchange->suspended) {
			exchange->suspended = FALSE;
			MHD_resume_connection(exchange->connection);
		}
	}
	exchange->deferred = FALSE;
	g_mutex_unlock(&exchange->lock);
	if (deferred)
		http_exchange_unref(exchange);
}

static void answer_error(HttpExchange *exchange, guint status, const char *error, const char *hint)
{
	g_autofree char *text =
		g_strdup_printf("{\"error\":\"%s\",\"hint\":\"%s\"}\n", error, hint);

	http_reply_text(exchange, status, JSON_TYPE, text);
}

/* Answered early, the connection would be reset under a peer that still sends, and the answer lost
 * with it: what is not absurdly large is read and dropped first, unless the peer waits for leave.
 */
static gboolean wants_draining(HttpExchange *exchange, guint64 length)
{
	return exchange->has_body && length <= HTTP_BODY_DISCARD_BYTES &&
	       http_exchange_header(exchange, "Expect") == NULL;
}

static enum MHD_Result queue(HttpExchange *exchange)
{
	enum MHD_Result result;
	gboolean is_stream = exchange->stream != NULL;

	http_connection_enter(exchange->peer, is_stream ? HTTP_PHASE_STREAM : HTTP_PHASE_REPLY,
			      exchange->response_bytes);
	result = MHD_queue_response(exchange->connection, exchange->status, exchange->response);
	MHD_destroy_response(exchange->response);
	exchange->response = NULL;
	return result;
}

/* The header is complete. */
static enum MHD_Result begin(HttpExchange *exchange)
{
	const HttpServerOptions *options = http_server_options(exchange->server);
	const char *length_text = http_exchange_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
	guint64 length = length_text != NULL ? g_ascii_strtoull(length_text, NULL, 10) : 0;

	exchange->has_body =
		length > 0 ||
		http_exchange_header(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
	http_connection_enter(exchange->peer,
			      exchange->has_body ? HTTP_PHASE_BODY : HTTP_PHASE_HANDLING, 0);
	if (options->begin != NULL)
		options->begin(exchange, options->user_data);
	if (!exchange->is_answered && length > exchange->body_max)
		answer_error(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large",
			     "send less");
	if (!exchange->is_answered)
		return MHD_YES;
	exchange->drain = wants_draining(exchange, length);
	return exchange->drain ? MHD_YES : queue(exchange);
}

static void write_body(HttpExchange *exchange, const char *data, size_t size)
{
	if (exchange->body_errno == 0 && !base_fd_write_all(exchange->body_fd, data, size))
		exchange->body_errno = errno;
}

/* A piece of the body. FALSE closes the connection. */
static gboolean take_body(HttpExchange *exchange, const char *data, size_t size)
{
	exchange->body_size += size;
	http_connection_extend(exchange->peer, exchange->body_size);
	if (!exchange->drain && size > exchange->body_max - (exchange->body_size - size)) {
		exchange->drain = TRUE;
		exchange->too_large = TRUE;
		g_clear_pointer(&exchange->body, g_byte_array_unref);
	}
	if (exchange->drain) {
		exchange->body_dropped += size;
		return exchange->body_dropped <= HTTP_BODY_DISCARD_BYTES;
	}
	if (exchange->body_fd >= 0) {
		write_body(exchange, data, size);
		return TRUE;
	}
	if (exchange->body == NULL)
		exchange->body = g_byte_array_new();
	g_byte_array_append(exchange->body, (const guint8 *)data, (guint)size);
	return TRUE;
}

static void handle(HttpExchange *exchange)
{
	const HttpServerOptions *options = http_server_options(exchange->server);

	exchange->handled = TRUE;
	http_connection_enter(exchange->peer, HTTP_PHASE_HANDLING, 0);
	if (exchange->too_large)
		answer_error(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large",
			     "send less");
	else if (!exchange->is_answered)
		options->handle(exchange, options->user_data);
}

/* After the handler: queues its answer, or waits for it. */
static enum MHD_Result settle(HttpExchange *exchange)
{
	gboolean answered, deferred;

	g_mutex_lock(&exchange->lock);
	answered = exchange->is_answered;
	deferred = exchange->deferred;
	if (!answered && deferred && !http_server_is_stopping(exchange->server)) {
		exchange->suspended = TRUE;
		MHD_suspend_connection(exchange->connection);
		g_mutex_unlock(&exchange->lock);
		return MHD_YES;
	}
	g_mutex_unlock(&exchange->lock);
	if (!answered && deferred)
		return MHD_NO; /* whoever answers later finds the peer gone */
	if (!answered)
		answer_error(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR,
			     "the request was not answered", "report it with the server's log");
	return queue(exchange);
}

enum MHD_Result http_exchange_step(HttpServer *server, struct MHD_Connection *connection,
				   const char *url, const char *method, const char *upload,
				   size_t *upload_size, void **context)
{
	HttpExchange *exchange = *context;

	if (exchange == NULL) {
		exchange = exchange_new(server, connection, url, method);
		*context = exchange;
		http_connection_set_exchange(exchange->peer, exchange);
		return begin(exchange);
	}
	if (*upload_size > 0) {
		gboolean goes_on = take_body(exchange, upload, *upload_size);

		*upload_size = 0;
		return goes_on ? MHD_YES : MHD_NO;
	}
	if (!exchange->handled)
		handle(exchange);
	return settle(exchange);
}

void http_exchange_completed(HttpExchange *exchange)
{
	HttpStream *stream;

	http_connection_set_exchange(exchange->peer, NULL);
	http_connection_enter(exchange->peer, HTTP_PHASE_IDLE, 0);
	g_mutex_lock(&exchange->lock);
	exchange->connection = NULL;
	exchange->peer = NULL;
	exchange->server = NULL;
	stream = g_steal_pointer(&exchange->stream);
	g_mutex_unlock(&exchange->lock);
	if (stream != NULL) {
		http_stream_completed(stream);
		http_stream_unref(stream);
	}
	http_exchange_unref(exchange);
}

void http_exchange_hang_up(HttpExchange *exchange)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&exchange->lock);

	if (exchange->stream != NULL)
		http_stream_cut(exchange->stream);
}

void http_exchange_stop(HttpExchange *exchange)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&exchange->lock);

	if (exchange->stream != NULL)
		http_stream_cut(exchange->stream);
	if (exchange->suspended) {
		exchange->suspended = FALSE;
		MHD_resume_connection(exchange->connection);
	}
}
