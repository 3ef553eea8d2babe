/* kube/controllers_suite.h — one suite of the controllers, run against any home: a real control
 * plane or `espalier`'s own. The controllers run in this process with a broker of their own; cases
 * speak to the API as people do and to the broker as devices do. Cases are functions in a table;
 * each gets a namespace that is emptied behind it, and says by a GError what was not as expected.
 */
#pragma once

#include "broker/local.h"
#include "controllers/controllers.h"
#include "kube/checks.h"
#include "kube/client.h"
#include "kube/conditions.h"
#include "model/kinds.h"
#include "wire/info.h"

enum {
	SITE_PATIENCE_S = 30,         /* for what comes within moments */
	SITE_COLLECT_S = 60,          /* for a garbage collector of another process */
	SITE_SETTLED_US = 400 * 1000, /* without a write: everything has been said */
};

#define SITE_DIRECTORY "suite" /* of the Storage in SITE_FLEET */

typedef struct {
	KubeConfig *config;
	KubeClient *client;  /* the case's */
	KubeClient *watched; /* the controllers' */
	Controllers *controllers;
	Broker *broker;
	guint16 broker_port;
	char *folder; /* of everything here */
	char *broker_folder;
	char *artefacts_root;
	const char *host_firmware;
	const char *samples;
	char *name_space; /* of the running case */
} Site;

typedef struct {
	const char *name; /* a sentence */
	gboolean (*run)(Site *site, GError **error);
} SiteCase;

extern const SiteCase site_reference_cases[], site_settings_cases[], site_secret_cases[],
	site_cluster_cases[], site_user_cases[], site_firmware_cases[], site_device_cases[],
	site_presence_cases[];

/* --- the site itself --- */

Site *site_new(const char *kubeconfig, const char *host_firmware, const char *samples,
	       GError **error);
void site_free(Site *site);
/* The controllers anew, as after a restart of their process. */
gboolean site_start_controllers(Site *site, GError **error);
void site_stop_controllers(Site *site);
/* A namespace for one case, and its end: empties it and waits until no device is left. */
gboolean site_enter(Site *site, GError **error);
void site_leave(Site *site);

/* --- what people do; names are in the case's namespace --- */

/* Creates every document of a YAML text. */
gboolean site_apply(Site *site, const char *yaml, GError **error);
/* A merge patch, written as one YAML document. */
gboolean site_patch(Site *site, const KubeResource *resource, const char *name, const char *yaml,
		    GError **error);
gboolean site_delete(Site *site, const KubeResource *resource, const char *name, GError **error);
json_t *site_get(Site *site, const KubeResource *resource, const char *name, GError **error);

/* --- what they then see --- */

/* Waits for a condition; `reason` NULL is any. */
gboolean site_await(Site *site, const KubeResource *resource, const char *name,
		    const char *condition, KubeTruth truth, const char *reason, GError **error);
/* Waits until status.<field> is the integer. */
gboolean site_await_count(Site *site, const KubeResource *resource, const char *name,
			  const char *field, gint64 count, GError **error);
gboolean site_await_gone(Site *site, const KubeResource *resource, const char *name, guint seconds,
			 GError **error);
/* Waits for an Event with that reason about the object of that name. */
gboolean site_await_event(Site *site, const char *name, const char *reason, GError **error);
gboolean site_has_event(Site *site, const char *name, const char *reason);
/* The condition's message holds `text`. */
gboolean site_says(Site *site, const KubeResource *resource, const char *name,
		   const char *condition, const char *text, GError **error);
/* Waits until the controllers have not written for SITE_SETTLED_US. */
gboolean site_settle(Site *site, GError **error);
/* What the controllers have written so far. */
guint64 site_writes(Site *site);

/* metadata.resourceVersion, yours. */
char *site_version(Site *site, const KubeResource *resource, const char *name);
/* A value of a Secret, decoded, NUL-ended; yours, NULL if missing. */
char *site_secret_value(Site *site, const char *name, const char *key);
/* The resourceVersions of the Secrets of devices (names with spaces between). Yours. */
char **site_config_versions(Site *site, const char *devices);
/* The devices of these whose Secret is another than `versions` says, with spaces between. Yours. */
char *site_rebuilt(Site *site, const char *devices, char **versions);
/* TRUE if the name is in the broker's password file. */
gboolean site_broker_knows(Site *site, const char *user);

