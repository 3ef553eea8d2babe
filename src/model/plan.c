#include "model/plan.h"

#include "base/digest.h"
#include "esp/error.h"
#include "model/kinds.h"
#include "model/merge.h"
#include "wire/nvs_names.h"

#include <string.h>

/* The public struct and what its pointers point into. */
typedef struct {
	ModelPlan plan;
	GArray *entries;   /* of EspNvsEntry */
	GArray *sources;   /* of ModelPlanSource */
	GPtrArray *values; /* of ModelValue: what people's entries borrow from */
	GPtrArray *sensors;
	GStringChunk *strings;
	guint8 hash[WIRE_CONFIG_HASH_BYTES];
} Plan;

static void plan_free(Plan *p)
{
	g_array_unref(p->entries);
	g_array_unref(p->sources);
	g_clear_pointer(&p->values, g_ptr_array_unref);
	g_clear_pointer(&p->sensors, g_ptr_array_unref);
	g_string_chunk_free(p->strings);
	g_free(p->plan.inputs_hash);
	g_free(p);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

void model_plan_free(ModelPlan *plan)
{
	/* `plan` is the first member of Plan. */
	if (plan != NULL)
		plan_free((Plan *)(void *)plan);
}

/* ---- Where it goes ---- */

static gboolean add_slot(ModelPlan *plan, const EspPartition *partition, GError **error)
{
	ModelPlanSlot *slot = &plan->slots[plan->n_slots];

	if (partition->type != ESP_PARTITION_DATA || partition->subtype != ESP_PARTITION_DATA_NVS) {
		g_set_error(
			error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			"partition '%s' holds the configuration, so it must be of type data and "
			"subtype nvs",
			partition->label);
		return FALSE;
	}
	if (plan->n_slots > 0 && partition->size_bytes != plan->size_bytes) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "partitions '%s' and '%s' take turns, so they must have the same size",
			    plan->slots[0].label, partition->label);
		return FALSE;
	}
	g_strlcpy(slot->label, partition->label, sizeof slot->label);
	slot->offset = partition->offset;
	slot->size_bytes = partition->size_bytes;
	plan->size_bytes = partition->size_bytes;
	plan->n_slots++;
	return TRUE;
}

