#include "controllers/reach.h"

#include <string.h>

enum {
	COUNT_DELAY_US = 300 * 1000, /* counts in a status wait for more of the same */
};

/* --- indexes --- */

static void index_references(const json_t *object, GPtrArray *values, gpointer kind)
{
	g_autoptr(GPtrArray) references = model_object_references(kind, object);

	for (guint i = 0; i < references->len; i++)
		g_ptr_array_add(values, g_strdup(g_ptr_array_index(references, i)));
}

static void index_namespace(const json_t *object, GPtrArray *values, gpointer unused)
{
	(void)unused;
	g_ptr_array_add(values, g_strdup(kube_object_namespace(object)));
}

static void index_labels(const json_t *object, GPtrArray *values, gpointer unused)
{
	json_t *labels = base_json_get(object, "metadata", "labels", NULL);
	const char *key;
	json_t *value;

	(void)unused;
	json_object_foreach (labels, key, value)
		g_ptr_array_add(values, g_strdup_printf("%s/%s=%s", kube_object_namespace(object),
							key, json_string_value(value)));
}

static void index_running(const json_t *object, GPtrArray *values, gpointer unused)
{
	const char *version = base_json_get_string(object, "status", "firmware", "running", NULL);

	(void)unused;
	if (version != NULL)
		g_ptr_array_add(values, g_strdup_printf("%s/%s/%s", kube_object_namespace(object),
							base_json_get_string(object, "spec",
									     "deviceClassReference",
									     "name", NULL),
							version));
}

/* --- what changed --- */

static gboolean differs(const json_t *old, const json_t *now, const char *first, const char *second)
{
	const json_t *a = base_json_get(old, first, second, NULL);
	const json_t *b = base_json_get(now, first, second, NULL);

	if (a == NULL || b == NULL)
		return a != b;
	return !json_equal(a, b);
}

/* TRUE unless only the status is another. */
static gboolean was_asked_anew(const json_t *old, const json_t *now)
{
	static const char *const members[] = {"generation", "labels", "annotations",
					      "deletionTimestamp", "uid"};

	for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
		if (differs(old, now, "metadata", members[i]))
			return TRUE;
	return FALSE;
}

static gboolean truth_flipped(const json_t *old, const json_t *now, const char *condition)
{
	return kube_condition_truth(json_object_get(old, "status"), condition) !=
	       kube_condition_truth(json_object_get(now, "status"), condition);
}

static void enqueue_reference(World *world, WorldKind kind, const char *reference, gint64 delay_us)
{
	const char *slash = strchr(reference, '/');

	if (slash != NULL)
		world_enqueue(world, kind, slash + 1, delay_us);
}

/* --- devices --- */

static void enqueue_cluster_of_class(World *world, const json_t *class)
{
	const char *cluster =
		base_json_get_string(class, "spec", "deviceClusterReference", "name", NULL);
	g_autofree char *key =
		cluster == NULL ? NULL : kube_key(kube_object_namespace(class), cluster);

	if (key != NULL)
		world_enqueue(world, WORLD_CLUSTER, key, COUNT_DELAY_US);
}

static void count_in_class(World *world, const char *reference)
{
	g_autoptr(json_t) class = kube_cache_get_by_key(
		world->caches[WORLD_CLASS], reference + strlen(MODEL_KIND_DEVICE_CLASS "/"));

	enqueue_reference(world, WORLD_CLASS, reference, COUNT_DELAY_US);
	if (class != NULL)
		enqueue_cluster_of_class(world, class);
}

/* Classes, their clusters and groups count their devices. */
static void count_again(World *world, const json_t *device)
{
	g_autoptr(GPtrArray) references = model_object_references(MODEL_KIND_DEVICE, device);
	g_autoptr(GPtrArray) groups = NULL;
	ModelMeta meta;

	for (guint i = 0; i < references->len; i++)
		if (g_str_has_prefix(g_ptr_array_index(references, i), MODEL_KIND_DEVICE_CLASS "/"))
			count_in_class(world, g_ptr_array_index(references, i));
	model_meta_read(&meta, device);
	groups =
		kube_cache_index(world->caches[WORLD_GROUP], WORLD_INDEX_NAMESPACE, meta.namespace);
	for (guint i = 0; i < groups->len; i++)
		world_enqueue(world, WORLD_GROUP, g_ptr_array_index(groups, i), COUNT_DELAY_US);
}

/* Somebody took off what reconciles had put there: the finalizer, the board that was bound (the way
 * to bind another), or the whole status. What reconciles add themselves is no reason for another.
 */
static gboolean lost_something(const json_t *old, const json_t *now)
{
	static const char *const members[] = {"hardware", "conditions"};

	for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
		if (base_json_get(old, "status", members[i], NULL) != NULL &&
		    base_json_get(now, "status", members[i], NULL) == NULL)
			return TRUE;
	return kube_object_has_finalizer(old, MODEL_FINALIZER_DEVICE) &&
	       !kube_object_has_finalizer(now, MODEL_FINALIZER_DEVICE);
}

