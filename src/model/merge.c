#include "model/merge.h"

#include "model/kinds.h"
#include "wire/nvs_names.h"

#include <string.h>

typedef struct {
	GHashTable *decided; /* id -> ModelValue *: of nearer layers and of this one */
	GPtrArray *conflicts;
	gboolean skip_unreadable;
} Merge;

static ModelLayer layer_of_group(const ModelDeviceGroup *group, ModelLookup lookup,
				 gpointer lookup_data)
{
	return (ModelLayer){
		.kind = MODEL_KIND_DEVICE_GROUP,
		.meta = &group->meta,
		.secret_name = group->secret_name,
		.settings = &group->settings,
		.lookup = lookup,
		.lookup_data = lookup_data,
	};
}

/* ---- Conflicts ---- */

static void conflict_free(gpointer data)
{
	ModelConflict *conflict = data;

	g_free(conflict->key);
	g_ptr_array_unref(conflict->groups);
	g_free(conflict);
}

static int compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_conflicts(gconstpointer a, gconstpointer b)
{
	const ModelConflict *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

static GPtrArray *conflicts_new(void)
{
	return g_ptr_array_new_with_free_func(conflict_free);
}

/* Notes that the groups of a band differ on `id` if they do. */
static void note_conflict(Merge *merge, const char *id, const ModelDeviceGroup *const *groups,
			  GHashTable *const *tables, gsize n_groups)
{
	const ModelValue *first = NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	gboolean differ = FALSE;
	ModelConflict *conflict;

	for (gsize i = 0; i < n_groups; i++) {
		const ModelValue *value =
			tables[i] != NULL ? g_hash_table_lookup(tables[i], id) : NULL;

		if (value == NULL)
			continue;
		g_ptr_array_add(names, g_strdup(groups[i]->meta.name));
		if (first == NULL)
			first = value;
		else
			differ = differ || !model_value_equal(first, value);
	}
	if (!differ)
		return;
	conflict = g_new0(ModelConflict, 1);
	conflict->key = model_value_name(first);
	g_ptr_array_sort(names, compare_text);
	conflict->groups = g_steal_pointer(&names);
	g_ptr_array_add(merge->conflicts, conflict);
}

static gboolean is_noted(const Merge *merge, const ModelValue *value)
{
	g_autofree char *name = model_value_name(value);

	for (guint i = 0; i < merge->conflicts->len; i++) {
		const ModelConflict *conflict = g_ptr_array_index(merge->conflicts, i);

		if (strcmp(conflict->key, name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* ---- Layers ---- */

/* Moves into `decided` what no nearer layer has decided. */
static void decide(Merge *merge, GHashTable *values)
{
	GHashTableIter iter;
	gpointer id, value;

	g_hash_table_iter_init(&iter, values);
	while (g_hash_table_iter_next(&iter, &id, &value)) {
		if (g_hash_table_contains(merge->decided, id))
			continue;
		g_hash_table_iter_steal(&iter);
		g_hash_table_insert(merge->decided, id, value);
	}
}

static gboolean merge_layer(Merge *merge, const ModelLayer *layer, GError **error)
{
	g_autoptr(GHashTable) values = model_layer_values(layer, error);

	if (values == NULL)
		return FALSE;
	decide(merge, values);
	return TRUE;
}

static void note_conflicts(Merge *merge, const ModelDeviceGroup *const *groups,
			   GHashTable *const *tables, gsize n_groups)
{
	for (gsize i = 0; i < n_groups; i++) {
		GHashTableIter iter;
		gpointer id, value;

		if (tables[i] == NULL)
			continue;
		g_hash_table_iter_init(&iter, tables[i]);
		while (g_hash_table_iter_next(&iter, &id, &value))
			if (!g_hash_table_contains(merge->decided, id) && !is_noted(merge, value))
				note_conflict(merge, id, groups, tables, n_groups);
	}
}

/* Groups of one priority: `groups` has `n_groups` of them. */
static gboolean merge_band(Merge *merge, const ModelDeviceGroup *const *groups, gsize n_groups,
			   ModelLookup lookup, gpointer lookup_data, GError **error)
{
	GHashTable *tables[MODEL_GROUPS_MAX] = {NULL};
	gboolean good = TRUE;

	for (gsize i = 0; good && i < n_groups; i++) {
		ModelLayer layer = layer_of_group(groups[i], lookup, lookup_data);

		tables[i] = model_layer_values(&layer, merge->skip_unreadable ? NULL : error);
		good = tables[i] != NULL || merge->skip_unreadable;
	}
	if (good)
		note_conflicts(merge, groups, tables, n_groups);
	for (gsize i = 0; i < n_groups; i++) {
		if (good && tables[i] != NULL)
			decide(merge, tables[i]);
		g_clear_pointer(&tables[i], g_hash_table_unref);
	}
	return good;
}

static int compare_groups(gconstpointer a, gconstpointer b)
{
	const ModelDeviceGroup *left = *(const ModelDeviceGroup *const *)a;
	const ModelDeviceGroup *right = *(const ModelDeviceGroup *const *)b;

	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	return strcmp(left->meta.name, right->meta.name);
}

static gboolean merge_groups(Merge *merge, const ModelDeviceGroup *const *groups, gsize n_groups,
			     ModelLookup lookup, gpointer lookup_data, GError **error)
{
	const ModelDeviceGroup *sorted[MODEL_GROUPS_MAX];

	if (n_groups > MODEL_GROUPS_MAX) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "%" G_GSIZE_FORMAT " DeviceGroups select the device, at most %d may",
			    n_groups, MODEL_GROUPS_MAX);
		return FALSE;
	}
	for (gsize i = 0; i < n_groups; i++)
		sorted[i] = groups[i];
	if (n_groups > 1)
		qsort(sorted, n_groups, sizeof sorted[0], compare_groups);
	for (gsize from = 0, to; from < n_groups; from = to) {
		for (to = from; to < n_groups && sorted[to]->priority == sorted[from]->priority;)
			to++;
		if (!merge_band(merge, sorted + from, to - from, lookup, lookup_data, error))
			return FALSE;
	}
	return TRUE;
}

static void set_conflict_error(const GPtrArray *conflicts, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < conflicts->len; i++) {
		const ModelConflict *conflict = g_ptr_array_index(conflicts, i);

		g_string_append_printf(text, "%s'%s' (", i > 0 ? ", " : "", conflict->key);
		for (guint g = 0; g < conflict->groups->len; g++)
			g_string_append_printf(text, "%s'%s'", g > 0 ? ", " : "",
					       (char *)g_ptr_array_index(conflict->groups, g));
		g_string_append_c(text, ')');
	}
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_CONFLICT,
		    "DeviceGroups of the same priority differ on %s; give one of them another "
		    "spec.priority, or set the key on the Device",
		    text->str);
}

static int compare_values(gconstpointer a, gconstpointer b)
{
	const ModelValue *left = *(const ModelValue *const *)a;
	const ModelValue *right = *(const ModelValue *const *)b;
	/* -1, the order of a namespace that the table lacks, comes last as the largest unsigned. */
	guint order_left = (guint)wire_nvs_space_order(left->space);
	guint order_right = (guint)wire_nvs_space_order(right->space);
	int by_space;

	if (order_left != order_right)
		return order_left < order_right ? -1 : 1;
	by_space = strcmp(left->space, right->space);
	return by_space != 0 ? by_space : strcmp(left->key, right->key);
}

static GPtrArray *sorted_values(GHashTable *decided)
{
	GPtrArray *values = g_ptr_array_new_with_free_func((GDestroyNotify)model_value_free);
	GHashTableIter iter;
	gpointer id, value;

	g_hash_table_iter_init(&iter, decided);
	while (g_hash_table_iter_next(&iter, &id, &value)) {
		g_hash_table_iter_steal(&iter);
		g_free(id);
		g_ptr_array_add(values, value);
	}
	g_ptr_array_sort(values, compare_values);
	return values;
}

static GHashTable *values_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
				     (GDestroyNotify)model_value_free);
}

