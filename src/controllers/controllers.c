#include "controllers/controllers.h"

#include "base/digest.h"
#include "base/log.h"
#include "controllers/reach.h"
#include "controllers/world.h"
#include "model/secret.h"

#include <string.h>

enum {
	DEFAULT_DEVICE_WORKERS =
		6, /* they mostly wait for commits, which are joined; each has memory */
	EVENTS_STOP_TIMEOUT_S = 1,
};

struct Controllers {
	World world;
	gboolean started;
	gboolean stopped;
};

/* One row a kind: who reconciles it. */
static const struct {
	KubeReconcile reconcile;
	guint workers; /* 0: options.device_workers */
} reconcilers[WORLD_KINDS] = {
	[WORLD_STORAGE] = {storage_reconcile, 1},
	[WORLD_CLUSTER] = {device_cluster_reconcile, 1},
	[WORLD_CLASS] = {device_class_reconcile, 1},
	[WORLD_GROUP] = {device_group_reconcile, 1},
	[WORLD_DEVICE] = {device_reconcile, 0},
};

static KubeCache *cache_of(World *world, const KubeResource *resource, const char *label_selector)
{
	KubeCacheOptions options = {.label_selector = label_selector};

	return kube_cache_new(world->client, resource, &options);
}

/* Of a device's Secret only whose it is and its version are looked at in the cache. */
static void keep_version(json_t *object, gpointer unused)
{
	static const char *const unread[] = {"annotations", "creationTimestamp", "managedFields",
					     "ownerReferences"};
	json_t *metadata = json_object_get(object, "metadata");

	(void)unused;
	for (gsize i = 0; i < G_N_ELEMENTS(unread); i++)
		json_object_del(metadata, unread[i]);
}

static KubeCache *device_secrets_cache(World *world)
{
	KubeCacheOptions options = {.label_selector = MODEL_LABEL_DEVICE,
				    .metadata_only = TRUE,
				    .transform = keep_version};

	return kube_cache_new(world->client, &kube_secrets, &options);
}

static void make_caches(World *world)
{
	for (int kind = 0; kind < WORLD_KINDS; kind++)
		world->caches[kind] = cache_of(world, world_resource((WorldKind)kind), NULL);
	world->settings_secrets = cache_of(world, &kube_secrets, MODEL_LABEL_SETTINGS "=true");
	world->settings_config_maps =
		cache_of(world, &kube_config_maps, MODEL_LABEL_SETTINGS "=true");
	world->device_secrets = device_secrets_cache(world);
}

static void each_cache(World *world, void (*func)(KubeCache *))
{
	for (int kind = 0; kind < WORLD_KINDS; kind++)
		func(world->caches[kind]);
	func(world->settings_secrets);
	func(world->settings_config_maps);
	func(world->device_secrets);
}

static void make_queues(World *world, guint device_workers)
{
	for (int kind = 0; kind < WORLD_KINDS; kind++) {
		KubeQueueOptions options = {
			.name = world_resource((WorldKind)kind)->plural,
			.workers = reconcilers[kind].workers != 0 ? reconcilers[kind].workers
								  : device_workers,
			.reconcile = reconcilers[kind].reconcile,
			.user_data = world,
		};

		world->queues[kind] = kube_queue_new(&options);
	}
}

Controllers *controllers_new(const ControllersOptions *options)
{
	Controllers *controllers = g_new0(Controllers, 1);
	World *world = &controllers->world;
	FleetCallbacks callbacks = {reach_device_heard, reach_session_changed, world};

	g_mutex_init(&world->mutex);
	world->client = options->client;
	world->broker = options->broker;
	world->artefacts_root = g_strdup(options->artefacts_root);
	world->host_firmware = g_strdup(options->host_firmware);
	world->artefact_url = g_strdup(options->artefact_url);
	world->server_password = base_random_password();
	world->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					      (GDestroyNotify)artefact_place_unref);
	world->secret_written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	world->reclaims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	world->swept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	world->overdue = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	world->recorder = kube_recorder_new(options->client, "controllers");
	make_caches(world);
	make_queues(world, options->device_workers != 0 ? options->device_workers
							: DEFAULT_DEVICE_WORKERS);
	world->fleet = fleet_new(&callbacks, NULL);
	reach_connect(world);
	return controllers;
}

static gboolean wait_synced(World *world, GError **error)
{
	gint64 timeout_us = CONTROLLERS_SYNC_TIMEOUT_S * G_USEC_PER_SEC;
	KubeCache *caches[WORLD_KINDS + 3];
	gsize n_caches = 0;

	for (int kind = 0; kind < WORLD_KINDS; kind++)
		caches[n_caches++] = world->caches[kind];
	caches[n_caches++] = world->settings_secrets;
	caches[n_caches++] = world->settings_config_maps;
	caches[n_caches++] = world->device_secrets;
	for (gsize i = 0; i < n_caches; i++)
		if (!kube_cache_wait_synced(caches[i], timeout_us)) {
			g_autofree char *why = kube_cache_last_error(caches[i]);

			g_set_error(error, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE,
				    "the API server did not answer within %d s: %s",
				    CONTROLLERS_SYNC_TIMEOUT_S,
				    why != NULL ? why : "no reason known");
			return FALSE;
		}
	return TRUE;
}

