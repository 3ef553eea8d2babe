#include "apiserver/router.h"

#include "apiserver/access.h"
#include "apiserver/discovery.h"
#include "apiserver/openapi.h"
#include "apiserver/read.h"
#include "apiserver/remove.h"
#include "apiserver/watch.h"
#include "apiserver/write.h"
#include "base/json.h"

#include <string.h>

/* What a method means on a resource. */
typedef struct {
	const char *method;
	gboolean named; /* the path has a name */
	gboolean watch;
	ApiVerb flag;
	ApiStatus *(*run)(ApiCall *call);
	gboolean quick; /* answered at once on the HTTP server's thread */
} Operation;

static ApiStatus *review(ApiCall *call);

static const Operation operations[] = {
	{"GET", TRUE, FALSE, API_VERB_GET, api_get, TRUE},
	{"HEAD", TRUE, FALSE, API_VERB_GET, api_get, TRUE},
	{"GET", TRUE, TRUE, API_VERB_WATCH, api_watch, FALSE},
	{"GET", FALSE, FALSE, API_VERB_LIST, api_list, FALSE},
	{"GET", FALSE, TRUE, API_VERB_WATCH, api_watch, FALSE},
	{"POST", FALSE, FALSE, API_VERB_CREATE, api_create, FALSE},
	{"PUT", TRUE, FALSE, API_VERB_UPDATE, api_update, FALSE},
	{"PATCH", TRUE, FALSE, API_VERB_PATCH, api_patch, FALSE},
	{"DELETE", TRUE, FALSE, API_VERB_DELETE, api_delete, FALSE},
	{"DELETE", FALSE, FALSE, API_VERB_DELETE_COLLECTION, api_delete_collection, FALSE},
};

static const Operation review_operation = {"POST", FALSE, FALSE, API_VERB_CREATE, review, TRUE};

static ApiStatus *review(ApiCall *call)
{
	static const struct {
		const char *kind;
		json_t *(*answer)(ApiPersona persona, const json_t *request);
	} reviews[] = {
		{"SelfSubjectAccessReview", api_access_review},
		{"SelfSubjectRulesReview", api_rules_review},
		{"SelfSubjectReview", api_self_review},
	};
	ApiStatus *refusal = NULL;
	g_autoptr(json_t) request = api_call_body_object(call, &refusal);
	g_autoptr(json_t) answer = NULL;
	g_autoptr(GBytes) body = NULL;

	if (request == NULL)
		return refusal;
	refusal = api_review_validate(request);
	if (refusal != NULL)
		return refusal;
	for (gsize i = 0; answer == NULL && i < G_N_ELEMENTS(reviews); i++)
		if (strcmp(reviews[i].kind, call->kind->kind) == 0)
			answer = reviews[i].answer(call->persona, request);
	if (answer == NULL)
		return api_status_method_not_allowed();
	body = api_object_encode_whole(answer);
	api_call_reply_json(call, 201, body);
	return NULL;
}

