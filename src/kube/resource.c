#include "kube/resource.h"

#include "http/client.h"
#include "kube/query.h"
#include "model/kinds.h"

#include <string.h>

#define OURS(plural_, kind_)                                                                       \
	{                                                                                          \
		.group = MODEL_GROUP, .version = MODEL_VERSION, .plural = (plural_),               \
		.kind = (kind_)                                                                    \
	}

const KubeResource kube_devices = OURS("devices", MODEL_KIND_DEVICE);
const KubeResource kube_device_classes = OURS("deviceclasses", MODEL_KIND_DEVICE_CLASS);
const KubeResource kube_device_clusters = OURS("deviceclusters", MODEL_KIND_DEVICE_CLUSTER);
const KubeResource kube_device_groups = OURS("devicegroups", MODEL_KIND_DEVICE_GROUP);
const KubeResource kube_storages = OURS("storages", MODEL_KIND_STORAGE);

const KubeResource kube_namespaces = {"", "v1", "namespaces", "Namespace", TRUE};
const KubeResource kube_secrets = {"", "v1", "secrets", "Secret", FALSE};
const KubeResource kube_config_maps = {"", "v1", "configmaps", "ConfigMap", FALSE};
const KubeResource kube_events = {"events.k8s.io", "v1", "events", "Event", FALSE};
const KubeResource kube_core_events = {"", "v1", "events", "Event", FALSE};
const KubeResource kube_crds = {"apiextensions.k8s.io", "v1", "customresourcedefinitions",
				"CustomResourceDefinition", TRUE};

static gboolean is_core(const KubeResource *resource)
{
	return resource->group[0] == '\0';
}

char *kube_resource_api_version(const KubeResource *resource)
{
	if (is_core(resource))
		return g_strdup(resource->version);
	return g_strconcat(resource->group, "/", resource->version, NULL);
}

static void append_segment(GString *path, const char *segment)
{
	g_autofree char *escaped = http_escape(segment);

	g_string_append_c(path, '/');
	g_string_append(path, escaped);
}

char *kube_resource_path(const KubeResource *resource, const char *name_space, const char *name,
			 const char *subresource)
{
	GString *path = g_string_new(is_core(resource) ? "/api" : "/apis");

	if (!is_core(resource))
		append_segment(path, resource->group);
	append_segment(path, resource->version);
	if (!resource->cluster_scoped && name_space != NULL && name_space[0] != '\0') {
		append_segment(path, "namespaces");
		append_segment(path, name_space);
	}
	append_segment(path, resource->plural);
	if (name != NULL)
		append_segment(path, name);
	if (subresource != NULL)
		append_segment(path, subresource);
	return g_string_free(path, FALSE);
}

char *kube_key(const char *name_space, const char *name)
{
	if (name_space == NULL || name_space[0] == '\0')
		return g_strdup(name);
	return g_strconcat(name_space, "/", name, NULL);
}

void kube_key_split(const char *key, char **name_space, char **name)
{
	const char *slash = strchr(key, '/');

	*name_space = slash != NULL ? g_strndup(key, (gsize)(slash - key)) : g_strdup("");
	*name = g_strdup(slash != NULL ? slash + 1 : key);
}

KubeRef kube_ref_of(const KubeResource *resource, const json_t *object)
{
	return (KubeRef){
		.resource = resource,
		.name_space = kube_object_namespace(object),
		.name = kube_object_name(object),
		.uid = kube_object_uid(object),
	};
}

json_t *kube_owner_reference(const KubeRef *owner)
{
	g_autofree char *api_version = kube_resource_api_version(owner->resource);

	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "apiVersion", api_version, "kind",
			 owner->resource->kind, "name", owner->name, "uid", owner->uid,
			 "controller", 1, "blockOwnerDeletion", 1);
}

gboolean kube_is_owned_by(const json_t *object, const char *uid)
{
	const json_t *owners = base_json_get(object, "metadata", "ownerReferences", NULL);
	size_t i;
	json_t *owner;

	json_array_foreach (owners, i, owner) {
		const char *owner_uid = base_json_get_string(owner, "uid", NULL);

		if (owner_uid != NULL && g_strcmp0(owner_uid, uid) == 0)
			return TRUE;
	}
	return FALSE;
}

const char *kube_object_name(const json_t *object)
{
	return base_json_get_string(object, "metadata", "name", NULL);
}

const char *kube_object_namespace(const json_t *object)
{
	return base_json_get_string(object, "metadata", "namespace", NULL);
}

const char *kube_object_uid(const json_t *object)
{
	return base_json_get_string(object, "metadata", "uid", NULL);
}

const char *kube_object_resource_version(const json_t *object)
{
	return base_json_get_string(object, "metadata", "resourceVersion", NULL);
}

gint64 kube_object_generation(const json_t *object)
{
	return base_json_get_int(object, 0, "metadata", "generation", NULL);
}

const char *kube_object_label(const json_t *object, const char *label)
{
	return base_json_get_string(object, "metadata", "labels", label, NULL);
}

const char *kube_object_annotation(const json_t *object, const char *annotation)
{
	return base_json_get_string(object, "metadata", "annotations", annotation, NULL);
}

gboolean kube_object_is_deleting(const json_t *object)
{
	return base_json_get_string(object, "metadata", "deletionTimestamp", NULL) != NULL;
}

gboolean kube_object_has_finalizer(const json_t *object, const char *finalizer)
{
	const json_t *finalizers = base_json_get(object, "metadata", "finalizers", NULL);
	size_t i;
	json_t *entry;

	json_array_foreach (finalizers, i, entry)
		if (g_strcmp0(json_string_value(entry), finalizer) == 0)
			return TRUE;
	return FALSE;
}

void kube_query_append(GString *path, const char *key, const char *value)
{
	g_autofree char *escaped = NULL;

	if (value == NULL)
		return;
	escaped = http_escape(value);
	g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') == NULL ? '?' : '&', key,
			       escaped);
}
