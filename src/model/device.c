#include "model/device.h"

#include "model/kinds.h"
#include "model/view.h"

ModelDevice *model_device_from_json(json_t *object, GError **error)
{
	g_autoptr(ModelDevice) device = g_new0(ModelDevice, 1);
	const json_t *spec = model_view_open(&device->meta, object, error);

	if (spec == NULL)
		return NULL;
	device->object = json_incref(object);
	device->class_name = model_view_required(
		base_json_get_string(spec, "deviceClassReference", "name", NULL), &device->meta,
		MODEL_KIND_DEVICE, "spec.deviceClassReference.name", error);
	if (device->class_name == NULL)
		return NULL;
	device->display_name = base_json_get_string(spec, "displayName", NULL);
	device->location = base_json_get_string(spec, "location", NULL);
	device->secret_name = base_json_get_string(spec, "secret", "name", NULL);
	device->firmware_version = base_json_get_string(spec, "firmware", "version", NULL);
	device->suspended = base_json_get_bool(spec, FALSE, "suspended", NULL);
	model_view_settings(&device->settings, json_object_get(spec, "settings"));
	model_view_sensors(&device->sensors, json_object_get(spec, "sensors"));
	device->status = json_object_get(object, "status");
	return g_steal_pointer(&device);
}

void model_device_free(ModelDevice *device)
{
	if (device == NULL)
		return;
	g_free(device->settings.items);
	g_free(device->sensors.items);
	json_decref(device->object);
	g_free(device);
}

const char *model_device_unsupported(const ModelDevice *device)
{
	return model_object_unsupported(MODEL_KIND_DEVICE, device->object);
}
