#include "model/device_group.h"

#include "model/kinds.h"
#include "model/view.h"

#include <string.h>

ModelDeviceGroup *model_device_group_from_json(json_t *object, GError **error)
{
	g_autoptr(ModelDeviceGroup) group = g_new0(ModelDeviceGroup, 1);
	const json_t *spec = model_view_open(&group->meta, object, error);

	if (spec == NULL)
		return NULL;
	group->object = json_incref(object);
	group->selector = model_selector_from_json(json_object_get(spec, "selector"), error);
	if (group->selector == NULL) {
		g_prefix_error(error, "DeviceGroup '%s': spec.selector: ", group->meta.name);
		return NULL;
	}
	group->priority = base_json_get_int(spec, 0, "priority", NULL);
	group->secret_name = base_json_get_string(spec, "secret", "name", NULL);
	model_view_settings(&group->settings, json_object_get(spec, "settings"));
	group->status = json_object_get(object, "status");
	return g_steal_pointer(&group);
}

void model_device_group_free(ModelDeviceGroup *group)
{
	if (group == NULL)
		return;
	model_selector_free(group->selector);
	g_free(group->settings.items);
	json_decref(group->object);
	g_free(group);
}

gboolean model_device_group_matches(const ModelDeviceGroup *group, const ModelMeta *device)
{
	return strcmp(group->meta.namespace, device->namespace) == 0 &&
	       model_selector_matches(group->selector, device->labels);
}

const char *model_device_group_unsupported(const ModelDeviceGroup *group)
{
	return model_object_unsupported(MODEL_KIND_DEVICE_GROUP, group->object);
}
