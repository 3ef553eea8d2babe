/* People and services at the broker. */
#include "kube/controllers_suite.h"

#include "controllers/cluster_users.h"

#include <string.h>

#define READER "{name: telegraf, role: Reader}"
#define INJECTED                                                                                   \
	"{name: telegraf, role: Reader, injectSecrets: [{name: wanted, mapping: {username: "       \
	"MQTT_USER, "                                                                              \
	"password: MQTT_PASS, brokerUrl: MQTT_URL, rootTopic: MQTT_ROOT}, annotations: {note: "    \
	"kept}}]}"
#define USERS(list) "spec: {mqtt: {users: [" list "]}}"

static gboolean begin(Site *site, const char *users, GError **error)
{
	GOOD(site_apply(site, SITE_FLEET, error));
	return site_patch(site, &kube_device_clusters, "greenhouse", users, error);
}

typedef struct {
	Site *site;
	const char *user;
	const char *password;
} Person;

static gboolean is_out(gpointer data)
{
	Person *person = data;

	return !site_broker_knows(person->site, person->user) &&
	       board_is_refused(person->site, person->user, person->password);
}

static gboolean reader_has_a_secret(Site *site, GError **error)
{
	g_autoptr(Board) reader = NULL;
	g_autofree char *password = NULL;
	g_autofree char *user = NULL;
	g_autofree char *ca = NULL;
	Person telegraf = {site, "greenhouse.telegraf", NULL};

	GOOD(begin(site, USERS(READER), error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_TRUE, NULL,
			error));
	user = site_secret_value(site, "greenhouse.telegraf", "username");
	password = site_secret_value(site, "greenhouse.telegraf", "password");
	ca = site_secret_value(site, "greenhouse.telegraf", "ca.crt");
	CHECK(g_strcmp0(user, "greenhouse.telegraf") == 0, "the user is %s", user);
	CHECK(ca != NULL && strstr(ca, "BEGIN CERTIFICATE") != NULL, "no certificate");
	CHECK(password != NULL, "no password");
	GOOD(reader = board_connect_as(site, user, password, error));
	g_clear_pointer(&reader, board_free);
	GOOD(site_patch(site, &kube_device_clusters, "greenhouse", USERS(""), error));
	GOOD(site_await_gone(site, &kube_secrets, "greenhouse.telegraf", SITE_PATIENCE_S, error));
	telegraf.password = password;
	CHECK(suite_wait(is_out, &telegraf, SITE_PATIENCE_S), "who is gone still gets in");
	return TRUE;
}

static gboolean credentials_are_injected(Site *site, GError **error)
{
	g_autofree char *user = NULL;
	g_autofree char *password = NULL;
	g_autofree char *own = NULL;
	g_autofree char *url = NULL;
	g_autofree char *expected = NULL;
	g_autofree char *root = NULL;
	g_autoptr(json_t) secret = NULL;

	GOOD(begin(site, USERS(INJECTED), error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_TRUE, NULL,
			error));
	user = site_secret_value(site, "wanted", "MQTT_USER");
	password = site_secret_value(site, "wanted", "MQTT_PASS");
	own = site_secret_value(site, "greenhouse.telegraf", "password");
	url = site_secret_value(site, "wanted", "MQTT_URL");
	root = site_secret_value(site, "wanted", "MQTT_ROOT");
	expected = g_strdup_printf("mqtts://127.0.0.1:%u", site->broker_port);
	CHECK(g_strcmp0(user, "greenhouse.telegraf") == 0, "the user is %s", user);
	CHECK(password != NULL && g_strcmp0(password, own) == 0, "the password is another");
	CHECK(g_strcmp0(url, expected) == 0, "the URL is %s", url);
	CHECK(g_strcmp0(root, "homie") == 0, "the root topic is %s", root);
	secret = site_get(site, &kube_secrets, "wanted", error);
	CHECK(secret != NULL && g_strcmp0(kube_object_annotation(secret, "note"), "kept") == 0,
	      "the annotation is missing");
	return TRUE;
}

static gboolean foreign_secret_is_refused(Site *site, GError **error)
{
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;
	g_autofree char *kept = NULL;
	g_autofree char *user = NULL;

	GOOD(site_apply(site, SITE_SECRET("wanted", "", "MQTT_USER: somebody, other: kept"),
			error));
	before = site_version(site, &kube_secrets, "wanted");
	GOOD(begin(site, USERS(INJECTED), error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_FALSE,
			"SecretNotInjectable", error));
	GOOD(site_says(site, &kube_device_clusters, "greenhouse", "Ready",
		       "kubectl label secret wanted", error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "BrokerReady", KUBE_TRUE, NULL,
			error));
	after = site_version(site, &kube_secrets, "wanted");
	CHECK(strcmp(before, after) == 0, "a foreign Secret was written");
	GOOD(site_patch(site, &kube_secrets, "wanted",
			"metadata: {labels: {" CLUSTER_USERS_LABEL_INJECT ": \"true\"}}", error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_TRUE, NULL,
			error));
	user = site_secret_value(site, "wanted", "MQTT_USER");
	kept = site_secret_value(site, "wanted", "other");
	CHECK(g_strcmp0(user, "greenhouse.telegraf") == 0, "the user is %s", user);
	CHECK(g_strcmp0(kept, "kept") == 0, "another key was touched");
	return TRUE;
}

static gboolean foreign_name_is_refused(Site *site, GError **error)
{
	g_autofree char *before = NULL;
	g_autofree char *after = NULL;

	GOOD(site_apply(site, SITE_SECRET("greenhouse.stranger", "", "password: mine"), error));
	before = site_version(site, &kube_secrets, "greenhouse.stranger");
	GOOD(begin(site, USERS("{name: stranger, role: Reader}"), error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_FALSE,
			"SecretNotInjectable", error));
	after = site_version(site, &kube_secrets, "greenhouse.stranger");
	CHECK(strcmp(before, after) == 0, "a foreign Secret was written");
	CHECK(!site_broker_knows(site, "greenhouse.stranger"), "the broker took its password");
	return TRUE;
}

const SiteCase site_user_cases[] = {
	{"a reader has a Secret and gets in until it is taken out", reader_has_a_secret},
	{"credentials go under the keys that were asked for", credentials_are_injected},
	{"a foreign Secret is written into only with the label", foreign_secret_is_refused},
	{"a foreign Secret with a user's name is left untouched", foreign_name_is_refused},
	{NULL, NULL},
};
