/* Clusters and the one broker: claims, a broker that dies, deletions while it is away. */
#include "kube/controllers_suite.h"

#include "base/clock.h"

#include <signal.h>

enum {
	PAST_PATIENCE_S = 61, /* a deletion waits a minute for the broker */
};

static gboolean second_cluster_waits(Site *site, GError **error)
{
	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_apply(site,
			SITE_CLUSTER_NAMED("orchard") SITE_CLASS_OF(
				"leaf", "orchard") "kind: Device\n"
						   "apiVersion: espalier.dev/v1alpha1\n"
						   "metadata: {name: b}\n"
						   "spec: {deviceClassReference: {name: leaf}}\n",
			error));
	GOOD(site_await(site, &kube_device_clusters, "orchard", "BrokerReady", KUBE_FALSE,
			"AlreadyClaimed", error));
	GOOD(site_says(site, &kube_device_clusters, "orchard", "BrokerReady", "greenhouse", error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_FALSE, "BrokerUnreachable", error));
	CHECK(!site_broker_knows(site, "b"), "the broker knows another cluster's device");
	GOOD(site_delete(site, &kube_device_clusters, "greenhouse", error));
	GOOD(site_await(site, &kube_device_clusters, "orchard", "BrokerReady", KUBE_TRUE, NULL,
			error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_TRUE, NULL, error));
	CHECK(site_broker_knows(site, "b"), "the broker does not know the device");
	return site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ClusterNotFound", error);
}

static gboolean killed_broker_is_told(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;
	int pid;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_settle(site, error));
	pid = broker_local_pid(site->broker);
	CHECK(pid > 1 && kill(pid, SIGKILL) == 0, "the broker has no process");
	GOOD(site_await_event(site, "greenhouse", "BrokerUnreachable", error));
	GOOD(site_await_event(site, "greenhouse", "BrokerRestored", error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "BrokerReady", KUBE_TRUE, NULL,
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	return site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Ready", error);
}

static gboolean stopped_broker_is_seen(Site *site, GError **error)
{
	broker_stop(site->broker);
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "BrokerReady", KUBE_FALSE,
			"BrokerUnreachable", error));
	return site_await(site, &kube_device_clusters, "greenhouse", "Reconciling", KUBE_TRUE, NULL,
			  error);
}

static gboolean no_such_user(gpointer data)
{
	return !site_broker_knows(data, "a");
}

static gboolean delete_without_broker(Site *site, GError **error)
{
	GOOD(stopped_broker_is_seen(site, error));
	GOOD(site_delete(site, &kube_devices, "a", error));
	g_usleep(SITE_SETTLED_US);
	{
		g_autoptr(json_t) waits = site_get(site, &kube_devices, "a", error);

		if (waits == NULL)
			return FALSE;
		CHECK(kube_object_has_finalizer(waits, MODEL_FINALIZER_DEVICE),
		      "the device does not wait for the broker");
	}
	base_clock_shift_wall(PAST_PATIENCE_S * G_USEC_PER_SEC);
	GOOD(site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error));
	return site_await_event(site, "a", "BrokerUnreachable", error);
}

static gboolean deletion_does_not_wait_forever(Site *site, GError **error)
{
	gboolean deleted;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", "") SITE_DEVICE("b", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_TRUE, NULL, error));
	deleted = delete_without_broker(site, error);
	base_clock_shift_wall(0);
	GOOD(broker_start(site->broker, deleted ? error : NULL));
	GOOD(deleted);
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "BrokerReady", KUBE_TRUE, NULL,
			error));
	CHECK(suite_wait(no_such_user, site, SITE_PATIENCE_S), "the orphan was not swept");
	CHECK(site_broker_knows(site, "b"), "the sweep took another device along");
	return TRUE;
}

static gboolean a_broker_that_returns_takes_the_deletion_up(Site *site, GError **error)
{
	gboolean stopped;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	stopped =
		stopped_broker_is_seen(site, error) && site_delete(site, &kube_devices, "a", error);
	g_usleep(SITE_SETTLED_US);
	GOOD(broker_start(site->broker, stopped ? error : NULL));
	GOOD(stopped);
	GOOD(site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error));
	CHECK(!site_broker_knows(site, "a"), "the broker still knows the device");
	CHECK(!site_has_event(site, "a", "BrokerUnreachable"), "the deletion was cut short");
	return TRUE;
}

static gboolean a_zone_that_is_none(Site *site, GError **error)
{
	GOOD(site_apply(site, SITE_FLEET, error));
	GOOD(site_patch(site, &kube_device_clusters, "greenhouse",
			"spec: {time: {zone: Mars/Olympus}}", error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_FALSE,
			"SpecInvalid", error));
	GOOD(site_says(site, &kube_device_clusters, "greenhouse", "Ready", "Mars/Olympus", error));
	GOOD(site_patch(site, &kube_device_clusters, "greenhouse",
			"spec: {time: {zone: Europe/Zurich}}", error));
	return site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_TRUE, NULL,
			  error);
}

const SiteCase site_cluster_cases[] = {
	{"a second cluster waits for the broker and takes it over", second_cluster_waits},
	{"a killed broker is told by condition and events", killed_broker_is_told},
	{"a deletion waits for the broker for a minute, then a sweep follows",
	 deletion_does_not_wait_forever},
	{"a broker that returns in time takes the deletion up",
	 a_broker_that_returns_takes_the_deletion_up},
	{"a time zone that there is not is named", a_zone_that_is_none},
	{NULL, NULL},
};
