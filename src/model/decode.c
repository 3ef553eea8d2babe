/* What Go would not decode, in its words. */
#include "model/metadata.h"

#include <string.h>

typedef enum {
	GO_STRING,
	GO_INT,
	GO_BOOL,
	GO_STRING_MAP,
	GO_BYTES_MAP,
	GO_STRING_LIST,
	GO_OBJECT_LIST,
} GoType;

typedef struct {
	const char *field;
	GoType type;
} GoField;

static const GoField metadata_fields[] = {
	{"name", GO_STRING},
	{"generateName", GO_STRING},
	{"namespace", GO_STRING},
	{"uid", GO_STRING},
	{"resourceVersion", GO_STRING},
	{"generation", GO_INT},
	{"labels", GO_STRING_MAP},
	{"annotations", GO_STRING_MAP},
	{"finalizers", GO_STRING_LIST},
	{"ownerReferences", GO_OBJECT_LIST},
};
static const GoField secret_fields[] = {
	{"data", GO_BYTES_MAP},
	{"stringData", GO_STRING_MAP},
	{"type", GO_STRING},
	{"immutable", GO_BOOL},
};
static const GoField config_map_fields[] = {
	{"data", GO_STRING_MAP},
	{"binaryData", GO_BYTES_MAP},
	{"immutable", GO_BOOL},
};

static const char *go_name(const json_t *value)
{
	if (json_is_string(value))
		return "string";
	if (json_is_number(value))
		return "number";
	if (json_is_boolean(value))
		return "bool";
	return json_is_array(value) ? "array" : "object";
}

static char *cannot(const json_t *value, const char *owner, const char *field, const char *type)
{
	return g_strdup_printf("json: cannot unmarshal %s into Go struct field %s.%s of type %s",
			       go_name(value), owner, field, type);
}

static char *base64_problem(const char *text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	gsize good = strspn(text, alphabet), padding = strspn(text + good, "=");
	gsize length = strlen(text);

	if (good + padding == length && length % 4 == 0 && padding <= 2)
		return NULL;
	return g_strdup_printf("illegal base64 data at input byte %" G_GSIZE_FORMAT,
			       good + padding < length ? good : length - length % 4);
}

static char *members_problem(const char *owner, const GoField *field, const json_t *map)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)map, key, value) {
		char *problem = NULL;

		if (json_is_null(value))
			continue;
		if (!json_is_string(value))
			return cannot(value, owner, field->field,
				      field->type == GO_BYTES_MAP ? "[]uint8" : "string");
		if (field->type == GO_BYTES_MAP)
			problem = base64_problem(json_string_value(value));
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

static char *list_problem(const char *owner, const GoField *field, const json_t *list)
{
	gboolean of_strings = field->type == GO_STRING_LIST;
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		if (of_strings ? !json_is_string(value) : !json_is_object(value))
			return cannot(value, owner, field->field,
				      of_strings ? "string" : "v1.OwnerReference");
	}
	return NULL;
}

static char *field_problem(const char *owner, const GoField *field, const json_t *value)
{
	switch (field->type) {
	case GO_STRING:
		return json_is_string(value) ? NULL : cannot(value, owner, field->field, "string");
	case GO_INT:
		return json_is_integer(value) ? NULL : cannot(value, owner, field->field, "int64");
	case GO_BOOL:
		return json_is_boolean(value) ? NULL : cannot(value, owner, field->field, "bool");
	case GO_STRING_MAP:
	case GO_BYTES_MAP:
		return json_is_object(value)
			       ? members_problem(owner, field, value)
			       : cannot(value, owner, field->field,
					field->type == GO_BYTES_MAP ? "map[string][]uint8"
								    : "map[string]string");
	case GO_STRING_LIST:
	case GO_OBJECT_LIST:
		return json_is_array(value)
			       ? list_problem(owner, field, value)
			       : cannot(value, owner, field->field,
					field->type == GO_STRING_LIST ? "[]string"
								      : "[]v1.OwnerReference");
	}
	return NULL;
}

static char *fields_problem(const char *owner, const GoField *fields, gsize n_fields,
			    const json_t *object)
{
	for (gsize i = 0; i < n_fields; i++) {
		const json_t *value = json_object_get(object, fields[i].field);
		char *problem;

		if (value == NULL || json_is_null(value))
			continue;
		problem = field_problem(owner, &fields[i], value);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

char *model_object_decode_problem(const char *kind, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	char *problem;

	if (metadata != NULL && !json_is_object(metadata) && !json_is_null(metadata))
		return cannot(metadata, kind, "metadata", "v1.ObjectMeta");
	problem = fields_problem("ObjectMeta", metadata_fields, G_N_ELEMENTS(metadata_fields),
				 metadata);
	if (problem == NULL && strcmp(kind, "Secret") == 0)
		problem = fields_problem(kind, secret_fields, G_N_ELEMENTS(secret_fields), object);
	if (problem == NULL && strcmp(kind, "ConfigMap") == 0)
		problem = fields_problem(kind, config_map_fields, G_N_ELEMENTS(config_map_fields),
					 object);
	return problem;
}
