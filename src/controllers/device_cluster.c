/* A DeviceCluster: the broker is its own, the server listens there, people have their users. */
#include "controllers/cluster_users.h"
#include "controllers/world.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/timezone.h"

#include <string.h>

enum {
	SWEEP_INTERVAL_S = 10 * 60,
	BROKER_RETRY_S = 2,
};

static void set_broker_false(json_t *status, gint64 generation, const char *reason,
			     gboolean transient, const char *message)
{
	kube_condition_set(status, MODEL_CONDITION_BROKER_READY, KUBE_FALSE, reason, generation,
			   "%s", message);
	world_set_ready(status, generation, reason, transient, message);
}

/* The server's own session, with a password that lives as long as this process. */
static gboolean listen_to_devices(World *world, const char *key, const ModelDeviceCluster *cluster,
				  GError **error)
{
	BrokerEndpoint endpoint = broker_endpoint(world->broker);
	FleetSessionStatus session;
	FleetSessionOptions options = {
		.host = endpoint.host,
		.port = endpoint.port,
		.ca_pem = endpoint.ca_pem,
		.user = BROKER_SERVER_USER,
		.password = world->server_password,
		.root = cluster->root_topic,
	};
	gboolean is_new = !fleet_session_status(world->fleet, key, &session);

	if (!broker_ensure_user(world->broker, BROKER_SERVER_USER, world->server_password,
				BROKER_ROLE_SERVER, error) ||
	    !fleet_session_ensure(world->fleet, key, &options, error))
		return FALSE;
	if (is_new) {
		g_autofree char *reference = g_strconcat(MODEL_KIND_DEVICE_CLUSTER "/", key, NULL);

		world_enqueue_devices_reached(world, reference);
	}
	return TRUE;
}

/* Claims the broker. A claim outlasts everything, also an owner that was deleted when we had no
 * time left to give it up: then it is given up now. */