static void on_device(KubeChange change, const char *name_space, const char *name,
		      const json_t *old, const json_t *now, gpointer data)
{
	World *world = data;
	g_autofree char *key = kube_key(name_space, name);

	if (change != KUBE_MODIFIED || was_asked_anew(old, now) || lost_something(old, now))
		world_enqueue(world, WORLD_DEVICE, key, 0);
	if (change != KUBE_MODIFIED || differs(old, now, "metadata", "labels"))
		count_again(world, now);
	if (change == KUBE_MODIFIED && differs(old, now, "spec", "deviceClassReference")) {
		count_again(world, old);
		count_again(world, now);
	}
}

static void on_device_secret(KubeChange change, const char *name_space, const char *name,
			     const json_t *old, const json_t *now, gpointer data)
{
	World *world = data;
	const char *device = kube_object_label(now, MODEL_LABEL_DEVICE);
	g_autofree char *key = kube_key(name_space, device);
	gboolean ours;

	(void)name;
	(void)old;
	if (device == NULL || device[0] == '\0')
		return;
	g_mutex_lock(&world->mutex);
	ours = change != KUBE_DELETED && g_strcmp0(g_hash_table_lookup(world->secret_written, key),
						   kube_object_resource_version(now)) == 0;
	g_mutex_unlock(&world->mutex);
	if (!ours && kube_cache_has(world->caches[WORLD_DEVICE], name_space, device))
		world_enqueue(world, WORLD_DEVICE, key, 0);
}

/* --- what devices depend on --- */

static void on_class(KubeChange change, const char *name_space, const char *name, const json_t *old,
		     const json_t *now, gpointer data)
{
	World *world = data;
	g_autofree char *key = kube_key(name_space, name);
	g_autofree char *reference = model_reference(MODEL_KIND_DEVICE_CLASS, name_space, name);
	gboolean asked = change != KUBE_MODIFIED || was_asked_anew(old, now);

	if (asked) {
		world_enqueue(world, WORLD_CLASS, key, 0);
		enqueue_cluster_of_class(world, now);
	}
	if (asked || differs(old, now, "status", "firmware") ||
	    truth_flipped(old, now, MODEL_CONDITION_FIRMWARE_READY))
		world_enqueue_naming(world, WORLD_DEVICE, reference, 0);
}

static void on_cluster(KubeChange change, const char *name_space, const char *name,
		       const json_t *old, const json_t *now, gpointer data)
{
	World *world = data;
	g_autofree char *key = kube_key(name_space, name);
	g_autofree char *reference = model_reference(MODEL_KIND_DEVICE_CLUSTER, name_space, name);
	gboolean asked = change != KUBE_MODIFIED || was_asked_anew(old, now);

	if (asked) {
		world_enqueue(world, WORLD_CLUSTER, key, 0);
		world_enqueue_naming(world, WORLD_CLASS, reference, 0);
	}
	if (asked || truth_flipped(old, now, MODEL_CONDITION_BROKER_READY))
		world_enqueue_devices_reached(world, reference);
}

/* Whether groups disagree is a matter between them: each of the namespace looks again. */
static void enqueue_groups_of(World *world, const char *name_space)
{
	g_autoptr(GPtrArray) groups =
		kube_cache_index(world->caches[WORLD_GROUP], WORLD_INDEX_NAMESPACE, name_space);

	for (guint i = 0; i < groups->len; i++)
		world_enqueue(world, WORLD_GROUP, g_ptr_array_index(groups, i), COUNT_DELAY_US);
}

static void enqueue_matching(World *world, const json_t *group)
{
	g_autoptr(GPtrArray) devices = world_devices_matching(world, group);

	for (guint i = 0; i < devices->len; i++)
		world_enqueue(world, WORLD_DEVICE, g_ptr_array_index(devices, i), 0);
}

static void on_group(KubeChange change, const char *name_space, const char *name, const json_t *old,
		     const json_t *now, gpointer data)
{
	World *world = data;
	g_autofree char *key = kube_key(name_space, name);

	if (change == KUBE_MODIFIED && !was_asked_anew(old, now))
		return;
	world_enqueue(world, WORLD_GROUP, key, 0);
	enqueue_groups_of(world, name_space);
	if (old != NULL)
		enqueue_matching(world, old);
	enqueue_matching(world, now);
}

/* The controller of the kind removes the files; this thread must not wait for a disk. */
static void note_reclaim(World *world, const char *key, const json_t *storage)
{
	const char *directory = base_json_get_string(storage, "spec", "directory", "name", NULL);

	gboolean follows = directory != NULL &&
			   g_strcmp0(base_json_get_string(storage, "spec", "reclaimPolicy", NULL),
				     "Delete") == 0;

	g_mutex_lock(&world->mutex);
	if (follows)
		g_hash_table_insert(world->reclaims, g_strdup(key), g_strdup(directory));
	else
		g_hash_table_remove(world->reclaims, key);
	g_mutex_unlock(&world->mutex);
}

