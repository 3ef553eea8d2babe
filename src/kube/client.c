#include "kube/client.h"

#include "base/json_text.h"
#include "kube/query.h"

#include <string.h>

struct KubeClient {
	HttpClient *http;
	char *name_space;
	char *server; /* for messages */
	GMutex lock;
	GCond cancelled; /* wakes who waits for Retry-After */
	gboolean is_cancelled;
	KubeClientCounters counters;
	HttpLoop *loop;
};

KubeClient *kube_client_new(const KubeConfig *config, GError **error)
{
	HttpClientOptions options = {
		.base_url = config->unix_socket != NULL ? "http://localhost" : config->server,
		.unix_socket = config->unix_socket,
		.ca_pem = config->ca_pem,
		.client_certificate_pem = config->client_certificate_pem,
		.client_key_pem = config->client_key_pem,
		.server_name = config->server_name,
		.bearer_token = config->token,
		.bearer_token_file = config->token_file,
		.user = config->username,
		.password = config->password,
		.proxy_url = config->proxy_url,
		.insecure_skip_verify = config->insecure_skip_verify,
	};
	g_autoptr(GError) fault = NULL;
	HttpClient *http = http_client_new(&options, &fault);
	KubeClient *client;

	if (http == NULL) {
		kube_error_set(error, KUBE_ERROR_CONFIG, "%s", fault->message);
		return NULL;
	}
	client = g_new0(KubeClient, 1);
	client->http = http;
	client->name_space = g_strdup(config->name_space != NULL ? config->name_space : "default");
	client->server =
		g_strdup(config->unix_socket != NULL ? config->unix_socket : config->server);
	g_mutex_init(&client->lock);
	g_cond_init(&client->cancelled);
	return client;
}

static void nothing(gpointer user_data)
{
	(void)user_data;
}

void kube_client_cancel(KubeClient *client)
{
	http_client_cancel(client->http);
	g_mutex_lock(&client->lock);
	client->is_cancelled = TRUE;
	g_cond_broadcast(&client->cancelled);
	/* Wakes the loop, which then sees that its calls are cancelled. */
	if (client->loop != NULL)
		http_loop_invoke(client->loop, nothing, NULL);
	g_mutex_unlock(&client->lock);
}

void kube_client_free(KubeClient *client)
{
	if (client == NULL)
		return;
	http_loop_free(client->loop);
	http_client_free(client->http);
	g_free(client->name_space);
	g_free(client->server);
	g_mutex_clear(&client->lock);
	g_cond_clear(&client->cancelled);
	g_free(client);
}

const char *kube_client_namespace(const KubeClient *client)
{
	return client->name_space;
}

void kube_client_counters(KubeClient *client, KubeClientCounters *counters)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);

	*counters = client->counters;
}

HttpClient *kube_client_http(KubeClient *client)
{
	return client->http;
}

HttpLoop *kube_client_loop(KubeClient *client)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);

	if (client->loop == NULL)
		client->loop = http_loop_new("kube-watch");
	return client->loop;
}

/* --- one request --- */

typedef struct {
	const char *method;
	char *path; /* owned, with its query */
	const char *accept;
	const char *content_type;
	GBytes *body;        /* owned */
	GPtrArray *warnings; /* borrowed, may be NULL */
} Call;

