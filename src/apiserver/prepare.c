#include "apiserver/prepare.h"

#include "apiserver/core_kinds.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "model/schema.h"

#include <string.h>

#define RULES_SKIPPED_FIELD "<nil>"
#define RULES_SKIPPED_MESSAGE                                                                      \
	"Invalid value: null: some validation rules were not checked because the object was "      \
	"invalid; correct the existing errors to complete validation"
#define STATUS_PREFIX "status."

enum {
	GENERATED_CHARS = 5,
	GENERATED_BASE_MAX_CHARS = 58, /* 63 - GENERATED_CHARS, as in kube-apiserver */
	EVENT_KEPT_S = 3600,
};

/* What kube-apiserver draws names from: no vowels, so no words. */
static const char name_alphabet[] = "bcdfghjklmnpqrstvwxz2456789";

void api_prepare_generate_name(json_t *object)
{
	const char *base = api_object_meta(object, "generateName");
	guint8 random[GENERATED_CHARS];
	char suffix[GENERATED_CHARS + 1] = {0};
	g_autofree char *name = NULL;

	base_random_bytes(random, sizeof random);
	for (guint i = 0; i < GENERATED_CHARS; i++)
		suffix[i] = name_alphabet[random[i] % (sizeof name_alphabet - 1)];
	name = g_strdup_printf("%.*s%s", GENERATED_BASE_MAX_CHARS, base, suffix);
	base_json_set_string(json_object_get(object, "metadata"), "name", name);
}

gint64 api_prepare_expiry(const ApiKind *kind)
{
	if (strcmp(kind->kind, "Event") != 0)
		return 0;
	return base_clock_wall_us() + (gint64)EVENT_KEPT_S * G_USEC_PER_SEC;
}

/* Tells the client of fields that its object has and the kind has not, as it asked to be told. */
static ApiStatus *tell_unknown(ApiCall *call, GPtrArray *unknown)
{
	if (unknown->len == 0 || call->query.validation == API_VALIDATION_IGNORE)
		return NULL;
	if (call->query.validation == API_VALIDATION_STRICT)
		return api_status_unknown_fields(call->kind, unknown);
	g_clear_pointer(&call->warnings, g_ptr_array_unref);
	call->warnings = api_status_unknown_field_warnings(unknown);
	return NULL;
}

/* Removes what the kind does not have and refuses what cannot be read as it. */
static ApiStatus *read_as_kind(ApiCall *call, json_t *object)
{
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	gboolean ok;

	if (call->kind->rules == API_RULES_SCHEMA) {
		ok = api_meta_prune(object, unknown, &error);
		if (ok)
			model_schema_prune(model_schema_for(call->kind->kind), object, unknown);
	} else {
		ok = api_core_prune(call->kind, object, unknown, &error);
	}
	if (!ok)
		return api_status_undecodable(call->kind, error->message);
	return tell_unknown(call, unknown);
}

static void add_field_errors(GPtrArray *causes, const GPtrArray *errors)
{
	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = g_ptr_array_index(errors, i);

		api_causes_add(causes, error->reason, error->field, "%s", error->message);
	}
}

/* Whether a real server would now skip its rules (CEL) and say so. */
static gboolean blocks_rules(const GPtrArray *causes)
{
	static const char *const reasons[] = {MODEL_CAUSE_REQUIRED, MODEL_CAUSE_TOO_LONG,
					      MODEL_CAUSE_TOO_MANY, MODEL_CAUSE_TYPE_INVALID, NULL};

	for (guint i = 0; i < causes->len; i++) {
		const ApiCause *cause = g_ptr_array_index(causes, i);

		if (g_strv_contains(reasons, cause->reason))
			return TRUE;
	}
	return FALSE;
}

static gboolean says_rules_were_skipped(const GPtrArray *causes)
{
	for (guint i = 0; i < causes->len; i++) {
		const ApiCause *cause = g_ptr_array_index(causes, i);

		if (strcmp(cause->field, RULES_SKIPPED_FIELD) == 0)
			return TRUE;
	}
	return FALSE;
}

/* A real server validates a status by itself: its words begin there, its field paths do not. */
static void shorten_status_paths(GPtrArray *causes)
{
	for (guint i = 0; i < causes->len; i++) {
		ApiCause *cause = g_ptr_array_index(causes, i);
		g_autofree char *words = g_strconcat(cause->field, " in body", NULL);
		char *found = strstr(cause->message, words);

		if (found != NULL && g_str_has_prefix(cause->field, STATUS_PREFIX))
			memmove(found, found + strlen(STATUS_PREFIX),
				strlen(found + strlen(STATUS_PREFIX)) + 1);
	}
}

