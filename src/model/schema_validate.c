/* Validation in kube-apiserver's order and words: schema, then lists that are maps, then rules. */
#include "model/schema_table.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

typedef struct {
	const ModelSchema *schema;
	GPtrArray *errors;
	GString *path;
	gsize body_start; /* messages name fields from here on: the status is validated by itself */
} Validation;

static const char *body_path(const Validation *v)
{
	return v->path->str + MIN(v->body_start, v->path->len);
}

/* ---- Types ---- */

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "integer";
	case JSON_REAL:
		return "number";
	case JSON_NULL:
		return "null";
	default:
		return "boolean";
	}
}

static const char *const type_names[] = {
	[MODEL_TYPE_OBJECT] = "object",   [MODEL_TYPE_ARRAY] = "array",
	[MODEL_TYPE_STRING] = "string",   [MODEL_TYPE_INTEGER] = "integer",
	[MODEL_TYPE_BOOLEAN] = "boolean", [MODEL_TYPE_INT_OR_STRING] = "integer,string",
};

static gboolean type_fits(const ModelNode *node, const json_t *value)
{
	switch ((ModelType)node->type) {
	case MODEL_TYPE_OBJECT:
		return json_is_object(value);
	case MODEL_TYPE_ARRAY:
		return json_is_array(value);
	case MODEL_TYPE_STRING:
		return json_is_string(value);
	case MODEL_TYPE_INTEGER:
		return json_is_integer(value);
	case MODEL_TYPE_BOOLEAN:
		return json_is_boolean(value);
	case MODEL_TYPE_INT_OR_STRING:
		return json_is_integer(value) || json_is_string(value);
	}
	return FALSE;
}

/* ---- One value ---- */

static void check_string(Validation *v, const ModelNode *node, const char *text)
{
	glong length = g_utf8_strlen(text, -1);
	g_autofree char *quoted = model_quote(text);
	gint64 wall_us;

	if (node->has_maximum && length > node->maximum)
		model_field_errors_add(v->errors, MODEL_CAUSE_TOO_LONG, v->path->str,
				       "Too long: may not be more than %" G_GINT64_FORMAT " bytes",
				       node->maximum);
	else if (node->has_minimum && length < node->minimum)
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, v->path->str,
			"Invalid value: %s: %s in body should be at least %" G_GINT64_FORMAT
			" chars long",
			quoted, body_path(v), node->minimum);
	else if (node->pattern != NULL && !g_regex_match(node->pattern, text, 0, NULL))
		model_field_errors_add(v->errors, MODEL_CAUSE_INVALID, v->path->str,
				       "Invalid value: %s: %s in body should match '%s'", quoted,
				       body_path(v), g_regex_get_pattern(node->pattern));
	if (node->format == MODEL_FORMAT_DATE_TIME && !base_clock_parse_time(text, &wall_us))
		model_field_errors_add(
			v->errors, MODEL_CAUSE_TYPE_INVALID, v->path->str,
			"Invalid value: %s: %s in body must be of type date-time: %s", quoted,
			body_path(v), quoted);
}

static void check_enum(Validation *v, const ModelNode *node, const char *text)
{
	g_autoptr(GString) supported = g_string_new(NULL);
	g_autofree char *quoted = model_quote(text);

	for (guint32 i = 0; i < node->enums.count; i++) {
		const char *word = model_schema_word(v->schema, node->enums, i);

		if (strcmp(word, text) == 0)
			return;
		g_string_append_printf(supported, "%s\"%s\"", i > 0 ? ", " : "", word);
	}
	model_field_errors_add(v->errors, MODEL_CAUSE_NOT_SUPPORTED, v->path->str,
			       "Unsupported value: %s: supported values: %s", quoted,
			       supported->str);
}

static void check_integer(Validation *v, const ModelNode *node, gint64 number)
{
	if (node->has_maximum && number > node->maximum)
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, v->path->str,
			"Invalid value: %" G_GINT64_FORMAT
			": %s in body should be less than or equal to %" G_GINT64_FORMAT,
			number, body_path(v), node->maximum);
	if (node->has_minimum && number < node->minimum)
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, v->path->str,
			"Invalid value: %" G_GINT64_FORMAT
			": %s in body should be greater than or equal to %" G_GINT64_FORMAT,
			number, body_path(v), node->minimum);
}

/* A number that is no integer has the wrong type and may be beyond its limits, too. */
static void check_real(Validation *v, const ModelNode *node, double number)
{
	if (node->type != MODEL_TYPE_INTEGER)
		return;
	if (node->has_maximum && number > (double)node->maximum)
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, v->path->str,
			"Invalid value: %g: %s in body should be less than or equal to %g", number,
			body_path(v), (double)node->maximum);
	if (node->has_minimum && number < (double)node->minimum)
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, v->path->str,
			"Invalid value: %g: %s in body should be greater than or equal to %g",
			number, body_path(v), (double)node->minimum);
}

