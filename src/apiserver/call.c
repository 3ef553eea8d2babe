#include "apiserver/call.h"

#include "apiserver/event_views.h"
#include "apiserver/protobuf.h"
#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define JSON_MEDIA_TYPE "application/json"

enum {
	LIMIT_MAX = 1000 * 1000,
	TIMEOUT_MAX_S = 24 * 3600,
};

gboolean api_kind_is_event_view(const ApiKind *kind)
{
	return strcmp(kind->group, "events.k8s.io") == 0;
}

static char *copy_query(HttpExchange *exchange, const char *key)
{
	const char *value = http_exchange_query(exchange, key);

	return value != NULL && value[0] != '\0' ? g_strdup(value) : NULL;
}

static gboolean is_true(HttpExchange *exchange, const char *key)
{
	const char *value = http_exchange_query(exchange, key);

	/* As Go's conversion of a query does: present without a value is true. */
	return value != NULL && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

static ApiStatus *read_number(HttpExchange *exchange, const char *key, gint64 max, gint64 *number)
{
	const char *value = http_exchange_query(exchange, key);

	if (value == NULL || value[0] == '\0')
		return NULL;
	if (!g_ascii_string_to_signed(value, 10, 0, max, number, NULL))
		return api_status_bad_request("%s=%.64s: must be a number from 0 to %" //
					      G_GINT64_FORMAT,
					      key, value, max);
	return NULL;
}

const char *const api_dry_run_values[] = {"All", NULL};

ApiStatus *api_call_refuse_option(const ApiCall *call, const char *field, const char *value,
				  gboolean list, const char *const *supported)
{
	static const struct {
		const char *method, *options;
	} names[] = {{"POST", "CreateOptions"},
		     {"PUT", "UpdateOptions"},
		     {"PATCH", "PatchOptions"},
		     {"DELETE", "DeleteOptions"}};
	g_autofree char *valid = g_utf8_make_valid(value, -1);
	g_autoptr(json_t) shown = list ? json_pack("[s]", valid) : json_string(valid);
	const char *options = "ListOptions";

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcmp(names[i].method, http_exchange_method(call->exchange)) == 0)
			options = names[i].options;
	return api_status_unsupported_option(options, field, shown, supported);
}

static ApiStatus *read_validation(ApiCall *call)
{
	static const char *const supported[] = {"", "Ignore", "Strict", "Warn", NULL};
	static const struct {
		const char *text;
		ApiValidation validation;
	} words[] = {{"", API_VALIDATION_WARN},
		     {"Warn", API_VALIDATION_WARN},
		     {"Strict", API_VALIDATION_STRICT},
		     {"Ignore", API_VALIDATION_IGNORE}};
	const char *value = http_exchange_query(call->exchange, "fieldValidation");

	for (gsize i = 0; value != NULL && i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i].text, value) == 0) {
			call->query.validation = words[i].validation;
			return NULL;
		}
	if (value == NULL)
		return NULL;
	return api_call_refuse_option(call, "fieldValidation", value, FALSE, supported);
}

static ApiStatus *read_dry_run(ApiCall *call)
{
	const char *value = http_exchange_query(call->exchange, "dryRun");

	if (value == NULL || value[0] == '\0')
		return NULL;
	if (strcmp(value, "All") != 0)
		return api_call_refuse_option(call, "dryRun", value, TRUE, api_dry_run_values);
	call->query.dry_run = TRUE;
	return NULL;
}

static char *read_content_type(HttpExchange *exchange)
{
	const char *value = http_exchange_header(exchange, "Content-Type");
	g_autofree char *type = NULL;

	if (value == NULL || value[0] == '\0')
		return NULL;
	type = g_ascii_strdown(value, (gssize)strcspn(value, ";"));
	return g_strdup(g_strstrip(type));
}

