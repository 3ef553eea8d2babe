#include "apiserver/status.h"

#include "base/json.h"

#include <stdarg.h>

/* --- causes --- */

static void cause_free(gpointer data)
{
	ApiCause *cause = data;

	g_free(cause->reason);
	g_free(cause->message);
	g_free(cause->field);
	g_free(cause);
}

GPtrArray *api_causes_new(void)
{
	return g_ptr_array_new_with_free_func(cause_free);
}

void api_causes_add(GPtrArray *causes, const char *reason, const char *field, const char *format,
		    ...)
{
	ApiCause *cause = g_new0(ApiCause, 1);
	va_list args;

	va_start(args, format);
	cause->message = g_strdup_vprintf(format, args);
	va_end(args);
	cause->reason = g_strdup(reason);
	cause->field = g_strdup(field);
	g_ptr_array_add(causes, cause);
}

void api_causes_invalid(GPtrArray *causes, const char *field, const json_t *value,
			const char *detail)
{
	g_autofree char *text = base_json_dump(value, NULL);

	api_causes_add(causes, "FieldValueInvalid", field, "Invalid value: %s: %s", text, detail);
}

void api_causes_required(GPtrArray *causes, const char *field, const char *detail)
{
	if (detail == NULL || *detail == '\0')
		api_causes_add(causes, "FieldValueRequired", field, "Required value");
	else
		api_causes_add(causes, "FieldValueRequired", field, "Required value: %s", detail);
}

void api_causes_forbidden(GPtrArray *causes, const char *field, const char *detail)
{
	api_causes_add(causes, "FieldValueForbidden", field, "Forbidden: %s", detail);
}

void api_causes_unsupported(GPtrArray *causes, const char *field, const json_t *value,
			    const char *const *supported)
{
	g_autofree char *text = base_json_dump(value, NULL);
	g_autoptr(GString) list = g_string_new(NULL);

	for (gsize i = 0; supported[i] != NULL; i++)
		g_string_append_printf(list, "%s\"%s\"", i == 0 ? "" : ", ", supported[i]);
	api_causes_add(causes, "FieldValueNotSupported", field,
		       "Unsupported value: %s: supported values: %s", text, list->str);
}

/* --- statuses --- */

void api_status_free(ApiStatus *status)
{
	if (status == NULL)
		return;
	g_free(status->reason);
	g_free(status->message);
	json_decref(status->details);
	g_free(status);
}

json_t *api_status_json(const ApiStatus *status)
{
	json_t *json = json_pack("{s:s, s:s, s:{}, s:s}", "kind", "Status", "apiVersion", "v1",
				 "metadata", "status", status->success ? "Success" : "Failure");

	base_json_set_string(json, "message", status->message);
	base_json_set_string(json, "reason", status->reason);
	if (status->details != NULL)
		json_object_set_new(json, "details", json_deep_copy(status->details));
	if (!status->success)
		json_object_set_new(json, "code", json_integer(status->code));
	return json;
}

GBytes *api_status_bytes(const ApiStatus *status)
{
	g_autoptr(json_t) json = api_status_json(status);

	return base_json_dump_bytes(json);
}

/* Takes `message` and `details`. */
static ApiStatus *failure(int code, const char *reason, char *message, json_t *details)
{
	ApiStatus *status = g_new0(ApiStatus, 1);

	status->code = code;
	status->reason = g_strdup(reason);
	/* A name out of a URL may hold anything; JSON holds UTF-8. */
	status->message = g_utf8_make_valid(message, -1);
	g_free(message);
	status->details = details;
	return status;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL && *text != '\0') {
		g_autofree char *valid = g_utf8_make_valid(text, -1);

		json_object_set_new(object, key, json_string(valid));
	}
}

static json_t *details_of(const char *name, const char *group, const char *kind)
{
	json_t *details = json_object();

	set_text(details, "name", name);
	set_text(details, "group", group);
	set_text(details, "kind", kind);
	return details;
}

/* "devices.espalier.dev", "secrets". Yours. */
static char *qualified(const char *group, const char *resource)
{
	return *group == '\0' ? g_strdup(resource) : g_strdup_printf("%s.%s", resource, group);
}

ApiStatus *api_status_not_found(const char *group, const char *resource, const char *name)
{
	g_autofree char *what = qualified(group, resource);

	return failure(404, "NotFound", g_strdup_printf("%s \"%s\" not found", what, name),
		       details_of(name, group, resource));
}

ApiStatus *api_status_no_such_path(void)
{
	return failure(404, "NotFound",
		       g_strdup("the server could not find the requested resource"), json_object());
}

ApiStatus *api_status_already_exists(const char *group, const char *resource, const char *name)
{
	g_autofree char *what = qualified(group, resource);

	return failure(409, "AlreadyExists",
		       g_strdup_printf("%s \"%s\" already exists", what, name),
		       details_of(name, group, resource));
}

