/* model/device_cluster.h — a DeviceCluster as a view of its JSON (model/object.h). */
#pragma once

#include "model/object.h"

#define MODEL_BROKER_LOCAL "Local"
#define MODEL_CONVENTION_HOMIE5 "Homie5"
#define MODEL_ROLE_READER "Reader"

enum { MODEL_NTP_SERVERS_MAX = 3 };

/* A Secret that gets a user's credentials. Each `…_key` is the key to write there, or NULL: leave
 * it out. */
typedef struct {
	const char *name;
	const char *username_key;
	const char *password_key;
	const char *broker_url_key;
	const char *root_topic_key;
	const json_t *annotations; /* to set on the Secret, or NULL */
} ModelInjectSecret;

typedef struct {
	const char *name; /* its broker user is "<cluster>.<name>" */
	const char *role; /* "Reader" */
	ModelInjectSecret *inject_secrets;
	gsize n_inject_secrets;
} ModelClusterUser;

typedef struct {
	json_t *object; /* held */
	ModelMeta meta;
	const char *broker_type;   /* "Local" */
	const char *convention;    /* "Homie5" */
	const char *root_topic;    /* the convention's default where absent */
	const char *endpoint_host; /* spec.mqtt.deviceEndpoint; NULL: the local broker's own */
	guint16 endpoint_port;     /* 0: likewise */
	const char *endpoint_ca_secret;
	ModelClusterUser *users;
	gsize n_users;
	const char *artefacts_public_url;
	const char *storage_name;
	gint64 late_intervals;
	gint64 offline_after_us;
	const char *time_zone;                          /* IANA; NULL: UTC */
	const char *ntp_servers[MODEL_NTP_SERVERS_MAX]; /* NULL where absent */
	const char *secret_name;
	ModelSettings settings;
	const json_t *status; /* or NULL */
} ModelDeviceCluster;

/* Yours, or NULL with MODEL_ERROR_SPEC_INVALID. Holds a reference. */
ModelDeviceCluster *model_device_cluster_from_json(json_t *object, GError **error);
void model_device_cluster_free(ModelDeviceCluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelDeviceCluster, model_device_cluster_free)

/* As model_object_unsupported. */
const char *model_device_cluster_unsupported(const ModelDeviceCluster *cluster);

/* What a convention is called in a device's configuration ("homie5"), static, or NULL. */
const char *model_convention_wire_name(const char *convention);
