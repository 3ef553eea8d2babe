#include "apiserver/write.h"

#include "apiserver/event_views.h"
#include "apiserver/prepare.h"
#include "apiserver/strategic.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_patch.h"

#include <string.h>

#define MERGE_PATCH "application/merge-patch+json"
#define JSON_PATCH "application/json-patch+json"
#define STRATEGIC_PATCH "application/strategic-merge-patch+json"

enum {
	CREATE_TRIES = 8,    /* of a generated name, or while the namespace changes */
	CONFLICT_TRIES = 64, /* of a write that names no resourceVersion */
};

/* The form in which Events are kept is core's. Takes and returns a reference. */
static json_t *to_stored_form(const ApiKind *kind, json_t *object)
{
	g_autoptr(json_t) owned = object;

	return api_kind_is_event_view(kind) ? api_event_to_core(owned) : json_incref(owned);
}

/* The namespace that an object goes into, as it is now. A transaction that expects `revision` of
 * `key` then cannot create into one that is being emptied. */
static ApiStatus *find_namespace(const ApiCall *call, const char *name, char **key,
				 gint64 *revision)
{
	const ApiKind *kind = api_kind_find("", "v1", "namespaces");
	g_autofree char *namespace_key = api_object_key(kind, NULL, api_call_namespace(call));
	g_auto(StoreRecord) record = {0};
	g_autoptr(json_t) metadata = NULL;
	GError *error = NULL;

	if (!store_get(call->store, namespace_key, &record, &error)) {
		if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
			return api_store_failure(error);
		g_error_free(error);
		return api_status_not_found("", "namespaces", api_call_namespace(call));
	}
	metadata = api_object_decode_metadata(record.value);
	if (json_object_get(metadata, "deletionTimestamp") != NULL)
		return api_status_forbidden_because(
			call->kind->group, call->kind->plural, name,
			"unable to create new content in namespace %s because it is being "
			"terminated",
			api_call_namespace(call));
	*key = g_steal_pointer(&namespace_key);
	*revision = record.mod_revision;
	return NULL;
}

/* Writes a new object, with its namespace still as it was found. */
static gboolean store_new(const ApiCall *call, json_t *object, const char *namespace_key,
			  gint64 namespace_revision, GBytes **stored, GError **error)
{
	g_autofree char *key = api_object_key(call->kind, api_call_namespace(call),
					      api_object_meta(object, "name"));
	gsize revision_at;
	g_autoptr(GBytes) value = api_object_encode(object, &revision_at);
	StoreOperation operations[] = {
		{.action = STORE_CREATE,
		 .key = key,
		 .value = value,
		 .revision_at = revision_at,
		 .expires_wall_us = api_prepare_expiry(call->kind)},
		{.action = STORE_EXPECT,
		 .key = namespace_key,
		 .expected_revision = namespace_revision},
	};
	guint n_operations = namespace_key != NULL ? 2 : 1;

	if (!store_transact(call->store, operations, n_operations, error))
		return FALSE;
	*stored = operations[0].stored;
	g_clear_pointer(&operations[1].stored, g_bytes_unref);
	return TRUE;
}

/* One try; `again` says that another might do better. */
static ApiStatus *try_create(ApiCall *call, json_t *object, gboolean generated, GBytes **stored,
			     gboolean *again)
{
	const char *name = api_object_meta(object, "name");
	g_autofree char *namespace_key = NULL;
	gint64 namespace_revision = 0;
	GError *error = NULL;
	ApiStatus *refusal = NULL;

	*again = FALSE;
	if (call->kind->namespaced)
		refusal = find_namespace(call, name, &namespace_key, &namespace_revision);
	if (refusal != NULL)
		return refusal;
	if (store_new(call, object, namespace_key, namespace_revision, stored, &error))
		return NULL;
	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_EXISTS)) {
		refusal = api_status_already_exists(call->kind->group, call->kind->plural, name);
		*again = generated;
	} else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_CONFLICT) ||
		   g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND)) {
		/* The namespace changed or went since it was found. */
		refusal = api_call_conflict(call, name);
		*again = TRUE;
	} else {
		return api_store_failure(error);
	}
	g_error_free(error);
	return refusal;
}

/* A dry run goes as far as the store, which it only asks. */
static ApiStatus *pretend_create(ApiCall *call, json_t *object)
{
	const char *name = api_object_meta(object, "name");
	g_autofree char *key = api_object_key(call->kind, api_call_namespace(call), name);
	g_autofree char *namespace_key = NULL;
	g_auto(StoreRecord) record = {0};
	gint64 revision = 0;
	ApiStatus *refusal = NULL;

	if (call->kind->namespaced)
		refusal = find_namespace(call, name, &namespace_key, &revision);
	if (refusal != NULL)
		return refusal;
	if (store_get(call->store, key, &record, NULL))
		return api_status_already_exists(call->kind->group, call->kind->plural, name);
	api_call_reply_object(call, 201, object);
	return NULL;
}