ApiStatus *api_call_read(ApiCall *call, HttpExchange *exchange)
{
	ApiQuery *query = &call->query;
	ApiStatus *refusal;

	call->exchange = exchange;
	call->form = api_form_of_accept(http_exchange_header(exchange, "Accept"));
	query->content_type = read_content_type(exchange);
	query->label_selector = copy_query(exchange, "labelSelector");
	query->field_selector = copy_query(exchange, "fieldSelector");
	query->resource_version = copy_query(exchange, "resourceVersion");
	query->resource_version_match = copy_query(exchange, "resourceVersionMatch");
	query->continue_token = copy_query(exchange, "continue");
	query->propagation_policy = copy_query(exchange, "propagationPolicy");
	query->bookmarks = is_true(exchange, "allowWatchBookmarks");
	query->has_send_initial_events = http_exchange_query(exchange, "sendInitialEvents") != NULL;
	query->send_initial_events = is_true(exchange, "sendInitialEvents");
	if (!api_include_parse(http_exchange_query(exchange, "includeObject"), &call->include))
		return api_status_bad_request(
			"Unable to convert to Table as requested: includeObject: Invalid value: "
			"\"%.64s\": must be 'Metadata', 'Object', 'None', or empty",
			http_exchange_query(exchange, "includeObject"));
	refusal = read_number(exchange, "limit", LIMIT_MAX, &query->limit);
	if (refusal == NULL)
		refusal = read_number(exchange, "timeoutSeconds", TIMEOUT_MAX_S,
				      &query->timeout_seconds);
	if (refusal == NULL)
		refusal = read_validation(call);
	return refusal != NULL ? refusal : read_dry_run(call);
}

void api_call_free(ApiCall *call)
{
	ApiQuery *query = &call->query;

	api_path_clear(&call->path);
	g_free(query->content_type);
	g_free(query->label_selector);
	g_free(query->field_selector);
	g_free(query->resource_version);
	g_free(query->resource_version_match);
	g_free(query->continue_token);
	g_free(query->propagation_policy);
	g_clear_pointer(&call->warnings, g_ptr_array_unref);
	g_free(call);
}

json_t *api_call_body_json(ApiCall *call, ApiStatus **refusal)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(http_exchange_body(call->exchange), &size_bytes);
	g_autoptr(GError) error = NULL;
	json_t *value = base_json_parse(text != NULL ? text : "", size_bytes, &error);

	if (value == NULL)
		*refusal = api_status_bad_request("the body is not JSON that can be read: %s",
						  error->message);
	return value;
}

static json_t *read_protobuf(ApiCall *call, ApiStatus **refusal)
{
	gsize size_bytes;
	const guint8 *data = g_bytes_get_data(http_exchange_body(call->exchange), &size_bytes);
	g_autoptr(GError) error = NULL;
	json_t *value = api_protobuf_decode(data, size_bytes, &error);

	if (value == NULL)
		*refusal = api_status_undecodable(call->kind, error->message);
	return value;
}

ApiStatus *api_call_check_type(const ApiCall *call, const json_t *object)
{
	g_autofree char *group_version = api_kind_group_version(call->kind);
	const char *api_version = base_json_get_string(object, "apiVersion", NULL);
	const char *kind = base_json_get_string(object, "kind", NULL);

	if (!json_is_object(object))
		return api_status_bad_request("the body must be a JSON object");
	if (kind == NULL || kind[0] == '\0')
		return api_status_bad_request("Object 'Kind' is missing in the body; it must be %s",
					      call->kind->kind);
	if (api_version == NULL || strcmp(api_version, group_version) != 0)
		return api_status_bad_request(
			"the API version in the data (%.100s) does not match the "
			"expected API version (%s)",
			api_version != NULL ? api_version : "", group_version);
	if (strcmp(kind, call->kind->kind) != 0)
		return api_status_bad_request(
			"the kind in the data (%.100s) does not match the expected kind (%s)", kind,
			call->kind->kind);
	return NULL;
}