static void on_storage(KubeChange change, const char *name_space, const char *name,
		       const json_t *old, const json_t *now, gpointer data)
{
	World *world = data;
	g_autofree char *key = kube_key(name_space, name);
	g_autofree char *reference = model_reference(MODEL_KIND_STORAGE, name_space, name);
	g_autoptr(GPtrArray) clusters = NULL;

	if (change == KUBE_DELETED)
		note_reclaim(world, key, now);
	if (change != KUBE_MODIFIED || was_asked_anew(old, now))
		world_enqueue(world, WORLD_STORAGE, key, 0);
	else if (!truth_flipped(old, now, MODEL_CONDITION_READY))
		return;
	world_enqueue_naming(world, WORLD_CLASS, reference, 0);
	clusters =
		kube_cache_index(world->caches[WORLD_CLUSTER], WORLD_INDEX_REFERENCES, reference);
	for (guint i = 0; i < clusters->len; i++) {
		g_autofree char *of = g_strconcat(MODEL_KIND_DEVICE_CLUSTER "/",
						  g_ptr_array_index(clusters, i), NULL);

		world_enqueue(world, WORLD_CLUSTER, g_ptr_array_index(clusters, i), 0);
		world_enqueue_naming(world, WORLD_CLASS, of, 0);
	}
}

static void on_settings(World *world, const char *kind, const char *name_space, const char *name)
{
	g_autofree char *reference = model_reference(kind, name_space, name);

	g_autoptr(GPtrArray) groups =
		kube_cache_index(world->caches[WORLD_GROUP], WORLD_INDEX_REFERENCES, reference);

	world_enqueue_devices_reached(world, reference);
	if (groups->len > 0)
		enqueue_groups_of(world, name_space);
}

static void on_settings_secret(KubeChange change, const char *name_space, const char *name,
			       const json_t *old, const json_t *now, gpointer data)
{
	(void)change;
	(void)old;
	(void)now;
	on_settings(data, "Secret", name_space, name);
}

static void on_settings_config_map(KubeChange change, const char *name_space, const char *name,
				   const json_t *old, const json_t *now, gpointer data)
{
	(void)change;
	(void)old;
	(void)now;
	on_settings(data, "ConfigMap", name_space, name);
}

void reach_connect(World *world)
{
	static const struct {
		const char *kind;
		KubeCacheHandler handler;
	} rows[WORLD_KINDS] = {
		[WORLD_STORAGE] = {MODEL_KIND_STORAGE, on_storage},
		[WORLD_CLUSTER] = {MODEL_KIND_DEVICE_CLUSTER, on_cluster},
		[WORLD_CLASS] = {MODEL_KIND_DEVICE_CLASS, on_class},
		[WORLD_GROUP] = {MODEL_KIND_DEVICE_GROUP, on_group},
		[WORLD_DEVICE] = {MODEL_KIND_DEVICE, on_device},
	};
	KubeCache *devices = world->caches[WORLD_DEVICE];

	for (int kind = 0; kind < WORLD_KINDS; kind++) {
		kube_cache_add_index(world->caches[kind], WORLD_INDEX_REFERENCES, index_references,
				     (gpointer)rows[kind].kind);
		kube_cache_add_index(world->caches[kind], WORLD_INDEX_NAMESPACE, index_namespace,
				     NULL);
		kube_cache_on_event(world->caches[kind], rows[kind].handler, world);
	}
	kube_cache_add_index(devices, WORLD_INDEX_LABELS, index_labels, NULL);
	kube_cache_add_index(devices, WORLD_INDEX_RUNNING, index_running, NULL);
	kube_cache_on_event(world->settings_secrets, on_settings_secret, world);
	kube_cache_on_event(world->settings_config_maps, on_settings_config_map, world);
	kube_cache_on_event(world->device_secrets, on_device_secret, world);
}

/* --- the fleet --- */

static gboolean is_overdue(World *world, const char *key)
{
	gboolean overdue;

	g_mutex_lock(&world->mutex);
	overdue = g_hash_table_contains(world->overdue, key);
	g_mutex_unlock(&world->mutex);
	return overdue;
}

void reach_device_heard(Fleet *fleet, const char *cluster, const char *device, FleetChange what,
			gpointer data)
{
	World *world = data;
	g_autofree char *name_space = NULL;
	g_autofree char *name = NULL;
	g_autofree char *key = NULL;

	(void)fleet;
	kube_key_split(cluster, &name_space, &name);
	key = kube_key(name_space, device);
	if (!kube_cache_has(world->caches[WORLD_DEVICE], name_space, device))
		return;
	if ((what & (FLEET_CHANGED_PRESENCE | FLEET_CHANGED_INFO)) != 0) {
		world_enqueue(world, WORLD_DEVICE, key, 0);
		world_enqueue(world, WORLD_CLUSTER, cluster, COUNT_DELAY_US);
		return;
	}
	/* Only seen: looked at when a patch of lastSeen is due, or at once to end a lateness. */
	world_enqueue(world, WORLD_DEVICE, key,
		      is_overdue(world, key) ? 0 : CONTROLLERS_LAST_SEEN_S * G_USEC_PER_SEC);
}

void reach_session_changed(Fleet *fleet, const char *cluster, const FleetSessionStatus *status,
			   gpointer data)
{
	(void)fleet;
	(void)status;
	world_enqueue(data, WORLD_CLUSTER, cluster, 0);
}