ApiStatus *api_create(ApiCall *call)
{
	ApiStatus *refusal = NULL;
	g_autoptr(json_t) object = api_call_body_object(call, &refusal);
	g_autoptr(GBytes) stored = NULL;
	gboolean generated;
	gboolean again = TRUE;

	if (object == NULL)
		return refusal;
	generated = api_object_meta(object, "name") == NULL;
	refusal = api_prepare_create(call, object);
	if (refusal != NULL)
		return refusal;
	object = to_stored_form(call->kind, g_steal_pointer(&object));
	if (call->query.dry_run)
		return pretend_create(call, object);
	for (guint tries = 0; again && tries < CREATE_TRIES; tries++) {
		g_clear_pointer(&refusal, api_status_free);
		if (tries > 0 && generated)
			api_prepare_generate_name(object);
		refusal = try_create(call, object, generated, &stored, &again);
	}
	if (refusal != NULL)
		return refusal;
	api_call_reply_stored(call, 201, stored);
	return NULL;
}

/* Makes the new object out of the present one (in the form of the call's kind; NULL with a
 * refusal). */
typedef struct {
	json_t *(*make)(ApiCall *call, json_t *present, const json_t *input, ApiStatus **refusal);
	json_t *input;
	gboolean must_say_revision; /* as custom resources must on PUT */
} Change;

static ApiStatus *read_present(const ApiCall *call, StoreRecord *record)
{
	g_autofree char *key =
		api_object_key(call->kind, api_call_namespace(call), api_call_name(call));
	GError *error = NULL;

	if (store_get(call->store, key, record, &error))
		return NULL;
	if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
		return api_store_failure(error);
	g_error_free(error);
	return api_call_not_found(call, api_call_name(call));
}

/* Whether the object may be written over the present one, by what it says of its revision. */
static ApiStatus *check_revision(const ApiCall *call, const Change *change, json_t *object,
				 const StoreRecord *present)
{
	const char *said = api_object_meta(object, "resourceVersion");
	g_autofree char *is = g_strdup_printf("%" G_GINT64_FORMAT, present->mod_revision);
	GPtrArray *causes;

	if (said == NULL && !change->must_say_revision)
		return NULL;
	if (said == NULL) {
		causes = api_causes_new();
		api_causes_add(causes, "FieldValueInvalid", "metadata.resourceVersion",
			       "Invalid value: %s: must be specified for an update",
			       call->kind->rules == API_RULES_SCHEMA ? "0" : "0x0");
		/* Here a real server names the resource, not the kind. */
		return api_status_invalid(call->kind->group, call->kind->plural,
					  api_call_name(call), causes);
	}
	return strcmp(said, is) == 0 ? NULL : api_call_conflict(call, api_call_name(call));
}

/* Writes the changed object over the present one, or removes it if it only waited for its last
 * finalizer. */
static gboolean store_changed(const ApiCall *call, json_t *object, const StoreRecord *present,
			      GBytes **stored, GError **error)
{
	gsize revision_at;
	g_autoptr(GBytes) value = api_object_encode(object, &revision_at);
	gboolean last = api_object_is_deleting(object) && !api_object_has_finalizers(object) &&
			strcmp(call->kind->plural, "namespaces") != 0;
	StoreOperation operation = {
		.action = last ? STORE_DELETE : STORE_UPDATE,
		.key = present->key,
		.expected_revision = present->mod_revision,
		.value = last ? NULL : value,
		.revision_at = revision_at,
		.expires_wall_us = api_prepare_expiry(call->kind),
	};

	if (!store_transact(call->store, &operation, 1, error))
		return FALSE;
	if (last) {
		api_object_set_revision(object, operation.revision);
		g_bytes_unref(operation.stored);
		operation.stored = api_object_encode_whole(object);
	}
	*stored = operation.stored;
	return TRUE;
}

static ApiStatus *finish_change(ApiCall *call, json_t *object, json_t *old,
				const StoreRecord *present, gboolean *again)
{
	g_autoptr(GBytes) stored = NULL;
	GError *error = NULL;

	if (api_object_same(object, old)) {
		api_call_reply_stored(call, 200, present->value);
		return NULL;
	}
	if (call->query.dry_run) {
		api_call_reply_object(call, 200, object);
		return NULL;
	}
	if (store_changed(call, object, present, &stored, &error)) {
		api_call_reply_stored(call, 200, stored);
		return NULL;
	}
	*again = g_error_matches(error, STORE_ERROR, STORE_ERROR_CONFLICT);
	if (*again || g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND)) {
		gboolean gone = !*again;

		g_error_free(error);
		return gone ? api_call_not_found(call, api_call_name(call))
			    : api_call_conflict(call, api_call_name(call));
	}
	return api_store_failure(error);
}

