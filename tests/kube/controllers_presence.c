/* What devices say of themselves becomes status. */
#include "kube/controllers_suite.h"

#include "base/clock.h"

#include <string.h>

#define FIRST_MAC "02:00:00:00:00:01"
#define SECOND_MAC "02:00:00:00:00:02"

/* A fleet with a device that is there and up to date. NULL with an error. */
static Board *begin(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;

	if (!site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error) ||
	    !site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error))
		return NULL;
	board = board_connect(site, "a", error);
	if (board == NULL || !board_state(board, "ready", error) ||
	    !board_report(board, FIRST_MAC, error) ||
	    !site_await(site, &kube_devices, "a", "UpToDate", KUBE_TRUE, "Current", error) ||
	    !site_settle(site, error))
		return NULL;
	return g_steal_pointer(&board);
}

static char *last_seen(Site *site)
{
	g_autoptr(json_t) device = site_get(site, &kube_devices, "a", NULL);

	return g_strdup(base_json_get_string(device, "status", "lastSeen", NULL));
}

static gboolean report_becomes_status(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;
	g_autoptr(json_t) device = NULL;
	const json_t *status;

	GOOD(board = begin(site, error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Ready", error));
	GOOD(site_await(site, &kube_devices, "a", "Flashed", KUBE_TRUE, "Observed", error));
	GOOD(site_await_event(site, "a", "DeviceFlashed", error));
	GOOD(site_await_event(site, "a", "DeviceConnected", error));
	device = site_get(site, &kube_devices, "a", error);
	status = json_object_get(device, "status");
	CHECK(g_strcmp0(base_json_get_string(status, "hardware", "mac", NULL), FIRST_MAC) == 0,
	      "the board is not bound");
	CHECK(g_strcmp0(base_json_get_string(status, "config", "running", NULL),
			base_json_get_string(status, "config", "digest", NULL)) == 0,
	      "config.running");
	CHECK(g_strcmp0(base_json_get_string(status, "firmware", "running", NULL), "1.0.0") == 0,
	      "firmware.running");
	CHECK(g_strcmp0(base_json_get_string(status, "lastFlash", "by", NULL), "observed") == 0,
	      "lastFlash.by");
	CHECK(base_json_get_string(status, "lastSeen", NULL) != NULL, "lastSeen is missing");
	CHECK(g_strcmp0(base_json_get_string(status, "resetReason", NULL), WIRE_RESET_POWER_ON) ==
		      0,
	      "resetReason");
	return TRUE;
}

static gboolean presence_flips(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;

	GOOD(board = begin(site, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 1, error));
	board_vanish(g_steal_pointer(&board));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_FALSE, "Lost", error));
	GOOD(site_await_event(site, "a", "DeviceLost", error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 0, error));
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Ready", error));
	GOOD(board_state(board, "sleeping", error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Sleeping", error));
	GOOD(board_state(board, "disconnected", error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_FALSE, "Disconnected", error));
	/* Ready is the server's part alone. */
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

static gboolean another_board(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;
	g_autoptr(json_t) device = NULL;
	g_autoptr(json_t) patch = NULL;
	g_autoptr(json_t) patched = NULL;

	GOOD(board = begin(site, error));
	GOOD(board_report(board, SECOND_MAC, error));
	GOOD(site_await(site, &kube_devices, "a", "Flashed", KUBE_FALSE, "HardwareChanged", error));
	GOOD(site_says(site, &kube_devices, "a", "Flashed", SECOND_MAC, error));
	GOOD(site_await_event(site, "a", "HardwareChanged", error));
	device = site_get(site, &kube_devices, "a", error);
	CHECK(g_strcmp0(base_json_get_string(device, "status", "hardware", "mac", NULL),
			FIRST_MAC) == 0,
	      "the other board was bound");
	/* The way out that the message names. */
	patch = json_pack("{s:{s:n}}", "status", "hardware");
	patched = kube_merge_patch(site->client, &kube_devices, site->name_space, "a", "status",
				   patch, NULL, error);
	GOOD(patched != NULL);
	return site_await(site, &kube_devices, "a", "Flashed", KUBE_TRUE, "Observed", error);
}

static gboolean changed_settings_are_outdated(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;

	GOOD(board = begin(site, error));
	GOOD(site_patch(site, &kube_devices, "a",
			"spec: {settings: [{namespace: settings, key: k, value: \"1\"}]}", error));
	GOOD(site_await(site, &kube_devices, "a", "UpToDate", KUBE_FALSE, "ConfigOutdated", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(board_report(board, FIRST_MAC, error));
	return site_await(site, &kube_devices, "a", "UpToDate", KUBE_TRUE, "Current", error);
}

static gboolean known_across_a_restart(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;

	GOOD(board = begin(site, error));
	before = site_version(site, &kube_devices, "a");
	site_stop_controllers(site);
	GOOD(site_start_controllers(site, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "online", 1, error));
	GOOD(site_settle(site, error));
	after = site_version(site, &kube_devices, "a");
	CHECK(strcmp(before, after) == 0, "a restart wrote the status of a connected device");
	GOOD(board_state(board, "disconnected", error));
	return site_await(site, &kube_devices, "a", "Connected", KUBE_FALSE, "Disconnected", error);
}

/* An annotation has the device looked at, as anything might. */
static gboolean look_at_it(Site *site, const char *annotation, GError **error)
{
	g_autofree char *patch = g_strdup_printf("metadata: {annotations: {look: %s}}", annotation);

	GOOD(site_patch(site, &kube_devices, "a", patch, error));
	return site_settle(site, error);
}

static gboolean last_seen_with_the_clock(Site *site, Board *board, GError **error)
{
	g_autofree char *first = last_seen(site);
	g_autofree char *second = NULL;
	g_autofree char *third = NULL;

	base_clock_shift_wall((CONTROLLERS_LAST_SEEN_S - 60) * G_USEC_PER_SEC);
	GOOD(board_say(board, "homie/5/a/bed/moisture", "1", error));
	GOOD(look_at_it(site, "one", error));
	second = last_seen(site);
	CHECK(g_strcmp0(first, second) == 0, "lastSeen moved within five minutes");
	base_clock_shift_wall((CONTROLLERS_LAST_SEEN_S + 60) * G_USEC_PER_SEC);
	GOOD(board_say(board, "homie/5/a/bed/moisture", "2", error));
	GOOD(look_at_it(site, "two", error));
	third = last_seen(site);
	CHECK(g_strcmp0(first, third) != 0, "lastSeen did not move after five minutes");
	return TRUE;
}

static gboolean last_seen_is_lazy(Site *site, GError **error)
{
	g_autoptr(Board) board = begin(site, error);
	gboolean good;

	GOOD(board != NULL);
	good = last_seen_with_the_clock(site, board, error);
	base_clock_shift_wall(0);
	return good;
}

static gboolean late_and_back(Site *site, GError **error)
{
	g_autoptr(Board) board = NULL;

	GOOD(board = begin(site, error));
	GOOD(site_patch(site, &kube_device_classes, "probe", "spec: {expectedInterval: 2s}",
			error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Late", error));
	GOOD(board_say(board, "homie/5/a/bed/moisture", "1", error));
	return site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, "Ready", error);
}

const SiteCase site_presence_cases[] = {
	{"what a device reports becomes its status", report_becomes_status},
	{"presence follows what device and broker say", presence_flips},
	{"another board is told and not bound", another_board},
	{"changed settings make a device outdated until it runs them",
	 changed_settings_are_outdated},
	{"what was known is known across a restart", known_across_a_restart},
	{"lastSeen is written at most every five minutes", last_seen_is_lazy},
	{"a silent device is late, and no longer when it speaks", late_and_back},
	{NULL, NULL},
};
