#include "kube/client.h"

/* JSON patches with a "test" in front: they never undo what somebody else did meanwhile. */

static gssize find(const json_t *object, const char *finalizer)
{
	const json_t *finalizers = base_json_get(object, "metadata", "finalizers", NULL);

	for (gsize i = 0; i < json_array_size(finalizers); i++)
		if (g_strcmp0(json_string_value(json_array_get(finalizers, i)), finalizer) == 0)
			return (gssize)i;
	return -1;
}

static json_t *operation(const char *op, const char *path, json_t *value)
{
	json_t *made = json_pack("{s:s, s:s}", "op", op, "path", path);

	if (value != NULL)
		json_object_set_new(made, "value", value);
	return made;
}

/* A "test" that fails says that the object changed since it was read: 422 from some servers, 409
 * from others. */
static void name_conflict(const json_t *object, GError **error)
{
	if (error == NULL || !g_error_matches(*error, KUBE_ERROR, KUBE_ERROR_INVALID))
		return;
	g_clear_error(error);
	kube_error_set(error, KUBE_ERROR_CONFLICT,
		       "'%s' changed since it was read: read it again and try once more",
		       kube_object_name(object));
}

json_t *kube_add_finalizer(KubeClient *client, const KubeResource *resource, const json_t *object,
			   const char *finalizer, GError **error)
{
	const KubeWriteOptions write = {.metadata_only = TRUE};
	g_autoptr(json_t) patch = json_array();
	json_t *changed;

	if (find(object, finalizer) >= 0)
		return json_deep_copy(object);
	json_array_append_new(patch, operation("test", "/metadata/resourceVersion",
					       json_string(kube_object_resource_version(object))));
	if (json_array_size(base_json_get(object, "metadata", "finalizers", NULL)) == 0)
		json_array_append_new(patch, operation("add", "/metadata/finalizers",
						       json_pack("[s]", finalizer)));
	else
		json_array_append_new(
			patch, operation("add", "/metadata/finalizers/-", json_string(finalizer)));
	changed = kube_json_patch(client, resource, kube_object_namespace(object),
				  kube_object_name(object), NULL, patch, &write, error);
	if (changed == NULL)
		name_conflict(object, error);
	return changed;
}

gboolean kube_remove_finalizer(KubeClient *client, const KubeResource *resource,
			       const json_t *object, const char *finalizer, GError **error)
{
	gssize at = find(object, finalizer);
	g_autofree char *path = NULL;
	const KubeWriteOptions write = {.metadata_only = TRUE};
	g_autoptr(json_t) patch = json_array();
	g_autoptr(json_t) changed = NULL;
	g_autoptr(GError) fault = NULL;

	if (at < 0)
		return TRUE;
	path = g_strdup_printf("/metadata/finalizers/%" G_GSSIZE_FORMAT, at);
	json_array_append_new(patch, operation("test", path, json_string(finalizer)));
	json_array_append_new(patch, operation("remove", path, NULL));
	changed = kube_json_patch(client, resource, kube_object_namespace(object),
				  kube_object_name(object), NULL, patch, &write, &fault);
	if (changed != NULL || g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND))
		return TRUE;
	name_conflict(object, &fault);
	g_propagate_error(error, g_steal_pointer(&fault));
	return FALSE;
}