static void set_defaults(const ApiKind *kind, json_t *object)
{
	if (kind->rules == API_RULES_SCHEMA)
		model_schema_default(model_schema_for(kind->kind), object);
	else
		api_core_default(kind, object);
}

static ApiStatus *validate(const ApiCall *call, json_t *object, json_t *old)
{
	const ApiKind *kind = call->kind;
	GPtrArray *causes = api_causes_new();
	g_autoptr(GPtrArray) errors = model_field_errors_new();

	api_meta_validate(kind, object, old, causes);
	if (kind->rules == API_RULES_SCHEMA) {
		model_schema_validate(model_schema_for(kind->kind), object, old, errors);
		add_field_errors(causes, errors);
		if (blocks_rules(causes) && !says_rules_were_skipped(causes))
			api_causes_add(causes, MODEL_CAUSE_INVALID, RULES_SKIPPED_FIELD, "%s",
				       RULES_SKIPPED_MESSAGE);
		if (call->path.subresource != NULL)
			shorten_status_paths(causes);
	} else {
		api_core_validate(kind, object, old, causes);
	}
	if (causes->len == 0) {
		g_ptr_array_unref(causes);
		return NULL;
	}
	/* Both Event APIs are one kind to a real server's validation: that of core/v1. */
	return api_status_invalid(strcmp(kind->kind, "Event") == 0 ? "" : kind->group, kind->kind,
				  api_object_meta(object, "name"), causes);
}

/* Members of metadata that only the server sets. */
static const char *const server_members[] = {"uid", "creationTimestamp", "deletionTimestamp",
					     "deletionGracePeriodSeconds", "generation"};
/* Members that are never kept. */
static const char *const dropped_members[] = {"selfLink", "managedFields"};

static void drop_members(json_t *metadata, const char *const *members, gsize n_members)
{
	for (gsize i = 0; i < n_members; i++)
		json_object_del(metadata, members[i]);
}

/* An empty list or map is the same as none, and is kept as none. */
static void drop_empty_members(json_t *metadata)
{
	static const char *const members[] = {"labels", "annotations", "finalizers",
					      "ownerReferences", "generateName"};

	for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
		json_t *value = json_object_get(metadata, members[i]);

		if (value != NULL && json_object_size(value) == 0 && json_array_size(value) == 0 &&
		    json_string_length(value) == 0)
			json_object_del(metadata, members[i]);
	}
}

/* The namespace of the path, if the object says none; refuses another. */
static ApiStatus *settle_namespace(const ApiCall *call, json_t *metadata)
{
	const char *said = json_string_value(json_object_get(metadata, "namespace"));

	if (!call->kind->namespaced) {
		json_object_del(metadata, "namespace");
		return NULL;
	}
	if (said != NULL && said[0] != '\0' && strcmp(said, api_call_namespace(call)) != 0)
		return api_status_bad_request(
			"the namespace of the provided object does not match the namespace sent "
			"on the request");
	base_json_set_string(metadata, "namespace", api_call_namespace(call));
	return NULL;
}

static void set_server_members(const ApiCall *call, json_t *object)
{
	json_t *metadata = json_object_get(object, "metadata");
	g_autofree char *uid = base_random_uuid();
	g_autofree char *now = base_clock_format_time(base_clock_wall_us());

	drop_members(metadata, server_members, G_N_ELEMENTS(server_members));
	drop_members(metadata, dropped_members, G_N_ELEMENTS(dropped_members));
	drop_empty_members(metadata);
	base_json_set_string(metadata, "uid", uid);
	base_json_set_string(metadata, "creationTimestamp", now);
	if (call->kind->rules == API_RULES_SCHEMA) {
		json_object_set_new(metadata, "generation", json_integer(1));
		json_object_del(object, "status");
	}
}

ApiStatus *api_prepare_create(ApiCall *call, json_t *object)
{
	ApiStatus *refusal = read_as_kind(call, object);
	json_t *metadata = base_json_ensure_object(object, "metadata");

	if (refusal == NULL)
		refusal = settle_namespace(call, metadata);
	if (refusal != NULL)
		return refusal;
	if (api_object_meta(object, "resourceVersion") != NULL)
		return api_status_bad_request(
			"resourceVersion should not be set on objects to be created");
	json_object_del(metadata, "resourceVersion");
	if (api_object_meta(object, "name") == NULL &&
	    api_object_meta(object, "generateName") != NULL)
		api_prepare_generate_name(object);
	set_server_members(call, object);
	set_defaults(call->kind, object);
	return validate(call, object, NULL);
}

