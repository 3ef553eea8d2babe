#include "model/settings.h"

#include "base/json.h"
#include "model/error.h"
#include "model/kinds.h"
#include "model/secret.h"
#include "model/settings_value.h"
#include "wire/nvs_names.h"

#include <string.h>

#define DEFAULT_SPACE WIRE_NVS_SETTINGS

void model_value_free(ModelValue *value)
{
	if (value == NULL)
		return;
	g_free(value->space);
	g_free(value->key);
	g_free(value->from);
	g_free(value->origin);
	g_clear_pointer(&value->bytes, g_bytes_unref);
	g_free(value);
}

gboolean model_value_equal(const ModelValue *a, const ModelValue *b)
{
	if (a->type != b->type || a->number != b->number)
		return FALSE;
	return a->bytes == b->bytes ||
	       (a->bytes != NULL && b->bytes != NULL && g_bytes_equal(a->bytes, b->bytes));
}

char *model_value_name(const ModelValue *value)
{
	return g_strdup_printf("%s.%s", value->space, value->key);
}

/* A line feed is in neither part, so ("a.b","c") differs from ("a","b.c"). */
static char *id_of(const char *space, const char *key)
{
	return g_strdup_printf("%s\n%s", space, key);
}

/* ---- Names ---- */

static gboolean part_is_good(const char *what, const char *part, const char *rest,
			     const char *origin, GError **error)
{
	gsize length = strlen(part);

	if (length > WIRE_NVS_NAME_MAX) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "settings: %s '%s'%s has %" G_GSIZE_FORMAT
			    " characters, NVS allows %d (from %s)",
			    what, part, rest, length, WIRE_NVS_NAME_MAX, origin);
		return FALSE;
	}
	for (gsize i = 0; i < length; i++)
		if (part[i] <= ' ' || part[i] > '~') {
			g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
				    "settings: %s '%s'%s has characters other than printable ASCII "
				    "(from %s)",
				    what, part, rest, origin);
			return FALSE;
		}
	if (length > 0)
		return TRUE;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
		    "settings: the %s%s is empty; write NAMESPACE.KEY (from %s)", what, rest,
		    origin);
	return FALSE;
}

static gboolean name_is_good(const char *space, const char *key, const char *origin, GError **error)
{
	g_autofree char *of_space = g_strdup_printf(" of namespace '%s'", space);

	if (!part_is_good("namespace", space, "", origin, error) ||
	    !part_is_good("key", key, of_space, origin, error))
		return FALSE;
	if (!wire_nvs_space_is_reserved(space))
		return TRUE;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
		    "settings: '%s.%s' is in namespace '%s', which is written by Espalier or by "
		    "ESP-IDF itself; choose another namespace (from %s)",
		    space, key, space, origin);
	return FALSE;
}

/* ---- Secrets and ConfigMaps ---- */

typedef struct {
	const char *kind, *resource;
	ModelError not_found, not_labelled, key_not_found;
} SourceKind;

static const SourceKind source_kinds[] = {
	{"Secret", "secret", MODEL_ERROR_SECRET_NOT_FOUND, MODEL_ERROR_SECRET_NOT_LABELLED,
	 MODEL_ERROR_SECRET_KEY_NOT_FOUND},
	{"ConfigMap", "configmap", MODEL_ERROR_CONFIG_MAP_NOT_FOUND,
	 MODEL_ERROR_CONFIG_MAP_NOT_LABELLED, MODEL_ERROR_CONFIG_MAP_KEY_NOT_FOUND},
};

static const SourceKind *source_kind(const char *kind)
{
	return strcmp(kind, "Secret") == 0 ? &source_kinds[0] : &source_kinds[1];
}

static json_t *look_up(const ModelLayer *layer, const char *kind, const char *name, GError **error)
{
	const SourceKind *source = source_kind(kind);
	const char *namespace = layer->meta->namespace;
	g_autoptr(json_t) object = layer->lookup(kind, namespace, name, layer->lookup_data);
	ModelMeta meta;

	if (object == NULL) {
		g_set_error(
			error, MODEL_ERROR, (int)source->not_found,
			"%s '%s', which %s '%s' names, is not in namespace '%s'; create it, with "
			"the label %s=true",
			kind, name, layer->kind, layer->meta->name, namespace,
			MODEL_LABEL_SETTINGS);
		return NULL;
	}
	model_meta_read(&meta, object);
	if (g_strcmp0(model_meta_label(&meta, MODEL_LABEL_SETTINGS), "true") == 0)
		return g_steal_pointer(&object);
	g_set_error(error, MODEL_ERROR, (int)source->not_labelled,
		    "%s '%s', which %s '%s' names, may not be read as settings; allow it: kubectl "
		    "label %s %s -n %s %s=true",
		    kind, name, layer->kind, layer->meta->name, source->resource, name, namespace,
		    MODEL_LABEL_SETTINGS);
	return NULL;
}

/* The bytes of a key: stringData and a ConfigMap's data are text, the others base64. */
static GBytes *bytes_of(const json_t *object, const char *kind, const char *key)
{
	const char *text, *base64;

	if (strcmp(kind, "Secret") == 0)
		return model_secret_bytes(object, key);
	text = base_json_get_string(object, "data", key, NULL);
	base64 = base_json_get_string(object, "binaryData", key, NULL);
	if (text != NULL)
		return g_bytes_new(text, strlen(text));
	return base64 != NULL ? model_base64_decode(base64) : NULL;
}

