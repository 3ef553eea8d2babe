/* tests/unit/model_plan_world.h — a plan out of manifests written as YAML. */
#pragma once

#include "base/digest.h"
#include "base/json.h"
#include "base/yaml.h"
#include "model/error.h"
#include "model/kinds.h"
#include "model/plan.h"
#include "model/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
	GPtrArray *objects; /* of json_t * */
	ModelDevice *device;
	ModelDeviceClass *device_class;
	ModelDeviceCluster *cluster;
	GPtrArray *groups; /* of ModelDeviceGroup, those that match */
	ModelPlanInputs inputs;
} World;

static inline json_t *world_find(const World *world, const char *kind, const char *name)
{
	for (guint i = 0; i < world->objects->len; i++) {
		json_t *object = g_ptr_array_index(world->objects, i);

		if (strcmp(base_json_get_string(object, "kind", NULL), kind) == 0 &&
		    (name == NULL ||
		     strcmp(base_json_get_string(object, "metadata", "name", NULL), name) == 0))
			return object;
	}
	return NULL;
}

static inline json_t *world_lookup(const char *kind, const char *namespace, const char *name,
				   gpointer user_data)
{
	g_assert(strcmp(namespace, "default") == 0);
	return json_incref(world_find(user_data, kind, name));
}

static inline void world_add(World *world, const char *yaml)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) documents =
		base_yaml_parse_documents(yaml, strlen(yaml), "world", &error);

	if (documents == NULL)
		g_error("%s", error->message);
	for (guint i = 0; i < documents->len; i++) {
		json_t *object =
			json_incref(base_yaml_document_value(g_ptr_array_index(documents, i)));
		const char *kind = base_json_get_string(object, "kind", NULL);
		json_t *older = world_find(world, kind,
					   base_json_get_string(object, "metadata", "name", NULL));

		if (model_schema_for(kind) != NULL)
			model_schema_default(model_schema_for(kind), object);
		if (older != NULL)
			g_ptr_array_remove(world->objects, older);
		g_ptr_array_add(world->objects, object);
	}
}

static const char world_base[] = "apiVersion: espalier.dev/v1alpha1\n"
				 "kind: DeviceCluster\n"
				 "metadata: {name: greenhouse}\n"
				 "spec: {}\n"
				 "---\n"
				 "kind: DeviceClass\n"
				 "metadata: {name: soil-probe}\n"
				 "spec: {deviceClusterReference: {name: greenhouse}, chip: host}\n"
				 "---\n"
				 "kind: Device\n"
				 "metadata: {name: probe-1, labels: {site: north}}\n"
				 "spec: {deviceClassReference: {name: soil-probe}}\n";

static inline void drop_object(gpointer object)
{
	json_decref(object);
}

/* The base, then `yaml`, in which a document replaces one of the same kind and name. */
static inline World *world_new(const char *yaml)
{
	World *world = g_new0(World, 1);
	g_autoptr(GError) error = NULL;

	world->objects = g_ptr_array_new_with_free_func(drop_object);
	world->groups = g_ptr_array_new_with_free_func((GDestroyNotify)model_device_group_free);
	world_add(world, world_base);
	if (yaml != NULL)
		world_add(world, yaml);
	world->device = model_device_from_json(world_find(world, "Device", "probe-1"), &error);
	g_assert_no_error(error);
	world->device_class = model_device_class_from_json(
		world_find(world, "DeviceClass", "soil-probe"), &error);
	g_assert_no_error(error);
	world->cluster = model_device_cluster_from_json(
		world_find(world, "DeviceCluster", "greenhouse"), &error);
	g_assert_no_error(error);
	for (guint i = 0; i < world->objects->len; i++) {
		json_t *object = g_ptr_array_index(world->objects, i);
		ModelDeviceGroup *group;

		if (strcmp(base_json_get_string(object, "kind", NULL), "DeviceGroup") != 0)
			continue;
		group = model_device_group_from_json(object, &error);
		g_assert_no_error(error);
		if (model_device_group_matches(group, &world->device->meta))
			g_ptr_array_add(world->groups, group);
		else
			model_device_group_free(group);
	}
	world->inputs = (ModelPlanInputs){
		.device = world->device,
		.device_class = world->device_class,
		.cluster = world->cluster,
		.groups = (const ModelDeviceGroup *const *)world->groups->pdata,
		.n_groups = world->groups->len,
		.lookup = world_lookup,
		.lookup_data = world,
		.username = "probe-1",
		.password = "correct-horse-battery",
		.broker_host = "127.0.0.1",
		.broker_port = 8883,
		.broker_tls = TRUE,
	};
	return world;
}

