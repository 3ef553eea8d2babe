/* http/client.h — HTTP/1.1 requests over libcurl: one client for one server.
 *
 * A client may be used by any number of threads at once. It keeps idle connections and uses them
 * again. Proxies from the environment are never used; give `proxy_url` where one is wanted. Two
 * ways to ask:
 *   http_client_send   blocks the calling thread until the answer is whole (workers, commands);
 *   http_loop_start    runs on the one thread of an HttpLoop and calls back (watches: many open
 *                      connections, one thread). */
#pragma once

#include <glib.h>

#define HTTP_CLIENT_ERROR (http_client_error_quark())
GQuark http_client_error_quark(void);

typedef enum {
	HTTP_CLIENT_ERROR_INVALID,     /* an option or the request is wrong */
	HTTP_CLIENT_ERROR_UNREACHABLE, /* no connection: refused, no route, no such socket or host
					*/
	HTTP_CLIENT_ERROR_TLS,         /* certificate, key or handshake */
	HTTP_CLIENT_ERROR_TIMEOUT,     /* connect or whole request took too long */
	HTTP_CLIENT_ERROR_BROKEN,      /* the connection ended in the middle of an answer */
	HTTP_CLIENT_ERROR_TOO_LARGE,   /* the answer passed `max_body_bytes` or a line its limit */
	HTTP_CLIENT_ERROR_CANCELLED,   /* http_client_cancel or http_call_cancel */
	HTTP_CLIENT_ERROR_SINK,        /* `on_data` or `body_path` refused to go on */
} HttpClientError;

enum {
	HTTP_CLIENT_MAX_BODY_BYTES = 32 * 1024 * 1024, /* default bound of a collected answer */
	HTTP_CLIENT_MAX_LINE_BYTES = 8 * 1024 * 1024,  /* one line of a stream */
	HTTP_CLIENT_MAX_HEADERS = 64,                  /* header lines kept of an answer */
	HTTP_CLIENT_MAX_IDLE = 8,                      /* idle connections kept */
	HTTP_CLIENT_CONNECT_TIMEOUT_MS = 10 * 1000,
	HTTP_CLIENT_TIMEOUT_MS = 60 * 1000,
	HTTP_CLIENT_TOKEN_REREAD_S = 60, /* a token file is read again after this */
};

/* Where and as whom. Strings are copied by http_client_new. NULL or 0 means: none, or the default.
 */
typedef struct {
	const char *base_url;    /* "https://127.0.0.1:6443"; a path is kept as prefix */
	const char *unix_socket; /* connect here instead; the host of base_url is only a name */
	const char *ca_pem;      /* trust exactly these; NULL: the system's */
	const char *ca_file;
	const char *client_certificate_pem; /* both or neither */
	const char *client_key_pem;
	const char *server_name;       /* name in the server's certificate, if not the host */
	const char *bearer_token;      /* sent over TLS and unix sockets only */
	const char *bearer_token_file; /* read at once and again every 60 s; wins over the token */
	const char *user, *password;   /* Basic; over TLS and unix sockets only */
	const char *proxy_url;
	const char *user_agent;        /* default "espalier/VERSION" */
	gboolean insecure_skip_verify; /* do not check the server's certificate */
	guint max_idle;
} HttpClientOptions;

typedef struct HttpClient HttpClient;

/* Yours, or NULL with HTTP_CLIENT_ERROR_INVALID. Does not connect: the server may come later. */
HttpClient *http_client_new(const HttpClientOptions *options, GError **error);

/* Requests in flight fail soon with HTTP_CLIENT_ERROR_CANCELLED, later ones at once. For shutdown;
 * there is no way back. */
void http_client_cancel(HttpClient *client);
gboolean http_client_is_cancelled(HttpClient *client);

/* No request may be in flight. NULL is nothing. */
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

/* Takes the next bytes of an answer; FALSE ends the request with HTTP_CLIENT_ERROR_SINK. */
typedef gboolean (*HttpDataFunc)(const guint8 *data, gsize size_bytes, gpointer user_data);

/* One request. Borrowed for the duration of http_client_send; http_loop_start copies what it needs.
 */
