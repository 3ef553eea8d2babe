#include "apiserver/remove.h"

#include "apiserver/filter.h"
#include "apiserver/garbage.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>

enum {
	CONFLICT_TRIES = 64,
};

static gboolean is_namespace(const ApiKind *kind)
{
	return kind->group[0] == '\0' && strcmp(kind->plural, "namespaces") == 0;
}

/* What a deletion that has to wait makes of an object. */
static void mark(const ApiKind *kind, json_t *object)
{
	json_t *metadata = json_object_get(object, "metadata");
	g_autofree char *now = base_clock_format_time(base_clock_wall_us());
	gint64 generation = base_json_get_int(object, 0, "metadata", "generation", NULL);

	base_json_set_string(metadata, "deletionTimestamp", now);
	if (is_namespace(kind)) {
		base_json_set_string(base_json_ensure_object(object, "status"), "phase",
				     "Terminating");
		return;
	}
	json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(0));
	if (generation > 0)
		json_object_set_new(metadata, "generation", json_integer(generation + 1));
}

/* What DELETE asks for. */
typedef struct {
	const char *uid;
	gint64 revision; /* 0 = any */
	gboolean pretend;
} Wish;

/* Deletes or marks the object as it was read. */
static gboolean remove_present(Store *store, const ApiKind *kind, const StoreRecord *present,
			       json_t *object, ApiRemoval *removal, GBytes **stored, GError **error)
{
	gsize revision_at = 0;
	g_autoptr(GBytes) value = NULL;
	StoreOperation operation = {.action = STORE_DELETE,
				    .key = present->key,
				    .expected_revision = present->mod_revision};

	*removal = API_REMOVED;
	if (api_object_has_finalizers(object) || is_namespace(kind)) {
		*removal = API_REMOVE_WAITS;
		if (api_object_is_deleting(object)) {
			*stored = g_bytes_ref(present->value);
			return TRUE;
		}
		mark(kind, object);
		value = api_object_encode(object, &revision_at);
		operation.action = STORE_UPDATE;
		operation.value = value;
		operation.revision_at = revision_at;
	}
	if (!store_transact(store, &operation, 1, error))
		return FALSE;
	*stored = operation.stored;
	return TRUE;
}

ApiRemoval api_remove(Store *store, const ApiKind *kind, const char *key, const char *uid,
		      GBytes **stored, GError **error)
{
	for (guint tries = 0; tries < CONFLICT_TRIES; tries++) {
		g_auto(StoreRecord) present = {0};
		g_autoptr(json_t) object = NULL;
		g_autoptr(GBytes) last = NULL;
		g_autoptr(GError) failure = NULL;
		ApiRemoval removal = API_REMOVE_FAILED;

		if (!store_get(store, key, &present, &failure)) {
			if (g_error_matches(failure, STORE_ERROR, STORE_ERROR_NOT_FOUND))
				return API_REMOVE_ABSENT;
			g_propagate_error(error, g_steal_pointer(&failure));
			return API_REMOVE_FAILED;
		}
		object = api_object_decode(present.value);
		if (uid != NULL && g_strcmp0(uid, api_object_meta(object, "uid")) != 0)
			return API_REMOVE_ABSENT;
		if (remove_present(store, kind, &present, object, &removal, &last, &failure)) {
			if (stored != NULL)
				*stored = g_steal_pointer(&last);
			return removal;
		}
		if (failure->domain != STORE_ERROR || failure->code == STORE_ERROR_CLOSED) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return API_REMOVE_FAILED;
		}
	}
	g_set_error(error, STORE_ERROR, STORE_ERROR_CONFLICT, "%s keeps changing", key);
	return API_REMOVE_FAILED;
}

/* Reads DeleteOptions from the body; the wish's uid is borrowed from `options`. */
static ApiStatus *read_options(ApiCall *call, json_t *options, Wish *wish)
{
	const char *policy = base_json_get_string(options, "propagationPolicy", NULL);
	const char *revision =
		base_json_get_string(options, "preconditions", "resourceVersion", NULL);
	const json_t *dry_run = json_object_get(options, "dryRun");
	const char *dry_run_word = json_string_value(json_array_get(dry_run, 0));
	static const char *const policies[] = {"Foreground", "Background", "Orphan", "nil", NULL};

	wish->uid = base_json_get_string(options, "preconditions", "uid", NULL);
	wish->pretend = call->query.dry_run || json_array_size(dry_run) > 0;
	if (dry_run_word != NULL && strcmp(dry_run_word, "All") != 0)
		return api_call_refuse_option(call, "dryRun", dry_run_word, TRUE,
					      api_dry_run_values);
	if (revision != NULL &&
	    !g_ascii_string_to_signed(revision, 10, 1, G_MAXINT64, &wish->revision, NULL))
		return api_status_bad_request("preconditions.resourceVersion: Invalid value");
	if (policy == NULL)
		policy = call->query.propagation_policy;
	if (policy == NULL)
		return NULL;
	if (strcmp(policy, "Background") != 0 && strcmp(policy, "Foreground") != 0 &&
	    strcmp(policy, "Orphan") != 0)
		return api_call_refuse_option(call, "propagationPolicy", policy, FALSE, policies);
	if (policy != call->query.propagation_policy) {
		g_free(call->query.propagation_policy);
		call->query.propagation_policy = g_strdup(policy);
	}
	return NULL;
}