static inline void world_free(World *world)
{
	if (world == NULL)
		return;
	model_device_free(world->device);
	model_device_class_free(world->device_class);
	model_device_cluster_free(world->cluster);
	g_ptr_array_unref(world->groups);
	g_ptr_array_unref(world->objects);
	g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* "space.key:type=value", one line an entry, from `space` on. */
static inline char *entries_text(const ModelPlan *plan, const char *from_space)
{
	GString *text = g_string_new(NULL);
	gboolean on = from_space == NULL;

	for (gsize i = 0; i < plan->n_entries; i++) {
		const EspNvsEntry *e = &plan->entries[i];

		on = on || strcmp(e->space, from_space) == 0;
		if (!on)
			continue;
		g_string_append_printf(text, "%s.%s:%s=", e->space, e->key,
				       esp_nvs_type_name(e->type));
		if (e->type == ESP_NVS_STRING) {
			g_string_append(text, e->value.text);
		} else if (e->type == ESP_NVS_BLOB) {
			g_autofree char *hex =
				base_hex(e->value.blob.data, e->value.blob.size_bytes);

			g_string_append(text, hex);
		} else if (esp_nvs_type_name(e->type)[0] == 'u') {
			g_string_append_printf(text, "%" G_GUINT64_FORMAT, e->value.u);
		} else {
			g_string_append_printf(text, "%" G_GINT64_FORMAT, e->value.i);
		}
		g_string_append_c(text, '\n');
	}
	return g_string_free(text, FALSE);
}

static inline char *sources_text(const ModelPlan *plan)
{
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < plan->n_sources; i++)
		g_string_append_printf(text, "%s<%s ", plan->sources[i].key, plan->sources[i].from);
	return g_string_free(text, FALSE);
}

static inline ModelPlan *plan_of(const World *world)
{
	g_autoptr(GError) error = NULL;
	ModelPlan *plan = model_plan_new(&world->inputs, &error);

	if (plan == NULL)
		fail_msg("%s", error->message);
	return plan;
}

static inline void assert_people_get(const char *yaml, const char *entries, const char *sources)
{
	g_autoptr(World) world = world_new(yaml);
	g_autoptr(ModelPlan) plan = plan_of(world);
	g_autofree char *all = entries_text(plan, "time");
	g_autofree char *given_sources = sources_text(plan);
	const char *own = strchr(all, '\n') + 1; /* after time.tz */

	if (strcmp(own, entries) != 0)
		fail_msg("%s\n  gives:\n%s  expected:\n%s", yaml, own, entries);
	assert_string_equal(given_sources, sources);
}

static inline void assert_fails(const char *yaml, ModelError code, const char *message)
{
	g_autoptr(World) world = world_new(yaml);
	g_autoptr(GError) error = NULL;
	g_autoptr(ModelPlan) plan = model_plan_new(&world->inputs, &error);

	if (plan != NULL)
		fail_msg("accepted: %s", yaml);
	if (!g_error_matches(error, MODEL_ERROR, (int)code) ||
	    strstr(error->message, message) == NULL)
		fail_msg("%s\n  says:    %s\n  expects: %s", yaml, error->message, message);
}

#define SECRET(name, data)                                                                         \
	"---\nkind: Secret\nmetadata: {name: " name ", labels: {espalier.dev/settings: 'true'}}\n" \
	"stringData: " data "\n"
#define DEVICE(spec)                                                                               \
	"---\nkind: Device\nmetadata: {name: probe-1, labels: {site: north}}\nspec: "              \
	"{deviceClassReference: {name: soil-probe}, " spec "}\n"
#define CLASS(spec)                                                                                \
	"---\nkind: DeviceClass\nmetadata: {name: soil-probe}\nspec: {deviceClusterReference: "    \
	"{name: greenhouse}, chip: host, " spec "}\n"
#define CLUSTER(spec) "---\nkind: DeviceCluster\nmetadata: {name: greenhouse}\nspec: {" spec "}\n"
#define GROUP(name, priority, spec)                                                                \
	"---\nkind: DeviceGroup\nmetadata: {name: " name                                           \
	"}\nspec: {selector: {}, priority: " priority ", " spec "}\n"
