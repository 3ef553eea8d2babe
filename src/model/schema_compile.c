#include "model/schema_table.h"

#include "base/json.h"

#include <string.h>

/* What a schema may say. A keyword that is not handled would silently not be enforced. */
static const char *const keywords[] = {
	"type",
	"description",
	"format",
	"minimum",
	"maximum",
	"minLength",
	"maxLength",
	"minItems",
	"maxItems",
	"maxProperties",
	"pattern",
	"enum",
	"required",
	"properties",
	"items",
	"additionalProperties",
	"default",
	"x-kubernetes-list-type",
	"x-kubernetes-list-map-keys",
	"x-kubernetes-int-or-string",
	"x-kubernetes-validations",
	NULL,
};

static guint32 compile_node(ModelSchema *schema, const json_t *json);

static void check_keywords(const json_t *json)
{
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)json, key, member) {
		if (!g_strv_contains(keywords, key))
			g_error("a schema in api/ has the keyword %s, which is not handled", key);
	}
}

static ModelType type_of(const json_t *json)
{
	static const struct {
		const char *name;
		ModelType type;
	} types[] = {
		{"object", MODEL_TYPE_OBJECT},   {"array", MODEL_TYPE_ARRAY},
		{"string", MODEL_TYPE_STRING},   {"integer", MODEL_TYPE_INTEGER},
		{"boolean", MODEL_TYPE_BOOLEAN},
	};
	const char *name = base_json_get_string(json, "type", NULL);

	if (base_json_get_bool(json, FALSE, "x-kubernetes-int-or-string", NULL))
		return MODEL_TYPE_INT_OR_STRING;
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_strcmp0(name, types[i].name) == 0)
			return types[i].type;
	g_error("a schema in api/ has the type %s, which is not handled", name);
}

static ModelRange compile_words(ModelSchema *schema, const json_t *list)
{
	ModelRange range = {schema->words->len, 0};
	json_t *member;
	size_t i;

	json_array_foreach (list, i, member) {
		const char *word =
			g_string_chunk_insert_const(schema->strings, json_string_value(member));

		g_array_append_val(schema->words, word);
		range.count++;
	}
	return range;
}

static void compile_limit(const json_t *json, const char *const *names, gboolean *has,
			  gint64 *limit)
{
	for (gsize i = 0; names[i] != NULL; i++) {
		const json_t *value = json_object_get(json, names[i]);

		if (value == NULL)
			continue;
		*has = TRUE;
		*limit = json_integer_value(value);
	}
}

static GRegex *compile_pattern(ModelSchema *schema, const char *pattern)
{
	g_autoptr(GError) error = NULL;
	GRegex *regex;

	if (pattern == NULL)
		return NULL;
	regex = g_hash_table_lookup(schema->patterns, pattern);
	if (regex != NULL)
		return regex;
	/* RE2's $ is the very end of the text, PCRE's also stands before a last line feed. */
	regex = g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, &error);
	if (regex == NULL)
		g_error("a pattern in api/ is wrong: %s", error->message);
	g_hash_table_insert(schema->patterns, g_strdup(pattern), regex);
	return regex;
}

static ModelRange compile_rules(ModelSchema *schema, const json_t *list)
{
	ModelRange range = {schema->rules->len, 0};
	json_t *member;
	size_t i;

	json_array_foreach (list, i, member) {
		const char *cel = base_json_get_string(member, "rule", NULL);
		const char *path = base_json_get_string(member, "fieldPath", NULL);
		ModelNodeRule rule = {
			.rule = model_rule_find(cel),
			.message = g_string_chunk_insert_const(
				schema->strings, base_json_get_string(member, "message", NULL)),
			.field_path = g_string_chunk_insert_const(schema->strings,
								  path != NULL ? path : ""),
		};

		if (rule.rule == NULL)
			g_error("rule %s of api/ has no twin in model/rules.c", cel);
		g_array_append_val(schema->rules, rule);
		range.count++;
	}
	return range;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Children are compiled first, so that one object's properties lie together. */
static ModelRange compile_properties(ModelSchema *schema, const json_t *properties)
{
	ModelRange range = {0, 0};
	g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(ModelProperty));
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)properties, key, member) {
		ModelProperty property = {
			.name = g_string_chunk_insert_const(schema->strings, key),
			.node = compile_node(schema, member),
		};

		g_array_append_val(own, property);
	}
	g_array_sort(own, compare_names);
	range.first = schema->properties->len;
	range.count = own->len;
	if (own->len > 0)
		g_array_append_vals(schema->properties, own->data, own->len);
	return range;
}

