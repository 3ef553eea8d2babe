#include "apiserver/server.h"

#include "apiserver/garbage.h"
#include "apiserver/prepare.h"
#include "apiserver/router.h"
#include "apiserver/watch.h"
#include "apiserver/core_kinds.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "http/auth.h"
#include "http/server.h"

#include <string.h>

enum {
	BODY_MAX_BYTES = 3 * 1024 * 1024, /* kube-apiserver's limit */
	WORKERS_MAX = 16,                 /* their writes share commits */
	WAITING_MAX = 1024,               /* calls before a worker; above: 429 */
	RETRY_AFTER_S = 1,
};

struct ApiServer {
	Store *store;
	char *tokens[API_PERSONA_COUNT];
	ApiWatches *watches;
	ApiGarbage *garbage;
	HttpServer *https;
	HttpServer *local;

	GMutex workers_lock;  /* held while a call is handed over */
	GThreadPool *workers; /* NULL once the server stops */
};

gboolean api_server_authenticate(ApiServer *server, const char *bearer, ApiPersona *persona)
{
	ApiPersona found = API_PERSONA_NONE;

	/* All are compared, whichever it is. */
	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++)
		if (base_secret_equal(server->tokens[i], bearer))
			found = (ApiPersona)i;
	if (found == API_PERSONA_NONE)
		return FALSE;
	*persona = found;
	return TRUE;
}

/* The caller of the unix socket is the administrator, unless a token says otherwise. */
static ApiPersona persona_of(ApiServer *server, HttpExchange *exchange)
{
	const char *header = http_exchange_header(exchange, "Authorization");
	ApiPersona persona = API_PERSONA_NONE;
	char *bearer;

	if (header == NULL)
		return http_exchange_is_unix(exchange) ? API_PERSONA_ADMINISTRATOR
						       : API_PERSONA_NONE;
	bearer = http_auth_bearer(header);
	if (bearer != NULL)
		api_server_authenticate(server, bearer, &persona);
	base_secret_free(bearer);
	return persona;
}

static void run_call(gpointer data, gpointer user_data)
{
	ApiServer *server = user_data;
	ApiCall *call = data;

	/* Not before it has been let go of. */
	g_mutex_lock(&server->workers_lock);
	g_mutex_unlock(&server->workers_lock);
	api_route_run(call);
	api_call_free(call);
}

/* Hands the call to a worker; refuses it while too many wait or the server stops. */
static void hand_over(ApiServer *server, ApiCall *call)
{
	g_autoptr(ApiStatus) refusal = NULL;
	HttpExchange *exchange = call->exchange;

	g_mutex_lock(&server->workers_lock);
	if (server->workers == NULL) {
		refusal = api_status_unavailable("the server is stopping");
	} else if (g_thread_pool_unprocessed(server->workers) >= WAITING_MAX) {
		refusal = api_status_too_many_requests(RETRY_AFTER_S);
	} else {
		http_exchange_defer(exchange);
		g_thread_pool_push(server->workers, call, NULL);
	}
	g_mutex_unlock(&server->workers_lock);
	if (refusal == NULL)
		return;
	api_call_reply_status(exchange, refusal);
	api_call_free(call);
}

/* A body that says it is too large is refused before it is read, in words that kubectl shows. */
static void begin(HttpExchange *exchange, gpointer user_data)
{
	const char *length = http_exchange_header(exchange, "Content-Length");
	g_autoptr(ApiStatus) refusal = NULL;

	(void)user_data;
	if (length == NULL || g_ascii_strtoull(length, NULL, 10) <= BODY_MAX_BYTES)
		return;
	refusal = api_status_too_large(BODY_MAX_BYTES);
	api_call_reply_status(exchange, refusal);
}

static void handle(HttpExchange *exchange, gpointer user_data)
{
	ApiServer *server = user_data;
	ApiCall *call = g_new0(ApiCall, 1);

	call->store = server->store;
	call->watches = server->watches;
	call->garbage = server->garbage;
	call->persona = persona_of(server, exchange);
	if (api_route_begin(call, exchange) == API_ROUTE_DEFERRED)
		hand_over(server, call);
	else
		api_call_free(call);
}