gboolean controllers_start(Controllers *controllers, GError **error)
{
	World *world = &controllers->world;

	controllers->started = TRUE;
	each_cache(world, kube_cache_start);
	if (!wait_synced(world, error))
		return FALSE;
	for (int kind = 0; kind < WORLD_KINDS; kind++)
		kube_queue_start(world->queues[kind]);
	return TRUE;
}

void controllers_stop(Controllers *controllers)
{
	World *world = &controllers->world;

	if (controllers->stopped)
		return;
	controllers->stopped = TRUE;
	for (int kind = 0; kind < WORLD_KINDS; kind++)
		kube_queue_stop(world->queues[kind], CONTROLLERS_STOP_TIMEOUT_S * G_USEC_PER_SEC);
	kube_recorder_stop(world->recorder, EVENTS_STOP_TIMEOUT_S * G_USEC_PER_SEC);
	if (controllers->started)
		each_cache(world, kube_cache_stop);
	kube_client_cancel(world->client);
}

void controllers_free(Controllers *controllers)
{
	World *world;

	if (controllers == NULL)
		return;
	world = &controllers->world;
	controllers_stop(controllers);
	fleet_free(world->fleet);
	for (int kind = 0; kind < WORLD_KINDS; kind++)
		kube_queue_free(world->queues[kind]);
	each_cache(world, kube_cache_free);
	kube_recorder_free(world->recorder);
	g_hash_table_destroy(world->places);
	g_hash_table_destroy(world->secret_written);
	g_hash_table_destroy(world->reclaims);
	g_hash_table_destroy(world->swept);
	g_hash_table_destroy(world->overdue);
	g_free(world->artefacts_root);
	g_free(world->host_firmware);
	g_free(world->artefact_url);
	g_free(world->program_hash);
	base_secret_free(world->server_password);
	g_mutex_clear(&world->mutex);
	g_free(controllers);
}

void controllers_broker_changed(Controllers *controllers)
{
	g_autoptr(GPtrArray) keys = kube_cache_keys(controllers->world.caches[WORLD_CLUSTER]);

	for (guint i = 0; i < keys->len; i++) {
		fleet_session_kick(controllers->world.fleet, g_ptr_array_index(keys, i));
		world_enqueue(&controllers->world, WORLD_CLUSTER, g_ptr_array_index(keys, i), 0);
	}
}

void controllers_bundle_published(Controllers *controllers, const char *name_space,
				  const char *class_name)
{
	g_autofree char *key = kube_key(name_space, class_name);

	world_enqueue(&controllers->world, WORLD_CLASS, key, 0);
}

ArtefactPlace *controllers_class_place(Controllers *controllers, const char *name_space,
				       const char *class_name)
{
	World *world = &controllers->world;
	g_autoptr(ModelDeviceClass) class = world_class(world, name_space, class_name);
	g_autofree char *message = NULL;
	const char *reason;
	g_autoptr(ModelStorage) storage =
		class == NULL ? NULL : world_storage_of_class(world, class, &reason, &message);

	return storage == NULL ? NULL : world_place(world, storage, NULL);
}

char *controllers_class_current(Controllers *controllers, const char *name_space,
				const char *class_name)
{
	g_autoptr(ModelDeviceClass) class =
		world_class(&controllers->world, name_space, class_name);

	if (class == NULL || !kube_condition_is_true(class->status, MODEL_CONDITION_FIRMWARE_READY))
		return NULL;
	return g_strdup(base_json_get_string(class->status, "firmware", "inputHash", NULL));
}

static json_t *device_secret(World *world, const char *name_space, const char *device)
{
	g_autofree char *name = model_device_secret_name(device);
	json_t *secret = kube_get(world->client, &kube_secrets, name_space, name, NULL);

	if (secret != NULL &&
	    g_strcmp0(base_json_get_string(secret, "type", NULL), MODEL_SECRET_TYPE_DEVICE) != 0) {
		json_decref(secret);
		return NULL;
	}
	return secret;
}

char *controllers_device_login(Controllers *controllers, const char *name_space, const char *device,
			       const char *password)
{
	World *world = &controllers->world;
	g_autoptr(json_t) object = kube_cache_get(world->caches[WORLD_DEVICE], name_space, device);
	g_autoptr(json_t) secret = NULL;
	char *known;
	gboolean right;

	if (object == NULL || kube_object_is_deleting(object) ||
	    base_json_get_bool(object, FALSE, "spec", "suspended", NULL))
		return NULL;
	secret = device_secret(world, name_space, device);
	known = secret == NULL ? NULL : model_secret_text(secret, MODEL_SECRET_KEY_PASSWORD);
	right = base_secret_equal(known, password);
	base_secret_free(known);
	return right ? g_strdup(base_json_get_string(object, "spec", "deviceClassReference", "name",
						     NULL))
		     : NULL;
}

GBytes *controllers_device_config(Controllers *controllers, const char *name_space,
				  const char *device)
{
	g_autoptr(json_t) secret = device_secret(&controllers->world, name_space, device);

	return secret == NULL ? NULL : model_secret_bytes(secret, MODEL_SECRET_KEY_CONFIG);
}
