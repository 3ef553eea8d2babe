/* http/server.h — an HTTP/1.1 server over libmicrohttpd: TCP with or without TLS, or a unix socket.
 *
 * One HttpServer is one listener with its own small pool of threads. A handler runs on one of them
 * and may block shortly (a read from disk, a commit); while it does, the other connections of that
 * thread wait. What takes longer than a few milliseconds is deferred (http_exchange_defer) and
 * answered from a thread of the caller's.
 *
 * Every limit has a default; what goes over one is answered (413, 431) or closed, and others are
 * served. A connection that has no request under way is closed to make room when the total or its
 * address's share is full, the longest silent first; so idle connections never lock anybody out.
 *
 * The program ignores SIGPIPE and SIGXFSZ (main does). */
#pragma once

#include <glib.h>

#define HTTP_ERROR (http_error_quark())
GQuark http_error_quark(void);

typedef enum {
	HTTP_ERROR_INVALID,      /* an option or a PEM text is wrong */
	HTTP_ERROR_ADDRESS_USED, /* port or socket is held by another process */
	HTTP_ERROR_FAILED,       /* the listener or its threads would not start */
} HttpError;

enum {
	HTTP_DEFAULT_THREADS = 4,
	HTTP_DEFAULT_HEADER_BYTES = 16 * 1024,
	HTTP_DEFAULT_BODY_BYTES = 4 * 1024 * 1024,
	HTTP_DEFAULT_CONNECTIONS = 4096,
	HTTP_DEFAULT_CONNECTIONS_PER_ADDRESS = 2048,
	HTTP_DEFAULT_IDLE_TIMEOUT_S = 120,
	HTTP_DEFAULT_REQUEST_TIMEOUT_S = 15,
	HTTP_DEFAULT_MINIMUM_BYTES_PER_S = 1024,
	HTTP_DEFAULT_STREAM_QUEUE_BYTES = 8 * 1024 * 1024,
	HTTP_BODY_DISCARD_BYTES = 32 * 1024 * 1024, /* read and dropped of a chunked body that is
						       too large, so that the answer arrives */
};

typedef struct HttpServer HttpServer;
/* One request and its answer. Used by one thread at a time; valid until the handler returns, or,
 * when deferred, until it is answered. */
typedef struct HttpExchange HttpExchange;
/* An answer that goes on: a watch. */
typedef struct HttpStream HttpStream;

typedef void (*HttpHandler)(HttpExchange *exchange, gpointer user_data);

/* 0 and NULL mean the default. */
typedef struct {
	const char *address;   /* numeric IPv4 or IPv6; default 127.0.0.1 */
	guint16 port;          /* 0: a free one, see http_server_port */
	const char *unix_path; /* a unix socket of mode 0600 instead; a dead one is replaced */
	const char *certificate_pem; /* chain, the leaf first; with key_pem: TLS 1.2 and 1.3 */
	const char *key_pem;
	guint n_threads;
	gsize max_header_bytes; /* request line and header fields; above: 431 or 414 */
	gsize max_body_bytes;   /* held in memory; above: 413 */
	guint max_connections;
	guint max_connections_per_address; /* not for a unix socket */
	guint idle_timeout_s;              /* between two requests */
	guint request_timeout_s; /* from the connection or the first byte of a request to the end of
				    its header (with TLS: the handshake too), however it
				    trickles */
	guint minimum_bytes_per_s; /* a body or a file that is slower than this on average, after
				      request_timeout_s of grace, is cut */
	gsize stream_queue_bytes;  /* of one stream; a peer that lags further is cut off */
	/* Called when the header is complete and the body is not. May answer (the body is then
	 * never read) or say where the body goes (http_exchange_body_to_fd). May be NULL. */
	HttpHandler begin;
	/* Called when the request is complete, if `begin` has not answered. Must answer, or
	 * http_exchange_defer. */
	HttpHandler handle;
	gpointer user_data;
} HttpServerOptions;

/* Listens and serves. All strings are copied. Returns it, yours, or NULL with HTTP_ERROR_* (the
 * message names address and port and what to do). */
HttpServer *http_server_new(const HttpServerOptions *options, GError **error);

/* The port listened on; 0 for a unix socket. */
guint16 http_server_port(const HttpServer *server);

/* New connections get this certificate from now on; open ones keep theirs. Any thread. FALSE with
 * HTTP_ERROR_INVALID, the old one stays. */