static ApiStatus *read_body(ApiCall *call, json_t **options)
{
	ApiStatus *refusal = NULL;

	*options = json_object();
	if (g_bytes_get_size(http_exchange_body(call->exchange)) == 0)
		return NULL;
	json_decref(*options);
	*options = api_call_body_json(call, &refusal);
	if (refusal == NULL && !json_is_object(*options))
		refusal = api_status_bad_request("DeleteOptions must be a JSON object");
	return refusal;
}

static ApiStatus *check_preconditions(const ApiCall *call, const Wish *wish, json_t *object)
{
	const char *name = api_object_meta(object, "name");
	const char *uid = api_object_meta(object, "uid");
	g_autofree char *wanted = g_strdup_printf("%" G_GINT64_FORMAT, wish->revision);

	if (wish->uid != NULL && g_strcmp0(wish->uid, uid) != 0)
		return api_status_precondition(call->kind, name, "UID", wish->uid, uid);
	if (wish->revision != 0 && wish->revision != api_object_revision(object))
		return api_status_precondition(call->kind, name, "ResourceVersion", wanted,
					       api_object_meta(object, "resourceVersion"));
	if (is_namespace(call->kind) && strcmp(name, "default") == 0)
		return api_status_forbidden_because("", "namespaces", name,
						    "this namespace may not be deleted");
	return NULL;
}

static void reply_removed(ApiCall *call, json_t *object, ApiRemoval removal, GBytes *stored)
{
	g_autoptr(ApiStatus) done = NULL;

	if (removal == API_REMOVE_WAITS) {
		api_call_reply_stored(call, 200, stored);
		return;
	}
	done = api_status_deleted(call->kind, api_object_meta(object, "name"),
				  api_object_meta(object, "uid"));
	api_call_reply_status(call->exchange, done);
}

/* One try; `again` says that the object changed meanwhile. */
static ApiStatus *try_delete(ApiCall *call, const Wish *wish, gboolean *again)
{
	g_autofree char *key =
		api_object_key(call->kind, api_call_namespace(call), api_call_name(call));
	g_auto(StoreRecord) present = {0};
	g_autoptr(json_t) object = NULL;
	g_autoptr(GBytes) stored = NULL;
	ApiRemoval removal = API_REMOVED;
	ApiStatus *refusal;
	GError *error = NULL;

	*again = FALSE;
	if (!store_get(call->store, key, &present, &error)) {
		if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
			return api_store_failure(error);
		g_error_free(error);
		return api_call_not_found(call, api_call_name(call));
	}
	object = api_object_decode(present.value);
	refusal = check_preconditions(call, wish, object);
	if (refusal != NULL)
		return refusal;
	if (wish->pretend) {
		reply_removed(call, object, API_REMOVED, NULL);
		return NULL;
	}
	if (g_strcmp0(call->query.propagation_policy, "Orphan") == 0 &&
	    !api_garbage_orphan(call->garbage, api_object_meta(object, "uid"), &error))
		return api_store_failure(error);
	if (!remove_present(call->store, call->kind, &present, object, &removal, &stored, &error)) {
		if (error->domain != STORE_ERROR || error->code == STORE_ERROR_CLOSED)
			return api_store_failure(error);
		g_error_free(error);
		*again = TRUE;
		return api_call_conflict(call, api_call_name(call));
	}
	reply_removed(call, object, removal, stored);
	return NULL;
}

ApiStatus *api_delete(ApiCall *call)
{
	g_autoptr(json_t) options = NULL;
	Wish wish = {0};
	ApiStatus *refusal = read_body(call, &options);
	gboolean again = TRUE;

	if (refusal == NULL)
		refusal = read_options(call, options, &wish);
	if (refusal != NULL)
		return refusal;
	for (guint tries = 0; again && tries < CONFLICT_TRIES; tries++) {
		g_clear_pointer(&refusal, api_status_free);
		refusal = try_delete(call, &wish, &again);
	}
	return refusal;
}

/* The keys of a collection that a filter lets through. */
typedef struct {
	const ApiFilter *filter;
	GPtrArray *keys;
} Collection;

static gboolean collect_key(const StoreRecord *record, gpointer user_data)
{
	Collection *collection = user_data;
	g_auto(ApiView) view = {.value = record->value};

	if (api_filter_matches(collection->filter, record->key, &view))
		g_ptr_array_add(collection->keys, g_strdup(record->key));
	return TRUE;
}

ApiStatus *api_delete_collection(ApiCall *call)
{
	g_autofree char *prefix = api_object_prefix(call->kind, api_call_namespace(call));
	g_autoptr(json_t) options = NULL;
	g_autoptr(ApiFilter) filter = NULL;
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(ApiStatus) done = NULL;
	Collection collection = {.keys = keys};
	Wish wish = {0};
	GError *error = NULL;
	ApiStatus *refusal = read_body(call, &options);

	if (refusal == NULL)
		refusal = read_options(call, options, &wish);
	if (refusal != NULL)
		return refusal;
	filter = api_filter_new(call->kind, call->query.label_selector, call->query.field_selector,
				&refusal);
	if (filter == NULL)
		return refusal;
	collection.filter = filter;
	if (!store_list(call->store, prefix, NULL, collect_key, &collection, NULL, &error))
		return api_store_failure(error);
	for (guint i = 0; !wish.pretend && i < keys->len; i++)
		if (api_remove(call->store, call->kind, g_ptr_array_index(keys, i), NULL, NULL,
			       &error) == API_REMOVE_FAILED)
			return api_store_failure(error);
	done = api_status_deleted(call->kind, NULL, NULL);
	api_call_reply_status(call->exchange, done);
	return NULL;
}
