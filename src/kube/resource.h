/* kube/resource.h — kinds by the names that paths need, and references to single objects. Pure. */
#pragma once

#include "base/json.h"

#include <glib.h>

/* One kind of one group and version. Usually one of the constants below. */
typedef struct {
	const char *group; /* "" for core */
	const char *version;
	const char *plural;
	const char *kind;
	gboolean cluster_scoped;
} KubeResource;

extern const KubeResource kube_devices, kube_device_classes, kube_device_clusters,
	kube_device_groups, kube_storages;
extern const KubeResource kube_namespaces, kube_secrets, kube_config_maps;
extern const KubeResource kube_events;      /* events.k8s.io/v1 */
extern const KubeResource kube_core_events; /* v1, the view that describe reads */
extern const KubeResource kube_crds;

/* "v1" or "group/version". Yours. */
char *kube_resource_api_version(const KubeResource *resource);

/* "/apis/espalier.dev/v1alpha1/namespaces/default/devices/probe-1/status", escaped. `name_space` is
 * ignored for cluster-scoped kinds and NULL means all namespaces; `name` and `subresource` may be
 * NULL. Yours. */
char *kube_resource_path(const KubeResource *resource, const char *name_space, const char *name,
			 const char *subresource);

/* "namespace/name", or "name" alone without a namespace: the key of caches and queues. Yours. */
char *kube_key(const char *name_space, const char *name);

/* Splits a key; `name_space` is "" where there is none. Both yours. */
void kube_key_split(const char *key, char **name_space, char **name);

/* A reference to one object, for events and owners. Strings are borrowed. */
typedef struct {
	const KubeResource *resource;
	const char *name_space; /* NULL or "" for cluster-scoped */
	const char *name;
	const char *uid;
} KubeRef;

/* The reference of an object as the API returns it; its strings live as long as `object`. */
KubeRef kube_ref_of(const KubeResource *resource, const json_t *object);

/* An entry of metadata.ownerReferences: controller and blockOwnerDeletion true. Yours. */
json_t *kube_owner_reference(const KubeRef *owner);

/* TRUE if `object` has the owner with this uid. */
gboolean kube_is_owned_by(const json_t *object, const char *uid);

/* Fields of every object. Borrowed; NULL where missing. */
const char *kube_object_name(const json_t *object);
const char *kube_object_namespace(const json_t *object);
const char *kube_object_uid(const json_t *object);
const char *kube_object_resource_version(const json_t *object);
gint64 kube_object_generation(const json_t *object);
const char *kube_object_label(const json_t *object, const char *label);
const char *kube_object_annotation(const json_t *object, const char *annotation);
gboolean kube_object_is_deleting(const json_t *object);
gboolean kube_object_has_finalizer(const json_t *object, const char *finalizer);
