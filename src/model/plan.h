/* model/plan.h — how the settings of cluster, class, groups and device become one configuration.
 * Pure: what lies elsewhere (Secrets, the broker's address, the zone's rules) is handed in.
 *
 * The nearest layer wins: Device, its groups by priority, DeviceClass, DeviceCluster; within a
 * layer an explicit setting beats the layer's Secret. Groups of equal priority may agree on a key,
 * not differ, unless a nearer layer decides it. The namespaces that wire/nvs_names.h reserves are
 * written here and taken from nobody. */
#pragma once

#include "esp/nvs.h"
#include "esp/partition_table.h"
#include "model/device.h"
#include "model/device_class.h"
#include "model/device_cluster.h"
#include "model/device_group.h"
#include "model/error.h"

/* The Secret or ConfigMap (`kind`) of that name as JSON, a new reference that the plan releases;
 * NULL if there is none. An object without the label espalier.dev/settings: "true" may be returned,
 * too (its metadata is enough): the plan then says SecretNotLabelled instead of SecretNotFound.
 * Secrets carry `data` (base64), `stringData` or both. */
typedef json_t *(*ModelLookup)(const char *kind, const char *namespace, const char *name,
			       gpointer user_data);

typedef struct {
	const ModelDevice *device;
	const ModelDeviceClass *device_class;
	const ModelDeviceCluster *cluster;
	const ModelDeviceGroup *const *groups; /* those that match, in any order */
	gsize n_groups;
	ModelLookup lookup;
	gpointer lookup_data;
	const char *username;
	const char *password;
	const char *broker_host; /* what the device is told */
	guint16 broker_port;
	gboolean broker_tls;
	const char *broker_ca_pem;      /* or NULL */
	const char *artefact_url;       /* of this device's class, or NULL */
	const char *posix_tz;           /* base_timezone_posix; NULL: "UTC0" */
	const EspPartitionTable *table; /* the pushed bundle's; NULL: the class's own */
	const char *builder_digest; /* of the configuration's builder image; NULL: laid out here */
} ModelPlanInputs;

/* Where a key came from. */
typedef struct {
	const char *key;  /* "wifi.ssid" */
	const char *from; /* "DeviceGroup/north", "Secret/greenhouse-wifi", "DeviceClass/…", … */
} ModelPlanSource;

/* One of the partitions that get the image: cfg_0 and cfg_1, or nvs. */
typedef struct {
	char label[17];
	guint32 offset;
	guint32 size_bytes;
} ModelPlanSlot;

enum { MODEL_PLAN_SLOTS_MAX = 2 };

typedef struct {
	const EspNvsEntry *entries; /* in the order in which they are laid out */
	gsize n_entries;
	const ModelPlanSource *sources; /* of people's keys, in the same order */
	gsize n_sources;
	ModelPlanSlot slots[MODEL_PLAN_SLOTS_MAX];
	gsize n_slots;
	guint32 size_bytes; /* of the image: the slots' */
	char *inputs_hash;  /* 64 hex digits; its bytes are the device's espalier/cfg */
} ModelPlan;

/* Yours, or NULL with MODEL_ERROR_*; every message names the object and the remedy. Nothing secret
 * is in a message. */
ModelPlan *model_plan_new(const ModelPlanInputs *inputs, GError **error);
void model_plan_free(ModelPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelPlan, model_plan_free)

/* Lays the plan out. `used_bytes` (may be NULL) is set to what of size_bytes is taken. Yours, or
 * NULL with MODEL_ERROR_TOO_LARGE. */
GBytes *model_plan_image(const ModelPlan *plan, gsize *used_bytes, GError **error);

/* status.config.sources: [{key, from}] of people's keys. Yours. */
json_t *model_plan_sources_json(const ModelPlan *plan);

/* A key on which groups of the same priority differ. */
typedef struct {
	char *key;         /* "wifi.ssid" */
	GPtrArray *groups; /* of char *: their names, sorted */
} ModelConflict;

/* The conflicts among groups that select the same device, sorted by key: an array of ModelConflict,
 * yours, empty if they agree. Settings that cannot be read are passed over: their own condition
 * tells of them. */
GPtrArray *model_group_conflicts(const ModelDeviceGroup *const *groups, gsize n_groups,
				 ModelLookup lookup, gpointer lookup_data);