static gboolean is_watch(HttpExchange *exchange)
{
	const char *value = http_exchange_query(exchange, "watch");

	return value != NULL && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

static const Operation *find_operation(const ApiCall *call)
{
	const char *method = http_exchange_method(call->exchange);
	gboolean named = call->path.name != NULL;
	gboolean watch = strcmp(method, "GET") == 0 && is_watch(call->exchange);

	if (call->kind->rules == API_RULES_REVIEW)
		return strcmp(method, "POST") == 0 && !named ? &review_operation : NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
		if (strcmp(operations[i].method, method) == 0 && operations[i].named == named &&
		    operations[i].watch == watch)
			return &operations[i];
	return NULL;
}

/* A watch of one object by its path is a watch of its name. */
static void watch_by_name(ApiCall *call)
{
	if (call->path.name == NULL)
		return;
	g_free(call->query.field_selector);
	call->query.field_selector = g_strconcat("metadata.name=", call->path.name, NULL);
}

static gboolean subresource_fits(const ApiCall *call)
{
	const char *subresource = call->path.subresource;

	if (subresource == NULL)
		return TRUE;
	return strcmp(subresource, "status") == 0 && call->kind->has_status;
}

static gboolean scope_fits(const ApiCall *call, const Operation *operation)
{
	gboolean has_namespace = call->path.namespace != NULL;

	if (!call->kind->namespaced)
		return !has_namespace;
	/* All namespaces together can be read, one object cannot be without its own. */
	return has_namespace || operation->flag == API_VERB_LIST ||
	       operation->flag == API_VERB_WATCH;
}

static gboolean may(const ApiCall *call)
{
	ApiAccess access = {
		.verb = call->verb,
		.group = call->kind->group,
		.resource = call->kind->plural,
		.subresource = call->path.subresource,
		.namespace = call->path.namespace,
		.name = call->path.name,
	};

	return api_access_allowed(call->persona, &access, NULL);
}

static const Operation *choose(ApiCall *call, ApiStatus **refusal)
{
	const Operation *operation;

	call->kind = api_kind_find(call->path.group, call->path.version, call->path.resource);
	if (call->kind == NULL || !subresource_fits(call)) {
		*refusal = api_status_no_such_path();
		return NULL;
	}
	operation = find_operation(call);
	if (operation == NULL || (call->kind->verbs & operation->flag) == 0 ||
	    (call->path.subresource != NULL &&
	     (operation->flag & (API_VERB_GET | API_VERB_UPDATE | API_VERB_PATCH)) == 0)) {
		*refusal = api_status_method_not_allowed();
		return NULL;
	}
	if (!scope_fits(call, operation)) {
		*refusal = api_status_no_such_path();
		return NULL;
	}
	call->verb = api_verb_name(operation->flag);
	if (call->persona == API_PERSONA_NONE)
		*refusal = api_status_unauthorized();
	else if (!may(call))
		*refusal = api_call_forbidden(call);
	else
		return operation;
	return NULL;
}

static void finish(ApiCall *call, ApiStatus *refusal)
{
	g_autoptr(ApiStatus) owned = refusal;

	if (owned != NULL)
		api_call_reply_status(call->exchange, owned);
}

static ApiRoute begin_resource(ApiCall *call, HttpExchange *exchange)
{
	ApiStatus *refusal = NULL;
	const Operation *operation = choose(call, &refusal);

	if (operation != NULL)
		refusal = api_call_read(call, exchange);
	if (refusal == NULL && operation->flag == API_VERB_WATCH)
		watch_by_name(call);
	if (refusal == NULL && !operation->quick) {
		call->run = operation->run;
		return API_ROUTE_DEFERRED;
	}
	finish(call, refusal != NULL ? refusal : operation->run(call));
	return API_ROUTE_ANSWERED;
}

void api_route_run(ApiCall *call)
{
	finish(call, call->run(call));
}

static gboolean is_public(const char *path)
{
	static const char *const paths[] = {"/healthz", "/livez", "/readyz", "/version", NULL};

	return g_strv_contains(paths, path);
}

static gboolean is_health(const char *path)
{
	static const char *const prefixes[] = {"/healthz", "/livez", "/readyz"};

	for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		gsize length = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], length) == 0 &&
		    (path[length] == '\0' || path[length] == '/'))
			return TRUE;
	}
	return FALSE;
}

static ApiStatus *answer_document(HttpExchange *exchange, ApiDocument *document)
{
	const char *have = http_exchange_header(exchange, "If-None-Match");

	if (document->etag != NULL) {
		http_reply_header(exchange, "ETag", document->etag);
		if (g_strcmp0(have, document->etag) == 0) {
			http_reply_bytes(exchange, 304, NULL, NULL);
			return NULL;
		}
	}
	http_reply_header(exchange, "Vary", "Accept");
	http_reply_bytes(exchange, 200, document->content_type, document->body);
	return NULL;
}

static ApiStatus *answer_path(ApiPersona persona, HttpExchange *exchange)
{
	const char *path = http_exchange_path(exchange);
	const char *method = http_exchange_method(exchange);
	g_autofree char *verb = g_ascii_strdown(method, -1);
	ApiAccess access = {.verb = verb, .path = path};
	g_auto(ApiDocument) document = {0};

	if (persona == API_PERSONA_NONE && !is_public(path))
		return api_status_unauthorized();
	if (persona != API_PERSONA_NONE && !api_access_allowed(persona, &access, NULL))
		return api_status_forbidden_path(api_persona_name(persona), verb, path);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return api_status_method_not_allowed();
	if (is_health(path)) {
		http_reply_text(exchange, 200, "text/plain; charset=utf-8", "ok");
		return NULL;
	}
	if (api_discovery_get(path, http_exchange_header(exchange, "Accept"), &document) ||
	    api_openapi_get(path, &document))
		return answer_document(exchange, &document);
	return api_status_no_such_path();
}

ApiRoute api_route_begin(ApiCall *call, HttpExchange *exchange)
{
	call->exchange = exchange;
	if (api_path_parse(http_exchange_path(exchange), &call->path))
		return begin_resource(call, exchange);
	finish(call, answer_path(call->persona, exchange));
	return API_ROUTE_ANSWERED;
}
