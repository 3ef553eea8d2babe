#include "model/schema.h"

#include "base/json.h"
#include "base/yaml.h"
#include "model/schema_table.h"

#include <string.h>

enum { KINDS_MAX = 8 };

json_t *model_crd_json(const char *kind)
{
	const ModelKind *known = model_kind_find(kind);

	for (gsize i = 0; known != NULL && i < model_crd_files_count; i++) {
		const BaseEmbeddedFile *file = &model_crd_files[i];
		g_autoptr(GError) error = NULL;
		json_t *crd;

		if (strcmp(file->name, known->file_name) != 0)
			continue;
		crd = base_yaml_parse(file->text, file->size_bytes, file->name, &error);
		if (crd == NULL)
			g_error("api/%s", error->message);
		return crd;
	}
	return NULL;
}

const ModelSchema *model_schema_for(const char *kind)
{
	static const ModelSchema *compiled[KINDS_MAX];
	static GMutex lock;
	gsize n_kinds, index;
	const ModelKind *kinds = model_kinds(&n_kinds), *known = model_kind_find(kind);
	g_autoptr(GMutexLocker) locker = NULL;

	if (known == NULL)
		return NULL;
	index = (gsize)(known - kinds);
	locker = g_mutex_locker_new(&lock);
	if (compiled[index] == NULL) {
		g_autoptr(json_t) crd = model_crd_json(kind);

		compiled[index] = model_schema_compile(crd);
	}
	return compiled[index];
}

const ModelColumn *model_schema_columns(const ModelSchema *schema, gsize *n_columns)
{
	*n_columns = schema->columns->len;
	return (const ModelColumn *)(void *)schema->columns->data;
}

const char *const *model_schema_selectable_fields(const ModelSchema *schema)
{
	return (const char *const *)schema->selectable->pdata;
}

const ModelNode *model_schema_node(const ModelSchema *schema, guint32 index)
{
	return &g_array_index(schema->nodes, ModelNode, index);
}

const char *model_schema_word(const ModelSchema *schema, ModelRange range, guint32 i)
{
	return g_array_index(schema->words, const char *, range.first + i);
}

static int compare_property(gconstpointer name, gconstpointer property)
{
	return strcmp(name, ((const ModelProperty *)property)->name);
}

const ModelNode *model_schema_member(const ModelSchema *schema, const ModelNode *node,
				     const char *name)
{
	const ModelProperty *found = NULL;

	if (node->properties.count > 0)
		found = bsearch(
			name,
			&g_array_index(schema->properties, ModelProperty, node->properties.first),
			node->properties.count, sizeof(ModelProperty), compare_property);
	if (found != NULL)
		return model_schema_node(schema, found->node);
	if (node->type == MODEL_TYPE_OBJECT && node->items != MODEL_NODE_NONE)
		return model_schema_node(schema, node->items);
	return NULL;
}

gsize model_path_push_key(GString *path, const char *key)
{
	gsize before = path->len;

	if (before > 0)
		g_string_append_c(path, '.');
	g_string_append(path, key);
	return before;
}

gsize model_path_push_index(GString *path, gsize index)
{
	gsize before = path->len;

	g_string_append_printf(path, "[%" G_GSIZE_FORMAT "]", index);
	return before;
}

void model_path_pop(GString *path, gsize before)
{
	g_string_truncate(path, before);
}

/* ---- Columns ---- */

/* [?(@.type=="X")] at `*path`: the member whose type is X. */
static const json_t *filter_by_type(const json_t *list, const char **path)
{
	static const char begin[] = "[?(@.type==\"", end[] = "\")]";
	const char *type, *stop;
	json_t *member;
	size_t i;

	if (!g_str_has_prefix(*path, begin))
		return NULL;
	type = *path + strlen(begin);
	stop = strstr(type, end);
	if (stop == NULL)
		return NULL;
	*path = stop + strlen(end);
	json_array_foreach (list, i, member) {
		const char *name = base_json_get_string(member, "type", NULL);

		if (name != NULL && strlen(name) == (gsize)(stop - type) &&
		    strncmp(name, type, (gsize)(stop - type)) == 0)
			return member;
	}
	return NULL;
}

json_t *model_column_value(const ModelColumn *column, const json_t *object)
{
	const char *path = column->json_path;
	const json_t *at = object;

	while (at != NULL && *path != '\0') {
		gsize length;
		g_autofree char *key = NULL;

		if (*path == '[') {
			at = filter_by_type(at, &path);
			continue;
		}
		path++;
		length = strcspn(path, ".[");
		key = g_strndup(path, length);
		at = json_object_get(at, key);
		path += length;
	}
	return at != NULL ? json_incref((json_t *)at) : json_null();
}
