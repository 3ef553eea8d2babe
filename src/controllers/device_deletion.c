/* The end of a device: out of the broker, off the line, its retained topics cleared; then the
 * finalizer goes. A broker that is away does not hold a deletion up for longer than a minute. */
#include "controllers/device_round.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum {
	PATIENCE_S = 60,
	RETRY_S = 2,
	CLEAR_TIMEOUT_S = 5,
};

static gboolean clean_up(DeviceRound *round, GError **error)
{
	const char *name = round->device->meta.name;

	return broker_remove_user(round->world->broker, name, error) &&
	       fleet_clear_retained(round->world->fleet, round->cluster_key, name,
				    CLEAR_TIMEOUT_S * G_USEC_PER_SEC, error);
}

DeviceStep device_leave_former_cluster(DeviceRound *round, GError **error)
{
	const char *former = base_json_get_string(round->before, "deviceCluster", NULL);
	const char *name = round->device->meta.name;
	g_autofree char *former_key = NULL;
	FleetSessionStatus session;

	if (former == NULL || strcmp(former, round->cluster->meta.name) == 0)
		return STEP_DONE;
	former_key = kube_key(round->device->meta.namespace, former);
	if (round->world->broker == NULL ||
	    !fleet_session_status(round->world->fleet, former_key, &session))
		return STEP_DONE;
	if (!broker_remove_user(round->world->broker, name, error) ||
	    !fleet_clear_retained(round->world->fleet, former_key, name,
				  CLEAR_TIMEOUT_S * G_USEC_PER_SEC, error))
		return STEP_FAULT;
	fleet_device_forget(round->world->fleet, former_key, name);
	return STEP_DONE;
}

static KubeResult let_go(DeviceRound *round)
{
	g_autoptr(GError) error = NULL;

	if (!kube_remove_finalizer(round->world->client, &kube_devices, round->object,
				   MODEL_FINALIZER_DEVICE, &error))
		return world_fault(WORLD_DEVICE, round->key, g_steal_pointer(&error));
	if (round->cluster_key != NULL)
		fleet_device_forget(round->world->fleet, round->cluster_key,
				    round->device->meta.name);
	g_mutex_lock(&round->world->mutex);
	g_hash_table_remove(round->world->secret_written, round->key);
	g_hash_table_remove(round->world->overdue, round->key);
	g_mutex_unlock(&round->world->mutex);
	return kube_done();
}

/* TRUE if the cluster has, or will have again, a broker at which the device may be known. After a
 * start its session is made a moment later than the first devices are looked at. */
static gboolean may_be_known(const DeviceRound *round)
{
	const json_t *status = round->cluster == NULL ? NULL : round->cluster->status;

	return round->world->broker != NULL &&
	       (kube_condition_is_true(status, MODEL_CONDITION_BROKER_READY) ||
		strcmp(kube_condition_reason(status, MODEL_CONDITION_BROKER_READY),
		       MODEL_REASON_BROKER_UNREACHABLE) == 0);
}

/* TRUE if nothing of the device is left at its broker, or there is none to ask; else FALSE with
 * why. */
static gboolean is_clean(DeviceRound *round, GError **error)
{
	if (device_cluster_has_broker(round))
		return clean_up(round, error);
	if (!may_be_known(round))
		return TRUE;
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE,
		    "the broker of DeviceCluster '%s' is not ready", round->cluster->meta.name);
	return FALSE;
}

KubeResult device_finalise(DeviceRound *round)
{
	gint64 waited_us = base_clock_wall_us() - round->device->meta.deletion_wall_us;
	g_autoptr(GError) error = NULL;

	if (!model_meta_has_finalizer(&round->device->meta, MODEL_FINALIZER_DEVICE))
		return kube_done();
	if (is_clean(round, &error)) {
		if (round->cluster == NULL && round->cluster_key != NULL)
			device_tell(round, KUBE_EVENT_WARNING, MODEL_EVENT_BROKER_UNREACHABLE,
				    "deleted without cleaning up at the broker (DeviceCluster %s "
				    "is gone): a later sweep does it",
				    round->cluster_key);
		return let_go(round);
	}
	base_log(BASE_LOG_DEBUG, "controllers", "Device %s: cleaning up at the broker: %s",
		 round->key, error->message);
	if (waited_us < PATIENCE_S * G_USEC_PER_SEC && waited_us >= 0)
		return kube_again_after(RETRY_S * G_USEC_PER_SEC);
	device_tell(round, KUBE_EVENT_WARNING, MODEL_EVENT_BROKER_UNREACHABLE,
		    "deleted without cleaning up at the broker (%s): a later sweep does it",
		    error->message);
	return let_go(round);
}
