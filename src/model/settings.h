/* model/settings.h — the settings of one layer: explicit ones, and what its Secret holds. For
 * model/plan.h. */
#pragma once

#include "esp/nvs.h"
#include "model/object.h"
#include "model/plan.h"

/* One setting with its value. Integers are in `number` (two's complement), the others in `bytes`,
 * which has a NUL behind it for strings. */
typedef struct {
	char *space;
	char *key;
	EspNvsType type;
	guint64 number;
	GBytes *bytes;
	char *from;   /* "Secret/greenhouse-wifi" */
	char *origin; /* "Secret 'greenhouse-wifi'", for messages */
} ModelValue;

void model_value_free(ModelValue *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelValue, model_value_free)
/* TRUE if a device would read the same. */
gboolean model_value_equal(const ModelValue *a, const ModelValue *b);
/* "wifi.ssid". Yours. */
char *model_value_name(const ModelValue *value);

/* Where settings are read from. */
typedef struct {
	const char *kind; /* "DeviceGroup" */
	const ModelMeta *meta;
	const char *secret_name; /* or NULL */
	const ModelSettings *settings;
	ModelLookup lookup;
	gpointer lookup_data;
} ModelLayer;

/* The layer's settings by their id (a string that nobody needs to read): char * -> ModelValue *.
 * Yours, or NULL with MODEL_ERROR_SPEC_INVALID or one of _SECRET_* and _CONFIG_MAP_*. */
GHashTable *model_layer_values(const ModelLayer *layer, GError **error);
