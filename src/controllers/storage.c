/* A Storage: is the place there, and what does it hold? */
#include "controllers/world.h"

#include "base/clock.h"

enum {
	PROBE_INTERVAL_S = 60,
};

/* Removes the bundles of a namespace from the place of a Storage that is gone. */
static gboolean empty(World *world, const char *name_space, const char *directory, GError **error)
{
	ModelStorage gone = {.directory_name = directory};
	g_autoptr(ArtefactPlace) place = world_place(world, &gone, error);
	g_auto(GStrv) classes =
		place == NULL ? NULL : artefact_place_classes(place, name_space, error);

	if (classes == NULL)
		return FALSE;
	for (char **name = classes; *name != NULL; name++)
		if (!artefact_place_retain(place, name_space, *name, 0, NULL, NULL, error))
			return FALSE;
	return TRUE;
}

/* TRUE if another Storage of the namespace has its bundles in the same directory. */
static gboolean is_shared(World *world, const char *name_space, const char *directory)
{
	g_autoptr(GPtrArray) keys =
		kube_cache_index(world->caches[WORLD_STORAGE], WORLD_INDEX_NAMESPACE, name_space);

	for (guint i = 0; i < keys->len; i++) {
		g_autoptr(json_t) other = kube_cache_get_by_key(world->caches[WORLD_STORAGE],
								g_ptr_array_index(keys, i));

		if (g_strcmp0(base_json_get_string(other, "spec", "directory", "name", NULL),
			      directory) == 0)
			return TRUE;
	}
	return FALSE;
}

static char *noted_reclaim(World *world, const char *key)
{
	char *directory;

	g_mutex_lock(&world->mutex);
	directory = g_strdup(g_hash_table_lookup(world->reclaims, key));
	g_mutex_unlock(&world->mutex);
	return directory;
}

static void forget_reclaim(World *world, const char *key)
{
	g_mutex_lock(&world->mutex);
	g_hash_table_remove(world->reclaims, key);
	g_mutex_unlock(&world->mutex);
}

/* The object is gone; with reclaimPolicy Delete its bundles follow. What fails is tried again, so
 * the note is kept until it is done. */
static KubeResult reclaim(World *world, const char *key)
{
	g_autofree char *name_space = NULL;
	g_autofree char *name = NULL;
	g_autofree char *directory = noted_reclaim(world, key);
	g_autoptr(GError) error = NULL;

	if (directory == NULL)
		return kube_done();
	kube_key_split(key, &name_space, &name);
	if (!is_shared(world, name_space, directory) &&
	    !empty(world, name_space, directory, &error))
		return world_fault(WORLD_STORAGE, key, g_steal_pointer(&error));
	forget_reclaim(world, key);
	return kube_done();
}

static gboolean look(World *world, const ModelStorage *storage, json_t *status, GError **error)
{
	g_autoptr(ArtefactPlace) place = world_place(world, storage, error);
	guint64 used_bytes = 0, n_objects = 0;

	if (place == NULL || !artefact_place_probe(place, error) ||
	    !artefact_place_usage(place, &used_bytes, &n_objects, error))
		return FALSE;
	json_object_set_new(status, "usedBytes", json_integer((json_int_t)used_bytes));
	json_object_set_new(status, "objects", json_integer((json_int_t)n_objects));
	return TRUE;
}

static void probe(World *world, const ModelStorage *storage, json_t *status)
{
	gboolean was_ready = kube_condition_is_true(status, MODEL_CONDITION_READY);
	gboolean was_known = kube_condition_find(status, MODEL_CONDITION_READY) != NULL;
	g_autoptr(GError) error = NULL;
	gboolean ready = look(world, storage, status, &error);
	g_autofree char *place = model_storage_place(storage);

	base_json_set_string(status, "place", place);
	if (ready != was_ready || !was_known) {
		g_autofree char *now = base_clock_format_time(base_clock_wall_us());

		base_json_set_string(status, "lastProbeTime", now);
	}
	if (ready) {
		world_set_ready(status, storage->meta.generation, NULL, FALSE,
				"the folder can be written and read");
		return;
	}
	world_set_ready(status, storage->meta.generation, MODEL_REASON_STORAGE_UNREACHABLE, TRUE,
			error->message);
	if (was_ready || !was_known)
		world_event(world, KUBE_EVENT_WARNING, &kube_storages, storage->object,
			    MODEL_EVENT_STORAGE_UNREACHABLE, "%s", error->message);
}

KubeResult storage_reconcile(const char *key, gpointer data)
{
	World *world = data;
	g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_STORAGE], key);
	g_autoptr(json_t) status = NULL;
	g_autoptr(ModelStorage) storage = NULL;
	g_autoptr(GError) error = NULL;
	const char *unsupported;
	KubeResult result;

	if (object == NULL)
		return reclaim(world, key);
	forget_reclaim(world, key);
	if (kube_object_is_deleting(object))
		return kube_done();
	status = kube_status_copy(object);
	storage = model_storage_from_json(object, &error);
	if (storage == NULL) {
		world_set_ready(status, kube_object_generation(object), MODEL_REASON_SPEC_INVALID,
				FALSE, error->message);
		return world_write_status(world, WORLD_STORAGE, object, status);
	}
	unsupported = model_storage_unsupported(storage);
	if (unsupported != NULL) {
		world_set_not_supported(status, storage->meta.generation, unsupported);
		return world_write_status(world, WORLD_STORAGE, object, status);
	}
	probe(world, storage, status);
	result = world_write_status(world, WORLD_STORAGE, object, status);
	return result.outcome == KUBE_RESULT_DONE
		       ? kube_again_after(PROBE_INTERVAL_S * G_USEC_PER_SEC)
		       : result;
}