/* --- what a device does --- */

typedef struct Board Board;

/* Connects as the device with the password in its Secret and Homie's will. NULL if the broker
 * refuses. */
Board *board_connect(Site *site, const char *device, GError **error);
/* The same as any user with any password. */
Board *board_connect_as(Site *site, const char *user, const char *password, GError **error);
/* TRUE if the broker refuses that password. */
gboolean board_is_refused(Site *site, const char *user, const char *password);
gboolean board_say(Board *board, const char *topic, const char *payload, GError **error);
/* <root>/5/<device>/$state. */
gboolean board_state(Board *board, const char *state, GError **error);
/* fleet/1/<device>/info: the desired configuration and firmware from a board with this MAC. */
gboolean board_report(Board *board, const char *mac, GError **error);
/* The same with another configuration and version. */
gboolean board_report_other(Board *board, const WireInfo *info, GError **error);
/* What board_report would say. */
gboolean board_info(Board *board, const char *mac, WireInfo *info, GError **error);
/* Without good-bye: the broker publishes the will. */
void board_vanish(Board *board);
/* With a good-bye. NULL is nothing. */
void board_free(Board *board);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Board, board_free)

/* --- manifests that most cases begin with --- */

#define SITE_STORAGE                                                                               \
	"kind: Storage\n"                                                                          \
	"apiVersion: espalier.dev/v1alpha1\n"                                                      \
	"metadata: {name: artefacts}\n"                                                            \
	"spec: {directory: {name: " SITE_DIRECTORY "}, retention: {keepVersions: 1}}\n"            \
	"---\n"
#define SITE_CLUSTER_NAMED(name)                                                                   \
	"kind: DeviceCluster\n"                                                                    \
	"apiVersion: espalier.dev/v1alpha1\n"                                                      \
	"metadata: {name: " name "}\n"                                                             \
	"spec: {mqtt: {broker: {type: Local}}, storageReference: {name: artefacts}}\n"             \
	"---\n"
#define SITE_CLUSTER SITE_CLUSTER_NAMED("greenhouse")
#define SITE_CLASS_OF(name, cluster)                                                               \
	"kind: DeviceClass\n"                                                                      \
	"apiVersion: espalier.dev/v1alpha1\n"                                                      \
	"metadata: {name: " name "}\n"                                                             \
	"spec: {deviceClusterReference: {name: " cluster                                           \
	"}, chip: host, firmware: {builder: {}, version: 1.0.0}}\n"                                \
	"---\n"
#define SITE_CLASS SITE_CLASS_OF("probe", "greenhouse")
/* `labels` and `spec` are YAML flow members: "site: north", "secret: {name: mine}". */
#define SITE_DEVICE(name, labels, spec)                                                            \
	"kind: Device\n"                                                                           \
	"apiVersion: espalier.dev/v1alpha1\n"                                                      \
	"metadata: {name: " name ", labels: {" labels "}}\n"                                       \
	"spec: {deviceClassReference: {name: probe}, " spec "}\n"                                  \
	"---\n"
#define SITE_GROUP(name, site, spec)                                                               \
	"kind: DeviceGroup\n"                                                                      \
	"apiVersion: espalier.dev/v1alpha1\n"                                                      \
	"metadata: {name: " name "}\n"                                                             \
	"spec: {selector: {matchLabels: {site: " site "}}, " spec "}\n"                            \
	"---\n"
/* `metadata` likewise: SITE_LABELLED or "". */
#define SITE_LABELLED "labels: {espalier.dev/settings: \"true\"}"
#define SITE_SECRET(name, metadata, data)                                                          \
	"kind: Secret\n"                                                                           \
	"apiVersion: v1\n"                                                                         \
	"metadata: {name: " name ", " metadata "}\n"                                               \
	"stringData: {" data "}\n"                                                                 \
	"---\n"
#define SITE_FLEET SITE_STORAGE SITE_CLUSTER SITE_CLASS
