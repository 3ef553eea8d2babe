/* controllers/cluster_users.h — people and services at a cluster's broker. Of this room only.
 *
 * Each user "<cluster>.<name>" has a Secret of that name, wholly ours and owned by the cluster:
 * username, password, brokerUrl, rootTopic, ca.crt. `injectSecrets` copies of it go, under the keys
 * that the user chose, into Secrets of the same namespace: made and owned if missing, else only if
 * they carry the label espalier.dev/inject: "true", so that nobody can have a foreign Secret
 * overwritten by naming it. */
#pragma once

#include "controllers/world.h"

#define CLUSTER_USERS_LABEL_INJECT "espalier.dev/inject"
#define CLUSTER_USERS_LABEL_CLUSTER "espalier.dev/cluster"
#define CLUSTER_USERS_SECRET_TYPE "espalier.dev/mqtt-user"

/* TRUE if `name` (without the cluster's) is in spec.mqtt.users. */
gboolean cluster_has_user(const ModelDeviceCluster *cluster, const char *name);

/* Mints what is missing, tells the broker, copies what is to be injected. */
gboolean cluster_users_ensure(World *world, const ModelDeviceCluster *cluster, GError **error);

/* Removes the Secrets of users that are no longer named. Lists Secrets: not for every event. */
gboolean cluster_users_remove_stale(World *world, const ModelDeviceCluster *cluster,
				    GError **error);

/* The reason for the condition Ready of such an error. Static. */
const char *cluster_users_reason(const GError *error);
