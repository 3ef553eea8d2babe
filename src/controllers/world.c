#include "controllers/world.h"

#include "base/log.h"

#include <string.h>

static const KubeResource *const resources[WORLD_KINDS] = {
	[WORLD_STORAGE] = &kube_storages,     [WORLD_CLUSTER] = &kube_device_clusters,
	[WORLD_CLASS] = &kube_device_classes, [WORLD_GROUP] = &kube_device_groups,
	[WORLD_DEVICE] = &kube_devices,
};

const KubeResource *world_resource(WorldKind kind)
{
	return resources[kind];
}

void world_enqueue(World *world, WorldKind kind, const char *key, gint64 delay_us)
{
	if (delay_us > 0)
		kube_queue_add_after(world->queues[kind], key, delay_us);
	else
		kube_queue_add(world->queues[kind], key);
}

static GPtrArray *naming(World *world, WorldKind kind, const char *reference)
{
	return kube_cache_index(world->caches[kind], WORLD_INDEX_REFERENCES, reference);
}

void world_enqueue_naming(World *world, WorldKind kind, const char *reference, gint64 delay_us)
{
	g_autoptr(GPtrArray) keys = naming(world, kind, reference);

	for (guint i = 0; i < keys->len; i++)
		world_enqueue(world, kind, g_ptr_array_index(keys, i), delay_us);
}

static void enqueue_devices_of_classes(World *world, const char *reference)
{
	g_autoptr(GPtrArray) classes = naming(world, WORLD_CLASS, reference);

	for (guint i = 0; i < classes->len; i++) {
		g_autofree char *class_reference = g_strconcat(MODEL_KIND_DEVICE_CLASS "/",
							       g_ptr_array_index(classes, i), NULL);

		world_enqueue_naming(world, WORLD_DEVICE, class_reference, 0);
	}
}

static void enqueue_devices_of_groups(World *world, const char *reference)
{
	g_autoptr(GPtrArray) groups = naming(world, WORLD_GROUP, reference);

	for (guint i = 0; i < groups->len; i++) {
		g_autoptr(json_t) group = kube_cache_get_by_key(world->caches[WORLD_GROUP],
								g_ptr_array_index(groups, i));
		g_autoptr(GPtrArray) devices = NULL;

		if (group == NULL)
			continue;
		devices = world_devices_matching(world, group);
		for (guint d = 0; d < devices->len; d++)
			world_enqueue(world, WORLD_DEVICE, g_ptr_array_index(devices, d), 0);
	}
}

void world_enqueue_devices_reached(World *world, const char *reference)
{
	g_autoptr(GPtrArray) clusters = naming(world, WORLD_CLUSTER, reference);

	world_enqueue_naming(world, WORLD_DEVICE, reference, 0);
	enqueue_devices_of_groups(world, reference);
	enqueue_devices_of_classes(world, reference);
	for (guint i = 0; i < clusters->len; i++) {
		g_autofree char *cluster_reference = g_strconcat(
			MODEL_KIND_DEVICE_CLUSTER "/", g_ptr_array_index(clusters, i), NULL);

		enqueue_devices_of_classes(world, cluster_reference);
	}
}

/* The device keys that one pair of matchLabels leaves, or NULL where the selector has none. */
static GPtrArray *candidates_by_label(World *world, const json_t *group, const char *name_space)
{
	const json_t *labels = base_json_get(group, "spec", "selector", "matchLabels", NULL);
	void *pair = json_object_iter((json_t *)labels);
	g_autofree char *value = NULL;

	if (pair == NULL || !json_is_string(json_object_iter_value(pair)))
		return NULL;
	value = g_strdup_printf("%s/%s=%s", name_space, json_object_iter_key(pair),
				json_string_value(json_object_iter_value(pair)));
	return kube_cache_index(world->caches[WORLD_DEVICE], WORLD_INDEX_LABELS, value);
}

/* One pair and nothing else: what the index finds is what matches. */
static gboolean is_one_pair(const json_t *selector)
{
	return json_object_size(json_object_get(selector, "matchLabels")) == 1 &&
	       json_array_size(json_object_get(selector, "matchExpressions")) == 0;
}