static ModelValue *value_new(const char *space, const char *key, EspNvsType type,
			     const char *from_kind, const char *from_name)
{
	ModelValue *value = g_new0(ModelValue, 1);

	value->space = g_strdup(space);
	value->key = g_strdup(key);
	value->type = type;
	value->from = g_strdup_printf("%s/%s", from_kind, from_name);
	value->origin = g_strdup_printf("%s '%s'", from_kind, from_name);
	return value;
}

/* ---- Explicit settings ---- */

static gboolean read_source(const ModelLayer *layer, const ModelSetting *setting, ModelValue *value,
			    GError **error)
{
	const SourceKind *source = source_kind(setting->from_kind);
	const char *key = setting->from_key != NULL ? setting->from_key : "";
	g_autoptr(json_t) object =
		look_up(layer, setting->from_kind,
			setting->from_name != NULL ? setting->from_name : "", error);
	g_autoptr(GBytes) bytes = NULL;

	if (object == NULL)
		return FALSE;
	bytes = bytes_of(object, setting->from_kind, key);
	if (bytes == NULL) {
		g_set_error(error, MODEL_ERROR, (int)source->key_not_found,
			    "%s '%s' has no key '%s', which the setting '%s.%s' of %s '%s' names",
			    setting->from_kind, setting->from_name, key, setting->space,
			    setting->key, layer->kind, layer->meta->name);
		return FALSE;
	}
	return model_value_set_bytes(value, bytes, error);
}

static gboolean add_setting(const ModelLayer *layer, const ModelSetting *setting,
			    GHashTable *values, GError **error)
{
	const char *space = setting->space != NULL ? setting->space : DEFAULT_SPACE;
	const char *key = setting->key != NULL ? setting->key : "";
	g_autofree char *origin = g_strdup_printf("%s '%s'", layer->kind, layer->meta->name);
	g_autoptr(ModelValue) value = NULL;
	g_autofree char *id = id_of(space, key);
	EspNvsType type = ESP_NVS_STRING;

	if (!name_is_good(space, key, origin, error))
		return FALSE;
	if ((setting->type != NULL && !esp_nvs_type_from_name(setting->type, &type)) ||
	    type == ESP_NVS_NAMESPACE) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "settings: '%s.%s' has the type '%s', which is none of string, blob, "
			    "u8…u64, i8…i64 (from %s)",
			    space, key, setting->type, origin);
		return FALSE;
	}
	if (g_hash_table_contains(values, id)) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "settings: '%s.%s' is given twice (from %s)", space, key, origin);
		return FALSE;
	}
	value = setting->from_kind != NULL
			? value_new(space, key, type, setting->from_kind,
				    setting->from_name != NULL ? setting->from_name : "")
			: value_new(space, key, type, layer->kind, layer->meta->name);
	if (!(setting->from_kind != NULL
		      ? read_source(layer, setting, value, error)
		      : model_value_set_text(value, setting->value != NULL ? setting->value : "",
					     error)))
		return FALSE;
	g_hash_table_insert(values, g_steal_pointer(&id), g_steal_pointer(&value));
	return TRUE;
}

/* ---- The layer's Secret ---- */

static gboolean add_secret_key(const char *secret_name, const json_t *secret, const char *name,
			       GHashTable *values, GError **error)
{
	const char *dot = strchr(name, '.');
	g_autofree char *space =
		dot != NULL ? g_strndup(name, (gsize)(dot - name)) : g_strdup(DEFAULT_SPACE);
	const char *key = dot != NULL ? dot + 1 : name;
	g_autofree char *origin = g_strdup_printf("Secret '%s'", secret_name);
	g_autofree char *id = id_of(space, key);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(ModelValue) value = NULL;

	if (!name_is_good(space, key, origin, error))
		return FALSE;
	if (g_hash_table_contains(values, id))
		return TRUE; /* an explicit setting beats the Secret */
	bytes = bytes_of(secret, "Secret", name);
	if (bytes == NULL) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "settings: '%s' is not base64 (from %s)", name, origin);
		return FALSE;
	}
	value = value_new(space, key, model_bytes_are_text(bytes) ? ESP_NVS_STRING : ESP_NVS_BLOB,
			  "Secret", secret_name);
	if (!model_value_set_bytes(value, bytes, error))
		return FALSE;
	g_hash_table_insert(values, g_steal_pointer(&id), g_steal_pointer(&value));
	return TRUE;
}

static gboolean add_secret(const ModelLayer *layer, GHashTable *values, GError **error)
{
	static const char *const members[] = {"stringData", "data"};
	g_autoptr(json_t) secret = look_up(layer, "Secret", layer->secret_name, error);

	if (secret == NULL)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
		const char *key;
		json_t *member;

		json_object_foreach (json_object_get(secret, members[i]), key, member) {
			if (!add_secret_key(layer->secret_name, secret, key, values, error))
				return FALSE;
		}
	}
	return TRUE;
}

GHashTable *model_layer_values(const ModelLayer *layer, GError **error)
{
	g_autoptr(GHashTable) values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							     (GDestroyNotify)model_value_free);

	for (gsize i = 0; i < layer->settings->n_items; i++)
		if (!add_setting(layer, &layer->settings->items[i], values, error))
			return NULL;
	if (layer->secret_name != NULL && !add_secret(layer, values, error))
		return NULL;
	return g_steal_pointer(&values);
}
