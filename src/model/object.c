#include "model/object.h"

#include "base/clock.h"
#include "model/kinds.h"

#include <string.h>

static gint64 read_time(const json_t *metadata, const char *member)
{
	const char *text = base_json_get_string(metadata, member, NULL);
	gint64 wall_us = 0;

	if (text != NULL)
		base_clock_parse_time(text, &wall_us);
	return wall_us;
}

static const json_t *object_or_null(const json_t *value)
{
	return json_is_object(value) ? value : NULL;
}

void model_meta_read(ModelMeta *meta, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const json_t *finalizers = json_object_get(metadata, "finalizers");
	const char *namespace = base_json_get_string(metadata, "namespace", NULL);

	meta->namespace = namespace != NULL && namespace[0] != '\0' ? namespace : "default";
	meta->name = base_json_get_string(metadata, "name", NULL);
	meta->uid = base_json_get_string(metadata, "uid", NULL);
	meta->resource_version = base_json_get_string(metadata, "resourceVersion", NULL);
	meta->generation = base_json_get_int(metadata, 0, "generation", NULL);
	meta->creation_wall_us = read_time(metadata, "creationTimestamp");
	meta->deletion_wall_us = read_time(metadata, "deletionTimestamp");
	meta->labels = object_or_null(json_object_get(metadata, "labels"));
	meta->annotations = object_or_null(json_object_get(metadata, "annotations"));
	meta->finalizers = json_is_array(finalizers) ? finalizers : NULL;
}

const char *model_meta_label(const ModelMeta *meta, const char *key)
{
	return json_string_value(json_object_get(meta->labels, key));
}

const char *model_meta_annotation(const ModelMeta *meta, const char *key)
{
	return json_string_value(json_object_get(meta->annotations, key));
}

gboolean model_meta_has_finalizer(const ModelMeta *meta, const char *finalizer)
{
	json_t *member;
	size_t i;

	json_array_foreach (meta->finalizers, i, member) {
		if (g_strcmp0(json_string_value(member), finalizer) == 0)
			return TRUE;
	}
	return FALSE;
}

char *model_meta_key(const ModelMeta *meta)
{
	return g_strdup_printf("%s/%s", meta->namespace, meta->name);
}

char *model_reference(const char *kind, const char *namespace, const char *name)
{
	return g_strdup_printf("%s/%s/%s", kind, namespace, name);
}

char *model_device_secret_name(const char *device)
{
	return g_strconcat(device, MODEL_DEVICE_SECRET_SUFFIX, NULL);
}

static const json_t *at_path(const json_t *object, const char *path)
{
	g_auto(GStrv) steps = g_strsplit(path, ".", -1);

	for (gsize i = 0; object != NULL && steps[i] != NULL; i++)
		object = json_object_get(object, steps[i]);
	return object;
}

/* ---- References ---- */

/* Where the kinds name others: {name} at the path. */
static const struct {
	const char *kind, *path, *names;
} reference_fields[] = {
	{MODEL_KIND_STORAGE, "spec.s3.credentialsSecret", "Secret"},
	{MODEL_KIND_STORAGE, "spec.s3.caSecret", "Secret"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.storageReference", MODEL_KIND_STORAGE},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.mqtt.broker.adminSecret", "Secret"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.mqtt.broker.caSecret", "Secret"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.mqtt.deviceEndpoint.tls.caSecret", "Secret"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.artefacts.tlsSecret", "Secret"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.secret", "Secret"},
	{MODEL_KIND_DEVICE_CLASS, "spec.deviceClusterReference", MODEL_KIND_DEVICE_CLUSTER},
	{MODEL_KIND_DEVICE_CLASS, "spec.storageReference", MODEL_KIND_STORAGE},
	{MODEL_KIND_DEVICE_CLASS, "spec.firmware.builder.source.secret", "Secret"},
	{MODEL_KIND_DEVICE_CLASS, "spec.security.keySecret", "Secret"},
	{MODEL_KIND_DEVICE_CLASS, "spec.ota.signingKeySecret", "Secret"},
	{MODEL_KIND_DEVICE_CLASS, "spec.secret", "Secret"},
	{MODEL_KIND_DEVICE_GROUP, "spec.secret", "Secret"},
	{MODEL_KIND_DEVICE, "spec.deviceClassReference", MODEL_KIND_DEVICE_CLASS},
	{MODEL_KIND_DEVICE, "spec.secret", "Secret"},
};

