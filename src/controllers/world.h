/* controllers/world.h — what the controllers see and share: caches, queues, places. Of this room
 * only. */
#pragma once

#include "artefact/place.h"
#include "broker/broker.h"
#include "controllers/controllers.h"
#include "fleet/fleet.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "kube/conditions.h"
#include "kube/events.h"
#include "kube/queue.h"
#include "model/device.h"
#include "model/device_class.h"
#include "model/device_cluster.h"
#include "model/device_group.h"
#include "model/error.h"
#include "model/kinds.h"
#include "model/plan.h"
#include "model/storage.h"

/* Index of every cache: what an object names, in model_reference's form ("Secret/default/wifi"). */
#define WORLD_INDEX_REFERENCES "references"
/* Of devices: "namespace/key=value" of each label. */
#define WORLD_INDEX_LABELS "labels"
/* Of devices: "namespace/class/version" of the firmware that they run. */
#define WORLD_INDEX_RUNNING "running"
/* Of groups and clusters: "namespace", and "" for all. */
#define WORLD_INDEX_NAMESPACE "namespace"

typedef enum {
	WORLD_STORAGE,
	WORLD_CLUSTER,
	WORLD_CLASS,
	WORLD_GROUP,
	WORLD_DEVICE,
	WORLD_KINDS,
} WorldKind;

typedef struct {
	KubeClient *client;
	KubeRecorder *recorder;
	Broker *broker; /* or NULL */
	Fleet *fleet;
	char *artefacts_root;
	char *host_firmware;
	char *artefact_url;
	char *server_password; /* of BROKER_SERVER_USER: lives as long as this process */

	KubeCache *caches[WORLD_KINDS];
	KubeQueue *queues[WORLD_KINDS];
	KubeCache *settings_secrets;     /* whole, those labelled espalier.dev/settings */
	KubeCache *settings_config_maps; /* likewise */
	KubeCache *device_secrets;       /* metadata of the devices' own Secrets */

	GMutex mutex;               /* for all below */
	GHashTable *places;         /* "directory name" → ArtefactPlace */
	GHashTable *secret_written; /* device key → resourceVersion of its Secret as we left it */
	GHashTable *reclaims; /* key of a deleted Storage with reclaimPolicy Delete → its directory
				 name */
	GHashTable *swept;    /* cluster key → gint64, monotonic: its users were looked through */
	GHashTable *overdue;  /* keys of devices that are late or silent */
	guint broker_restarts;   /* of the broker, as told last */
	char *program_hash;      /* of host_firmware */
	gint64 program_stamp_us; /* its modification time when hashed */
	guint64 program_size_bytes;
} World;

/* The resource of one of our kinds. Borrowed. */
const KubeResource *world_resource(WorldKind kind);

/* Puts a key ("namespace/name") into the queue of its kind, now or after `delay_us`. */
void world_enqueue(World *world, WorldKind kind, const char *key, gint64 delay_us);

/* The same for every object of `kind` that names `reference`. */
void world_enqueue_naming(World *world, WorldKind kind, const char *reference, gint64 delay_us);

/* Every device that `reference` ("Secret/default/wifi", "DeviceClass/default/probe") reaches: by
 * itself, through its groups, its class or its cluster. */
void world_enqueue_devices_reached(World *world, const char *reference);

/* Keys of the devices of a namespace that the selector of `group` (a DeviceGroup as JSON) matches.
 * Yours. Uses the label index where the selector has matchLabels, else reads the namespace's
 * devices. */
GPtrArray *world_devices_matching(World *world, const json_t *group);

/* The groups that select a device (elements ModelDeviceGroup *). Yours. Those that cannot be read
 * are left out. */
GPtrArray *world_groups_of(World *world, const ModelMeta *device);

/* Objects as views, yours; NULL where missing or unreadable. */
ModelDeviceClass *world_class(World *world, const char *name_space, const char *name);
ModelDeviceCluster *world_cluster(World *world, const char *name_space, const char *name);
ModelStorage *world_storage(World *world, const char *name_space, const char *name);

/* A ModelLookup over the caches (user_data is the World): labelled Secrets and ConfigMaps from the
 * cache, the metadata of others from the server, so that "not labelled" and "not there" can be told
 * apart. */
json_t *world_lookup(const char *kind, const char *name_space, const char *name, gpointer world);

/* The Storage of a class: its own, else its cluster's. Yours, or NULL with the reason for a
 * condition and a sentence, both yours to free (`message`) and static (`reason`). */
ModelStorage *world_storage_of_class(World *world, const ModelDeviceClass *device_class,
				     const char **reason, char **message);

/* The place of a Storage, a reference of yours, or NULL with ARTEFACT_ERROR_*. */
ArtefactPlace *world_place(World *world, const ModelStorage *storage, GError **error);

/* Tells an event about an object as it was read. */
void world_event(World *world, KubeEventType type, const KubeResource *resource,
		 const json_t *object, const char *reason, const char *format, ...)
	G_GNUC_PRINTF(6, 7);

/* Ready and, as kstatus wants it, Stalled (the user must act) or Reconciling (it will pass) beside
 * it. `reason` NULL means ready. */
void world_set_ready(json_t *status, gint64 generation, const char *reason, gboolean transient,
		     const char *message);

/* Ready=False/NotSupportedYet, naming the field. */
void world_set_not_supported(json_t *status, gint64 generation, const char *field);

/* Logs why a reconcile failed and has it tried again after its back-off. What passes by itself
 * (conflicts, a server that is away) is logged at debug level only. Takes the error. */
KubeResult world_fault(WorldKind kind, const char *key, GError *error);

/* Writes the status if it says something new. Returns what the reconcile returns: done, or failed
 * for a fault. */
KubeResult world_write_status(World *world, WorldKind kind, const json_t *object,
			      const json_t *status);

/* One file each. */
KubeResult storage_reconcile(const char *key, gpointer world);
KubeResult device_cluster_reconcile(const char *key, gpointer world);
KubeResult device_class_reconcile(const char *key, gpointer world);
KubeResult device_group_reconcile(const char *key, gpointer world);
KubeResult device_reconcile(const char *key, gpointer world);