/* One try; `again` says that another, from what is there then, might do better. */
static ApiStatus *try_change(ApiCall *call, const Change *change, gboolean *again)
{
	g_auto(StoreRecord) present = {0};
	g_autoptr(json_t) old = NULL;
	g_autoptr(json_t) view = NULL;
	g_autoptr(json_t) object = NULL;
	ApiStatus *refusal = read_present(call, &present);

	*again = FALSE;
	if (refusal != NULL)
		return refusal;
	old = api_object_decode(present.value);
	view = api_kind_is_event_view(call->kind) ? api_event_to_v1(old) : json_incref(old);
	object = change->make(call, view, change->input, &refusal);
	if (object == NULL)
		return refusal;
	refusal = api_call_check_type(call, object);
	if (refusal == NULL)
		refusal = api_prepare_identity(call, object, view);
	if (refusal == NULL)
		refusal = check_revision(call, change, object, &present);
	if (refusal != NULL)
		return refusal;
	refusal = call->path.subresource != NULL ? api_prepare_status(call, object, view)
						 : api_prepare_update(call, object, view);
	if (refusal != NULL)
		return refusal;
	object = to_stored_form(call->kind, g_steal_pointer(&object));
	return finish_change(call, object, old, &present, again);
}

static ApiStatus *run_change(ApiCall *call, const Change *change)
{
	const char *said = api_object_meta(change->input, "resourceVersion");
	ApiStatus *refusal = NULL;
	gboolean again = TRUE;

	for (guint tries = 0; again && tries < CONFLICT_TRIES; tries++) {
		g_clear_pointer(&refusal, api_status_free);
		refusal = try_change(call, change, &again);
		/* Who named a revision wants no other. */
		again = again && said == NULL;
	}
	return refusal;
}

static json_t *replace(ApiCall *call, json_t *present, const json_t *input, ApiStatus **refusal)
{
	(void)call;
	(void)present;
	(void)refusal;
	return json_deep_copy(input);
}

ApiStatus *api_update(ApiCall *call)
{
	ApiStatus *refusal = NULL;
	g_autoptr(json_t) object = api_call_body_object(call, &refusal);
	Change change = {.make = replace,
			 .input = object,
			 .must_say_revision = call->kind->rules == API_RULES_SCHEMA};

	return object != NULL ? run_change(call, &change) : refusal;
}

static json_t *apply_merge_patch(ApiCall *call, json_t *present, const json_t *input,
				 ApiStatus **refusal)
{
	(void)call;
	(void)refusal;
	return base_merge_patch_apply(present, input);
}

static json_t *apply_json_patch(ApiCall *call, json_t *present, const json_t *input,
				ApiStatus **refusal)
{
	g_autoptr(GError) error = NULL;
	json_t *patched = base_json_patch_apply(present, input, &error);

	(void)call;
	if (patched != NULL)
		return patched;
	*refusal = g_error_matches(error, BASE_ERROR, BASE_ERROR_NOT_FOUND)
			   ? api_status_unprocessable("the server rejected our request due to an "
						      "error in our request: %s",
						      error->message)
			   : api_status_bad_request("%s", error->message);
	return NULL;
}

static json_t *apply_strategic_patch(ApiCall *call, json_t *present, const json_t *input,
				     ApiStatus **refusal)
{
	g_autoptr(GError) error = NULL;
	json_t *patched = api_strategic_apply(call->kind, present, input, &error);

	if (patched == NULL)
		*refusal = api_status_bad_request("%s", error->message);
	return patched;
}

/* The patches that the kind takes; NULL with a refusal for all others. */
static ApiStatus *choose_patch(const ApiCall *call, Change *change)
{
	static const char *const with_strategic[] = {JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH,
						     NULL};
	static const char *const without[] = {JSON_PATCH, MERGE_PATCH, NULL};
	const char *type = call->query.content_type;

	if (g_strcmp0(type, MERGE_PATCH) == 0)
		return NULL;
	if (g_strcmp0(type, JSON_PATCH) == 0)
		change->make = apply_json_patch;
	else if (g_strcmp0(type, STRATEGIC_PATCH) == 0 && call->kind->strategic)
		change->make = apply_strategic_patch;
	else if (type != NULL && g_str_has_prefix(type, "application/apply-patch"))
		return api_status_no_server_side_apply();
	else
		return api_status_unsupported_media_type(call->kind->strategic ? with_strategic
									       : without);
	return NULL;
}

ApiStatus *api_patch(ApiCall *call)
{
	Change change = {.make = apply_merge_patch};
	g_autoptr(json_t) patch = NULL;
	ApiStatus *refusal = choose_patch(call, &change);

	if (refusal != NULL)
		return refusal;
	patch = api_call_body_json(call, &refusal);
	if (patch == NULL)
		return refusal;
	if (change.make == apply_json_patch ? !json_is_array(patch) : !json_is_object(patch))
		return api_status_bad_request("the patch must be a JSON %s",
					      change.make == apply_json_patch ? "array" : "object");
	change.input = patch;
	return run_change(call, &change);
}
