/* model/device.h — a Device as a view of its JSON (model/object.h). */
#pragma once

#include "model/object.h"

typedef struct {
	json_t *object; /* held */
	ModelMeta meta;
	const char *class_name; /* spec.deviceClassReference.name */
	const char *display_name;
	const char *location;
	const char *secret_name; /* settings of this layer */
	ModelSettings settings;
	ModelSensors sensors;
	const char *firmware_version; /* pin; not supported yet */
	gboolean suspended;
	const json_t *status; /* or NULL */
} ModelDevice;

/* Yours, or NULL with MODEL_ERROR_SPEC_INVALID (naming the field) if this room cannot read it,
 * which the schema would have refused, too. Holds a reference to `object`. */
ModelDevice *model_device_from_json(json_t *object, GError **error);
void model_device_free(ModelDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelDevice, model_device_free)

/* As model_object_unsupported. */
const char *model_device_unsupported(const ModelDevice *device);