static void check_count(Validation *v, const ModelNode *node, gsize count)
{
	if (node->has_maximum && (gint64)count > node->maximum)
		model_field_errors_add(v->errors, MODEL_CAUSE_TOO_MANY, v->path->str,
				       "Too many: %" G_GSIZE_FORMAT
				       ": must have at most %" G_GINT64_FORMAT " items",
				       count, node->maximum);
}

static void validate_value(Validation *v, const ModelNode *node, const json_t *value,
			   const json_t *old);

static void validate_object(Validation *v, const ModelNode *node, const json_t *object,
			    const json_t *old)
{
	gboolean at_root = v->path->len == 0;
	const char *key;
	json_t *value;

	check_count(v, node, json_object_size(object));
	for (guint32 i = 0; i < node->required.count; i++) {
		const char *word = model_schema_word(v->schema, node->required, i);
		gsize before;

		if (json_object_get(object, word) != NULL)
			continue;
		before = model_path_push_key(v->path, word);
		model_field_errors_add(v->errors, MODEL_CAUSE_REQUIRED, v->path->str,
				       "Required value");
		model_path_pop(v->path, before);
	}
	json_object_foreach ((json_t *)object, key, value) {
		const ModelNode *member = model_schema_member(v->schema, node, key);
		gsize before;

		if (member == NULL || (at_root && strcmp(key, "metadata") == 0))
			continue;
		before = model_path_push_key(v->path, key);
		validate_value(v, member, value, json_object_get(old, key));
		model_path_pop(v->path, before);
	}
}

/* The old list's member with the same keys, or at the same place if the list is no map. */
static const json_t *correlate(const ModelSchema *schema, const ModelNode *node,
			       const json_t *member, const json_t *old)
{
	json_t *candidate;
	size_t i;

	if (node->list_keys.count == 0)
		return NULL;
	json_array_foreach (old, i, candidate) {
		guint32 equal = 0;

		for (guint32 k = 0; k < node->list_keys.count; k++) {
			const char *key = model_schema_word(schema, node->list_keys, k);

			equal += json_equal(json_object_get(member, key),
					    json_object_get(candidate, key)) == 1;
		}
		if (equal == node->list_keys.count)
			return candidate;
	}
	return NULL;
}

static void validate_array(Validation *v, const ModelNode *node, const json_t *array,
			   const json_t *old)
{
	json_t *member;
	size_t i;

	check_count(v, node, json_array_size(array));
	json_array_foreach (array, i, member) {
		gsize before = model_path_push_index(v->path, i);

		validate_value(v, model_schema_node(v->schema, node->items), member,
			       correlate(v->schema, node, member, old));
		model_path_pop(v->path, before);
	}
}

static void validate_value(Validation *v, const ModelNode *node, const json_t *value,
			   const json_t *old)
{
	if (old != NULL && json_equal(value, old))
		return;
	if (!type_fits(node, value))
		model_field_errors_add(
			v->errors, MODEL_CAUSE_TYPE_INVALID, v->path->str,
			"Invalid value: \"%s\": %s in body must be of type %s: \"%s\"",
			type_name(value), body_path(v), type_names[node->type], type_name(value));
	if (json_is_real(value))
		check_real(v, node, json_real_value(value));
	if (!type_fits(node, value))
		return;
	if (json_is_string(value))
		check_string(v, node, json_string_value(value));
	if (json_is_integer(value))
		check_integer(v, node, json_integer_value(value));
	if (json_is_string(value) && node->enums.count > 0)
		check_enum(v, node, json_string_value(value));
	if (json_is_array(value))
		validate_array(v, node, value, old);
	if (json_is_object(value))
		validate_object(v, node, value, old);
}

/* ---- Lists that are maps ---- */

static json_t *keys_of(const ModelSchema *schema, const ModelNode *node, const json_t *member)
{
	json_t *keys = json_object();

	for (guint32 k = 0; k < node->list_keys.count; k++) {
		const char *key = model_schema_word(schema, node->list_keys, k);
		json_t *value = json_object_get(member, key);

		if (value != NULL)
			json_object_set(keys, key, value);
	}
	return keys;
}

static void check_list_map(Validation *v, const ModelNode *node, const json_t *array)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	json_t *member;
	size_t i;

	json_array_foreach (array, i, member) {
		g_autoptr(json_t) keys = keys_of(v->schema, node, member);
		char *text = base_json_dump_canonical(keys);
		gsize before = model_path_push_index(v->path, i);

		if (!json_is_object(member) && !json_is_null(member)) {
			g_autofree char *shown = base_json_dump(member, NULL);

			model_field_errors_add(v->errors, MODEL_CAUSE_INVALID, v->path->str,
					       "Invalid value: %s: must be an object for an array "
					       "of list-type map",
					       shown);
		} else if (json_is_object(member) && g_hash_table_contains(seen, text)) {
			model_field_errors_add(v->errors, MODEL_CAUSE_DUPLICATE, v->path->str,
					       "Duplicate value: %s", text);
		}
		g_hash_table_add(seen, text);
		model_path_pop(v->path, before);
	}
}