/* The Namespace `default`, which is always there. */
static gboolean make_default_namespace(Store *store, GError **error)
{
	const ApiKind *kind = api_kind_find("", "v1", "namespaces");
	g_autofree char *key = api_object_key(kind, NULL, "default");
	g_autofree char *uid = base_random_uuid();
	g_autofree char *now = base_clock_format_time(base_clock_wall_us());
	g_autoptr(json_t) object =
		json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", "v1", "kind", "Namespace",
			  "metadata", "name", "default", "uid", uid, "creationTimestamp", now);
	g_autoptr(GBytes) value = NULL;
	g_autoptr(GError) failure = NULL;
	gsize revision_at;
	StoreOperation operation = {.action = STORE_CREATE, .key = key};

	api_core_default(kind, object);
	value = api_object_encode(object, &revision_at);
	operation.value = value;
	operation.revision_at = revision_at;
	if (store_transact(store, &operation, 1, &failure)) {
		g_bytes_unref(operation.stored);
		return TRUE;
	}
	if (g_error_matches(failure, STORE_ERROR, STORE_ERROR_EXISTS))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static gboolean listen_on(ApiServer *server, const ApiServerOptions *options, GError **error)
{
	HttpServerOptions http = {
		.n_threads = options->threads,
		.max_body_bytes = BODY_MAX_BYTES,
		.stream_queue_bytes = API_WATCH_STREAM_BYTES,
		.begin = begin,
		.handle = handle,
		.user_data = server,
	};

	if (options->socket_path != NULL) {
		http.unix_path = options->socket_path;
		server->local = http_server_new(&http, error);
		if (server->local == NULL)
			return FALSE;
	}
	if (options->listen_address == NULL)
		return TRUE;
	http.unix_path = NULL;
	http.address = options->listen_address;
	http.port = options->port;
	http.certificate_pem = options->certificate_pem;
	http.key_pem = options->key_pem;
	server->https = http_server_new(&http, error);
	return server->https != NULL;
}

ApiServer *api_server_new(const ApiServerOptions *options, GError **error)
{
	g_autoptr(ApiServer) server = g_new0(ApiServer, 1);

	server->store = options->store;
	g_mutex_init(&server->workers_lock);
	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++)
		server->tokens[i] = g_strdup(options->tokens[i]);
	if (!make_default_namespace(server->store, error))
		return NULL;
	server->watches = api_watches_new(server->store, error);
	if (server->watches == NULL)
		return NULL;
	server->garbage = api_garbage_new(server->store, error);
	if (server->garbage == NULL)
		return NULL;
	server->workers = g_thread_pool_new_full(run_call, server, (GDestroyNotify)api_call_free,
						 WORKERS_MAX, FALSE, error);
	if (server->workers == NULL || !listen_on(server, options, error))
		return NULL;
	return g_steal_pointer(&server);
}

/* Lets the workers finish what they have; what comes now is refused. */
static void stop_workers(ApiServer *server)
{
	GThreadPool *workers;

	g_mutex_lock(&server->workers_lock);
	workers = g_steal_pointer(&server->workers);
	g_mutex_unlock(&server->workers_lock);
	if (workers != NULL)
		g_thread_pool_free(workers, FALSE, TRUE);
}

void api_server_free(ApiServer *server)
{
	if (server == NULL)
		return;
	stop_workers(server);
	api_watches_free(server->watches);
	http_server_free(server->https);
	http_server_free(server->local);
	api_garbage_free(server->garbage);
	for (guint i = 0; i < API_PERSONA_COUNT; i++)
		base_secret_free(server->tokens[i]);
	g_mutex_clear(&server->workers_lock);
	g_free(server);
}

guint16 api_server_port(const ApiServer *server)
{
	return server->https != NULL ? http_server_port(server->https) : 0;
}

gboolean api_server_set_certificate(ApiServer *server, const char *certificate_pem,
				    const char *key_pem, GError **error)
{
	if (server->https == NULL)
		return TRUE;
	return http_server_set_certificate(server->https, certificate_pem, key_pem, error);
}