typedef struct {
	const char *method;         /* NULL: "GET" */
	const char *path;           /* begins with '/', with its query, already escaped */
	const char *const *headers; /* "Name: value", ended by NULL; may be NULL */
	GBytes *body;               /* may be NULL */
	const char *body_path;      /* or: this file is sent, streamed (http_client_send only) */
	guint timeout_ms;           /* for the whole of it; 0: HTTP_CLIENT_TIMEOUT_MS */
	gsize max_body_bytes;       /* 0: HTTP_CLIENT_MAX_BODY_BYTES */
	HttpDataFunc on_data;       /* http_client_send: a 2xx body goes here, not into `body` */
	gpointer user_data;
} HttpRequest;

/* An answer of any status. */
typedef struct {
	guint status;
	GPtrArray *headers; /* "Name: value" in order, of the last answer; no interim ones */
	GBytes *body;       /* empty if there was none */
} HttpResponse;

/* Blocks until the answer is whole. Yours, or NULL with HTTP_CLIENT_ERROR_*; a 4xx or 5xx is an
 * answer, not an error. Any thread. */
HttpResponse *http_client_send(HttpClient *client, const HttpRequest *request, GError **error);

/* The value of the first header called `name` (any case), or NULL. Borrowed. */
const char *http_response_header(const HttpResponse *response, const char *name);

/* Seconds of a Retry-After header (a number; a date counts as 1), or -1. */
gint64 http_response_retry_after_s(const HttpResponse *response);

void http_response_free(HttpResponse *response);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpResponse, http_response_free)

/* --- Many requests on one thread --- */

/* One thread that carries calls and timers. Callbacks run on it, one at a time,
 * and must not block. */
typedef struct HttpLoop HttpLoop;
typedef struct HttpCall HttpCall;
typedef void (*HttpLoopFunc)(gpointer user_data);

HttpLoop *http_loop_new(const char *thread_name);

/* Ends the thread. All calls are cancelled without a callback, timers are dropped. Never from the
 * loop's own thread. NULL is nothing. */
void http_loop_free(HttpLoop *loop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpLoop, http_loop_free)

/* Runs `func` on the loop's thread, soon. Any thread. */
void http_loop_invoke(HttpLoop *loop, HttpLoopFunc func, gpointer user_data);

/* The same, and waits until it has run. Runs it at once on the loop's own thread. */
void http_loop_invoke_wait(HttpLoop *loop, HttpLoopFunc func, gpointer user_data);

/* Calls `func` on the loop's thread after `delay_us`; the returned number cancels it. Loop's thread
 * only. */
guint http_loop_after(HttpLoop *loop, gint64 delay_us, HttpLoopFunc func, gpointer user_data);
void http_loop_cancel_timer(HttpLoop *loop, guint timer);

/* What a call reports, on the loop's thread. `on_line` gets each line of a 2xx body without its
 * line end, at most HTTP_CLIENT_MAX_LINE_BYTES, NUL-terminated; without `on_line`, `on_data` gets
 * the bytes as they come. Either ends the call by returning FALSE (HTTP_CLIENT_ERROR_SINK). The
 * body of any other status is collected into `response`. `on_done` comes last, exactly once, with
 * either an answer (its body empty where lines or data were handed out) or an error, both borrowed;
 * the call is gone when it returns. A last line without its end is not handed out: it is half. */
typedef struct {
	gboolean (*on_line)(const char *line, gsize size_bytes, gpointer user_data);
	gboolean (*on_data)(const guint8 *data, gsize size_bytes, gpointer user_data);
	void (*on_done)(const HttpResponse *response, const GError *error, gpointer user_data);
} HttpCallHandlers;

/* Starts `request` on the loop. Loop's thread only. `handlers` and what `user_data` points at must
 * live until on_done or http_call_cancel. The client must outlive the call. The pointer is borrowed
 * and valid until then. `timeout_ms` 0 means none here. Dead peers are found by TCP keep-alive
 * within about a minute. */
HttpCall *http_loop_start(HttpLoop *loop, HttpClient *client, const HttpRequest *request,
			  const HttpCallHandlers *handlers, gpointer user_data);

/* Ends a call without any further callback. Loop's thread only; not from on_line or on_data of the
 * same call (return FALSE there). */
void http_call_cancel(HttpCall *call);

/* Escapes `text` for one segment of a path or one value of a query. Yours. */
char *http_escape(const char *text);
