/* http/server_private.h — what the files of the server share; nobody else includes it.
 *
 * server.c      listener, TLS, start and stop
 * connections.c who is connected, in which phase, until when; the sweeper
 * exchange.c    one request and its answer
 * reply.c       answers of bytes and files
 * stream.c      an answer that goes on
 *
 * Locks, in the order in which they may be taken: the table of connections; an exchange; a stream.
 * libmicrohttpd calls none of ours while it holds one of its own, so suspending and resuming under
 * ours is safe. A suspended connection is never ended by libmicrohttpd: whoever resumes it under
 * the lock of its exchange or stream therefore holds a live pointer. */
#pragma once

#include "http/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>

typedef struct HttpConnection HttpConnection;
typedef struct HttpConnections HttpConnections;

/* Limits in force, defaults filled in. */
typedef struct {
	gsize header_bytes;
	gsize body_bytes;
	guint connections;
	guint connections_per_address;
	gint64 idle_timeout_us;
	gint64 request_timeout_us;
	guint minimum_bytes_per_s;
	gsize stream_queue_bytes;
} HttpLimits;

typedef enum {
	HTTP_PHASE_FIRST,    /* handshake and the first header */
	HTTP_PHASE_IDLE,     /* between two requests, and a later header */
	HTTP_PHASE_BODY,     /* a body arrives */
	HTTP_PHASE_HANDLING, /* the handler, or whoever it deferred to */
	HTTP_PHASE_REPLY,    /* the answer leaves */
	HTTP_PHASE_STREAM,   /* an answer without an end */
} HttpPhase;

/* connections.c */
HttpConnections *http_connections_new(const HttpLimits *limits, gboolean is_unix);
void http_connections_free(HttpConnections *table); /* after the daemon has stopped */
/* May this peer connect? Makes room if it must. */
gboolean http_connections_admit(HttpConnections *table, const struct sockaddr *address);
HttpConnection *http_connections_add(HttpConnections *table, int fd,
				     const struct sockaddr *address);
void http_connections_remove(HttpConnections *table, HttpConnection *connection);
guint http_connections_count(HttpConnections *table);
/* `bytes` is what is still to be transferred in that phase. */
void http_connection_enter(HttpConnection *connection, HttpPhase phase, guint64 bytes);
/* More of a body without a length has come. */
void http_connection_extend(HttpConnection *connection, guint64 bytes);
void http_connection_set_exchange(HttpConnection *connection, HttpExchange *exchange);
const char *http_connection_address(const HttpConnection *connection);
/* The exchanges under way, a reference each. Yours. */
GPtrArray *http_connections_exchanges(HttpConnections *table);

/* exchange.c */
struct HttpExchange {
	gatomicrefcount references;
	GMutex lock;
	HttpServer *server;                /* while `connection` is set */
	struct MHD_Connection *connection; /* NULL once the peer or the server is gone */
	HttpConnection *peer;              /* the same */
	char *method;
	char *path;
	char address[INET6_ADDRSTRLEN];
	gboolean is_unix;

	gboolean has_body;
	gboolean handled;
	gboolean drain;     /* the body is read and dropped */
	gboolean too_large; /* it went over its limit */
	GByteArray *body;
	GBytes *body_bytes;
	int body_fd;
	int body_errno;
	guint64 body_size;
	guint64 body_max;
	guint64 body_dropped;

	GPtrArray *headers; /* name, value, name, value … */
	struct MHD_Response *response;
	guint status;
	guint64 response_bytes;
	gboolean is_answered;
	gboolean deferred;
	gboolean suspended;
	HttpStream *stream;

	gpointer data;
	GDestroyNotify free_data;
};
enum MHD_Result http_exchange_step(HttpServer *server, struct MHD_Connection *connection,
				   const char *url, const char *method, const char *upload,
				   size_t *upload_size, void **context);
void http_exchange_completed(HttpExchange *exchange);
/* The server stops: ends what waits. */
void http_exchange_stop(HttpExchange *exchange);
/* The peer of a stream has hung up. */
void http_exchange_hang_up(HttpExchange *exchange);
HttpExchange *http_exchange_ref(HttpExchange *exchange);
void http_exchange_unref(HttpExchange *exchange);
/* Gives the exchange its answer, which it takes over; the first one counts. */
void http_exchange_answer(HttpExchange *exchange, guint status, struct MHD_Response *response,
			  guint64 bytes);

/* reply.c: adds the header fields and answers. */
void http_reply_finish(HttpExchange *exchange, guint status, const char *content_type,
		       struct MHD_Response *response, guint64 bytes);

/* stream.c */
HttpStream *http_stream_new(HttpExchange *exchange, gsize max_queued_bytes);
struct MHD_Response *http_stream_response(HttpStream *stream);
void http_stream_cut(HttpStream *stream); /* ends it from this side, any thread */
gboolean http_stream_is_cut(HttpStream *stream);
void http_stream_completed(HttpStream *stream); /* the connection is done with it */
void http_stream_unref(HttpStream *stream);

/* server.c */
const HttpLimits *http_server_limits(const HttpServer *server);
const HttpServerOptions *http_server_options(const HttpServer *server);
gboolean http_server_is_stopping(const HttpServer *server);