/* A PUT says by the uid which object it means; in a patch it is a change like another. */
static ApiStatus *refuse_uid(const ApiCall *call, const char *uid, const char *is)
{
	g_autoptr(json_t) value = json_string(uid);
	GPtrArray *causes;

	if (strcmp(call->verb, "update") == 0)
		return api_status_conflict_because(
			call->kind->group, call->kind->plural, api_call_name(call),
			"Precondition failed: UID in precondition: %.64s, UID in object meta: %s",
			uid, is);
	causes = api_causes_new();
	api_causes_invalid(causes, "metadata.uid", value, "field is immutable");
	return api_status_invalid(call->kind->group, call->kind->kind, api_call_name(call), causes);
}

ApiStatus *api_prepare_identity(const ApiCall *call, json_t *object, json_t *old)
{
	json_t *metadata = base_json_ensure_object(object, "metadata");
	const char *name = api_object_meta(object, "name");
	const char *uid = api_object_meta(object, "uid");

	if (name == NULL)
		base_json_set_string(metadata, "name", api_call_name(call));
	else if (strcmp(name, api_call_name(call)) != 0)
		return api_status_bad_request(
			"the name of the object (%.253s) does not match the name on the URL (%s)",
			name, api_call_name(call));
	if (uid != NULL && g_strcmp0(uid, api_object_meta(old, "uid")) != 0)
		return refuse_uid(call, uid, api_object_meta(old, "uid"));
	return settle_namespace(call, metadata);
}

static void keep_server_members(json_t *object, json_t *old)
{
	json_t *metadata = json_object_get(object, "metadata");
	json_t *old_metadata = json_object_get(old, "metadata");

	drop_members(metadata, dropped_members, G_N_ELEMENTS(dropped_members));
	drop_empty_members(metadata);
	for (gsize i = 0; i < G_N_ELEMENTS(server_members); i++) {
		json_t *value = json_object_get(old_metadata, server_members[i]);

		if (value != NULL)
			json_object_set(metadata, server_members[i], value);
		else
			json_object_del(metadata, server_members[i]);
	}
	json_object_set(metadata, "resourceVersion",
			json_object_get(old_metadata, "resourceVersion"));
}

/* TRUE if something beside metadata and status differs. */
static gboolean spec_differs(json_t *object, json_t *old)
{
	g_autoptr(json_t) left = json_copy(object);
	g_autoptr(json_t) right = json_copy(old);

	json_object_del(left, "metadata");
	json_object_del(right, "metadata");
	json_object_del(left, "status");
	json_object_del(right, "status");
	return json_equal(left, right) == 0;
}

static void keep_status(json_t *object, json_t *old)
{
	json_t *status = json_object_get(old, "status");

	if (status != NULL)
		json_object_set(object, "status", status);
	else
		json_object_del(object, "status");
}

static void count_generation(const ApiKind *kind, json_t *object, json_t *old)
{
	gint64 generation = base_json_get_int(old, 0, "metadata", "generation", NULL);

	if (kind->rules == API_RULES_SCHEMA && spec_differs(object, old))
		json_object_set_new(json_object_get(object, "metadata"), "generation",
				    json_integer(generation + 1));
}

ApiStatus *api_prepare_update(ApiCall *call, json_t *object, json_t *old)
{
	ApiStatus *refusal = read_as_kind(call, object);

	if (refusal != NULL)
		return refusal;
	keep_server_members(object, old);
	if (call->kind->has_status)
		keep_status(object, old);
	set_defaults(call->kind, object);
	count_generation(call->kind, object, old);
	return validate(call, object, old);
}

ApiStatus *api_prepare_status(ApiCall *call, json_t *object, json_t *old)
{
	ApiStatus *refusal = read_as_kind(call, object);
	json_t *status;

	if (refusal != NULL)
		return refusal;
	status = json_incref(json_object_get(object, "status"));
	json_object_clear(object);
	json_object_update(object, old);
	if (status != NULL && !json_is_null(status))
		json_object_set(object, "status", status);
	else
		json_object_del(object, "status");
	json_decref(status);
	return validate(call, object, old);
}
