/* model/device_group.h — a DeviceGroup as a view of its JSON (model/object.h). */
#pragma once

#include "model/object.h"
#include "model/selector.h"

typedef struct {
	json_t *object; /* held */
	ModelMeta meta;
	ModelSelector *selector; /* owned */
	gint64 priority;
	const char *secret_name;
	ModelSettings settings;
	const json_t *status; /* or NULL */
} ModelDeviceGroup;

/* Yours, or NULL with MODEL_ERROR_SPEC_INVALID or MODEL_ERROR_SELECTOR. Holds a reference. */
ModelDeviceGroup *model_device_group_from_json(json_t *object, GError **error);
void model_device_group_free(ModelDeviceGroup *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelDeviceGroup, model_device_group_free)

/* TRUE if the group selects that device: same namespace, labels that match. */
gboolean model_device_group_matches(const ModelDeviceGroup *group, const ModelMeta *device);

/* As model_object_unsupported. */
const char *model_device_group_unsupported(const ModelDeviceGroup *group);
