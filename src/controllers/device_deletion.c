/* The end of a device: out of the broker, off the line, its retained topics cleared; then the
 * finalizer goes. A broker that is away does not hold a deletion up for longer than a minute. */
#include "controllers/device_round.h"

#include "base/clock.h"
#include "base/log.h"

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
	g_mutex_unlock(&round->world->mutex);
	return kube_done();
}

KubeResult device_finalise(DeviceRound *round)
{
	gint64 waited_us = base_clock_wall_us() - round->device->meta.deletion_wall_us;
	g_autoptr(GError) error = NULL;

	if (!model_meta_has_finalizer(&round->device->meta, MODEL_FINALIZER_DEVICE))
		return kube_done();
	/* Without a claimed broker there is nothing of this device anywhere but in the API; the
	 * cluster's sweep removes what a later claim finds. */
	if (!device_cluster_has_broker(round) || clean_up(round, &error))
		return let_go(round);
	base_log(BASE_LOG_DEBUG, "controllers", "Device %s: cleaning up at the broker: %s",
		 round->key, error->message);
	if (waited_us < PATIENCE_S * G_USEC_PER_SEC && waited_us >= 0)
		return kube_again_after(RETRY_S * G_USEC_PER_SEC);
	device_tell(round, KUBE_EVENT_WARNING, MODEL_EVENT_BROKER_UNREACHABLE,
		    "deleted without cleaning up at the broker (%s): a later sweep does it",
		    error->message);
	return let_go(round);
}
