#include "model/device_cluster.h"

#include "model/kinds.h"
#include "model/view.h"
#include "wire/nvs_names.h"

#include <string.h>

#define OFFLINE_DEFAULT "24h"

enum {
	LATE_DEFAULT = 3,
	PORT_DEFAULT = WIRE_MQTT_PORT_DEFAULT,
};

static const struct {
	const char *name, *wire_name, *root;
} conventions[] = {
	{MODEL_CONVENTION_HOMIE5, WIRE_CONVENTION_HOMIE5, "homie"},
	{"Homie4", WIRE_CONVENTION_HOMIE4, "homie"},
	{"Tasmota", WIRE_CONVENTION_TASMOTA, "tasmota"},
	{"SparkplugB", WIRE_CONVENTION_SPARKPLUG_B, "spBv1.0"},
	{"Plain", WIRE_CONVENTION_PLAIN, "plain"},
};

const char *model_convention_wire_name(const char *convention)
{
	for (gsize i = 0; i < G_N_ELEMENTS(conventions); i++)
		if (strcmp(conventions[i].name, convention) == 0)
			return conventions[i].wire_name;
	return NULL;
}

static const char *default_root(const char *convention)
{
	for (gsize i = 0; i < G_N_ELEMENTS(conventions); i++)
		if (strcmp(conventions[i].name, convention) == 0)
			return conventions[i].root;
	return "homie";
}

static void read_inject_secret(ModelInjectSecret *inject, const json_t *json)
{
	const json_t *mapping = json_object_get(json, "mapping");

	inject->name = base_json_get_string(json, "name", NULL);
	inject->username_key = base_json_get_string(mapping, "username", NULL);
	inject->password_key = base_json_get_string(mapping, "password", NULL);
	inject->broker_url_key = base_json_get_string(mapping, "brokerUrl", NULL);
	inject->root_topic_key = base_json_get_string(mapping, "rootTopic", NULL);
	inject->annotations = json_object_get(json, "annotations");
}

static void read_users(ModelDeviceCluster *cluster, const json_t *users)
{
	json_t *json, *member;
	size_t u, s;

	cluster->n_users = json_array_size(users);
	cluster->users = g_new0(ModelClusterUser, cluster->n_users);
	json_array_foreach (users, u, json) {
		ModelClusterUser *user = &cluster->users[u];
		const json_t *inject = json_object_get(json, "injectSecrets");

		user->name = base_json_get_string(json, "name", NULL);
		user->role = base_json_get_string(json, "role", NULL);
		if (user->role == NULL)
			user->role = MODEL_ROLE_READER;
		user->n_inject_secrets = json_array_size(inject);
		user->inject_secrets = g_new0(ModelInjectSecret, user->n_inject_secrets);
		json_array_foreach (inject, s, member)
			read_inject_secret(&user->inject_secrets[s], member);
	}
}

static void read_mqtt(ModelDeviceCluster *cluster, const json_t *mqtt)
{
	const char *type = base_json_get_string(mqtt, "broker", "type", NULL);
	const char *convention = base_json_get_string(mqtt, "convention", NULL);
	const char *root = base_json_get_string(mqtt, "rootTopic", NULL);
	const json_t *endpoint = json_object_get(mqtt, "deviceEndpoint");
	gint64 port = base_json_get_int(endpoint, PORT_DEFAULT, "port", NULL);

	cluster->broker_type = type != NULL ? type : MODEL_BROKER_LOCAL;
	cluster->convention = convention != NULL ? convention : MODEL_CONVENTION_HOMIE5;
	cluster->root_topic = root != NULL ? root : default_root(cluster->convention);
	cluster->endpoint_host = base_json_get_string(endpoint, "host", NULL);
	if (cluster->endpoint_host != NULL && port > 0 && port <= G_MAXUINT16)
		cluster->endpoint_port = (guint16)port;
	cluster->endpoint_ca_secret =
		base_json_get_string(endpoint, "tls", "caSecret", "name", NULL);
	read_users(cluster, json_object_get(mqtt, "users"));
}

static void read_time(ModelDeviceCluster *cluster, const json_t *time)
{
	const json_t *servers = json_object_get(time, "servers");

	cluster->time_zone = base_json_get_string(time, "zone", NULL);
	for (gsize i = 0; i < MODEL_NTP_SERVERS_MAX; i++)
		cluster->ntp_servers[i] = json_string_value(json_array_get(servers, i));
}

ModelDeviceCluster *model_device_cluster_from_json(json_t *object, GError **error)
{
	g_autoptr(ModelDeviceCluster) cluster = g_new0(ModelDeviceCluster, 1);
	const json_t *spec = model_view_open(&cluster->meta, object, error);

	if (spec == NULL)
		return NULL;
	cluster->object = json_incref(object);
	if (!model_view_duration(base_json_get_string(spec, "presence", "offline", NULL),
				 OFFLINE_DEFAULT, &cluster->meta, MODEL_KIND_DEVICE_CLUSTER,
				 "spec.presence.offline", &cluster->offline_after_us, error))
		return NULL;
	cluster->late_intervals = base_json_get_int(spec, LATE_DEFAULT, "presence", "late", NULL);
	cluster->artefacts_public_url = base_json_get_string(spec, "artefacts", "publicUrl", NULL);
	cluster->storage_name = base_json_get_string(spec, "storageReference", "name", NULL);
	cluster->secret_name = base_json_get_string(spec, "secret", "name", NULL);
	read_mqtt(cluster, json_object_get(spec, "mqtt"));
	read_time(cluster, json_object_get(spec, "time"));
	model_view_settings(&cluster->settings, json_object_get(spec, "settings"));
	cluster->status = json_object_get(object, "status");
	return g_steal_pointer(&cluster);
}

void model_device_cluster_free(ModelDeviceCluster *cluster)
{
	if (cluster == NULL)
		return;
	for (gsize i = 0; i < cluster->n_users; i++)
		g_free(cluster->users[i].inject_secrets);
	g_free(cluster->users);
	g_free(cluster->settings.items);
	json_decref(cluster->object);
	g_free(cluster);
}

const char *model_device_cluster_unsupported(const ModelDeviceCluster *cluster)
{
	return model_object_unsupported(MODEL_KIND_DEVICE_CLUSTER, cluster->object);
}
