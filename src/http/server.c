#include "http/server_private.h"

#include "base/log.h"
#include "http/identity.h"
#include "http/listener.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

G_DEFINE_QUARK(http - error - quark, http_error)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED 0
#endif

enum {
	/* Sanitizers make frames several times as large. */
	THREAD_STACK_BYTES = INSTRUMENTED ? 2 * 1024 * 1024 : 256 * 1024,
	/* Connections that are cut but not yet closed; libmicrohttpd stops accepting at its own
	 * limit, so ours must come first. */
	CONNECTIONS_SLACK = 512,
	FILES_BESIDES = 256, /* descriptors that the program needs for other things */
	POOL_BESIDES_HEADER_BYTES = 4096,
	MAX_OPTIONS = 16,
};

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct HttpServer {
	HttpServerOptions options;
	HttpLimits limits;
	struct MHD_Daemon *daemon;
	HttpConnections *connections;
	guint16 port;
	int stopping;           /* atomic */
	HttpIdentity *identity; /* atomic */
	GMutex identity_lock;
	GPtrArray *old_identities; /* handshakes may still use them */
};

/* GnuTLS's callback has no argument of ours. Each thread of libmicrohttpd works for one server, and
 * has accepted a connection before it shakes hands on it. */
static _Thread_local HttpServer *server_of_thread;

const HttpLimits *http_server_limits(const HttpServer *server)
{
	return &server->limits;
}

const HttpServerOptions *http_server_options(const HttpServer *server)
{
	return &server->options;
}

gboolean http_server_is_stopping(const HttpServer *server)
{
	return g_atomic_int_get(&server->stopping) != 0;
}

guint16 http_server_port(const HttpServer *server)
{
	return server->port;
}

guint http_server_n_connections(HttpServer *server)
{
	return http_connections_count(server->connections);
}

static enum MHD_Result on_accept(void *context, const struct sockaddr *address, socklen_t size)
{
	HttpServer *server = context;

	(void)size;
	return http_connections_admit(server->connections, address) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_step(void *context, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_size, void **exchange)
{
	(void)version;
	return http_exchange_step(context, connection, url, method, upload, upload_size, exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **exchange,
			 enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)connection;
	(void)code;
	if (*exchange != NULL)
		http_exchange_completed(*exchange);
	*exchange = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	HttpServer *server = context;

	server_of_thread = server;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				 ->connect_fd;
		const struct sockaddr *address =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
				->client_addr;

		*socket_context = http_connections_add(server->connections, fd, address);
	} else {
		http_connections_remove(server->connections, *socket_context);
		*socket_context = NULL;
	}
}

/* Like libmicrohttpd's own, save that an encoded NUL stays as it is: decoded, it would end the text
 * early, and "/a%00b" would be "/a". */
