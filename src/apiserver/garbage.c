#include "apiserver/garbage.h"

#include "apiserver/owners.h"
#include "apiserver/remove.h"
#include "base/json.h"
#include "base/log.h"

#include <string.h>

enum {
	RETRY_US = 1000 * 1000,
	CONFLICT_TRIES = 64,
};

typedef enum {
	TASK_OWNER_GONE, /* name is a uid */
	TASK_CHECK,      /* name is the key of an object with owners */
	TASK_NAMESPACE,  /* name is a namespace that is being deleted */
	TASK_STOP,
} TaskKind;

typedef struct {
	TaskKind kind;
	char *name;
} Task;

struct ApiGarbage {
	Store *store;
	GThread *thread;
	GAsyncQueue *tasks;
	GQueue failed; /* the thread's own: to be tried again */
	ApiOwners *owners;
	StoreWatch *watch;
	gint stopping;

	GMutex lock;
	GCond indexed_changed;
	gboolean indexed;        /* what was there at the start is in `owners` */
	GHashTable *terminating; /* names of namespaces */
};

static void task_free(Task *task)
{
	g_free(task->name);
	g_free(task);
}

static void push(ApiGarbage *garbage, TaskKind kind, const char *name)
{
	Task *task = g_new0(Task, 1);

	task->kind = kind;
	task->name = g_strdup(name);
	g_async_queue_push(garbage->tasks, task);
}

/* The kind whose objects have such keys. */
static const ApiKind *kind_of_key(const char *key)
{
	gsize n_kinds;
	const ApiKind *kinds = api_kinds(&n_kinds);

	for (gsize i = 0; i < n_kinds; i++)
		if (kinds[i].storage_prefix != NULL && !api_kind_is_event_view(&kinds[i]) &&
		    g_str_has_prefix(key, kinds[i].storage_prefix))
			return &kinds[i];
	return NULL;
}

/* The namespace in the key of an object; yours, NULL at the cluster scope. */
static char *namespace_of_key(const ApiKind *kind, const char *key)
{
	const char *rest = key + strlen(kind->storage_prefix);

	return kind->namespaced ? g_strndup(rest, strcspn(rest, "/")) : NULL;
}

static gboolean is_namespace_kind(const ApiKind *kind)
{
	return !kind->namespaced && strcmp(kind->plural, "namespaces") == 0;
}

static void mark_terminating(ApiGarbage *garbage, const char *name, gboolean terminating)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&garbage->lock);

	if (terminating)
		g_hash_table_add(garbage->terminating, g_strdup(name));
	else
		g_hash_table_remove(garbage->terminating, name);
}

static gboolean is_terminating(ApiGarbage *garbage, const char *name)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&garbage->lock);

	return name != NULL && g_hash_table_contains(garbage->terminating, name);
}

/* Notes a namespace that is being deleted. */
static void see_namespace(ApiGarbage *garbage, const char *key, GBytes *value)
{
	g_autoptr(json_t) metadata = api_object_decode_metadata(value);

	if (json_object_get(metadata, "deletionTimestamp") == NULL)
		return;
	mark_terminating(garbage, api_object_key_name(key), TRUE);
	push(garbage, TASK_NAMESPACE, api_object_key_name(key));
}

static void see_deleted(ApiGarbage *garbage, const ApiKind *kind, const StoreEvent *event)
{
	g_autoptr(json_t) metadata = api_object_decode_metadata(event->value);
	g_autofree char *namespace = namespace_of_key(kind, event->key);
	const char *uid = base_json_get_string(metadata, "uid", NULL);

	if (uid != NULL)
		push(garbage, TASK_OWNER_GONE, uid);
	if (is_terminating(garbage, namespace))
		push(garbage, TASK_NAMESPACE, namespace);
}

/* On the store's thread. */
static void see_change(const StoreEvent *event, gpointer user_data)
{
	ApiGarbage *garbage = user_data;
	const ApiKind *kind = kind_of_key(event->key);
	g_autoptr(GPtrArray) before = api_owners_of(event->previous);
	g_autoptr(GPtrArray) after = api_owners_of(event->deleted ? NULL : event->value);

	if (kind == NULL)
		return;
	if (before->len > 0)
		api_owners_remove(garbage->owners, before, event->key);
	if (after->len > 0) {
		api_owners_add(garbage->owners, after, event->key);
		if (before->len == 0)
			push(garbage, TASK_CHECK, event->key);
	}
	if (event->deleted)
		see_deleted(garbage, kind, event);
	else if (is_namespace_kind(kind))
		see_namespace(garbage, event->key, event->value);
}

