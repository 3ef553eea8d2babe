/* model/merge.h — layers become one list of people's settings. For model/plan.c. */
#pragma once

#include "model/settings.h"

/* The settings that reach the device, in the order in which they are laid out: an array of
 * ModelValue, yours, or NULL with MODEL_ERROR_*. */
GPtrArray *model_merge_settings(const ModelPlanInputs *inputs, GError **error);

/* The sensors that reach the device as entries' texts: an array of char * (wire/sensors.h), the
 * class's in its order, then the device's own. Yours, or NULL with MODEL_ERROR_SPEC_INVALID. */
GPtrArray *model_merge_sensors(const ModelDeviceClass *device_class, const ModelDevice *device,
			       GError **error);