GPtrArray *world_devices_matching(World *world, const json_t *group)
{
	const char *name_space = kube_object_namespace(group);
	const json_t *selector_json = base_json_get(group, "spec", "selector", NULL);
	g_autoptr(ModelSelector) selector = model_selector_from_json(selector_json, NULL);
	g_autoptr(GPtrArray) candidates = NULL;
	GPtrArray *matching;

	candidates = candidates_by_label(world, group, name_space);
	if (candidates != NULL && is_one_pair(selector_json))
		return g_steal_pointer(&candidates);
	matching = g_ptr_array_new_with_free_func(g_free);
	if (selector == NULL)
		return matching;
	if (candidates == NULL)
		candidates = kube_cache_index(world->caches[WORLD_DEVICE], WORLD_INDEX_NAMESPACE,
					      name_space);
	for (guint i = 0; i < candidates->len; i++) {
		const char *key = g_ptr_array_index(candidates, i);
		g_autoptr(json_t) device = kube_cache_get_by_key(world->caches[WORLD_DEVICE], key);

		if (device != NULL &&
		    model_selector_matches(selector,
					   base_json_get(device, "metadata", "labels", NULL)))
			g_ptr_array_add(matching, g_strdup(key));
	}
	return matching;
}

GPtrArray *world_groups_of(World *world, const ModelMeta *device)
{
	g_autoptr(GPtrArray) keys = kube_cache_index(world->caches[WORLD_GROUP],
						     WORLD_INDEX_NAMESPACE, device->namespace);
	GPtrArray *groups = g_ptr_array_new_with_free_func((GDestroyNotify)model_device_group_free);

	for (guint i = 0; i < keys->len; i++) {
		g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_GROUP],
								 g_ptr_array_index(keys, i));
		g_autoptr(ModelDeviceGroup) group =
			object == NULL ? NULL : model_device_group_from_json(object, NULL);

		if (group != NULL && group->meta.deletion_wall_us == 0 &&
		    model_device_group_matches(group, device))
			g_ptr_array_add(groups, g_steal_pointer(&group));
	}
	return groups;
}

ModelDeviceClass *world_class(World *world, const char *name_space, const char *name)
{
	g_autoptr(json_t) object =
		name == NULL ? NULL : kube_cache_get(world->caches[WORLD_CLASS], name_space, name);

	return object == NULL ? NULL : model_device_class_from_json(object, NULL);
}

ModelDeviceCluster *world_cluster(World *world, const char *name_space, const char *name)
{
	g_autoptr(json_t) object =
		name == NULL ? NULL
			     : kube_cache_get(world->caches[WORLD_CLUSTER], name_space, name);

	return object == NULL ? NULL : model_device_cluster_from_json(object, NULL);
}

ModelStorage *world_storage(World *world, const char *name_space, const char *name)
{
	g_autoptr(json_t) object =
		name == NULL ? NULL
			     : kube_cache_get(world->caches[WORLD_STORAGE], name_space, name);

	return object == NULL ? NULL : model_storage_from_json(object, NULL);
}

json_t *world_lookup(const char *kind, const char *name_space, const char *name, gpointer data)
{
	World *world = data;
	gboolean is_secret = strcmp(kind, "Secret") == 0;
	json_t *object =
		kube_cache_get(is_secret ? world->settings_secrets : world->settings_config_maps,
			       name_space, name);

	if (object != NULL)
		return object;
	/* Not labelled, or not there: the metadata alone tells, and never brings content. */
	return kube_get_metadata(world->client, is_secret ? &kube_secrets : &kube_config_maps,
				 name_space, name, NULL);
}