static void clear_call(Call *call)
{
	g_free(call->path);
	g_clear_pointer(&call->body, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Call, clear_call)

/* Which of ours an error of the connection is, with what to do about it. */
static void translate(const GError *fault, GError **error)
{
	static const struct {
		HttpClientError from;
		KubeError to;
		const char *remedy;
	} table[] = {
		{HTTP_CLIENT_ERROR_INVALID, KUBE_ERROR_CONFIG, ""},
		{HTTP_CLIENT_ERROR_UNREACHABLE, KUBE_ERROR_UNAVAILABLE,
		 " (is the API server running there?)"},
		{HTTP_CLIENT_ERROR_TLS, KUBE_ERROR_UNAVAILABLE,
		 " (is the certificate authority in the kubeconfig this server's?)"},
		{HTTP_CLIENT_ERROR_TIMEOUT, KUBE_ERROR_UNAVAILABLE, ""},
		{HTTP_CLIENT_ERROR_BROKEN, KUBE_ERROR_UNAVAILABLE, ""},
		{HTTP_CLIENT_ERROR_TOO_LARGE, KUBE_ERROR_TOO_LARGE, ""},
		{HTTP_CLIENT_ERROR_CANCELLED, KUBE_ERROR_CANCELLED, ""},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		if (g_error_matches(fault, HTTP_CLIENT_ERROR, (int)table[i].from)) {
			kube_error_set(error, table[i].to, "%s%s", fault->message, table[i].remedy);
			return;
		}
	}
	kube_error_set(error, KUBE_ERROR_OTHER, "%s", fault->message);
}

static void count(KubeClient *client, const Call *call, gboolean is_retry)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);

	client->counters.requests++;
	if (!g_str_equal(call->method, "GET"))
		client->counters.writes++;
	if (is_retry)
		client->counters.retries++;
}

/* How long the server asks us to wait before the same request again, or -1 if it does not. */
static gint64 asked_to_wait_s(const HttpResponse *response)
{
	gint64 wait_s;

	if (response->status != 429 && response->status < 500)
		return -1;
	wait_s = http_response_retry_after_s(response);
	return MIN(wait_s, KUBE_CLIENT_MAX_RETRY_WAIT_S);
}

/* FALSE if the client was cancelled meanwhile. */
static gboolean wait_s(KubeClient *client, gint64 seconds)
{
	gint64 until_us = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);

	while (!client->is_cancelled &&
	       g_cond_wait_until(&client->cancelled, &client->lock, until_us))
		;
	return !client->is_cancelled;
}

/* Warning: 299 - "text with \"quotes\"" (RFC 7234, as Kubernetes sends it). */
static char *read_warning(const char *value)
{
	const char *at = strchr(value, '"');
	GString *text = g_string_new(NULL);

	if (at == NULL)
		return g_string_free(g_string_append(text, value), FALSE);
	for (at++; *at != '\0' && *at != '"'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		g_string_append_c(text, *at);
	}
	return g_string_free(text, FALSE);
}

static void keep_warnings(const Call *call, const HttpResponse *response)
{
	for (guint i = 0; call->warnings != NULL && i < response->headers->len; i++) {
		const char *line = response->headers->pdata[i];

		if (g_ascii_strncasecmp(line, "Warning:", 8) == 0)
			g_ptr_array_add(call->warnings, read_warning(line + 8));
	}
}

/* Sends, waits as the server asks and sends again. A 2xx answer, yours, or NULL. */
static HttpResponse *send(KubeClient *client, const Call *call, GError **error)
{
	const char *headers[] = {call->accept, call->content_type, NULL};
	HttpRequest request = {
		.method = call->method,
		.path = call->path,
		.headers = headers,
		.body = call->body,
		.timeout_ms = KUBE_CLIENT_TIMEOUT_MS,
	};

	for (guint tries = 0;; tries++) {
		g_autoptr(GError) fault = NULL;
		g_autoptr(HttpResponse) response = NULL;
		g_autofree char *what = NULL;
		gint64 pause_s;

		count(client, call, tries > 0);
		response = http_client_send(client->http, &request, &fault);
		if (response == NULL) {
			translate(fault, error);
			return NULL;
		}
		if (response->status >= 200 && response->status < 300) {
			keep_warnings(call, response);
			return g_steal_pointer(&response);
		}
		pause_s = asked_to_wait_s(response);
		if (pause_s >= 0 && tries < KUBE_CLIENT_MAX_RETRIES && wait_s(client, pause_s))
			continue;
		what = g_strdup_printf("%s %s%s", call->method, client->server, call->path);
		what[strcspn(what, "?")] = '\0';
		kube_error_set_from_answer(error, response->status, response->body, what);
		return NULL;
	}
}