ApiStatus *api_status_conflict(const char *group, const char *resource, const char *name)
{
	return api_status_conflict_because(group, resource, name,
					   "the object has been modified; please apply your "
					   "changes to the latest version and try again");
}

ApiStatus *api_status_conflict_because(const char *group, const char *resource, const char *name,
				       const char *format, ...)
{
	g_autofree char *what = qualified(group, resource);
	g_autofree char *why = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	return failure(
		409, "Conflict",
		g_strdup_printf("Operation cannot be fulfilled on %s \"%s\": %s", what, name, why),
		details_of(name, group, resource));
}

ApiStatus *api_status_precondition(const ApiKind *kind, const char *name, const char *what,
				   const char *wanted, const char *found)
{
	const char *end = g_str_equal(what, "UID") ? "deleted and then recreated" : "modified";

	return api_status_conflict_because(kind->group, kind->kind, name,
					   "the %s in the precondition (%s) does not match the %s "
					   "in record (%s). The object might have been %s",
					   what, wanted, what, found, end);
}

/* "a: …" of one cause, "[a: …, b: …]" of several different ones. Yours. */
static char *sum_of_causes(const GPtrArray *causes)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) sum = g_string_new(NULL);

	for (guint i = 0; i < causes->len; i++) {
		const ApiCause *cause = causes->pdata[i];
		char *line = g_strdup_printf("%s: %s", cause->field, cause->message);

		if (g_hash_table_contains(seen, line)) {
			g_free(line);
			continue;
		}
		if (sum->len > 0)
			g_string_append(sum, ", ");
		g_string_append(sum, line);
		g_hash_table_add(seen, line);
	}
	if (g_hash_table_size(seen) < 2)
		return g_strdup(sum->str);
	return g_strdup_printf("[%s]", sum->str);
}

ApiStatus *api_status_invalid(const char *group, const char *kind, const char *name,
			      GPtrArray *causes)
{
	g_autoptr(GPtrArray) owned = causes;
	g_autofree char *what = qualified(group, kind);
	g_autofree char *sum = sum_of_causes(causes);
	json_t *details = details_of(name, group, kind);
	json_t *list = json_array();

	for (guint i = 0; i < owned->len; i++) {
		const ApiCause *cause = owned->pdata[i];
		json_t *json = json_object();

		set_text(json, "reason", cause->reason);
		set_text(json, "message", cause->message);
		set_text(json, "field", cause->field);
		json_array_append_new(list, json);
	}
	json_object_set_new(details, "causes", list);
	return failure(
		422, "Invalid",
		g_strdup_printf("%s \"%s\" is invalid: %s", what, name == NULL ? "" : name, sum),
		details);
}

ApiStatus *api_status_unsupported_option(const char *options, const char *field,
					 const json_t *value, const char *const *supported)
{
	GPtrArray *causes = api_causes_new();

	api_causes_unsupported(causes, field, value, supported);
	return api_status_invalid("meta.k8s.io", options, NULL, causes);
}

/* Makes `status` of a printf format. */
#define FAIL(status, code, reason, format, details)                                                \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, format);                                                            \
		(status) = failure(code, reason, g_strdup_vprintf(format, args), details);         \
		va_end(args);                                                                      \
	} while (0)

ApiStatus *api_status_unprocessable(const char *format, ...)
{
	ApiStatus *status;

	FAIL(status, 422, "Invalid", format, json_object());
	return status;
}

ApiStatus *api_status_bad_request(const char *format, ...)
{
	ApiStatus *status;

	FAIL(status, 400, "BadRequest", format, NULL);
	return status;
}

GPtrArray *api_status_unknown_field_warnings(const GPtrArray *paths)
{
	GPtrArray *warnings = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < paths->len; i++)
		g_ptr_array_add(warnings, g_strdup_printf("unknown field \"%s\"",
							  (const char *)paths->pdata[i]));
	return warnings;
}

ApiStatus *api_status_unknown_fields(const ApiKind *kind, const GPtrArray *paths)
{
	g_autoptr(GPtrArray) warnings = api_status_unknown_field_warnings(paths);
	g_autofree char *list = NULL;

	g_ptr_array_add(warnings, NULL);
	list = g_strjoinv(", ", (char **)warnings->pdata);
	return api_status_bad_request("%s in version \"%s\" cannot be handled as a %s: strict "
				      "decoding error: %s",
				      kind->kind, kind->version, kind->kind, list);
}

ApiStatus *api_status_undecodable(const ApiKind *kind, const char *detail)
{
	return api_status_bad_request("%s in version \"%s\" cannot be handled as a %s: %s",
				      kind->kind, kind->version, kind->kind, detail);
}

ApiStatus *api_status_unauthorized(void)
{
	return failure(401, "Unauthorized", g_strdup("Unauthorized"), NULL);
}