static void add_reference(GPtrArray *references, const char *kind, const char *namespace,
			  const char *name)
{
	char *reference;

	if (name == NULL)
		return;
	reference = model_reference(kind, namespace, name);
	if (g_ptr_array_find_with_equal_func(references, reference, g_str_equal, NULL))
		g_free(reference);
	else
		g_ptr_array_add(references, reference);
}

static void add_settings_references(GPtrArray *references, const char *namespace,
				    const json_t *settings)
{
	json_t *setting;
	size_t i;

	json_array_foreach (settings, i, setting) {
		add_reference(
			references, "Secret", namespace,
			base_json_get_string(setting, "valueFrom", "secretKeyRef", "name", NULL));
		add_reference(references, "ConfigMap", namespace,
			      base_json_get_string(setting, "valueFrom", "configMapKeyRef", "name",
						   NULL));
	}
}

static void add_injected_secrets(GPtrArray *references, const char *namespace, const json_t *users)
{
	json_t *user, *secret;
	size_t u, s;

	json_array_foreach (users, u, user) {
		json_array_foreach (json_object_get(user, "injectSecrets"), s, secret)
			add_reference(references, "Secret", namespace,
				      base_json_get_string(secret, "name", NULL));
	}
}

GPtrArray *model_object_references(const char *kind, const json_t *object)
{
	GPtrArray *references = g_ptr_array_new_with_free_func(g_free);
	ModelMeta meta;

	model_meta_read(&meta, object);
	for (gsize i = 0; i < G_N_ELEMENTS(reference_fields); i++)
		if (strcmp(kind, reference_fields[i].kind) == 0)
			add_reference(
				references, reference_fields[i].names, meta.namespace,
				base_json_get_string(at_path(object, reference_fields[i].path),
						     "name", NULL));
	add_settings_references(references, meta.namespace,
				base_json_get(object, "spec", "settings", NULL));
	add_injected_secrets(references, meta.namespace,
			     base_json_get(object, "spec", "mqtt", "users", NULL));
	return references;
}

/* ---- What is not built yet ---- */

/* Fields that may be there only with the value `fine`; with NULL not at all. */
static const struct {
	const char *kind, *path, *fine;
} later_fields[] = {
	{MODEL_KIND_STORAGE, "spec.s3", NULL},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.mqtt.broker.type", "Local"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.mqtt.convention", "Homie5"},
	{MODEL_KIND_DEVICE_CLUSTER, "spec.artefacts.tlsSecret", NULL},
	{MODEL_KIND_DEVICE_CLASS, "spec.config.builder", NULL},
	{MODEL_KIND_DEVICE_CLASS, "spec.config.encryption", "None"},
	{MODEL_KIND_DEVICE_CLASS, "spec.config.updatePolicy", "OnFlash"},
	{MODEL_KIND_DEVICE_CLASS, "spec.security.flashEncryption", "None"},
	{MODEL_KIND_DEVICE_CLASS, "spec.security.secureBoot", "None"},
	{MODEL_KIND_DEVICE_CLASS, "spec.security.keySecret", NULL},
	{MODEL_KIND_DEVICE_CLASS, "spec.ota", NULL},
	{MODEL_KIND_DEVICE, "spec.firmware.version", NULL},
};

/* The host's firmware is packed as it is installed: nothing of a builder has an effect. */
static const char *const host_builder_fields[] = {
	"spec.firmware.builder.image",     "spec.firmware.builder.source",
	"spec.firmware.builder.env",       "spec.firmware.builder.sdkconfig",
	"spec.firmware.builder.resources", "spec.firmware.builder.deadline",
};

static const char *unsupported_of_host(const json_t *object)
{
	if (g_strcmp0(base_json_get_string(object, "spec", "chip", NULL), "host") != 0)
		return NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(host_builder_fields); i++)
		if (at_path(object, host_builder_fields[i]) != NULL)
			return host_builder_fields[i];
	return NULL;
}

const char *model_object_unsupported(const char *kind, const json_t *object)
{
	for (gsize i = 0; i < G_N_ELEMENTS(later_fields); i++) {
		const json_t *value;

		if (strcmp(kind, later_fields[i].kind) != 0)
			continue;
		value = at_path(object, later_fields[i].path);
		if (value != NULL &&
		    (later_fields[i].fine == NULL ||
		     g_strcmp0(json_string_value(value), later_fields[i].fine) != 0))
			return later_fields[i].path;
	}
	return strcmp(kind, MODEL_KIND_DEVICE_CLASS) == 0 ? unsupported_of_host(object) : NULL;
}