static gboolean find_slots(ModelPlan *plan, const EspPartitionTable *table, GError **error)
{
	static const char *const labels[] = {WIRE_PARTITION_CONFIG_0, WIRE_PARTITION_CONFIG_1};
	const EspPartition *own;

	if (esp_partition_find(table, WIRE_PARTITION_CONFIG_0) == NULL) {
		own = esp_partition_find(table, WIRE_PARTITION_OWN);
		if (own != NULL)
			return add_slot(plan, own, error);
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "the partition table has neither '%s' nor '%s' for the configuration",
			    WIRE_PARTITION_CONFIG_0, WIRE_PARTITION_OWN);
		return FALSE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(labels); i++) {
		const EspPartition *partition = esp_partition_find(table, labels[i]);

		if (partition != NULL && !add_slot(plan, partition, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean find_place(Plan *p, const ModelPlanInputs *inputs, GError **error)
{
	g_autoptr(EspPartitionTable) own = NULL;
	const EspPartitionTable *table = inputs->table;

	if (table == NULL)
		table = own = model_device_class_table(inputs->device_class, error);
	if (table == NULL)
		return FALSE;
	if (find_slots(&p->plan, table, error))
		return TRUE;
	g_prefix_error(error, "DeviceClass '%s': ", inputs->device_class->meta.name);
	return FALSE;
}

/* ---- What goes in ---- */

static void add_entry(Plan *p, EspNvsEntry entry)
{
	g_array_append_val(p->entries, entry);
}

static void add_text(Plan *p, const char *space, const char *key, const char *text)
{
	if (text != NULL)
		add_entry(p, esp_nvs_string(space, key, g_string_chunk_insert(p->strings, text)));
}

static void add_identity(Plan *p, const ModelPlanInputs *inputs)
{
	static const char space[] = WIRE_NVS_ESPALIER;

	add_text(p, space, WIRE_NVS_ESPALIER_NAME, inputs->device->meta.name);
	add_text(p, space, WIRE_NVS_ESPALIER_CLASS, inputs->device_class->meta.name);
	add_text(p, space, WIRE_NVS_ESPALIER_CLUSTER, inputs->cluster->meta.name);
	add_text(p, space, WIRE_NVS_ESPALIER_NAMESPACE, inputs->device->meta.namespace);
	add_entry(p, esp_nvs_blob(space, WIRE_NVS_ESPALIER_CONFIG, p->hash, sizeof p->hash));
	add_entry(p,
		  esp_nvs_unsigned(space, WIRE_NVS_ESPALIER_LAYOUT, ESP_NVS_U8, WIRE_NVS_LAYOUT));
}

static void add_broker(Plan *p, const ModelPlanInputs *inputs)
{
	static const char space[] = WIRE_NVS_MQTT;

	add_text(p, space, WIRE_NVS_MQTT_HOST, inputs->broker_host);
	add_entry(p, esp_nvs_unsigned(space, WIRE_NVS_MQTT_PORT, ESP_NVS_U16, inputs->broker_port));
	add_entry(p, esp_nvs_unsigned(space, WIRE_NVS_MQTT_TLS, ESP_NVS_U8,
				      inputs->broker_tls ? 1 : 0));
	add_text(p, space, WIRE_NVS_MQTT_CA, inputs->broker_ca_pem);
	add_text(p, space, WIRE_NVS_MQTT_USER, inputs->username);
	add_text(p, space, WIRE_NVS_MQTT_PASSWORD, inputs->password);
	add_text(p, space, WIRE_NVS_MQTT_CONVENTION,
		 model_convention_wire_name(inputs->cluster->convention));
	add_text(p, space, WIRE_NVS_MQTT_ROOT, inputs->cluster->root_topic);
	add_entry(p, esp_nvs_unsigned(space, WIRE_NVS_MQTT_KEEPALIVE, ESP_NVS_U16,
				      WIRE_MQTT_KEEPALIVE_DEFAULT_S));
}

static void add_sensors(Plan *p)
{
	for (guint i = 0; i < p->sensors->len; i++) {
		char key[WIRE_NVS_NAME_MAX + 1];

		wire_nvs_sensor_key(i, key);
		add_entry(p,
			  esp_nvs_string(WIRE_NVS_SENSORS, g_string_chunk_insert(p->strings, key),
					 g_ptr_array_index(p->sensors, i)));
	}
}

static void add_clock(Plan *p, const ModelPlanInputs *inputs)
{
	static const char *const keys[MODEL_NTP_SERVERS_MAX] = {
		WIRE_NVS_TIME_NTP_0, WIRE_NVS_TIME_NTP_1, WIRE_NVS_TIME_NTP_2};

	add_text(p, WIRE_NVS_TIME, WIRE_NVS_TIME_ZONE,
		 inputs->posix_tz != NULL ? inputs->posix_tz : "UTC0");
	for (gsize i = 0; i < MODEL_NTP_SERVERS_MAX; i++)
		add_text(p, WIRE_NVS_TIME, keys[i], inputs->cluster->ntp_servers[i]);
}

static EspNvsEntry entry_of(const ModelValue *value)
{
	EspNvsEntry entry = {
		.space = value->space,
		.key = value->key,
		.type = value->type,
		.origin = value->origin,
	};

	switch (value->type) {
	case ESP_NVS_STRING:
		entry.value.text = g_bytes_get_data(value->bytes, NULL);
		break;
	case ESP_NVS_BLOB:
		entry.value.blob.data =
			g_bytes_get_data(value->bytes, &entry.value.blob.size_bytes);
		break;
	case ESP_NVS_I8:
	case ESP_NVS_I16:
	case ESP_NVS_I32:
	case ESP_NVS_I64:
		entry.value.i = (gint64)value->number;
		break;
	default:
		entry.value.u = value->number;
		break;
	}
	return entry;
}

static void add_settings(Plan *p)
{
	for (guint i = 0; i < p->values->len; i++) {
		const ModelValue *value = g_ptr_array_index(p->values, i);
		g_autofree char *name = model_value_name(value);
		ModelPlanSource source = {
			.key = g_string_chunk_insert(p->strings, name),
			.from = value->from,
		};

		add_entry(p, entry_of(value));
		g_array_append_val(p->sources, source);
	}
}

/* ---- The hash of it all ---- */

static void hash_entry(BaseInputsHash *hash, const EspNvsEntry *entry)
{
	guint8 type = (guint8)entry->type;
	guint64 number = GUINT64_TO_LE(entry->value.u);

	base_inputs_hash_add_string(hash, entry->space);
	base_inputs_hash_add_string(hash, entry->key);
	base_inputs_hash_add(hash, &type, sizeof type);
	if (entry->type == ESP_NVS_STRING)
		base_inputs_hash_add_string(hash, entry->value.text);
	else if (entry->type == ESP_NVS_BLOB)
		base_inputs_hash_add(hash,
				     entry->value.blob.data != NULL ? entry->value.blob.data
								    : (const guint8 *)"",
				     entry->value.blob.size_bytes);
	else
		base_inputs_hash_add(hash, &number, sizeof number);
}

/* Covers every entry but the one that holds it, the size, and who lays the bytes out. */
static void hash_inputs(Plan *p, const ModelPlanInputs *inputs)
{
	BaseInputsHash *hash = base_inputs_hash_new();
	guint32 numbers[] = {GUINT32_TO_LE((guint32)WIRE_NVS_LAYOUT),
			     GUINT32_TO_LE(p->plan.size_bytes)};
	g_autoptr(GBytes) bytes = NULL;

	base_inputs_hash_add(hash, numbers, sizeof numbers);
	base_inputs_hash_add_string(hash, inputs->builder_digest);
	for (guint i = 0; i < p->entries->len; i++) {
		const EspNvsEntry *entry = &g_array_index(p->entries, EspNvsEntry, i);

		if (entry->type != ESP_NVS_BLOB || entry->value.blob.data != p->hash)
			hash_entry(hash, entry);
	}
	p->plan.inputs_hash = base_inputs_hash_finish(hash);
	bytes = base_unhex(p->plan.inputs_hash);
	memcpy(p->hash, g_bytes_get_data(bytes, NULL), sizeof p->hash);
}

static gboolean endpoint_is_known(const ModelPlanInputs *inputs, GError **error)
{
	if (inputs->broker_host != NULL && inputs->broker_host[0] != '\0' &&
	    inputs->broker_port != 0)
		return TRUE;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
		    "DeviceCluster '%s': what devices are told of the broker is not known; give "
		    "spec.mqtt.deviceEndpoint",
		    inputs->cluster->meta.name);
	return FALSE;
}

ModelPlan *model_plan_new(const ModelPlanInputs *inputs, GError **error)
{
	g_autoptr(Plan) p = g_new0(Plan, 1);

	p->entries = g_array_new(FALSE, TRUE, sizeof(EspNvsEntry));
	p->sources = g_array_new(FALSE, TRUE, sizeof(ModelPlanSource));
	p->strings = g_string_chunk_new(256);
	if (!endpoint_is_known(inputs, error) || !find_place(p, inputs, error))
		return NULL;
	p->values = model_merge_settings(inputs, error);
	if (p->values == NULL)
		return NULL;
	p->sensors = model_merge_sensors(inputs->device_class, inputs->device, error);
	if (p->sensors == NULL)
		return NULL;
	add_identity(p, inputs);
	add_broker(p, inputs);
	add_text(p, WIRE_NVS_OTA, WIRE_NVS_OTA_URL, inputs->artefact_url);
	add_sensors(p);
	add_clock(p, inputs);
	add_settings(p);
	hash_inputs(p, inputs);
	p->plan.entries = &g_array_index(p->entries, EspNvsEntry, 0);
	p->plan.n_entries = p->entries->len;
	p->plan.sources = (const ModelPlanSource *)(void *)p->sources->data;
	p->plan.n_sources = p->sources->len;
	return &g_steal_pointer(&p)->plan;
}

GBytes *model_plan_image(const ModelPlan *plan, gsize *used_bytes, GError **error)
{
	g_autofree guint8 *image = g_malloc(plan->size_bytes);
	g_autoptr(GError) fault = NULL;
	EspNvsUsage usage = {0};

	if (esp_nvs_image_write(plan->entries, plan->n_entries, image, plan->size_bytes, &usage,
				&fault)) {
		if (used_bytes != NULL)
			*used_bytes = usage.used_bytes;
		return g_bytes_new_take(g_steal_pointer(&image), plan->size_bytes);
	}
	if (g_error_matches(fault, ESP_ERROR, ESP_ERROR_TOO_LARGE))
		g_set_error(
			error, MODEL_ERROR, MODEL_ERROR_TOO_LARGE,
			"the configuration does not fit partition '%s': %s; remove settings, or "
			"give the class a table with larger partitions for it",
			plan->slots[0].label, fault->message);
	else
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "the configuration cannot be laid out for partition '%s': %s",
			    plan->slots[0].label, fault->message);
	return NULL;
}

json_t *model_plan_sources_json(const ModelPlan *plan)
{
	json_t *sources = json_array();

	for (gsize i = 0; i < plan->n_sources; i++)
		json_array_append_new(sources, json_pack("{s:s, s:s}", "key", plan->sources[i].key,
							 "from", plan->sources[i].from));
	return sources;
}
