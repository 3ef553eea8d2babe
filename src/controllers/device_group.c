/* A DeviceGroup: how many devices it selects, and where it disagrees with groups of its priority.
 */
#include "controllers/world.h"

#include <string.h>

enum {
	CONFLICTS_MAX = 20,
	MISSING_RETRY_S = 30, /* a Secret that comes without the label is not watched */
};

static gboolean shares_a_device(World *world, const ModelDeviceGroup *group,
				const GPtrArray *devices)
{
	for (guint i = 0; i < devices->len; i++) {
		g_autoptr(json_t) device = kube_cache_get_by_key(world->caches[WORLD_DEVICE],
								 g_ptr_array_index(devices, i));
		ModelMeta meta;

		if (device == NULL)
			continue;
		model_meta_read(&meta, device);
		if (model_device_group_matches(group, &meta))
			return TRUE;
	}
	return FALSE;
}

/* The group itself and the others of its priority that select at least one of its `devices`. Most
 * fleets have no two groups of one priority, so the devices are hardly ever looked at. */
static GPtrArray *rivals(World *world, const ModelDeviceGroup *group, const GPtrArray *devices)
{
	GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)model_device_group_free);
	g_autoptr(GPtrArray) keys = kube_cache_index(world->caches[WORLD_GROUP],
						     WORLD_INDEX_NAMESPACE, group->meta.namespace);

	for (guint i = 0; i < keys->len; i++) {
		g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_GROUP],
								 g_ptr_array_index(keys, i));
		g_autoptr(ModelDeviceGroup) other =
			object == NULL ? NULL : model_device_group_from_json(object, NULL);

		if (other == NULL || other->priority != group->priority)
			continue;
		if (strcmp(other->meta.name, group->meta.name) == 0 ||
		    shares_a_device(world, other, devices))
			g_ptr_array_add(found, g_steal_pointer(&other));
	}
	return found;
}

static json_t *conflicts_json(GPtrArray *conflicts)
{
	json_t *list = json_array();

	for (guint i = 0; i < conflicts->len && i < CONFLICTS_MAX; i++) {
		const ModelConflict *conflict = g_ptr_array_index(conflicts, i);
		json_t *groups = json_array();

		for (guint g = 0; g < conflict->groups->len; g++)
			json_array_append_new(groups,
					      json_string(g_ptr_array_index(conflict->groups, g)));
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "key", conflict->key, "groups", groups));
	}
	return list;
}

static void judge_conflicts(World *world, const ModelDeviceGroup *group, const GPtrArray *devices,
			    json_t *status)
{
	g_autoptr(GPtrArray) groups = rivals(world, group, devices);
	g_autoptr(GPtrArray) conflicts = NULL;
	gboolean was_conflicting = kube_condition_is_true(status, MODEL_CONDITION_CONFLICTING);

	conflicts = model_group_conflicts((const ModelDeviceGroup *const *)groups->pdata,
					  groups->len, world_lookup, world);
	if (conflicts->len == 0) {
		json_object_del(status, "conflicts");
		kube_condition_set(status, MODEL_CONDITION_CONFLICTING, KUBE_FALSE, "NoConflict",
				   group->meta.generation,
				   "no group of priority %" G_GINT64_FORMAT " disagrees",
				   group->priority);
		return;
	}
	json_object_set_new(status, "conflicts", conflicts_json(conflicts));
	kube_condition_set(status, MODEL_CONDITION_CONFLICTING, KUBE_TRUE,
			   MODEL_REASON_SETTING_CONFLICT, group->meta.generation,
			   "groups of priority %" G_GINT64_FORMAT
			   " disagree on %u keys (status.conflicts): give one of them another "
			   "priority, or make them agree",
			   group->priority, conflicts->len);
	if (!was_conflicting)
		world_event(world, KUBE_EVENT_WARNING, &kube_device_groups, group->object,
			    MODEL_EVENT_SETTING_CONFLICT, "%s",
			    kube_condition_message(status, MODEL_CONDITION_CONFLICTING));
}

/* The group's own settings must be there, whoever it selects. */
static gboolean secret_is_usable(World *world, const ModelDeviceGroup *group, json_t *status)
{
	g_autoptr(json_t) secret = NULL;
	g_autofree char *message = NULL;
	const char *label;

	if (group->secret_name == NULL)
		return TRUE;
	secret = world_lookup("Secret", group->meta.namespace, group->secret_name, world);
	label = secret == NULL ? NULL : kube_object_label(secret, MODEL_LABEL_SETTINGS);
	if (g_strcmp0(label, "true") == 0)
		return TRUE;
	if (secret == NULL)
		message = g_strdup_printf("Secret '%s' is not there: apply it", group->secret_name);
	else
		message = g_strdup_printf("Secret '%s' may not be read as settings: run `kubectl "
					  "label secret %s -n %s " MODEL_LABEL_SETTINGS "=true`",
					  group->secret_name, group->secret_name,
					  group->meta.namespace);
	world_set_ready(status, group->meta.generation,
			secret == NULL ? MODEL_REASON_SECRET_NOT_FOUND
				       : MODEL_REASON_SECRET_NOT_LABELLED,
			FALSE, message);
	return FALSE;
}

KubeResult device_group_reconcile(const char *key, gpointer data)
{
	World *world = data;
	g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_GROUP], key);
	g_autoptr(ModelDeviceGroup) group = NULL;
	g_autoptr(GPtrArray) devices = NULL;
	g_autoptr(json_t) status = NULL;
	g_autoptr(GError) error = NULL;
	const char *unsupported;
	KubeResult result;

	if (object == NULL || kube_object_is_deleting(object))
		return kube_done();
	status = kube_status_copy(object);
	group = model_device_group_from_json(object, &error);
	if (group == NULL) {
		world_set_ready(status, kube_object_generation(object), model_error_reason(error),
				FALSE, error->message);
		return world_write_status(world, WORLD_GROUP, object, status);
	}
	devices = world_devices_matching(world, object);
	json_object_set_new(status, "devices", json_integer(devices->len));
	unsupported = model_device_group_unsupported(group);
	if (unsupported != NULL) {
		world_set_not_supported(status, group->meta.generation, unsupported);
		return world_write_status(world, WORLD_GROUP, object, status);
	}
	judge_conflicts(world, group, devices, status);
	if (secret_is_usable(world, group, status))
		world_set_ready(status, group->meta.generation, NULL, FALSE,
				"its settings reach the devices that it selects");
	result = world_write_status(world, WORLD_GROUP, object, status);
	if (result.outcome == KUBE_RESULT_DONE &&
	    strcmp(kube_condition_reason(status, MODEL_CONDITION_READY),
		   MODEL_REASON_SECRET_NOT_FOUND) == 0)
		return kube_again_after(MISSING_RETRY_S * G_USEC_PER_SEC);
	return result;
}