ApiStatus *api_status_forbidden(const char *user, const char *verb, const char *group,
				const char *resource, const char *subresource,
				const char *namespace, const char *name)
{
	g_autofree char *what = qualified(group, resource);
	GString *message = g_string_new(what);

	if (name != NULL && *name != '\0')
		g_string_append_printf(message, " \"%s\"", name);
	g_string_append_printf(message, " is forbidden: User \"%s\" cannot %s resource \"%s", user,
			       verb, resource);
	if (subresource != NULL && *subresource != '\0')
		g_string_append_printf(message, "/%s", subresource);
	g_string_append_printf(message, "\" in API group \"%s\"", group);
	if (namespace != NULL && *namespace != '\0')
		g_string_append_printf(message, " in the namespace \"%s\"", namespace);
	else
		g_string_append(message, " at the cluster scope");
	return failure(403, "Forbidden", g_string_free(message, FALSE),
		       details_of(name, group, resource));
}

ApiStatus *api_status_forbidden_path(const char *user, const char *verb, const char *path)
{
	return failure(
		403, "Forbidden",
		g_strdup_printf("forbidden: User \"%s\" cannot %s path \"%s\"", user, verb, path),
		json_object());
}

ApiStatus *api_status_forbidden_because(const char *group, const char *resource, const char *name,
					const char *format, ...)
{
	g_autofree char *what = qualified(group, resource);
	g_autofree char *why = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	return failure(403, "Forbidden",
		       g_strdup_printf("%s \"%s\" is forbidden: %s", what, name, why),
		       details_of(name, group, resource));
}

ApiStatus *api_status_method_not_allowed(void)
{
	return failure(405, "MethodNotAllowed",
		       g_strdup("the server does not allow this method on the requested resource"),
		       json_object());
}

ApiStatus *api_status_expired_continue(void)
{
	return failure(410, "Expired",
		       g_strdup("The provided continue parameter is too old to display a "
				"consistent list result. You must start a new list without the "
				"continue parameter."),
		       NULL);
}

ApiStatus *api_status_expired_watch(gint64 asked, gint64 oldest)
{
	return failure(410, "Expired",
		       g_strdup_printf("too old resource version: %" G_GINT64_FORMAT
				       " (%" G_GINT64_FORMAT ")",
				       asked, oldest),
		       NULL);
}

ApiStatus *api_status_too_large_resource_version(gint64 asked, gint64 current)
{
	ApiStatus *status = failure(
		504, "Timeout",
		g_strdup_printf("Timeout: Too large resource version: %" G_GINT64_FORMAT
				", current: %" G_GINT64_FORMAT,
				asked, current),
		json_pack("{s:[{s:s, s:s}], s:i}", "causes", "reason", "ResourceVersionTooLarge",
			  "message", "Too large resource version", "retryAfterSeconds", 1));

	status->retry_after_s = 1;
	return status;
}

ApiStatus *api_status_too_large(gsize limit_bytes)
{
	return failure(
		413, "RequestEntityTooLarge",
		g_strdup_printf("Request entity too large: limit is %" G_GSIZE_FORMAT, limit_bytes),
		NULL);
}

ApiStatus *api_status_unsupported_media_type(const char *const *accepted)
{
	g_autofree char *list = g_strjoinv(", ", (char **)accepted);

	return failure(415, "UnsupportedMediaType",
		       g_strdup_printf("the body of the request was in an unknown format - "
				       "accepted media types include: %s",
				       list),
		       NULL);
}

ApiStatus *api_status_no_server_side_apply(void)
{
	return failure(415, "UnsupportedMediaType",
		       g_strdup("this server keeps no field managers; use kubectl apply without "
				"--server-side"),
		       NULL);
}

ApiStatus *api_status_too_many_requests(int retry_after_s)
{
	ApiStatus *status = failure(429, "TooManyRequests",
				    g_strdup("the server has received too many requests and has "
					     "asked us to try again later"),
				    json_pack("{s:i}", "retryAfterSeconds", retry_after_s));

	status->retry_after_s = retry_after_s;
	return status;
}

ApiStatus *api_status_internal_error(const char *format, ...)
{
	g_autofree char *why = NULL;
	g_autofree char *valid = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	valid = g_utf8_make_valid(why, -1);
	return failure(500, "InternalError", g_strdup_printf("Internal error occurred: %s", valid),
		       json_pack("{s:[{s:s}]}", "causes", "message", valid));
}

ApiStatus *api_status_unavailable(const char *format, ...)
{
	ApiStatus *status;

	FAIL(status, 503, "ServiceUnavailable", format, NULL);
	return status;
}

ApiStatus *api_status_insufficient_storage(const char *format, ...)
{
	ApiStatus *status;

	FAIL(status, 507, "InsufficientStorage", format, NULL);
	return status;
}

ApiStatus *api_status_deleted(const ApiKind *kind, const char *name, const char *uid)
{
	ApiStatus *status = g_new0(ApiStatus, 1);

	status->code = 200;
	status->success = TRUE;
	status->details = details_of(name, kind->group, kind->plural);
	set_text(status->details, "uid", uid);
	return status;
}
