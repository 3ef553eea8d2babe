#include "model/metadata.h"

#include "base/json.h"
#include "model/names.h"

#include <string.h>

enum {
	ANNOTATIONS_MAX_BYTES = 256 * 1024,
	SECRET_MAX_BYTES = 1024 * 1024,
};

static void invalid(GPtrArray *errors, const char *field, const char *value, const char *problem)
{
	g_autofree char *quoted = model_quote(value);

	model_field_errors_add(errors, MODEL_CAUSE_INVALID, field, "Invalid value: %s: %s", quoted,
			       problem);
}

static void invalid_for_all(GPtrArray *errors, const char *field, const char *value,
			    const GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++)
		invalid(errors, field, value, g_ptr_array_index(problems, i));
}

/* ---- Metadata ---- */

static void check_name(const char *name, const char *field, ModelNameForm form, GPtrArray *errors)
{
	g_autoptr(GPtrArray) problems = form == MODEL_NAME_DNS_LABEL
						? model_dns_label_problems(name)
						: model_dns_subdomain_problems(name);

	invalid_for_all(errors, field, name, problems);
}

static void check_names(const json_t *metadata, ModelNameForm form, GPtrArray *errors)
{
	const char *name = base_json_get_string(metadata, "name", NULL);
	const char *prefix = base_json_get_string(metadata, "generateName", NULL);

	if (prefix != NULL && prefix[0] != '\0') {
		g_autofree char *masked = g_strdup(prefix);
		gsize length = strlen(masked);

		/* A prefix may end with '-': a letter follows. */
		if (length > 1 && masked[length - 1] == '-')
			masked[length - 1] = 'a';
		if (!(form == MODEL_NAME_DNS_LABEL ? model_is_dns_label(masked)
						   : model_is_dns_subdomain(masked)))
			check_name(prefix, "metadata.generateName", form, errors);
	}
	if (name == NULL || name[0] == '\0')
		model_field_errors_add(errors, MODEL_CAUSE_REQUIRED, "metadata.name",
				       "Required value: name or generateName is required");
	else
		check_name(name, "metadata.name", form, errors);
}

static void check_labels(const json_t *labels, GPtrArray *errors)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)labels, key, value) {
		g_autoptr(GPtrArray) of_key = model_qualified_name_problems(key);
		g_autoptr(GPtrArray) of_value = NULL;

		invalid_for_all(errors, "metadata.labels", key, of_key);
		if (!json_is_string(value))
			continue;
		of_value = model_label_value_problems(json_string_value(value));
		invalid_for_all(errors, "metadata.labels", json_string_value(value), of_value);
	}
}

static void check_annotations(const json_t *annotations, GPtrArray *errors)
{
	gsize n_bytes = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)annotations, key, value) {
		g_autofree char *lower = g_ascii_strdown(key, -1);
		g_autoptr(GPtrArray) problems = model_qualified_name_problems(lower);

		invalid_for_all(errors, "metadata.annotations", key, problems);
		n_bytes += strlen(key) + json_string_length(value);
	}
	if (n_bytes > ANNOTATIONS_MAX_BYTES)
		model_field_errors_add(errors, MODEL_CAUSE_TOO_LONG, "metadata.annotations",
				       "Too long: may not be more than %d bytes",
				       ANNOTATIONS_MAX_BYTES);
}

static void check_finalizers(const json_t *finalizers, GPtrArray *errors)
{
	json_t *finalizer;
	size_t i;

	json_array_foreach (finalizers, i, finalizer) {
		g_autoptr(GPtrArray) problems = NULL;

		if (!json_is_string(finalizer))
			continue;
		problems = model_qualified_name_problems(json_string_value(finalizer));
		invalid_for_all(errors, "metadata.finalizers", json_string_value(finalizer),
				problems);
	}
}

static void check_owners(const json_t *owners, GPtrArray *errors)
{
	static const struct {
		const char *member, *field, *problem;
	} needed[] = {
		{"apiVersion", "metadata.ownerReferences.apiVersion", "version must not be empty"},
		{"kind", "metadata.ownerReferences.kind", "must not be empty"},
		{"name", "metadata.ownerReferences.name", "must not be empty"},
		{"uid", "metadata.ownerReferences.uid", "must not be empty"},
	};
	const char *controller = NULL;
	json_t *owner;
	size_t i;

	json_array_foreach (owners, i, owner) {
		const char *name = base_json_get_string(owner, "name", NULL);

		for (gsize n = 0; n < G_N_ELEMENTS(needed); n++) {
			const char *text = base_json_get_string(owner, needed[n].member, NULL);

			if (text == NULL || text[0] == '\0')
				invalid(errors, needed[n].field, "", needed[n].problem);
		}
		if (name == NULL || !base_json_get_bool(owner, FALSE, "controller", NULL))
			continue;
		if (controller != NULL) {
			g_autofree char *problem = g_strdup_printf(
				"Only one reference can have Controller set to true. Found "
				"\"true\" in references for %s and %s",
				controller, name);

			invalid(errors, "metadata.ownerReferences", name, problem);
		}
		controller = name;
	}
}

gboolean model_metadata_validate(const json_t *object, ModelNameForm form, GPtrArray *errors)
{
	const json_t *metadata = json_object_get(object, "metadata");
	guint before = errors->len;

	check_names(metadata, form, errors);
	check_labels(json_object_get(metadata, "labels"), errors);
	check_annotations(json_object_get(metadata, "annotations"), errors);
	check_owners(json_object_get(metadata, "ownerReferences"), errors);
	check_finalizers(json_object_get(metadata, "finalizers"), errors);
	return errors->len == before;
}