gboolean http_server_set_certificate(HttpServer *server, const char *certificate_pem,
				     const char *key_pem, GError **error);

/* Open connections at this moment. Any thread. */
guint http_server_n_connections(HttpServer *server);

/* Ends all streams, closes every connection (also those whose answer is deferred), waits for
 * handlers that run, and removes the unix socket. Not from a handler. NULL is nothing. */
void http_server_free(HttpServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpServer, http_server_free)

/* The request. Strings are borrowed: method, path, body and peer live as long as the exchange,
 * values of query and header until the handler returns (copy them for a deferred answer). */
const char *http_exchange_method(const HttpExchange *exchange); /* "GET" … */
/* Percent-decoded, without the query; an encoded NUL stays "%00". Starts with '/'. */
const char *http_exchange_path(const HttpExchange *exchange);
/* First value of `key` in the query, decoded; "" if it has no value; NULL if it is not there. */
const char *http_exchange_query(HttpExchange *exchange, const char *key);
/* First header field of that name, in any case; NULL if it is not there. */
const char *http_exchange_header(HttpExchange *exchange, const char *name);
/* The whole body, at most max_body_bytes; empty for none. Borrowed. */
GBytes *http_exchange_body(HttpExchange *exchange);
/* Numeric address of the peer, "" for a unix socket. */
const char *http_exchange_peer(const HttpExchange *exchange);
gboolean http_exchange_is_unix(const HttpExchange *exchange);

/* In `begin` only: the body goes to `fd` (yours; kept open until `handle` has run) instead of
 * memory, at most `max_bytes`; above: 413. http_exchange_body_size says how many arrived. */
void http_exchange_body_to_fd(HttpExchange *exchange, int fd, guint64 max_bytes);
guint64 http_exchange_body_size(const HttpExchange *exchange);
/* 0, or the errno of the write to that fd that failed; the rest of the body was dropped. */
int http_exchange_body_errno(const HttpExchange *exchange);

/* Something of the caller's that travels from `begin` to `handle`; freed with the exchange, also
 * when the peer goes away in the middle. */
void http_exchange_set_data(HttpExchange *exchange, gpointer data, GDestroyNotify free_data);
gpointer http_exchange_data(const HttpExchange *exchange);

/* In `handle`: the answer comes later, from any thread. Exactly one http_reply_* follows; the
 * exchange is valid until then, even if peer or server are gone by then. */
void http_exchange_defer(HttpExchange *exchange);

/* The answer. Header fields first, then exactly one of the replies. */
void http_reply_header(HttpExchange *exchange, const char *name, const char *value);

/* `body` is referenced; NULL is empty. `content_type` may be NULL. HEAD gets no body. */
void http_reply_bytes(HttpExchange *exchange, guint status, const char *content_type, GBytes *body);
/* The same from text, which is copied. */
void http_reply_text(HttpExchange *exchange, guint status, const char *content_type,
		     const char *text);

/* The file `fd` from its start, which now belongs to the server, to a GET or HEAD: 200, 206 for one
 * Range, 304 for a matching If-None-Match, 416. `etag` is quoted ("\"abc\""); If-Range is honoured.
 * The file must not shrink while it is served (replace files, do not write into them). */
void http_reply_file(HttpExchange *exchange, int fd, const char *content_type, const char *etag);

/* Begins an answer without an end, chunked. Returns the stream, yours until http_stream_end. */
HttpStream *http_reply_stream(HttpExchange *exchange, guint status, const char *content_type);

/* Queues bytes, in order. Any thread, never blocks. FALSE when the peer is gone, too slow
 * (stream_queue_bytes) or the server stops: then call http_stream_end. */
gboolean http_stream_push(HttpStream *stream, GBytes *bytes);

/* Called once when the stream is cut from the other side (peer gone, too slow, server stops); on a
 * thread of the server's or that of the push. At once if that has happened already. Must not block
 * and must not call http_stream_end. */
typedef void (*HttpStreamClosed)(HttpStream *stream, gpointer user_data);
void http_stream_on_closed(HttpStream *stream, HttpStreamClosed closed, gpointer user_data);

/* Sends what is queued, ends the answer and gives up the caller's reference; the closed callback is
 * not called any more once this returns. NULL is nothing. */
void http_stream_end(HttpStream *stream);