static gboolean see_record(const StoreRecord *record, gpointer user_data)
{
	ApiGarbage *garbage = user_data;
	const ApiKind *kind = kind_of_key(record->key);
	g_autoptr(GPtrArray) owners = api_owners_of(record->value);

	if (kind == NULL)
		return TRUE;
	if (owners->len > 0) {
		api_owners_add(garbage->owners, owners, record->key);
		push(garbage, TASK_CHECK, record->key);
	}
	if (is_namespace_kind(kind))
		see_namespace(garbage, record->key, record->value);
	return g_atomic_int_get(&garbage->stopping) == 0;
}

static const ApiKind *kind_of_reference(const json_t *reference)
{
	const char *api_version = base_json_get_string(reference, "apiVersion", NULL);
	const char *kind = base_json_get_string(reference, "kind", NULL);
	const char *slash = api_version != NULL ? strchr(api_version, '/') : NULL;
	g_autofree char *group = NULL;

	if (api_version == NULL || kind == NULL)
		return NULL;
	group = slash != NULL ? g_strndup(api_version, (gsize)(slash - api_version)) : g_strdup("");
	return api_kind_find_by_kind(group, slash != NULL ? slash + 1 : api_version, kind);
}

/* Whether the owner is there. One of a kind that is not served may be: it is left alone. An owner
 * that cannot be read is there. */
static gboolean owner_exists(ApiGarbage *garbage, const char *namespace, const json_t *reference)
{
	const ApiKind *kind = kind_of_reference(reference);
	const char *name = base_json_get_string(reference, "name", NULL);
	g_autofree char *key = NULL;
	g_auto(StoreRecord) record = {0};
	g_autoptr(json_t) metadata = NULL;
	g_autoptr(GError) error = NULL;

	if (kind == NULL || name == NULL || kind->rules == API_RULES_NONE)
		return TRUE;
	if (kind->namespaced && namespace == NULL)
		return FALSE;
	key = api_object_key(kind, namespace, name);
	if (!store_get(garbage->store, key, &record, &error))
		return !g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND);
	metadata = api_object_decode_metadata(record.value);
	return g_strcmp0(base_json_get_string(metadata, "uid", NULL),
			 base_json_get_string(reference, "uid", NULL)) == 0;
}

/* Leaves the references for which `stays` says so; returns how many went. */
typedef gboolean (*ReferenceStays)(ApiGarbage *garbage, const char *namespace,
				   const json_t *reference, const char *uid);

static gboolean stays_if_alive(ApiGarbage *garbage, const char *namespace, const json_t *reference,
			       const char *uid)
{
	(void)uid;
	return owner_exists(garbage, namespace, reference);
}

static gboolean stays_if_another(ApiGarbage *garbage, const char *namespace,
				 const json_t *reference, const char *uid)
{
	(void)garbage;
	(void)namespace;
	return g_strcmp0(base_json_get_string(reference, "uid", NULL), uid) != 0;
}

static gsize drop_references(ApiGarbage *garbage, const char *namespace, json_t *object,
			     ReferenceStays stays, const char *uid)
{
	json_t *references = base_json_get(object, "metadata", "ownerReferences", NULL);
	gsize before = json_array_size(references);

	for (gsize i = before; i > 0; i--)
		if (!stays(garbage, namespace, json_array_get(references, i - 1), uid))
			json_array_remove(references, i - 1);
	return before - json_array_size(references);
}

static gboolean write_back(ApiGarbage *garbage, const StoreRecord *present, json_t *object,
			   GError **error)
{
	gsize revision_at;
	g_autoptr(GBytes) value = NULL;
	StoreOperation operation = {.action = STORE_UPDATE,
				    .key = present->key,
				    .expected_revision = present->mod_revision};

	if (json_array_size(base_json_get(object, "metadata", "ownerReferences", NULL)) == 0)
		json_object_del(json_object_get(object, "metadata"), "ownerReferences");
	value = api_object_encode(object, &revision_at);
	operation.value = value;
	operation.revision_at = revision_at;
	if (!store_transact(garbage->store, &operation, 1, error))
		return FALSE;
	g_bytes_unref(operation.stored);
	return TRUE;
}

static gboolean is_race(const GError *error)
{
	return g_error_matches(error, STORE_ERROR, STORE_ERROR_CONFLICT) ||
	       g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND);
}