static const char *compile_default(ModelSchema *schema, const json_t *value)
{
	g_autofree char *text = NULL;

	if (value == NULL)
		return NULL;
	text = base_json_dump(value, NULL);
	return g_string_chunk_insert_const(schema->strings, text);
}

static guint32 compile_node(ModelSchema *schema, const json_t *json)
{
	static const char *const minima[] = {"minimum", "minLength", "minItems", NULL};
	static const char *const maxima[] = {"maximum", "maxLength", "maxItems", "maxProperties",
					     NULL};
	const char *format = base_json_get_string(json, "format", NULL);
	const json_t *items = json_object_get(json, "items");
	const json_t *additional = json_object_get(json, "additionalProperties");
	guint32 index = schema->nodes->len;
	ModelNode node = {.type = (guint8)type_of(json)};

	check_keywords(json);
	g_array_append_val(schema->nodes, node);
	if (g_strcmp0(format, "date-time") == 0)
		node.format = MODEL_FORMAT_DATE_TIME;
	compile_limit(json, minima, &node.has_minimum, &node.minimum);
	compile_limit(json, maxima, &node.has_maximum, &node.maximum);
	node.default_json = compile_default(schema, json_object_get(json, "default"));
	node.pattern = compile_pattern(schema, base_json_get_string(json, "pattern", NULL));
	node.required = compile_words(schema, json_object_get(json, "required"));
	node.enums = compile_words(schema, json_object_get(json, "enum"));
	node.list_keys = compile_words(schema, json_object_get(json, "x-kubernetes-list-map-keys"));
	node.rules = compile_rules(schema, json_object_get(json, "x-kubernetes-validations"));
	node.properties = compile_properties(schema, json_object_get(json, "properties"));
	if (items != NULL || additional != NULL)
		node.items = compile_node(schema, items != NULL ? items : additional);
	g_array_index(schema->nodes, ModelNode, index) = node;
	return index;
}

static char *copy_of(ModelSchema *schema, const json_t *json, const char *key)
{
	const char *text = base_json_get_string(json, key, NULL);

	return text != NULL ? g_string_chunk_insert_const(schema->strings, text) : NULL;
}

static void compile_columns(ModelSchema *schema, const json_t *columns)
{
	json_t *member;
	size_t i;

	json_array_foreach (columns, i, member) {
		ModelColumn column = {
			.name = copy_of(schema, member, "name"),
			.type = copy_of(schema, member, "type"),
			.format = copy_of(schema, member, "format"),
			.json_path = copy_of(schema, member, "jsonPath"),
			.description = copy_of(schema, member, "description"),
			.priority = base_json_get_int(member, 0, "priority", NULL),
		};

		g_array_append_val(schema->columns, column);
	}
}

static void compile_selectable(ModelSchema *schema, const json_t *fields)
{
	json_t *member;
	size_t i;

	json_array_foreach (fields, i, member) {
		const char *path = base_json_get_string(member, "jsonPath", NULL);

		g_ptr_array_add(schema->selectable,
				g_string_chunk_insert_const(schema->strings, path + 1));
	}
	g_ptr_array_add(schema->selectable, NULL);
}

ModelSchema *model_schema_compile(const json_t *crd)
{
	const json_t *version = json_array_get(base_json_get(crd, "spec", "versions", NULL), 0);
	ModelSchema *schema = g_new0(ModelSchema, 1);

	schema->nodes = g_array_new(FALSE, TRUE, sizeof(ModelNode));
	schema->properties = g_array_new(FALSE, TRUE, sizeof(ModelProperty));
	schema->words = g_array_new(FALSE, TRUE, sizeof(char *));
	schema->rules = g_array_new(FALSE, TRUE, sizeof(ModelNodeRule));
	schema->columns = g_array_new(FALSE, TRUE, sizeof(ModelColumn));
	schema->selectable = g_ptr_array_new();
	schema->strings = g_string_chunk_new(1024);
	schema->patterns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						 (GDestroyNotify)g_regex_unref);
	compile_node(schema, base_json_get(version, "schema", "openAPIV3Schema", NULL));
	compile_columns(schema, json_object_get(version, "additionalPrinterColumns"));
	compile_selectable(schema, json_object_get(version, "selectableFields"));
	return schema;
}