static json_t *parse_answer(KubeClient *client, const Call *call, const HttpResponse *response,
			    GError **error)
{
	gsize size_bytes = 0;
	const char *text = g_bytes_get_data(response->body, &size_bytes);
	json_t *value =
		base_json_read_plain(text != NULL ? text : "", size_bytes, BASE_JSON_MAX_DEPTH);

	if (value == NULL)
		value = json_loadb(text != NULL ? text : "", size_bytes, JSON_REJECT_DUPLICATES,
				   NULL);
	if (json_is_object(value))
		return value;
	json_decref(value);
	kube_error_set(
		error, KUBE_ERROR_PROTOCOL,
		"%s %s%s: the answer is not a JSON object (is this a Kubernetes API server?)",
		call->method, client->server, call->path);
	return NULL;
}

static json_t *send_for_json(KubeClient *client, const Call *call, GError **error)
{
	g_autoptr(HttpResponse) response = send(client, call, error);

	return response != NULL ? parse_answer(client, call, response, error) : NULL;
}

/* --- reads --- */

static json_t *get(KubeClient *client, const KubeResource *resource, const char *name_space,
		   const char *name, const char *accept, GError **error)
{
	g_auto(Call) call = {
		.method = "GET",
		.path = kube_resource_path(resource, name_space, name, NULL),
		.accept = accept,
	};

	return send_for_json(client, &call, error);
}

json_t *kube_get(KubeClient *client, const KubeResource *resource, const char *name_space,
		 const char *name, GError **error)
{
	return get(client, resource, name_space, name, KUBE_ACCEPT_JSON, error);
}

json_t *kube_get_metadata(KubeClient *client, const KubeResource *resource, const char *name_space,
			  const char *name, GError **error)
{
	return get(client, resource, name_space, name, KUBE_ACCEPT_PARTIAL, error);
}

GBytes *kube_get_raw(KubeClient *client, const char *path, GError **error)
{
	g_auto(Call) call = {
		.method = "GET",
		.path = g_strdup(path),
		.accept = "Accept: application/json, */*",
	};
	g_autoptr(HttpResponse) response = send(client, &call, error);

	return response != NULL ? g_bytes_ref(response->body) : NULL;
}

static char *list_path(const KubeResource *resource, const char *name_space,
		       const KubeListOptions *options, const char *token)
{
	g_autofree char *base = kube_resource_path(resource, name_space, NULL, NULL);
	GString *path = g_string_new(base);
	g_autofree char *limit = g_strdup_printf(
		"%" G_GINT64_FORMAT, options->limit > 0 ? options->limit : (gint64)KUBE_LIST_PAGE);

	kube_query_append(path, "limit", limit);
	kube_query_append(path, "continue", token);
	kube_query_append(path, "labelSelector", options->label_selector);
	kube_query_append(path, "fieldSelector", options->field_selector);
	/* A continued list is at the revision of its token. */
	if (token == NULL)
		kube_query_append(path, "resourceVersion", options->resource_version);
	return g_string_free(path, FALSE);
}

static json_t *list_page(KubeClient *client, const KubeResource *resource, const char *name_space,
			 const KubeListOptions *options, const char *token, GError **error)
{
	g_auto(Call) call = {
		.method = "GET",
		.path = list_path(resource, name_space, options, token),
		.accept = options->metadata_only ? KUBE_ACCEPT_PARTIAL_LIST : KUBE_ACCEPT_JSON,
	};
	g_autoptr(json_t) page = send_for_json(client, &call, error);

	if (page == NULL)
		return NULL;
	/* null is how Go prints an empty list. */
	if (!json_is_array(json_object_get(page, "items")))
		json_object_set_new(page, "items", json_array());
	return g_steal_pointer(&page);
}

json_t *kube_list(KubeClient *client, const KubeResource *resource, const char *name_space,
		  const KubeListOptions *options, GError **error)
{
	KubeListOptions none = {0};
	g_autoptr(json_t) list = NULL;
	g_autofree char *token = NULL;

	if (options == NULL)
		options = &none;
	list = list_page(client, resource, name_space, options, options->continue_, error);
	if (list == NULL || options->limit > 0)
		return g_steal_pointer(&list);
	token = g_strdup(base_json_get_string(list, "metadata", "continue", NULL));
	while (token != NULL && token[0] != '\0') {
		g_autoptr(json_t) page =
			list_page(client, resource, name_space, options, token, error);

		if (page == NULL)
			return NULL;
		json_array_extend(json_object_get(list, "items"), json_object_get(page, "items"));
		g_free(token);
		token = g_strdup(base_json_get_string(page, "metadata", "continue", NULL));
	}
	json_object_del(json_object_get(list, "metadata"), "continue");
	json_object_del(json_object_get(list, "metadata"), "remainingItemCount");
	return g_steal_pointer(&list);
}