static size_t on_unescape(void *context, struct MHD_Connection *connection, char *text)
{
	char *to = text;

	(void)context;
	(void)connection;
	for (const char *from = text; *from != '\0'; from++) {
		int high = *from == '%' ? g_ascii_xdigit_value(from[1]) : -1;
		int low = high >= 0 ? g_ascii_xdigit_value(from[2]) : -1;

		if (low >= 0 && (high != 0 || low != 0)) {
			*to++ = (char)(high * 16 + low);
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return (size_t)(to - text);
}

static void on_log(void *context, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
static void on_log(void *context, const char *format, va_list args)
{
	g_autofree char *message = g_strchomp(g_strdup_vprintf(format, args));

	(void)context;
	base_log(BASE_LOG_DEBUG, "http", "%s", message);
}

static int on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
			  int n_authorities, const gnutls_pk_algorithm_t *algorithms,
			  int n_algorithms, gnutls_pcert_st **chain, unsigned *n_chain,
			  gnutls_privkey_t *key)
{
	HttpIdentity *identity = g_atomic_pointer_get(&server_of_thread->identity);

	(void)session;
	(void)authorities;
	(void)n_authorities;
	(void)algorithms;
	(void)n_algorithms;
	*chain = identity->chain;
	*n_chain = identity->n_chain;
	*key = identity->key;
	return 0;
}

gboolean http_server_set_certificate(HttpServer *server, const char *certificate_pem,
				     const char *key_pem, GError **error)
{
	HttpIdentity *identity = http_identity_new(certificate_pem, key_pem, error);

	if (identity == NULL)
		return FALSE;
	g_mutex_lock(&server->identity_lock);
	if (server->identity != NULL)
		g_ptr_array_add(server->old_identities, server->identity);
	g_atomic_pointer_set(&server->identity, identity);
	g_mutex_unlock(&server->identity_lock);
	return TRUE;
}

static gsize or_default(gsize value, gsize fallback)
{
	return value != 0 ? value : fallback;
}

/* The most connections for which there are descriptors; raises the soft limit to the hard one. */
static guint affordable(guint wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return wanted;
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < 2 * (rlim_t)wanted) {
		limit.rlim_cur =
			MIN(limit.rlim_max, 2 * (rlim_t)wanted + CONNECTIONS_SLACK + FILES_BESIDES);
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted + CONNECTIONS_SLACK + FILES_BESIDES)
		return wanted;
	return (guint)MAX(limit.rlim_cur / 2, 16);
}

static HttpLimits limits_of(const HttpServerOptions *options)
{
	HttpLimits limits = {
		.header_bytes = or_default(options->max_header_bytes, HTTP_DEFAULT_HEADER_BYTES),
		.body_bytes = or_default(options->max_body_bytes, HTTP_DEFAULT_BODY_BYTES),
		.connections = affordable(
			(guint)or_default(options->max_connections, HTTP_DEFAULT_CONNECTIONS)),
		.connections_per_address = (guint)or_default(options->max_connections_per_address,
							     HTTP_DEFAULT_CONNECTIONS_PER_ADDRESS),
		.idle_timeout_us = G_USEC_PER_SEC * (gint64)or_default(options->idle_timeout_s,
								       HTTP_DEFAULT_IDLE_TIMEOUT_S),
		.request_timeout_us =
			G_USEC_PER_SEC * (gint64)or_default(options->request_timeout_s,
							    HTTP_DEFAULT_REQUEST_TIMEOUT_S),
		.minimum_bytes_per_s = (guint)or_default(options->minimum_bytes_per_s,
							 HTTP_DEFAULT_MINIMUM_BYTES_PER_S),
		.stream_queue_bytes =
			or_default(options->stream_queue_bytes, HTTP_DEFAULT_STREAM_QUEUE_BYTES),
	};

	return limits;
}

static HttpServer *server_new(const HttpServerOptions *options)
{
	HttpServer *server = g_new0(HttpServer, 1);

	server->options = *options;
	server->options.address =
		g_strdup(options->address != NULL ? options->address : "127.0.0.1");
	server->options.unix_path = g_strdup(options->unix_path);
	server->options.certificate_pem = server->options.key_pem = NULL;
	server->options.n_threads = (guint)or_default(options->n_threads, HTTP_DEFAULT_THREADS);
	server->limits = limits_of(options);
	g_mutex_init(&server->identity_lock);
	server->old_identities = g_ptr_array_new_with_free_func((GDestroyNotify)http_identity_free);
	server->connections = http_connections_new(&server->limits, options->unix_path != NULL);
	return server;
}

/* Starts libmicrohttpd on `fd`, which it takes over. */
static gboolean start_daemon(HttpServer *server, int fd, GError **error)
{
	struct MHD_OptionItem items[MAX_OPTIONS];
	gsize n = 0;
	guint flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	guint n_threads = server->options.n_threads;
	guint limit = (server->limits.connections + CONNECTIONS_SLACK) * n_threads;

#define ADD(...) items[n++] = (struct MHD_OptionItem)__VA_ARGS__
	ADD({MHD_OPTION_LISTEN_SOCKET, fd, NULL});
	ADD({MHD_OPTION_CONNECTION_LIMIT, limit, NULL});
	ADD({MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	     (intptr_t)(server->limits.header_bytes + POOL_BESIDES_HEADER_BYTES), NULL});
	ADD({MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK_BYTES, NULL});
	ADD({MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server});
	ADD({MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server});
	ADD({MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)on_unescape, server});
	if (n_threads > 1)
		ADD({MHD_OPTION_THREAD_POOL_SIZE, n_threads, NULL});
	if (server->identity != NULL) {
		flags |= MHD_USE_TLS;
		ADD({MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES});
		ADD({MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(intptr_t)on_certificate});
	}
	ADD({MHD_OPTION_END, 0, NULL});
#undef ADD
	g_assert(n <= MAX_OPTIONS);
	server->daemon = MHD_start_daemon(flags, 0, on_accept, server, on_step, server,
					  MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
					  MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (server->daemon != NULL)
		return TRUE;
	g_set_error(error, HTTP_ERROR, HTTP_ERROR_FAILED,
		    "the HTTP server would not start its threads (limits of memory or processes?)");
	return FALSE;
}

HttpServer *http_server_new(const HttpServerOptions *options, GError **error)
{
	g_autoptr(HttpServer) server = NULL;
	int fd;

	g_return_val_if_fail(options->handle != NULL, NULL);
	server = server_new(options);
	if (options->certificate_pem != NULL &&
	    !http_server_set_certificate(server, options->certificate_pem, options->key_pem, error))
		return NULL;
	fd = options->unix_path != NULL
		     ? http_listen_unix(options->unix_path, error)
		     : http_listen_tcp(server->options.address, options->port, error);
	if (fd < 0)
		return NULL;
	server->port = http_listener_port(fd);
	if (!start_daemon(server, fd, error))
		return NULL;
	return g_steal_pointer(&server);
}

static void stop_daemon(HttpServer *server)
{
	g_autoptr(GPtrArray) exchanges = NULL;

	g_atomic_int_set(&server->stopping, 1);
	exchanges = http_connections_exchanges(server->connections);
	/* libmicrohttpd must not be stopped with a suspended connection. */
	for (guint i = 0; i < exchanges->len; i++)
		http_exchange_stop(exchanges->pdata[i]);
	MHD_stop_daemon(server->daemon);
	if (server->options.unix_path != NULL)
		unlink(server->options.unix_path);
}

void http_server_free(HttpServer *server)
{
	if (server == NULL)
		return;
	if (server->daemon != NULL)
		stop_daemon(server);
	http_connections_free(server->connections);
	http_identity_free(server->identity);
	g_ptr_array_unref(server->old_identities);
	g_mutex_clear(&server->identity_lock);
	g_free((char *)server->options.address);
	g_free((char *)server->options.unix_path);
	g_free(server);
}
