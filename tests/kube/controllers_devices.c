/* The end of devices, and quiet. */
#include "kube/controllers_suite.h"

#include <string.h>

enum {
	QUIET_US = 3 * 1000 * 1000,
	QUIET_STEPS = 6,
};

static gboolean end_of_a_device(Site *site, GError **error)
{
	g_autofree char *password = NULL;
	g_autoptr(Board) board = NULL;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", "") SITE_DEVICE("b", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_TRUE, NULL, error));
	password = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, NULL, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 1, error));
	GOOD(site_delete(site, &kube_devices, "a", error));
	GOOD(site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error));
	CHECK(!site_broker_knows(site, "a"), "the broker still knows the device");
	CHECK(board_is_refused(site, "a", password), "a deleted device gets in");
	CHECK(site_broker_knows(site, "b"), "the broker lost another device");
	GOOD(site_await_gone(site, &kube_secrets, "a-device", SITE_COLLECT_S, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 0, error));
	return site_await_count(site, &kube_device_clusters, "greenhouse", "devices", 1, error);
}

static gboolean deleted_while_away(Site *site, GError **error)
{
	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_settle(site, error));
	site_stop_controllers(site);
	GOOD(site_delete(site, &kube_devices, "a", error));
	GOOD(site_start_controllers(site, error));
	GOOD(site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error));
	CHECK(!site_broker_knows(site, "a"), "the broker still knows the device");
	return TRUE;
}

/* Another life of the same name begins anew. */
static gboolean same_name_again(Site *site, GError **error)
{
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;
	g_autoptr(Board) board = NULL;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(board_report(board, "02:00:00:00:00:01", error));
	GOOD(site_await(site, &kube_devices, "a", "Flashed", KUBE_TRUE, NULL, error));
	first = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	GOOD(site_delete(site, &kube_devices, "a", error));
	GOOD(site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error));
	GOOD(site_await_gone(site, &kube_secrets, "a-device", SITE_COLLECT_S, error));
	GOOD(site_apply(site, SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	second = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	CHECK(second != NULL && g_strcmp0(first, second) != 0, "the password outlived its device");
	GOOD(site_await(site, &kube_devices, "a", "Flashed", KUBE_FALSE, "NeverFlashed", error));
	return site_await(site, &kube_devices, "a", "Connected", KUBE_FALSE, "NeverConnected",
			  error);
}

static gboolean quiet(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;
	guint64 before, after;

	GOOD(site_apply(site,
			SITE_FLEET SITE_DEVICE("a", "site: north", "")
				SITE_DEVICE("b", "site: north", "")
					SITE_GROUP("north", "north", "secret: {name: wifi}")
						SITE_SECRET("wifi", SITE_LABELLED, "wifi.ssid: x"),
			error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(board_report(board, "02:00:00:00:00:01", error));
	GOOD(site_await(site, &kube_devices, "a", "UpToDate", KUBE_TRUE, NULL, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 1, error));
	GOOD(site_settle(site, error));
	before = site_writes(site);
	for (int i = 0; i < QUIET_STEPS; i++) {
		g_autofree char *value = g_strdup_printf("%d", i);

		GOOD(board_say(board, "homie/5/a/bed/moisture", value, error));
		GOOD(board_state(board, "ready", error));
		g_usleep(QUIET_US / QUIET_STEPS);
	}
	after = site_writes(site);
	CHECK(after == before, "%" G_GUINT64_FORMAT " writes where nothing changed",
	      after - before);
	return TRUE;
}

const SiteCase site_device_cases[] = {
	{"a deleted device is out of the broker and its Secret is collected", end_of_a_device},
	{"a device deleted while the controllers were away is out of the broker",
	 deleted_while_away},
	{"a device of a name that was deleted begins anew", same_name_again},
	{"measurements alone write nothing", quiet},
	{NULL, NULL},
};