/* Looks at the metadata alone: the rest may be large, and most objects keep all their owners. */
static gboolean has_all_owners(ApiGarbage *garbage, const char *namespace, GBytes *value)
{
	g_autoptr(json_t) metadata = api_object_decode_metadata(value);
	gsize i;
	json_t *reference;

	json_array_foreach (json_object_get(metadata, "ownerReferences"), i, reference)
		if (!owner_exists(garbage, namespace, reference))
			return FALSE;
	return TRUE;
}

/* Deletes the object if no owner of it is left; else drops the references to those that are gone.
 */
static gboolean settle_dependent(ApiGarbage *garbage, const char *key, GError **error)
{
	const ApiKind *kind = kind_of_key(key);
	g_autofree char *namespace = namespace_of_key(kind, key);
	g_auto(StoreRecord) present = {0};
	g_autoptr(json_t) object = NULL;
	GError *failure = NULL;
	gsize dropped;

	if (!store_get(garbage->store, key, &present, &failure)) {
		if (!is_race(failure)) {
			g_propagate_error(error, failure);
			return FALSE;
		}
		g_error_free(failure);
		return TRUE;
	}
	if (has_all_owners(garbage, namespace, present.value))
		return TRUE;
	object = api_object_decode(present.value);
	dropped = drop_references(garbage, namespace, object, stays_if_alive, NULL);
	if (dropped == 0)
		return TRUE;
	if (json_array_size(base_json_get(object, "metadata", "ownerReferences", NULL)) > 0)
		return write_back(garbage, &present, object, error);
	return api_remove(garbage->store, kind, key, api_object_meta(object, "uid"), NULL, error) !=
	       API_REMOVE_FAILED;
}

static gboolean settle_dependents(ApiGarbage *garbage, const char *uid, GError **error)
{
	g_autoptr(GPtrArray) keys = api_owners_dependents(garbage->owners, uid);

	for (guint i = 0; i < keys->len; i++)
		if (!settle_dependent(garbage, g_ptr_array_index(keys, i), error))
			return FALSE;
	return TRUE;
}

static gboolean collect_key(const StoreRecord *record, gpointer user_data)
{
	g_ptr_array_add(user_data, g_strdup(record->key));
	return TRUE;
}

/* Deletes everything in the namespace; `left` says whether something still waits. */
static gboolean empty_namespace(ApiGarbage *garbage, const char *name, gboolean *left,
				GError **error)
{
	gsize n_kinds;
	const ApiKind *kinds = api_kinds(&n_kinds);

	*left = FALSE;
	for (gsize i = 0; i < n_kinds; i++) {
		g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
		g_autofree char *prefix = NULL;

		if (!kinds[i].namespaced || kinds[i].storage_prefix == NULL ||
		    api_kind_is_event_view(&kinds[i]))
			continue;
		prefix = api_object_prefix(&kinds[i], name);
		if (!store_list(garbage->store, prefix, NULL, collect_key, keys, NULL, error))
			return FALSE;
		for (guint k = 0; k < keys->len; k++) {
			ApiRemoval removal =
				api_remove(garbage->store, &kinds[i], g_ptr_array_index(keys, k),
					   NULL, NULL, error);

			if (removal == API_REMOVE_FAILED)
				return FALSE;
			*left = *left || removal == API_REMOVE_WAITS;
		}
	}
	return TRUE;
}

static gboolean finish_namespace(ApiGarbage *garbage, const char *name, GError **error)
{
	const ApiKind *kind = api_kind_find("", "v1", "namespaces");
	g_autofree char *key = api_object_key(kind, NULL, name);
	g_auto(StoreRecord) present = {0};
	g_autoptr(json_t) object = NULL;
	StoreOperation operation = {.action = STORE_DELETE, .key = key};
	gboolean left = FALSE;

	if (!store_get(garbage->store, key, &present, NULL)) {
		mark_terminating(garbage, name, FALSE);
		return TRUE;
	}
	object = api_object_decode(present.value);
	if (!api_object_is_deleting(object))
		return TRUE;
	if (!empty_namespace(garbage, name, &left, error))
		return FALSE;
	if (left || api_object_has_finalizers(object))
		return TRUE;
	operation.expected_revision = present.mod_revision;
	if (!store_transact(garbage->store, &operation, 1, error))
		return FALSE;
	g_bytes_unref(operation.stored);
	mark_terminating(garbage, name, FALSE);
	return TRUE;
}

static gboolean run_task(ApiGarbage *garbage, const Task *task, GError **error)
{
	switch (task->kind) {
	case TASK_OWNER_GONE:
		return settle_dependents(garbage, task->name, error);
	case TASK_CHECK:
		return settle_dependent(garbage, task->name, error);
	case TASK_NAMESPACE:
		return finish_namespace(garbage, task->name, error);
	case TASK_STOP:
		break;
	}
	return TRUE;
}

