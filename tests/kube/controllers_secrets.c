/* The device's own Secret: repaired, made again, never taken from somebody else. */
#include "kube/controllers_suite.h"

#include "base/digest.h"

#include <string.h>

typedef struct {
	Site *site;
	const char *secret;
	const char *was; /* its resourceVersion */
} Repair;

static gboolean is_whole_again(gpointer data)
{
	Repair *repair = data;
	g_autofree char *version = site_version(repair->site, &kube_secrets, repair->secret);
	g_autoptr(json_t) secret = site_get(repair->site, &kube_secrets, repair->secret, NULL);
	const char *text = base_json_get_string(secret, "data", MODEL_SECRET_KEY_CONFIG, NULL);
	g_autofree char *claimed =
		site_secret_value(repair->site, repair->secret, MODEL_SECRET_KEY_CONFIG_SHA256);
	g_autoptr(GBytes) image = NULL;
	g_autofree char *digest = NULL;
	gsize size_bytes = 0;
	guchar *bytes;

	if (text == NULL || claimed == NULL || strcmp(version, repair->was) == 0)
		return FALSE;
	bytes = g_base64_decode(text, &size_bytes);
	image = g_bytes_new_take(bytes, size_bytes);
	digest = base_sha256_hex_of_bytes(image);
	return strcmp(digest, claimed) == 0;
}

static gboolean damage_is_repaired(Site *site, GError **error)
{
	g_autofree char *password = NULL;
	g_autofree char *after = NULL;
	g_autofree char *digest = NULL;
	g_autofree char *digest_after = NULL;
	Repair repair = {site, "a-device", NULL};

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_settle(site, error));
	password = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	digest = site_secret_value(site, "a-device", MODEL_SECRET_KEY_CONFIG_SHA256);
	GOOD(site_patch(site, &kube_secrets, "a-device", "data: {config.bin: Z2FyYmFnZQ==}",
			error));
	{
		g_autofree char *damaged = site_version(site, &kube_secrets, "a-device");

		repair.was = damaged;
		/* It may have been repaired before we looked. */
		CHECK(suite_wait(is_whole_again, &repair, 3) ||
			      (repair.was = "", is_whole_again(&repair)),
		      "config.bin stays damaged");
	}
	GOOD(site_await_event(site, "a", "ConfigBuilt", error));
	digest_after = site_secret_value(site, "a-device", MODEL_SECRET_KEY_CONFIG_SHA256);
	after = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	CHECK(g_strcmp0(digest, digest_after) == 0, "the repaired bytes are others");
	CHECK(g_strcmp0(password, after) == 0, "a repair changed the password");
	return TRUE;
}

static gboolean deleted_secret_comes_back(Site *site, GError **error)
{
	g_autofree char *old = NULL;
	g_autofree char *password = NULL;
	g_autoptr(Board) board = NULL;
	Repair repair = {site, "a-device", ""};

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_settle(site, error));
	old = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	GOOD(site_delete(site, &kube_secrets, "a-device", error));
	CHECK(suite_wait(is_whole_again, &repair, SITE_PATIENCE_S),
	      "the Secret does not come back");
	GOOD(site_settle(site, error));
	password = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	CHECK(g_strcmp0(old, password) != 0, "the password is the old one");
	CHECK(board_is_refused(site, "a", old), "the old password still opens the broker");
	GOOD(board = board_connect(site, "a", error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

static gboolean foreign_secret_stays(Site *site, GError **error)
{
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;

	GOOD(site_apply(site,
			SITE_FLEET SITE_SECRET("a-device", "", "password: mine")
				SITE_DEVICE("a", "", ""),
			error));
	before = site_version(site, &kube_secrets, "a-device");
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "SecretNameTaken", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "a-device", error));
	GOOD(site_settle(site, error));
	after = site_version(site, &kube_secrets, "a-device");
	CHECK(strcmp(before, after) == 0, "the foreign Secret was written");
	CHECK(!site_broker_knows(site, "a"), "the broker knows a device without credentials");
	GOOD(site_delete(site, &kube_secrets, "a-device", error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

static gboolean suspended_and_back(Site *site, GError **error)
{
	g_autofree char *password = NULL;
	g_autofree char *after = NULL;
	g_autoptr(Board) board = NULL;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	password = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_TRUE, NULL, error));
	GOOD(site_patch(site, &kube_devices, "a", "spec: {suspended: true}", error));
	GOOD(site_await(site, &kube_devices, "a", "CredentialsReady", KUBE_FALSE, "Suspended",
			error));
	GOOD(site_await(site, &kube_devices, "a", "Connected", KUBE_FALSE, "Lost", error));
	GOOD(site_await_event(site, "a", "CredentialsRevoked", error));
	CHECK(!site_broker_knows(site, "a"), "the broker knows a suspended device");
	CHECK(board_is_refused(site, "a", password), "a suspended device gets in");
	g_clear_pointer(&board, board_free);
	GOOD(site_patch(site, &kube_devices, "a", "spec: {suspended: false}", error));
	GOOD(site_await(site, &kube_devices, "a", "CredentialsReady", KUBE_TRUE, NULL, error));
	after = site_secret_value(site, "a-device", MODEL_SECRET_KEY_PASSWORD);
	CHECK(g_strcmp0(password, after) == 0, "another password came back");
	GOOD(board = board_connect_as(site, "a", password, error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

const SiteCase site_secret_cases[] = {
	{"a damaged config.bin is repaired", damage_is_repaired},
	{"a deleted Secret comes back with another password", deleted_secret_comes_back},
	{"a foreign Secret of that name is left untouched", foreign_secret_stays},
	{"a suspended device is out, and comes back with the same password", suspended_and_back},
	{NULL, NULL},
};
