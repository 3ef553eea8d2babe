/* Defaulting and pruning: the shape of an object, before anybody asks whether it is right. */
#include "model/schema_table.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

static void default_value(const ModelSchema *schema, const ModelNode *node, json_t *value);

static json_t *default_of(const ModelNode *node)
{
	return json_loads(node->default_json, JSON_DECODE_ANY, NULL);
}

static void default_properties(const ModelSchema *schema, const ModelNode *node, json_t *object)
{
	for (guint32 i = 0; i < node->properties.count; i++) {
		const ModelProperty *property = &g_array_index(schema->properties, ModelProperty,
							       node->properties.first + i);
		const ModelNode *member = model_schema_node(schema, property->node);
		const json_t *value = json_object_get(object, property->name);

		if ((value == NULL || json_is_null(value)) && member->default_json != NULL)
			json_object_set_new(object, property->name, default_of(member));
	}
}

/* 1.0 is an integer that was written oddly: kube-apiserver stores 1. */
static json_t *as_integer(const ModelNode *node, const json_t *value)
{
	static const double exact = 9007199254740992.0; /* 2^53 */
	double real = json_real_value(value);

	if (node->type != MODEL_TYPE_INTEGER || !json_is_real(value) || floor(real) != real ||
	    fabs(real) > exact)
		return NULL;
	return json_integer((json_int_t)real);
}

static void default_members(const ModelSchema *schema, const ModelNode *node, json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (object, next, key, value) {
		const ModelNode *member = model_schema_member(schema, node, key);
		json_t *integer;

		if (member == NULL)
			continue;
		integer = as_integer(member, value);
		if (json_is_null(value))
			json_object_del(object, key);
		else if (integer != NULL)
			json_object_set_new(object, key, integer);
		else
			default_value(schema, member, value);
	}
}

static void default_value(const ModelSchema *schema, const ModelNode *node, json_t *value)
{
	json_t *member;
	size_t i;

	if (node->type == MODEL_TYPE_OBJECT && json_is_object(value)) {
		default_properties(schema, node, value);
		default_members(schema, node, value);
	} else if (node->type == MODEL_TYPE_ARRAY) {
		json_array_foreach (value, i, member)
			default_value(schema, model_schema_node(schema, node->items), member);
	}
}

void model_schema_default(const ModelSchema *schema, json_t *object)
{
	const ModelNode *root = model_schema_node(schema, 0);
	static const char *const parts[] = {"spec", "status"};

	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		json_t *part = json_object_get(object, parts[i]);

		if (json_is_null(part))
			json_object_del(object, parts[i]);
		else if (part != NULL)
			default_value(schema, model_schema_member(schema, root, parts[i]), part);
	}
}

/* ---- Pruning ---- */

static const char *const metadata_fields[] = {"name",
					      "generateName",
					      "namespace",
					      "selfLink",
					      "uid",
					      "resourceVersion",
					      "generation",
					      "creationTimestamp",
					      "deletionTimestamp",
					      "deletionGracePeriodSeconds",
					      "labels",
					      "annotations",
					      "ownerReferences",
					      "finalizers",
					      "managedFields",
					      NULL};
static const char *const owner_fields[] = {
	"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion", NULL};

static void drop(json_t *object, const char *key, GString *path, GPtrArray *unknown)
{
	gsize before = model_path_push_key(path, key);

	if (unknown != NULL)
		g_ptr_array_add(unknown, g_strdup(path->str));
	model_path_pop(path, before);
	json_object_del(object, key);
}

static void prune_to(json_t *object, const char *const *known, GString *path, GPtrArray *unknown)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (object, next, key, value) {
		if (!g_strv_contains(known, key))
			drop(object, key, path, unknown);
	}
}

static void prune_metadata(json_t *metadata, GString *path, GPtrArray *unknown)
{
	json_t *owners = json_object_get(metadata, "ownerReferences"), *owner;
	gsize before = model_path_push_key(path, "metadata");
	gsize at_owners;
	size_t i;

	prune_to(metadata, metadata_fields, path, unknown);
	at_owners = model_path_push_key(path, "ownerReferences");
	json_array_foreach (owners, i, owner) {
		gsize at_owner = model_path_push_index(path, i);

		prune_to(owner, owner_fields, path, unknown);
		model_path_pop(path, at_owner);
	}
	model_path_pop(path, at_owners);
	model_path_pop(path, before);
}

static void prune_value(const ModelSchema *schema, const ModelNode *node, json_t *value,
			GString *path, GPtrArray *unknown);

static void prune_object(const ModelSchema *schema, const ModelNode *node, json_t *object,
			 GString *path, GPtrArray *unknown)
{
	gboolean at_root = path->len == 0;
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (object, next, key, value) {
		const ModelNode *member = model_schema_member(schema, node, key);
		gsize before;

		if (member == NULL) {
			drop(object, key, path, unknown);
			continue;
		}
		if (at_root && strcmp(key, "metadata") == 0) {
			prune_metadata(value, path, unknown);
			continue;
		}
		before = model_path_push_key(path, key);
		prune_value(schema, member, value, path, unknown);
		model_path_pop(path, before);
	}
}

static void prune_value(const ModelSchema *schema, const ModelNode *node, json_t *value,
			GString *path, GPtrArray *unknown)
{
	json_t *member;
	size_t i;

	if (node->type == MODEL_TYPE_OBJECT && json_is_object(value)) {
		prune_object(schema, node, value, path, unknown);
	} else if (node->type == MODEL_TYPE_ARRAY) {
		json_array_foreach (value, i, member) {
			gsize before = model_path_push_index(path, i);

			prune_value(schema, model_schema_node(schema, node->items), member, path,
				    unknown);
			model_path_pop(path, before);
		}
	}
}

static int compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void model_schema_prune(const ModelSchema *schema, json_t *object, GPtrArray *unknown)
{
	g_autoptr(GString) path = g_string_new(NULL);

	prune_object(schema, model_schema_node(schema, 0), object, path, unknown);
	if (unknown != NULL)
		g_ptr_array_sort(unknown, compare_paths);
}