/* Sees what is there, then what comes. */
static void index_store(ApiGarbage *garbage)
{
	g_autoptr(GError) error = NULL;
	gint64 revision = 0;

	if (!store_list(garbage->store, "/", NULL, see_record, garbage, &revision, &error))
		base_log(BASE_LOG_WARNING, "apiserver", "looking for garbage: %s", error->message);
	g_clear_error(&error);
	garbage->watch = store_watch(garbage->store, "/", revision, see_change, garbage, &error);
	if (garbage->watch == NULL)
		base_log(BASE_LOG_WARNING, "apiserver", "watching for garbage: %s", error->message);
	g_mutex_lock(&garbage->lock);
	garbage->indexed = TRUE;
	g_cond_broadcast(&garbage->indexed_changed);
	g_mutex_unlock(&garbage->lock);
}

static Task *next_task(ApiGarbage *garbage)
{
	Task *task;

	if (g_queue_is_empty(&garbage->failed))
		return g_async_queue_pop(garbage->tasks);
	task = g_async_queue_timeout_pop(garbage->tasks, RETRY_US);
	return task != NULL ? task : g_queue_pop_head(&garbage->failed);
}

static gpointer garbage_thread(gpointer data)
{
	ApiGarbage *garbage = data;
	gboolean stop = FALSE;

	index_store(garbage);
	while (!stop) {
		g_autoptr(GError) error = NULL;
		Task *task = next_task(garbage);

		stop = task->kind == TASK_STOP;
		if (!run_task(garbage, task, &error)) {
			base_log(BASE_LOG_DEBUG, "apiserver", "cleaning up %s: %s", task->name,
				 error->message);
			g_queue_push_tail(&garbage->failed, task);
			continue;
		}
		task_free(task);
	}
	return NULL;
}

gboolean api_garbage_orphan(ApiGarbage *garbage, const char *owner_uid, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;

	g_mutex_lock(&garbage->lock);
	while (!garbage->indexed)
		g_cond_wait(&garbage->indexed_changed, &garbage->lock);
	g_mutex_unlock(&garbage->lock);

	keys = api_owners_dependents(garbage->owners, owner_uid);
	for (guint i = 0; i < keys->len; i++) {
		const char *key = g_ptr_array_index(keys, i);
		gboolean done = FALSE;

		for (guint tries = 0; !done && tries < CONFLICT_TRIES; tries++) {
			g_auto(StoreRecord) present = {0};
			g_autoptr(json_t) object = NULL;
			g_autoptr(GError) failure = NULL;

			if (!store_get(garbage->store, key, &present, NULL))
				break;
			object = api_object_decode(present.value);
			done = drop_references(garbage, NULL, object, stays_if_another,
					       owner_uid) == 0 ||
			       write_back(garbage, &present, object, &failure);
			if (!done && !is_race(failure)) {
				g_propagate_error(error, g_steal_pointer(&failure));
				return FALSE;
			}
		}
	}
	return TRUE;
}

ApiGarbage *api_garbage_new(Store *store, GError **error)
{
	ApiGarbage *garbage = g_new0(ApiGarbage, 1);

	garbage->store = store;
	garbage->tasks = g_async_queue_new_full((GDestroyNotify)task_free);
	g_queue_init(&garbage->failed);
	garbage->owners = api_owners_new();
	garbage->terminating = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_mutex_init(&garbage->lock);
	g_cond_init(&garbage->indexed_changed);
	garbage->thread = g_thread_try_new("garbage", garbage_thread, garbage, error);
	if (garbage->thread == NULL)
		g_clear_pointer(&garbage, api_garbage_free);
	return garbage;
}

void api_garbage_free(ApiGarbage *garbage)
{
	if (garbage == NULL)
		return;
	g_atomic_int_set(&garbage->stopping, 1);
	if (garbage->thread != NULL) {
		push(garbage, TASK_STOP, "");
		g_thread_join(garbage->thread);
	}
	store_watch_stop(garbage->watch);
	g_async_queue_unref(garbage->tasks);
	g_queue_clear_full(&garbage->failed, (GDestroyNotify)task_free);
	api_owners_free(garbage->owners);
	g_hash_table_unref(garbage->terminating);
	g_mutex_clear(&garbage->lock);
	g_cond_clear(&garbage->indexed_changed);
	g_free(garbage);
}