/* --- writes --- */

static char *write_path(const KubeResource *resource, const char *name_space, const char *name,
			const char *subresource, const KubeWriteOptions *options)
{
	g_autofree char *base = kube_resource_path(resource, name_space, name, subresource);
	GString *path = g_string_new(base);
	const char *manager = options != NULL && options->field_manager != NULL
				      ? options->field_manager
				      : "espalier";

	kube_query_append(path, "fieldManager", manager);
	if (options != NULL) {
		kube_query_append(path, "fieldValidation", options->field_validation);
		kube_query_append(path, "dryRun", options->dry_run ? "All" : NULL);
	}
	return g_string_free(path, FALSE);
}

static json_t *send_write(KubeClient *client, const char *method, char *path,
			  const char *content_type, const json_t *body,
			  const KubeWriteOptions *options, GError **error)
{
	g_auto(Call) call = {
		.method = method,
		.path = path,
		.accept = options != NULL && options->metadata_only ? KUBE_ACCEPT_PARTIAL
								    : KUBE_ACCEPT_JSON,
		.content_type = content_type,
		.body = base_json_dump_bytes(body),
		.warnings = options != NULL ? options->warnings : NULL,
	};

	return send_for_json(client, &call, error);
}

json_t *kube_create(KubeClient *client, const KubeResource *resource, const char *name_space,
		    const json_t *object, const KubeWriteOptions *options, GError **error)
{
	if (name_space == NULL)
		name_space = kube_object_namespace(object);
	return send_write(client, "POST", write_path(resource, name_space, NULL, NULL, options),
			  "Content-Type: application/json", object, options, error);
}

json_t *kube_update(KubeClient *client, const KubeResource *resource, const char *name_space,
		    const char *name, const char *subresource, const json_t *object,
		    const KubeWriteOptions *options, GError **error)
{
	return send_write(client, "PUT",
			  write_path(resource, name_space, name, subresource, options),
			  "Content-Type: application/json", object, options, error);
}

json_t *kube_merge_patch(KubeClient *client, const KubeResource *resource, const char *name_space,
			 const char *name, const char *subresource, const json_t *patch,
			 const KubeWriteOptions *options, GError **error)
{
	return send_write(client, "PATCH",
			  write_path(resource, name_space, name, subresource, options),
			  "Content-Type: application/merge-patch+json", patch, options, error);
}

json_t *kube_json_patch(KubeClient *client, const KubeResource *resource, const char *name_space,
			const char *name, const char *subresource, const json_t *patch,
			const KubeWriteOptions *options, GError **error)
{
	return send_write(client, "PATCH",
			  write_path(resource, name_space, name, subresource, options),
			  "Content-Type: application/json-patch+json", patch, options, error);
}

gboolean kube_delete(KubeClient *client, const KubeResource *resource, const char *name_space,
		     const char *name, const KubeDeleteOptions *options, GError **error)
{
	KubeDeleteOptions none = {0};
	g_autoptr(json_t) body =
		json_pack("{s:s, s:s}", "kind", "DeleteOptions", "apiVersion", "v1");
	g_autoptr(json_t) answer = NULL;

	if (options == NULL)
		options = &none;
	json_object_set_new(
		body, "propagationPolicy",
		json_string(options->propagation != NULL ? options->propagation : "Background"));
	if (options->uid != NULL || options->resource_version != NULL) {
		json_t *preconditions = base_json_ensure_object(body, "preconditions");

		base_json_set_string(preconditions, "uid", options->uid);
		base_json_set_string(preconditions, "resourceVersion", options->resource_version);
	}
	if (options->dry_run)
		json_object_set_new(body, "dryRun", json_pack("[s]", "All"));
	answer = send_write(client, "DELETE", kube_resource_path(resource, name_space, name, NULL),
			    "Content-Type: application/json", body, NULL, error);
	return answer != NULL;
}
