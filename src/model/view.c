#include "model/view.h"

#include "base/clock.h"

#include <string.h>

const json_t *model_view_open(ModelMeta *meta, const json_t *object, GError **error)
{
	const json_t *spec = json_object_get(object, "spec");

	model_meta_read(meta, object);
	if (json_is_object(spec) && meta->name != NULL)
		return spec;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID, "%s: %s is missing",
		    meta->name != NULL ? meta->name : "an object",
		    meta->name != NULL ? "spec" : "metadata.name");
	return NULL;
}

const char *model_view_required(const char *text, const ModelMeta *meta, const char *kind,
				const char *field, GError **error)
{
	if (text != NULL && text[0] != '\0')
		return text;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID, "%s '%s': %s is missing", kind,
		    meta->name, field);
	return NULL;
}

gboolean model_view_duration(const char *text, const char *fallback, const ModelMeta *meta,
			     const char *kind, const char *field, gint64 *duration_us,
			     GError **error)
{
	if (base_clock_parse_duration(text != NULL ? text : fallback, duration_us))
		return TRUE;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
		    "%s '%s': %s is '%s', which is no duration; write one such as 90s or 1h30m",
		    kind, meta->name, field, text);
	return FALSE;
}

static void read_source(ModelSetting *setting, const json_t *from)
{
	static const struct {
		const char *member, *kind;
	} sources[] = {{"secretKeyRef", "Secret"}, {"configMapKeyRef", "ConfigMap"}};

	for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
		const json_t *source = json_object_get(from, sources[i].member);

		if (source == NULL)
			continue;
		setting->from_kind = sources[i].kind;
		setting->from_name = base_json_get_string(source, "name", NULL);
		setting->from_key = base_json_get_string(source, "key", NULL);
	}
}

void model_view_settings(ModelSettings *settings, const json_t *list)
{
	json_t *member;
	size_t i;

	settings->n_items = json_array_size(list);
	settings->items = g_new0(ModelSetting, settings->n_items);
	json_array_foreach (list, i, member) {
		ModelSetting *setting = &settings->items[i];

		setting->space = base_json_get_string(member, "namespace", NULL);
		setting->key = base_json_get_string(member, "key", NULL);
		setting->type = base_json_get_string(member, "type", NULL);
		setting->value = base_json_get_string(member, "value", NULL);
		read_source(setting, json_object_get(member, "valueFrom"));
	}
}

void model_view_sensors(ModelSensors *sensors, const json_t *list)
{
	json_t *member;
	size_t i;

	sensors->n_items = json_array_size(list);
	sensors->items = g_new0(ModelSensor, sensors->n_items);
	json_array_foreach (list, i, member) {
		ModelSensor *sensor = &sensors->items[i];

		sensor->name = base_json_get_string(member, "name", NULL);
		sensor->driver = base_json_get_string(member, "driver", NULL);
		sensor->disabled = base_json_get_bool(member, FALSE, "disabled", NULL);
		sensor->json = member;
	}
}