GPtrArray *model_merge_settings(const ModelPlanInputs *inputs, GError **error)
{
	g_autoptr(GHashTable) decided = values_new();
	g_autoptr(GPtrArray) conflicts = conflicts_new();
	Merge merge = {.decided = decided, .conflicts = conflicts};
	const ModelDevice *device = inputs->device;
	const ModelDeviceClass *class = inputs->device_class;
	const ModelDeviceCluster *cluster = inputs->cluster;
	ModelLayer nearest = {MODEL_KIND_DEVICE, &device->meta,  device->secret_name,
			      &device->settings, inputs->lookup, inputs->lookup_data};
	ModelLayer of_class = {MODEL_KIND_DEVICE_CLASS, &class->meta,   class->secret_name,
			       &class->settings,        inputs->lookup, inputs->lookup_data};
	ModelLayer of_cluster = {MODEL_KIND_DEVICE_CLUSTER, &cluster->meta, cluster->secret_name,
				 &cluster->settings,        inputs->lookup, inputs->lookup_data};

	if (!merge_layer(&merge, &nearest, error) ||
	    !merge_groups(&merge, inputs->groups, inputs->n_groups, inputs->lookup,
			  inputs->lookup_data, error) ||
	    !merge_layer(&merge, &of_class, error) || !merge_layer(&merge, &of_cluster, error))
		return NULL;
	if (conflicts->len > 0) {
		g_ptr_array_sort(conflicts, compare_conflicts);
		set_conflict_error(conflicts, error);
		return NULL;
	}
	return sorted_values(decided);
}

GPtrArray *model_group_conflicts(const ModelDeviceGroup *const *groups, gsize n_groups,
				 ModelLookup lookup, gpointer lookup_data)
{
	GPtrArray *conflicts = conflicts_new();
	g_autoptr(GHashTable) decided = values_new();
	Merge merge = {.decided = decided, .conflicts = conflicts, .skip_unreadable = TRUE};

	merge_groups(&merge, groups, n_groups, lookup, lookup_data, NULL);
	g_ptr_array_sort(conflicts, compare_conflicts);
	return conflicts;
}