json_t *api_call_body_object(ApiCall *call, ApiStatus **refusal)
{
	static const char *const accepted[] = {JSON_MEDIA_TYPE, API_PROTOBUF_MEDIA_TYPE, NULL};
	const char *type = call->query.content_type;
	g_autoptr(json_t) object = NULL;

	if (type == NULL || strcmp(type, JSON_MEDIA_TYPE) == 0)
		object = api_call_body_json(call, refusal);
	else if (strcmp(type, API_PROTOBUF_MEDIA_TYPE) == 0)
		object = read_protobuf(call, refusal);
	else
		*refusal = api_status_unsupported_media_type(accepted);
	if (object == NULL)
		return NULL;
	*refusal = api_call_check_type(call, object);
	return *refusal == NULL ? g_steal_pointer(&object) : NULL;
}

static void add_warnings(ApiCall *call)
{
	for (guint i = 0; call->warnings != NULL && i < call->warnings->len; i++) {
		g_autoptr(json_t) text = json_string(g_ptr_array_index(call->warnings, i));
		g_autofree char *quoted = json_dumps(text, JSON_ENCODE_ANY);
		g_autofree char *header = g_strconcat("299 - ", quoted, NULL);

		http_reply_header(call->exchange, "Warning", header);
	}
}

void api_call_reply_json(ApiCall *call, guint status, GBytes *body)
{
	add_warnings(call);
	http_reply_header(call->exchange, "Cache-Control", "no-cache, private");
	http_reply_bytes(call->exchange, status, JSON_MEDIA_TYPE, body);
}

void api_call_reply_object(ApiCall *call, guint status, json_t *object)
{
	g_autoptr(json_t) view =
		api_kind_is_event_view(call->kind) ? api_event_to_v1(object) : json_incref(object);
	g_autoptr(json_t) formed =
		api_form_object(call->kind, call->form, call->include, view, TRUE);
	g_autoptr(GBytes) body = api_object_encode_whole(formed);

	api_call_reply_json(call, status, body);
}

void api_call_reply_stored(ApiCall *call, guint status, GBytes *stored)
{
	g_autoptr(json_t) object = NULL;
	g_autoptr(GBytes) partial = NULL;

	if (call->form == API_FORM_OBJECT && !api_kind_is_event_view(call->kind)) {
		api_call_reply_json(call, status, stored);
		return;
	}
	if (call->form == API_FORM_METADATA) {
		partial = api_object_partial_metadata(stored);
		api_call_reply_json(call, status, partial);
		return;
	}
	object = api_object_decode(stored);
	api_call_reply_object(call, status, object);
}

void api_call_reply_status(HttpExchange *exchange, const ApiStatus *status)
{
	g_autoptr(GBytes) body = api_status_bytes(status);
	g_autofree char *retry = NULL;

	if (status->retry_after_s > 0) {
		retry = g_strdup_printf("%d", status->retry_after_s);
		http_reply_header(exchange, "Retry-After", retry);
	}
	if (status->code == 401)
		http_reply_header(exchange, "WWW-Authenticate", "Bearer realm=\"espalier\"");
	http_reply_bytes(exchange, (guint)status->code, JSON_MEDIA_TYPE, body);
}

ApiStatus *api_call_not_found(const ApiCall *call, const char *name)
{
	return api_status_not_found(call->kind->group, call->kind->plural, name);
}

ApiStatus *api_call_conflict(const ApiCall *call, const char *name)
{
	return api_status_conflict(call->kind->group, call->kind->plural, name);
}

ApiStatus *api_call_forbidden(const ApiCall *call)
{
	return api_status_forbidden(api_persona_name(call->persona), call->verb, call->kind->group,
				    call->kind->plural, call->path.subresource,
				    call->path.namespace, call->path.name);
}

ApiStatus *api_store_failure(GError *error)
{
	g_autoptr(GError) owned = error;

	if (g_error_matches(owned, BASE_ERROR, BASE_ERROR_NO_SPACE))
		return api_status_insufficient_storage("%s", owned->message);
	if (g_error_matches(owned, BASE_ERROR, BASE_ERROR_TOO_LARGE))
		return api_status_too_large(STORE_MAX_VALUE_BYTES);
	if (g_error_matches(owned, STORE_ERROR, STORE_ERROR_CLOSED))
		return api_status_unavailable("%s", owned->message);
	return api_status_internal_error("%s", owned->message);
}