/* ---- Secrets and ConfigMaps ---- */

static void check_config_keys(const json_t *data, const char *member, GPtrArray *errors)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)data, key, value) {
		g_autofree char *field = g_strdup_printf("%s[%s]", member, key);
		g_autoptr(GPtrArray) problems = model_config_key_problems(key);

		invalid_for_all(errors, field, key, problems);
	}
}

static gsize base64_bytes(const char *text)
{
	gsize length = strlen(text), padding = 0;

	while (length > padding && text[length - padding - 1] == '=')
		padding++;
	return length / 4 * 3 - MIN(padding, length / 4 * 3);
}

static gsize data_bytes(const json_t *data, gboolean base64)
{
	gsize n_bytes = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)data, key, value) {
		if (json_is_string(value))
			n_bytes += base64 ? base64_bytes(json_string_value(value))
					  : json_string_length(value);
	}
	return n_bytes;
}

static gboolean has_key(const json_t *secret, const char *key)
{
	return base_json_get(secret, "data", key, NULL) != NULL ||
	       base_json_get(secret, "stringData", key, NULL) != NULL;
}

/* The types that kube-apiserver knows and what it wants in them. */
static void check_secret_type(const json_t *secret, GPtrArray *errors)
{
	static const struct {
		const char *type, *key;
	} needed[] = {
		{"kubernetes.io/tls", "tls.crt"},
		{"kubernetes.io/tls", "tls.key"},
		{"kubernetes.io/dockerconfigjson", ".dockerconfigjson"},
		{"kubernetes.io/dockercfg", ".dockercfg"},
		{"kubernetes.io/ssh-auth", "ssh-privatekey"},
	};
	const char *type = base_json_get_string(secret, "type", NULL);

	for (gsize i = 0; type != NULL && i < G_N_ELEMENTS(needed); i++) {
		g_autofree char *field = g_strdup_printf("data[%s]", needed[i].key);

		if (strcmp(type, needed[i].type) == 0 && !has_key(secret, needed[i].key))
			model_field_errors_add(errors, MODEL_CAUSE_REQUIRED, field,
					       "Required value");
	}
	if (g_strcmp0(type, "kubernetes.io/basic-auth") == 0 && !has_key(secret, "username") &&
	    !has_key(secret, "password")) {
		model_field_errors_add(errors, MODEL_CAUSE_REQUIRED, "data[username]",
				       "Required value");
		model_field_errors_add(errors, MODEL_CAUSE_REQUIRED, "data[password]",
				       "Required value");
	}
}

static void check_immutable(const json_t *object, const json_t *old, const char *const *members,
			    GPtrArray *errors)
{
	if (old == NULL || !base_json_get_bool(old, FALSE, "immutable", NULL))
		return;
	if (!base_json_get_bool(object, FALSE, "immutable", NULL))
		model_field_errors_add(errors, MODEL_CAUSE_FORBIDDEN, "immutable",
				       "Forbidden: field is immutable when `immutable` is set");
	for (gsize i = 0; members[i] != NULL; i++) {
		const json_t *now = json_object_get(object, members[i]);
		const json_t *then = json_object_get(old, members[i]);

		if (now != then && (now == NULL || then == NULL || !json_equal(now, then)))
			model_field_errors_add(
				errors, MODEL_CAUSE_FORBIDDEN, members[i],
				"Forbidden: field is immutable when `immutable` is set");
	}
}

gboolean model_secret_validate(const json_t *secret, const json_t *old, GPtrArray *errors)
{
	static const char *const members[] = {"data", NULL};
	const json_t *data = json_object_get(secret, "data");
	const json_t *text = json_object_get(secret, "stringData");
	const char *type = base_json_get_string(secret, "type", NULL);
	const char *old_type = base_json_get_string(old, "type", NULL);
	guint before = errors->len;

	type = type != NULL ? type : "Opaque";
	old_type = old_type != NULL ? old_type : "Opaque";
	check_config_keys(data, "data", errors);
	check_config_keys(text, "data", errors);
	if (data_bytes(data, TRUE) + data_bytes(text, FALSE) > SECRET_MAX_BYTES)
		model_field_errors_add(errors, MODEL_CAUSE_TOO_LONG, "data",
				       "Too long: may not be more than %d bytes", SECRET_MAX_BYTES);
	check_secret_type(secret, errors);
	if (old != NULL && strcmp(type, old_type) != 0)
		invalid(errors, "type", type, "field is immutable");
	check_immutable(secret, old, members, errors);
	return errors->len == before;
}

gboolean model_config_map_validate(const json_t *config_map, const json_t *old, GPtrArray *errors)
{
	static const char *const members[] = {"data", "binaryData", NULL};
	const json_t *data = json_object_get(config_map, "data");
	const json_t *binary = json_object_get(config_map, "binaryData");
	guint before = errors->len;
	const char *key;
	json_t *value;

	check_config_keys(data, "data", errors);
	check_config_keys(binary, "binaryData", errors);
	json_object_foreach ((json_t *)data, key, value) {
		g_autofree char *field = g_strdup_printf("data[%s]", key);

		if (json_object_get(binary, key) != NULL)
			invalid(errors, field, key, "duplicate of key present in binaryData");
	}
	if (data_bytes(data, FALSE) + data_bytes(binary, TRUE) > SECRET_MAX_BYTES)
		model_field_errors_add(errors, MODEL_CAUSE_TOO_LONG, "[]",
				       "Too long: may not be more than %d bytes", SECRET_MAX_BYTES);
	check_immutable(config_map, old, members, errors);
	return errors->len == before;
}
