#include "base/yaml.h"
#include "model/plan.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The documents of the input by kind; any of them may be anything. */
static json_t *find(const GPtrArray *documents, const char *kind)
{
	for (guint i = 0; i < documents->len; i++) {
		json_t *value = base_yaml_document_value(g_ptr_array_index(documents, i));
		const char *given = base_json_get_string(value, "kind", NULL);

		if (given != NULL && strcmp(given, kind) == 0)
			return value;
	}
	return NULL;
}

static json_t *look_up(const char *kind, const char *namespace, const char *name,
		       gpointer user_data)
{
	(void)namespace;
	(void)name;
	return json_incref(find(user_data, kind));
}

static void plan_and_read_back(const ModelPlanInputs *inputs)
{
	g_autoptr(ModelPlan) plan = model_plan_new(inputs, NULL);
	g_autoptr(GBytes) image = NULL;
	g_autoptr(EspNvsContents) contents = NULL;

	if (plan == NULL)
		return;
	g_assert(strlen(plan->inputs_hash) == 64);
	image = model_plan_image(plan, NULL, NULL);
	if (image == NULL)
		return;
	contents = esp_nvs_read(g_bytes_get_data(image, NULL), g_bytes_get_size(image),
				ESP_NVS_READ_DEFAULT, NULL);
	g_assert(contents != NULL && contents->n_entries == plan->n_entries);
}

static void drop_group(gpointer group)
{
	model_device_group_free(group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents =
		base_yaml_parse_documents((const char *)data, size, NULL, NULL);
	g_autoptr(GPtrArray) groups = g_ptr_array_new_with_free_func(drop_group);
	g_autoptr(ModelDevice) device = NULL;
	g_autoptr(ModelDeviceClass) class = NULL;
	g_autoptr(ModelDeviceCluster) cluster = NULL;
	g_autoptr(GPtrArray) conflicts = NULL;
	ModelPlanInputs inputs;

	if (documents == NULL)
		return 0;
	device = model_device_from_json(find(documents, "Device"), NULL);
	class = model_device_class_from_json(find(documents, "DeviceClass"), NULL);
	cluster = model_device_cluster_from_json(find(documents, "DeviceCluster"), NULL);
	for (guint i = 0; i < documents->len && i < 4; i++) {
		json_t *value = base_yaml_document_value(g_ptr_array_index(documents, i));
		ModelDeviceGroup *group = model_device_group_from_json(value, NULL);

		if (group != NULL)
			g_ptr_array_add(groups, group);
	}
	conflicts = model_group_conflicts((const ModelDeviceGroup *const *)groups->pdata,
					  groups->len, look_up, documents);
	if (device == NULL || class == NULL || cluster == NULL)
		return 0;
	inputs = (ModelPlanInputs){
		.device = device,
		.device_class = class,
		.cluster = cluster,
		.groups = (const ModelDeviceGroup *const *)groups->pdata,
		.n_groups = groups->len,
		.lookup = look_up,
		.lookup_data = documents,
		.username = "u",
		.password = "p",
		.broker_host = "h",
		.broker_port = 1,
	};
	plan_and_read_back(&inputs);
	return 0;
}
