/* model/object.h — what all kinds have: metadata, settings, sensors, references.
 *
 * The structs of this room are views: they hold a reference to the JSON object they were made from
 * and their strings are borrowed from it. So they cost little, and the object must neither be
 * changed nor be handed to another thread while they live. Absent strings are NULL unless a default
 * is named. */
#pragma once

#include "base/json.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
	const char *namespace; /* "default" where absent */
	const char *name;
	const char *uid;
	const char *resource_version;
	gint64 generation;
	gint64 creation_wall_us; /* 0 where absent */
	gint64 deletion_wall_us; /* 0: it is not being deleted */
	const json_t *labels;    /* object or NULL */
	const json_t *annotations;
	const json_t *finalizers; /* array or NULL */
} ModelMeta;

/* Reads metadata out of any object, a view as above. */
void model_meta_read(ModelMeta *meta, const json_t *object);
/* Borrowed, or NULL. */
const char *model_meta_label(const ModelMeta *meta, const char *key);
const char *model_meta_annotation(const ModelMeta *meta, const char *key);
gboolean model_meta_has_finalizer(const ModelMeta *meta, const char *finalizer);
/* "namespace/name". Yours. */
char *model_meta_key(const ModelMeta *meta);

/* One explicit setting: either `value` or `from_name` is set. */
typedef struct {
	const char *space;
	const char *key;
	const char *type;      /* "string", "blob", "u8" … "i64" */
	const char *value;     /* decimal for integers, base64 for blobs */
	const char *from_kind; /* "Secret" or "ConfigMap" */
	const char *from_name;
	const char *from_key;
} ModelSetting;

typedef struct {
	ModelSetting *items;
	gsize n_items;
} ModelSettings;

/* One sensor; `json` is the whole of it, as written. */
typedef struct {
	const char *name;
	const char *driver;
	gboolean disabled;
	const json_t *json;
} ModelSensor;

typedef struct {
	ModelSensor *items;
	gsize n_items;
} ModelSensors;

/* "Kind/namespace/name". Yours. */
char *model_reference(const char *kind, const char *namespace, const char *name);

/* What an object names, in that form ("DeviceClass/default/soil-probe", "Secret/default/wifi"),
 * each once. For the indexes of caches: who is reached when that thing changes. An array of char *,
 * yours.
 */
GPtrArray *model_object_references(const char *kind, const json_t *object);

/* The path of the first field in use whose time has not come ("spec.s3"), static; NULL if there is
 * none. For Ready=False/NotSupportedYet. */
const char *model_object_unsupported(const char *kind, const json_t *object);

/* "<device>-device". Yours. */
char *model_device_secret_name(const char *device);