static gboolean claim_broker(World *world, const char *key, const ModelDeviceCluster *cluster,
			     GError **error)
{
	g_autofree char *name_space = NULL;
	g_autofree char *name = NULL;
	g_autofree char *owner = NULL;
	g_autoptr(GError) fault = NULL;

	if (broker_claim(world->broker, key, cluster->root_topic, &fault))
		return TRUE;
	owner = g_error_matches(fault, BROKER_ERROR, BROKER_ERROR_CLAIMED)
			? broker_owner(world->broker)
			: NULL;
	if (owner != NULL)
		kube_key_split(owner, &name_space, &name);
	if (owner == NULL || kube_cache_has(world->caches[WORLD_CLUSTER], name_space, name)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	fleet_session_remove(world->fleet, owner);
	return broker_release(world->broker, owner, error) &&
	       broker_claim(world->broker, key, cluster->root_topic, error);
}

/* TRUE if the broker is ours, up, and listened to; else the conditions say why not. */
static gboolean take_broker(World *world, const char *key, const ModelDeviceCluster *cluster,
			    json_t *status)
{
	gint64 generation = cluster->meta.generation;
	BrokerStatus broker = {0};
	g_autoptr(GError) error = NULL;

	if (world->broker == NULL) {
		set_broker_false(status, generation, MODEL_REASON_BROKER_UNREACHABLE, FALSE,
				 "this process runs without a local broker");
		return FALSE;
	}
	/* First of all: a claim waits for a broker that is away, and then it would not be told. */
	broker_status(world->broker, &broker);
	if (!broker.up) {
		set_broker_false(status, generation, MODEL_REASON_BROKER_UNREACHABLE, TRUE,
				 broker.reason);
		return FALSE;
	}
	if (!claim_broker(world, key, cluster, &error)) {
		gboolean claimed = g_error_matches(error, BROKER_ERROR, BROKER_ERROR_CLAIMED);

		set_broker_false(status, generation,
				 claimed ? MODEL_REASON_ALREADY_CLAIMED
					 : MODEL_REASON_BROKER_UNREACHABLE,
				 !claimed, error->message);
		return FALSE;
	}
	broker_status(world->broker, &broker);
	base_json_set_string(status, "brokerVersion",
			     broker.version[0] != '\0' ? broker.version : NULL);
	if (!broker.up || !listen_to_devices(world, key, cluster, &error)) {
		set_broker_false(status, generation, MODEL_REASON_BROKER_UNREACHABLE, TRUE,
				 error != NULL ? error->message : broker.reason);
		return FALSE;
	}
	return TRUE;
}

/* The devices of all its classes. */
static json_int_t count_devices(World *world, const char *key)
{
	g_autofree char *reference = g_strconcat(MODEL_KIND_DEVICE_CLUSTER "/", key, NULL);
	g_autoptr(GPtrArray) classes =
		kube_cache_index(world->caches[WORLD_CLASS], WORLD_INDEX_REFERENCES, reference);
	json_int_t n_devices = 0;

	for (guint i = 0; i < classes->len; i++) {
		g_autofree char *of = g_strconcat(MODEL_KIND_DEVICE_CLASS "/",
						  g_ptr_array_index(classes, i), NULL);

		n_devices += kube_cache_index_count(world->caches[WORLD_DEVICE],
						    WORLD_INDEX_REFERENCES, of);
	}
	return n_devices;
}

static void set_counts(World *world, const char *key, json_t *status)
{
	FleetSessionStatus session;

	json_object_set_new(status, "devices", json_integer(count_devices(world, key)));
	/* While nothing is heard, what was last heard stands. */
	if (fleet_session_status(world->fleet, key, &session) && session.up)
		json_object_set_new(status, "online", json_integer((json_int_t)session.online));
	else if (json_object_get(status, "online") == NULL)
		json_object_set_new(status, "online", json_integer(0));
}

static void set_artefacts(World *world, const ModelDeviceCluster *cluster, json_t *status)
{
	g_autoptr(ModelStorage) storage = NULL;
	gint64 generation = cluster->meta.generation;

	if (cluster->storage_name == NULL) {
		kube_condition_remove(status, MODEL_CONDITION_ARTEFACTS_REACHABLE);
		return;
	}
	storage = world_storage(world, cluster->meta.namespace, cluster->storage_name);
	if (storage == NULL)
		kube_condition_set(status, MODEL_CONDITION_ARTEFACTS_REACHABLE, KUBE_FALSE,
				   MODEL_REASON_STORAGE_NOT_FOUND, generation,
				   "Storage '%s' is not there: apply it", cluster->storage_name);
	else if (!kube_condition_is_true(storage->status, MODEL_CONDITION_READY))
		kube_condition_set(status, MODEL_CONDITION_ARTEFACTS_REACHABLE, KUBE_FALSE,
				   MODEL_REASON_STORAGE_UNREACHABLE, generation,
				   "Storage '%s' is not ready", cluster->storage_name);
	else
		kube_condition_set(status, MODEL_CONDITION_ARTEFACTS_REACHABLE, KUBE_TRUE,
				   MODEL_REASON_READY, generation,
				   "Storage '%s' can be read and written", cluster->storage_name);
}

/* TRUE if the broker ended and was back before anybody looked. */
static gboolean has_restarted(World *world)
{
	BrokerStatus broker;
	gboolean restarted;

	broker_status(world->broker, &broker);
	g_mutex_lock(&world->mutex);
	restarted = broker.restarts != world->broker_restarts;
	world->broker_restarts = broker.restarts;
	g_mutex_unlock(&world->mutex);
	return restarted;
}

static void tell_flip(World *world, const ModelDeviceCluster *cluster, const json_t *before,
		      const json_t *status)
{
	KubeTruth was = kube_condition_truth(before, MODEL_CONDITION_BROKER_READY);
	KubeTruth is = kube_condition_truth(status, MODEL_CONDITION_BROKER_READY);
	gboolean unseen = is == KUBE_TRUE && has_restarted(world) && was == KUBE_TRUE;

	if (unseen)
		world_event(world, KUBE_EVENT_WARNING, &kube_device_clusters, cluster->object,
			    MODEL_EVENT_BROKER_UNREACHABLE, "the broker ended by itself");
	if (was == KUBE_TRUE && is == KUBE_FALSE)
		world_event(world, KUBE_EVENT_WARNING, &kube_device_clusters, cluster->object,
			    MODEL_EVENT_BROKER_UNREACHABLE, "%s",
			    kube_condition_message(status, MODEL_CONDITION_BROKER_READY));
	else if (unseen || (was == KUBE_FALSE && is == KUBE_TRUE))
		world_event(world, KUBE_EVENT_NORMAL, &kube_device_clusters, cluster->object,
			    MODEL_EVENT_BROKER_RESTORED, "the broker takes connections");
}

/* TRUE if a Device of that name is of this cluster, as its class says, or, without a class, as it
 * was. */
static gboolean is_device_of(World *world, const ModelDeviceCluster *cluster, const char *name)
{
	g_autoptr(json_t) object =
		kube_cache_get(world->caches[WORLD_DEVICE], cluster->meta.namespace, name);
	g_autoptr(ModelDeviceClass) class =
		object == NULL
			? NULL
			: world_class(world, cluster->meta.namespace,
				      base_json_get_string(object, "spec", "deviceClassReference",
							   "name", NULL));
	const char *of = class != NULL
				 ? class->cluster_name
				 : base_json_get_string(object, "status", "deviceCluster", NULL);

	return object != NULL && (of == NULL || strcmp(of, cluster->meta.name) == 0);
}

/* Users of the broker that nobody stands for any more: devices deleted while it was away or moved
 * to another cluster, people taken out of the list. */
static void sweep_users(World *world, const ModelDeviceCluster *cluster)
{
	g_auto(GStrv) names = broker_list_users(world->broker, NULL);
	g_autofree char *mine = g_strconcat(cluster->meta.name, ".", NULL);

	for (char **name = names; name != NULL && *name != NULL; name++) {
		gboolean is_person = strchr(*name, '.') != NULL;
		gboolean known = is_person ? g_str_has_prefix(*name, mine) &&
						     cluster_has_user(cluster, *name + strlen(mine))
					   : is_device_of(world, cluster, *name);

		if (!known)
			broker_remove_user_async(world->broker, *name, NULL, NULL);
	}
}

/* TRUE if the last sweep is long ago, or if what it looks at was changed or out of reach since. */
static gboolean sweep_is_due(World *world, const char *key, const ModelDeviceCluster *cluster,
			     const json_t *before)
{
	const gint64 *swept_us;
	gboolean due;

	g_mutex_lock(&world->mutex);
	swept_us = g_hash_table_lookup(world->swept, key);
	due = swept_us == NULL ||
	      base_clock_monotonic_us() - *swept_us >= SWEEP_INTERVAL_S * G_USEC_PER_SEC;
	g_mutex_unlock(&world->mutex);
	return due || !kube_condition_is_true(before, MODEL_CONDITION_READY) ||
	       base_json_get_int(before, 0, "observedGeneration", NULL) != cluster->meta.generation;
}

/* Costs as much as there are users and Secrets, so it is not done each time that a device comes or
 * goes. */
static void sweep_if_due(World *world, const char *key, const ModelDeviceCluster *cluster,
			 const json_t *before)
{
	g_autoptr(GError) error = NULL;
	gint64 *now_us;

	if (!sweep_is_due(world, key, cluster, before))
		return;
	sweep_users(world, cluster);
	if (!cluster_users_remove_stale(world, cluster, &error)) {
		base_log(BASE_LOG_WARNING, "controllers",
			 "DeviceCluster %s: Secrets of former users: %s", key, error->message);
		return;
	}
	now_us = g_new(gint64, 1);
	*now_us = base_clock_monotonic_us();
	g_mutex_lock(&world->mutex);
	g_hash_table_insert(world->swept, g_strdup(key), now_us);
	g_mutex_unlock(&world->mutex);
}

static void set_endpoint(World *world, json_t *status)
{
	BrokerEndpoint endpoint = broker_endpoint(world->broker);
	g_autofree char *url = g_strdup_printf("mqtts://%s:%u", endpoint.host, endpoint.port);

	base_json_set_string(status, "mqttEndpoint", url);
}

/* TRUE if all is well. */
static gboolean judge(World *world, const char *key, const ModelDeviceCluster *cluster,
		      json_t *status)
{
	gint64 generation = cluster->meta.generation;
	const char *unsupported = model_device_cluster_unsupported(cluster);
	g_autofree char *zone = NULL;
	g_autoptr(GError) error = NULL;

	if (unsupported != NULL) {
		world_set_not_supported(status, generation, unsupported);
		return FALSE;
	}
	if (cluster->time_zone != NULL) {
		zone = base_timezone_posix(cluster->time_zone, &error);
		if (zone == NULL) {
			world_set_ready(status, generation, MODEL_REASON_SPEC_INVALID, FALSE,
					error->message);
			return FALSE;
		}
	}
	if (!take_broker(world, key, cluster, status))
		return FALSE;
	set_endpoint(world, status);
	kube_condition_set(status, MODEL_CONDITION_BROKER_READY, KUBE_TRUE, MODEL_REASON_READY,
			   generation, "the broker takes connections");
	if (!cluster_users_ensure(world, cluster, &error)) {
		world_set_ready(status, generation, cluster_users_reason(error), FALSE,
				error->message);
		return FALSE;
	}
	world_set_ready(status, generation, NULL, FALSE, "devices can connect");
	return TRUE;
}

/* Deleted: its broker is free for another cluster. */
static void give_up(World *world, const char *key)
{
	g_autoptr(GPtrArray) others = kube_cache_keys(world->caches[WORLD_CLUSTER]);

	g_autoptr(GError) error = NULL;

	g_mutex_lock(&world->mutex);
	g_hash_table_remove(world->swept, key);
	g_mutex_unlock(&world->mutex);
	fleet_session_remove(world->fleet, key);
	if (world->broker != NULL && !broker_release(world->broker, key, &error))
		base_log(BASE_LOG_WARNING, "controllers",
			 "DeviceCluster %s is gone, its claim on the broker is not yet: %s", key,
			 error->message);
	for (guint i = 0; i < others->len; i++)
		world_enqueue(world, WORLD_CLUSTER, g_ptr_array_index(others, i), 0);
}

KubeResult device_cluster_reconcile(const char *key, gpointer data)
{
	World *world = data;
	g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_CLUSTER], key);
	g_autoptr(ModelDeviceCluster) cluster = NULL;
	g_autoptr(json_t) before = NULL;
	g_autoptr(json_t) status = NULL;
	g_autoptr(GError) error = NULL;
	gboolean ready = FALSE;
	KubeResult result;

	if (object == NULL) {
		give_up(world, key);
		return kube_done();
	}
	before = kube_status_copy(object);
	status = kube_status_copy(object);
	cluster = model_device_cluster_from_json(object, &error);
	if (cluster == NULL) {
		world_set_ready(status, kube_object_generation(object), MODEL_REASON_SPEC_INVALID,
				FALSE, error->message);
		return world_write_status(world, WORLD_CLUSTER, object, status);
	}
	ready = judge(world, key, cluster, status);
	set_counts(world, key, status);
	set_artefacts(world, cluster, status);
	tell_flip(world, cluster, before, status);
	if (ready)
		sweep_if_due(world, key, cluster, before);
	result = world_write_status(world, WORLD_CLUSTER, object, status);
	if (result.outcome != KUBE_RESULT_DONE)
		return result;
	return kube_again_after((ready ? SWEEP_INTERVAL_S : BROKER_RETRY_S) * G_USEC_PER_SEC);
}
