/* model/view.h — reading spec fields into the structs of this room. What the schema has accepted
 * has the right types; what has not reads as absent, never as a crash. */
#pragma once

#include "model/error.h"
#include "model/object.h"

/* The object's spec, borrowed, or NULL with MODEL_ERROR_SPEC_INVALID. Reads `meta`, too. */
const json_t *model_view_open(ModelMeta *meta, const json_t *object, GError **error);

/* The string at `spec`'s path, or NULL with MODEL_ERROR_SPEC_INVALID that names `field`. */
const char *model_view_required(const char *text, const ModelMeta *meta, const char *kind,
				const char *field, GError **error);

/* A duration such as "60s"; `fallback` where absent. */
gboolean model_view_duration(const char *text, const char *fallback, const ModelMeta *meta,
			     const char *kind, const char *field, gint64 *duration_us,
			     GError **error);

/* Lists; freed with g_free(items). */
void model_view_settings(ModelSettings *settings, const json_t *list);
void model_view_sensors(ModelSensors *sensors, const json_t *list);