ModelStorage *world_storage_of_class(World *world, const ModelDeviceClass *device_class,
				     const char **reason, char **message)
{
	const char *name_space = device_class->meta.namespace;
	g_autoptr(ModelDeviceCluster) cluster = NULL;
	const char *name = device_class->storage_name;
	ModelStorage *storage;

	if (name == NULL) {
		cluster = world_cluster(world, name_space, device_class->cluster_name);
		if (cluster == NULL) {
			*reason = MODEL_REASON_CLUSTER_NOT_FOUND;
			*message = g_strdup_printf(
				"DeviceCluster '%s' is not there: apply it, or correct "
				"spec.deviceClusterReference in a new class",
				device_class->cluster_name);
			return NULL;
		}
		name = cluster->storage_name;
	}
	storage = world_storage(world, name_space, name);
	if (storage == NULL) {
		*reason = MODEL_REASON_STORAGE_NOT_FOUND;
		*message =
			name == NULL
				? g_strdup("no Storage is named: set spec.storageReference here or "
					   "in "
					   "the DeviceCluster")
				: g_strdup_printf("Storage '%s' is not there: apply it, or correct "
						  "spec.storageReference",
						  name);
	}
	return storage;
}

ArtefactPlace *world_place(World *world, const ModelStorage *storage, GError **error)
{
	ArtefactPlace *place;

	if (storage->directory_name == NULL) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_NOT_SUPPORTED,
			    "Storage '%s' has no spec.directory, the only place there is yet",
			    storage->meta.name);
		return NULL;
	}
	g_mutex_lock(&world->mutex);
	place = g_hash_table_lookup(world->places, storage->directory_name);
	if (place == NULL) {
		place = artefact_place_directory_new(world->artefacts_root, storage->directory_name,
						     error);
		if (place != NULL)
			g_hash_table_insert(world->places, g_strdup(storage->directory_name),
					    place);
	}
	if (place != NULL)
		artefact_place_ref(place);
	g_mutex_unlock(&world->mutex);
	return place;
}

void world_event(World *world, KubeEventType type, const KubeResource *resource,
		 const json_t *object, const char *reason, const char *format, ...)
{
	KubeRef regarding = kube_ref_of(resource, object);
	g_autofree char *note = NULL;
	va_list args;

	va_start(args, format);
	note = g_strdup_vprintf(format, args);
	va_end(args);
	kube_event(world->recorder, type, &regarding, reason, "%s", note);
}

void world_set_ready(json_t *status, gint64 generation, const char *reason, gboolean transient,
		     const char *message)
{
	json_object_set_new(status, "observedGeneration", json_integer(generation));
	if (reason == NULL) {
		kube_condition_set(status, MODEL_CONDITION_READY, KUBE_TRUE, MODEL_REASON_READY,
				   generation, "%s", message);
		kube_condition_remove(status, MODEL_CONDITION_STALLED);
		kube_condition_remove(status, MODEL_CONDITION_RECONCILING);
		return;
	}
	kube_condition_set(status, MODEL_CONDITION_READY, KUBE_FALSE, reason, generation, "%s",
			   message);
	kube_condition_set(status,
			   transient ? MODEL_CONDITION_RECONCILING : MODEL_CONDITION_STALLED,
			   KUBE_TRUE, reason, generation, "%s", message);
	kube_condition_remove(status,
			      transient ? MODEL_CONDITION_STALLED : MODEL_CONDITION_RECONCILING);
}

void world_set_not_supported(json_t *status, gint64 generation, const char *field)
{
	g_autofree char *message = g_strdup_printf(
		"%s is accepted but not supported yet: remove it to go on without it", field);

	world_set_ready(status, generation, MODEL_REASON_NOT_SUPPORTED_YET, FALSE, message);
}

KubeResult world_fault(WorldKind kind, const char *key, GError *error)
{
	base_log(kube_error_is_transient(error) ? BASE_LOG_DEBUG : BASE_LOG_WARNING, "controllers",
		 "%s %s: %s", resources[kind]->kind, key, error->message);
	g_error_free(error);
	return kube_failed();
}

KubeResult world_write_status(World *world, WorldKind kind, const json_t *object,
			      const json_t *status)
{
	g_autofree char *key = kube_key(kube_object_namespace(object), kube_object_name(object));
	g_autoptr(GError) error = NULL;

	if (!kube_status_write(world->client, resources[kind], object, status, NULL, &error))
		return world_fault(kind, key, g_steal_pointer(&error));
	return kube_done();
}