typedef void (*Visit)(Validation *v, const ModelNode *node, const json_t *value, const json_t *old);

/* Calls `visit` for every value that has a node, parents first, members by name. */
static void walk(Validation *v, const ModelNode *node, const json_t *value, const json_t *old,
		 Visit visit)
{
	json_t *member;
	size_t i;

	if (old != NULL && json_equal(value, old))
		return;
	visit(v, node, value, old);
	if (json_is_array(value) && node->type == MODEL_TYPE_ARRAY) {
		json_array_foreach (value, i, member) {
			gsize before = model_path_push_index(v->path, i);

			walk(v, model_schema_node(v->schema, node->items), member,
			     correlate(v->schema, node, member, old), visit);
			model_path_pop(v->path, before);
		}
	}
	for (guint32 p = 0; json_is_object(value) && p < node->properties.count; p++) {
		const ModelProperty *property = &g_array_index(v->schema->properties, ModelProperty,
							       node->properties.first + p);
		gsize before;

		member = json_object_get(value, property->name);
		if (member == NULL)
			continue;
		before = model_path_push_key(v->path, property->name);
		walk(v, model_schema_node(v->schema, property->node), member,
		     json_object_get(old, property->name), visit);
		model_path_pop(v->path, before);
	}
}

static void visit_list_map(Validation *v, const ModelNode *node, const json_t *value,
			   const json_t *old)
{
	(void)old;
	if (node->list_keys.count > 0 && json_is_array(value))
		check_list_map(v, node, value);
}

/* ---- Rules ---- */

static void visit_rules(Validation *v, const ModelNode *node, const json_t *value,
			const json_t *old)
{
	for (guint32 i = 0; i < node->rules.count; i++) {
		const ModelNodeRule *rule =
			&g_array_index(v->schema->rules, ModelNodeRule, node->rules.first + i);
		g_autofree char *field = NULL;

		if ((rule->rule->transition && old == NULL) || rule->rule->holds(value, old))
			continue;
		field = g_strconcat(v->path->len > 0 ? v->path->str : "<nil>", rule->field_path,
				    NULL);
		model_field_errors_add(v->errors, MODEL_CAUSE_INVALID, field,
				       "Invalid value: \"%s\": %s", type_name(value),
				       rule->message);
	}
}

/* Rules read values whose shape they trust, so kube-apiserver leaves them out after such errors. */
static gboolean has_blocking_error(const GPtrArray *errors)
{
	static const char *const blocking[] = {MODEL_CAUSE_NOT_SUPPORTED, MODEL_CAUSE_REQUIRED,
					       MODEL_CAUSE_TOO_LONG,      MODEL_CAUSE_TOO_MANY,
					       MODEL_CAUSE_TYPE_INVALID,  NULL};

	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = g_ptr_array_index(errors, i);

		if (g_strv_contains(blocking, error->reason))
			return TRUE;
	}
	return FALSE;
}

static void check_rules(Validation *v, const json_t *object, const json_t *old)
{
	g_string_truncate(v->path, 0);
	if (has_blocking_error(v->errors))
		model_field_errors_add(
			v->errors, MODEL_CAUSE_INVALID, "<nil>",
			"Invalid value: null: some validation rules were not checked "
			"because the object was invalid; correct the existing errors to "
			"complete validation");
	else
		walk(v, model_schema_node(v->schema, 0), object, old, visit_rules);
}

gboolean model_schema_validate(const ModelSchema *schema, const json_t *object, const json_t *old,
			       GPtrArray *errors)
{
	g_autoptr(GString) path = g_string_new(NULL);
	Validation v = {.schema = schema, .errors = errors, .path = path};
	const ModelNode *root = model_schema_node(schema, 0);

	validate_value(&v, root, object, old);
	walk(&v, root, object, old, visit_list_map);
	check_rules(&v, object, old);
	return errors->len == 0;
}

gboolean model_schema_validate_status(const ModelSchema *schema, const json_t *object,
				      const json_t *old, GPtrArray *errors)
{
	g_autoptr(GString) path = g_string_new("status");
	Validation v = {
		.schema = schema,
		.errors = errors,
		.path = path,
		.body_start = strlen("status."),
	};
	const ModelNode *root = model_schema_node(schema, 0);
	const ModelNode *node = model_schema_member(schema, root, "status");
	const json_t *status = json_object_get(object, "status");
	const json_t *old_status = json_object_get(old, "status");

	if (status == NULL)
		return errors->len == 0;
	validate_value(&v, node, status, old_status);
	walk(&v, node, status, old_status, visit_list_map);
	check_rules(&v, object, old);
	return errors->len == 0;
}
