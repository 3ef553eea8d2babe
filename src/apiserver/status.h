/* apiserver/status.h — answers that are not an object: metav1.Status in a real server's words.
 * Pure; any thread. All names and texts given are copied. `resource` is a plural ("devices"),
 * `kind` a kind ("Device"); `group` "" is the core group.
 *
 * A handler returns an `ApiStatus *` for a refusal and NULL for success. */
#pragma once

#include "apiserver/kinds.h"

#include <glib.h>
#include <jansson.h>

/* One cause of an Invalid status: {reason, message, field} as kubectl prints them. */
typedef struct {
	char *reason;  /* "FieldValueInvalid", "FieldValueRequired", … */
	char *message; /* "Invalid value: 300: spec.size in body should be …", without the field */
	char *field;   /* "spec.size" */
} ApiCause;

/* A list of causes; frees what it holds. */
GPtrArray *api_causes_new(void);
void api_causes_add(GPtrArray *causes, const char *reason, const char *field, const char *format,
		    ...) G_GNUC_PRINTF(4, 5);

/* The usual causes in the words of k8s.io/apimachinery/pkg/util/validation/field. `value` is
 * printed as Go prints it: strings quoted, others as JSON. */
void api_causes_invalid(GPtrArray *causes, const char *field, const json_t *value,
			const char *detail);
void api_causes_required(GPtrArray *causes, const char *field, const char *detail);
void api_causes_forbidden(GPtrArray *causes, const char *field, const char *detail);
void api_causes_unsupported(GPtrArray *causes, const char *field, const json_t *value,
			    const char *const *supported);

typedef struct {
	int code;     /* of HTTP */
	char *reason; /* "NotFound"; NULL = none */
	char *message;
	json_t *details;   /* NULL = none */
	int retry_after_s; /* 0 = none; else also the header Retry-After */
	gboolean success;
} ApiStatus;

void api_status_free(ApiStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiStatus, api_status_free)

/* The body. Yours. */
json_t *api_status_json(const ApiStatus *status);
GBytes *api_status_bytes(const ApiStatus *status);

/* 404 `devices.espalier.dev "x" not found`. */
ApiStatus *api_status_not_found(const char *group, const char *resource, const char *name);
/* 404 for a path that nothing serves. */
ApiStatus *api_status_no_such_path(void);
/* 409 `devices.espalier.dev "x" already exists`. */
ApiStatus *api_status_already_exists(const char *group, const char *resource, const char *name);
/* 409 for a stale resourceVersion: "Operation cannot be fulfilled on …: the object has been
 * modified; …". */
ApiStatus *api_status_conflict(const char *group, const char *resource, const char *name);
/* 409 with a reason of one's own after "Operation cannot be fulfilled on …: ". */
ApiStatus *api_status_conflict_because(const char *group, const char *resource, const char *name,
				       const char *format, ...) G_GNUC_PRINTF(4, 5);
/* 409 for a precondition of DeleteOptions that does not hold. `what` is "UID" or
 * "ResourceVersion". */
ApiStatus *api_status_precondition(const ApiKind *kind, const char *name, const char *what,
				   const char *wanted, const char *found);
/* 422; takes `causes` (api_causes_new). The message sums them up. `name` may be NULL. */
ApiStatus *api_status_invalid(const char *group, const char *kind, const char *name,
			      GPtrArray *causes);
/* 422 for an option of the request itself (dryRun, fieldValidation, propagationPolicy) that has no
 * such value. `options` is "CreateOptions", "DeleteOptions" … */
ApiStatus *api_status_unsupported_option(const char *options, const char *field,
					 const json_t *value, const char *const *supported);
/* 422 without causes, for a JSON patch that cannot be applied. */
ApiStatus *api_status_unprocessable(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* 400. */
ApiStatus *api_status_bad_request(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* 400 `Device in version "v1alpha1" cannot be handled as a Device: strict decoding error: unknown
 * field "spec.bogus", unknown field …`; `paths` are strings. */
ApiStatus *api_status_unknown_fields(const ApiKind *kind, const GPtrArray *paths);
/* The texts of the Warning headers for the same under fieldValidation=Warn: strings such as
 * `unknown field "spec.bogus"`. Yours. */
GPtrArray *api_status_unknown_field_warnings(const GPtrArray *paths);
/* 400 for a body that cannot be read as the kind; `detail` is the reader's message. */
ApiStatus *api_status_undecodable(const ApiKind *kind, const char *detail);
/* 401. */
ApiStatus *api_status_unauthorized(void);
/* 403 `secrets "a" is forbidden: User "x" cannot get resource "secrets" in API group "" in the
 * namespace "default"`. `name`, `subresource` and `namespace` may be NULL or "". */
ApiStatus *api_status_forbidden(const char *user, const char *verb, const char *group,
				const char *resource, const char *subresource,
				const char *namespace, const char *name);
/* 403 for a path outside the resources. */
ApiStatus *api_status_forbidden_path(const char *user, const char *verb, const char *path);
/* 403 `devices.espalier.dev "d" is forbidden: <detail>`: what is refused whoever asks, such as
 * creating in a namespace that is being deleted. */
ApiStatus *api_status_forbidden_because(const char *group, const char *resource, const char *name,
					const char *format, ...) G_GNUC_PRINTF(4, 5);
/* 405. */
ApiStatus *api_status_method_not_allowed(void);
/* 410 of a list whose continue token is too old. */
ApiStatus *api_status_expired_continue(void);
/* 410 inside a watch: "too old resource version: 1 (295)". */
ApiStatus *api_status_expired_watch(gint64 asked, gint64 oldest);
/* 504 for a list or watch at a resourceVersion that has not come yet. */
ApiStatus *api_status_too_large_resource_version(gint64 asked, gint64 current);
/* 413. */
ApiStatus *api_status_too_large(gsize limit_bytes);
/* 415 naming the media types that are taken, ended by NULL. */
ApiStatus *api_status_unsupported_media_type(const char *const *accepted);
/* 415 for server-side apply, with a sentence that kubectl shows. */
ApiStatus *api_status_no_server_side_apply(void);
/* 429. */
ApiStatus *api_status_too_many_requests(int retry_after_s);
/* 500, 503, 507. */
ApiStatus *api_status_internal_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
ApiStatus *api_status_unavailable(const char *format, ...) G_GNUC_PRINTF(1, 2);
ApiStatus *api_status_insufficient_storage(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* 200 "Success" of a deletion that is done. */
ApiStatus *api_status_deleted(const ApiKind *kind, const char *name, const char *uid);
