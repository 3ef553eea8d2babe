/* A device as its broker sees it: one MQTT client, driven by its case without a thread. */
#include "kube/controllers_suite.h"

#include "wire/homie5.h"
#include "wire/topics.h"

#include <mosquitto.h>
#include <string.h>

enum {
	KEEPALIVE_S = 60,
	LOOP_MS = 50,
	REFUSED = 5, /* CONNACK: not authorised */
	CHIP_REVISION = 1,
};

struct Board {
	Site *site;
	struct mosquitto *mosquitto;
	char *user;
	int code; /* of the CONNACK; -1: none yet */
	int acknowledged;
	gboolean lost;
};

static void on_connect(struct mosquitto *mosquitto, void *data, int code)
{
	(void)mosquitto;
	((Board *)data)->code = code;
}

static void on_publish(struct mosquitto *mosquitto, void *data, int mid)
{
	(void)mosquitto;
	((Board *)data)->acknowledged = mid;
}

static void on_disconnect(struct mosquitto *mosquitto, void *data, int code)
{
	(void)mosquitto;
	(void)code;
	((Board *)data)->lost = TRUE;
}

/* Turns the client's wheel until `*value` is another than `not_yet`, or it is lost. */
static void turn(Board *board, const int *value, int not_yet)
{
	gint64 end_us = g_get_monotonic_time() + (gint64)SITE_PATIENCE_S * G_USEC_PER_SEC;

	while (*value == not_yet && !board->lost && g_get_monotonic_time() < end_us)
		if (mosquitto_loop(board->mosquitto, LOOP_MS, 1) != MOSQ_ERR_SUCCESS)
			break;
}

static void set_will(Board *board)
{
	char topic[WIRE_TOPIC_MAX + 1];

	if (wire_topic_homie5(topic, sizeof topic, WIRE_HOMIE5_ROOT_DEFAULT, board->user,
			      WIRE_HOMIE5_STATE))
		mosquitto_will_set(board->mosquitto, topic, (int)strlen("lost"), "lost", 1, true);
}

static Board *connect_board(Site *site, const char *user, const char *password)
{
	g_autofree char *ca = g_build_filename(site->broker_folder, "ca.crt", NULL);
	Board *board = g_new0(Board, 1);

	board->site = site;
	board->user = g_strdup(user);
	board->code = -1;
	board->mosquitto = mosquitto_new(user, true, board);
	mosquitto_tls_set(board->mosquitto, ca, NULL, NULL, NULL, NULL);
	mosquitto_username_pw_set(board->mosquitto, user, password);
	mosquitto_connect_callback_set(board->mosquitto, on_connect);
	mosquitto_publish_callback_set(board->mosquitto, on_publish);
	mosquitto_disconnect_callback_set(board->mosquitto, on_disconnect);
	if (strchr(user, '.') == NULL)
		set_will(board);
	if (mosquitto_connect(board->mosquitto, "127.0.0.1", site->broker_port, KEEPALIVE_S) ==
	    MOSQ_ERR_SUCCESS)
		turn(board, &board->code, -1);
	return board;
}

Board *board_connect_as(Site *site, const char *user, const char *password, GError **error)
{
	g_autoptr(Board) board = connect_board(site, user, password);

	if (board->code != 0) {
		suite_fail(error, SUITE_WHERE, "the broker refuses %s: code %d", user, board->code);
		return NULL;
	}
	return g_steal_pointer(&board);
}

Board *board_connect(Site *site, const char *device, GError **error)
{
	g_autofree char *secret = g_strconcat(device, MODEL_DEVICE_SECRET_SUFFIX, NULL);
	g_autofree char *password = site_secret_value(site, secret, MODEL_SECRET_KEY_PASSWORD);

	if (password == NULL) {
		suite_fail(error, SUITE_WHERE, "%s has no password", device);
		return NULL;
	}
	return board_connect_as(site, device, password, error);
}

gboolean board_is_refused(Site *site, const char *user, const char *password)
{
	g_autoptr(Board) board = connect_board(site, user, password);

	return board->code == REFUSED;
}

gboolean board_say(Board *board, const char *topic, const char *payload, GError **error)
{
	int mid = 0, before = board->acknowledged;
	int code = mosquitto_publish(board->mosquitto, &mid, topic, (int)strlen(payload), payload,
				     1, true);

	if (code == MOSQ_ERR_SUCCESS)
		turn(board, &board->acknowledged, before);
	CHECK(code == MOSQ_ERR_SUCCESS && board->acknowledged == mid, "%s cannot publish %s",
	      board->user, topic);
	return TRUE;
}

gboolean board_state(Board *board, const char *state, GError **error)
{
	char topic[WIRE_TOPIC_MAX + 1];

	return wire_topic_homie5(topic, sizeof topic, WIRE_HOMIE5_ROOT_DEFAULT, board->user,
				 WIRE_HOMIE5_STATE) &&
	       board_say(board, topic, state, error);
}

static void copy_text(char *out, gsize size_bytes, const char *text)
{
	g_strlcpy(out, text != NULL ? text : "", size_bytes);
}

gboolean board_info(Board *board, const char *mac, WireInfo *info, GError **error)
{
	g_autoptr(json_t) device = site_get(board->site, &kube_devices, board->user, error);
	g_autoptr(json_t) class = NULL;
	const char *digest;

	if (device == NULL)
		return FALSE;
	class = site_get(board->site, &kube_device_classes,
			 base_json_get_string(device, "spec", "deviceClassReference", "name", NULL),
			 error);
	if (class == NULL)
		return FALSE;
	digest = base_json_get_string(class, "status", "firmware", "digest", NULL);
	CHECK(digest != NULL && g_str_has_prefix(digest, "sha256:"), "the class has no firmware");
	memset(info, 0, sizeof *info);
	copy_text(info->firmware_version, sizeof info->firmware_version,
		  base_json_get_string(class, "status", "firmware", "version", NULL));
	copy_text(info->firmware_sha256, sizeof info->firmware_sha256, digest + strlen("sha256:"));
	copy_text(info->slot, sizeof info->slot, "ota_0");
	copy_text(info->config, sizeof info->config,
		  base_json_get_string(device, "status", "config", "digest", NULL));
	copy_text(info->chip, sizeof info->chip, "host");
	copy_text(info->mac, sizeof info->mac, mac);
	copy_text(info->ip, sizeof info->ip, "127.0.0.1");
	copy_text(info->reset, sizeof info->reset, WIRE_RESET_POWER_ON);
	info->revision = CHIP_REVISION;
	info->boots = 1;
	return TRUE;
}

gboolean board_report_other(Board *board, const WireInfo *info, GError **error)
{
	char topic[WIRE_TOPIC_MAX + 1];
	char payload[WIRE_INFO_MAX_BYTES + 1];

	CHECK(wire_topic_fleet(topic, sizeof topic, board->user, WIRE_FLEET_INFO) &&
		      wire_info_encode(info, payload, sizeof payload) > 0,
	      "the info of %s does not fit", board->user);
	return board_say(board, topic, payload, error);
}

gboolean board_report(Board *board, const char *mac, GError **error)
{
	WireInfo info;

	return board_info(board, mac, &info, error) && board_report_other(board, &info, error);
}

void board_vanish(Board *board)
{
	mosquitto_destroy(g_steal_pointer(&board->mosquitto));
	board_free(board);
}

void board_free(Board *board)
{
	if (board == NULL)
		return;
	if (board->mosquitto != NULL) {
		mosquitto_disconnect(board->mosquitto);
		mosquitto_destroy(board->mosquitto);
	}
	g_free(board->user);
	g_free(board);
}
