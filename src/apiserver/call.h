/* apiserver/call.h — one request: who asks, what for, and how it is answered. Within the room only.
 *
 * A call is made on a thread of the HTTP server; what may take long (every write, lists, watches)
 * goes on on one of the server's workers. It is used by one thread at a time and freed when it is
 * answered. Handlers return NULL once they have answered, or an ApiStatus, which is then sent. */
#pragma once

#include "apiserver/object.h"
#include "apiserver/path.h"
#include "apiserver/server.h"
#include "apiserver/status.h"
#include "apiserver/table.h"
#include "http/server.h"

#include <glib.h>
#include <jansson.h>

typedef struct ApiWatches ApiWatches;
typedef struct ApiGarbage ApiGarbage;

/* What happens to unknown fields. */
typedef enum {
	API_VALIDATION_WARN, /* the default */
	API_VALIDATION_STRICT,
	API_VALIDATION_IGNORE,
} ApiValidation;

/* Query and header, copied: they are gone once the HTTP server's handler returns. */
typedef struct {
	char *content_type; /* without parameters, in lower case; NULL if absent */
	char *label_selector;
	char *field_selector;
	char *resource_version;
	char *resource_version_match;
	char *continue_token;
	gint64 limit;           /* 0 = all */
	gint64 timeout_seconds; /* 0 = not said */
	gboolean bookmarks;
	gboolean send_initial_events;
	gboolean has_send_initial_events;
	char *propagation_policy;
	gboolean dry_run;
	ApiValidation validation;
} ApiQuery;

typedef struct ApiCall ApiCall;

struct ApiCall {
	Store *store;
	ApiWatches *watches;
	ApiGarbage *garbage;
	HttpExchange *exchange;
	ApiPersona persona;
	ApiPath path;
	const ApiKind *kind;
	const char *verb; /* in RBAC's words */
	ApiQuery query;
	ApiForm form;
	ApiInclude include;
	GPtrArray *warnings;              /* texts for Warning headers */
	ApiStatus *(*run)(ApiCall *call); /* what a worker does for it */
};

/* Reads what the request says beside its path. Refuses what it cannot read. */
ApiStatus *api_call_read(ApiCall *call, HttpExchange *exchange);

void api_call_free(ApiCall *call);

/* Namespace and name of the path; NULL if it has none. */
#define api_call_namespace(call) ((call)->path.namespace)
#define api_call_name(call) ((call)->path.name)

/* The object in the body, as JSON or protobuf, with apiVersion and kind as the path says. Yours, or
 * NULL with `refusal`. */
json_t *api_call_body_object(ApiCall *call, ApiStatus **refusal);

/* Refuses an option of the request (of its query or of DeleteOptions) that has no such value; a
 * `list` shows it as one. */
ApiStatus *api_call_refuse_option(const ApiCall *call, const char *field, const char *value,
				  gboolean list, const char *const *supported);
extern const char *const api_dry_run_values[];

/* Refuses an object of another apiVersion or kind than the path's. */
ApiStatus *api_call_check_type(const ApiCall *call, const json_t *object);

/* The body as JSON of any form. Yours, or NULL with `refusal`. */
json_t *api_call_body_json(ApiCall *call, ApiStatus **refusal);

/* Answers with stored bytes, in the form that was asked for. */
void api_call_reply_stored(ApiCall *call, guint status, GBytes *stored);

/* Answers with an object that is not stored (a dry run). Borrowed. */
void api_call_reply_object(ApiCall *call, guint status, json_t *object);

/* Answers with JSON text. */
void api_call_reply_json(ApiCall *call, guint status, GBytes *body);

/* Answers with a Status. */
void api_call_reply_status(HttpExchange *exchange, const ApiStatus *status);

/* The usual refusals with the call's own names. */
ApiStatus *api_call_not_found(const ApiCall *call, const char *name);
ApiStatus *api_call_conflict(const ApiCall *call, const char *name);
ApiStatus *api_call_forbidden(const ApiCall *call);

/* What an error of the store means to who asks: 507 for a full disk, 500 otherwise. Takes
 * `error`. */
ApiStatus *api_store_failure(GError *error);

/* TRUE for events.k8s.io: objects are stored as core Events and converted. */
gboolean api_kind_is_event_view(const ApiKind *kind);
