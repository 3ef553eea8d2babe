#include "kube/suite.h"

#include "base/file.h"
#include "base/yaml.h"

#include <stdio.h>
#include <string.h>

static const KubeResource *resource_of(const json_t *object)
{
	static const KubeResource *const all[] = {
		&kube_devices,  &kube_device_classes, &kube_device_clusters, &kube_device_groups,
		&kube_storages, &kube_secrets,        &kube_config_maps,
	};
	const char *kind = base_json_get_string(object, "kind", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		if (g_strcmp0(all[i]->kind, kind) == 0)
			return all[i];
	return NULL;
}

/* Writes the case's object; NULL with the server's refusal. */
static json_t *attempt(Suite *suite, const json_t *one, const KubeResource *resource,
		       GError **refusal)
{
	const json_t *object = json_object_get(one, "object");
	const json_t *old = json_object_get(one, "old");
	const char *name = kube_object_name(object);
	const char *subresource = base_json_get_string(one, "subresource", NULL);
	KubeWriteOptions options = {.field_validation = "Strict"};
	g_autoptr(json_t) before = NULL;
	g_autoptr(json_t) after = json_deep_copy(object);

	if (old == NULL && subresource == NULL)
		return kube_create(suite->client, resource, suite->name_space, object, &options,
				   refusal);
	before = kube_create(suite->client, resource, suite->name_space, old != NULL ? old : object,
			     &options, refusal);
	if (before == NULL) {
		g_prefix_error(refusal, "the object before: ");
		return NULL;
	}
	base_json_set_string(base_json_ensure_object(after, "metadata"), "resourceVersion",
			     kube_object_resource_version(before));
	return kube_update(suite->client, resource, suite->name_space, name, subresource, after,
			   &options, refusal);
}

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines sorted, since causes come in any order. Takes the array. */
static char *join_sorted(GPtrArray *lines)
{
	g_autoptr(GPtrArray) owned = lines;

	g_ptr_array_sort(owned, compare);
	g_ptr_array_add(owned, NULL);
	return g_strjoinv("\n", (char **)owned->pdata);
}

static char *expected_causes(const json_t *one)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	size_t i;
	json_t *cause;

	json_array_foreach (json_object_get(one, "causes"), i, cause)
		g_ptr_array_add(lines,
				g_strdup_printf("%s: %s (%s)",
						base_json_get_string(cause, "field", NULL),
						base_json_get_string(cause, "message", NULL),
						base_json_get_string(cause, "reason", NULL)));
	return join_sorted(lines);
}

static char *given_causes(const GError *refusal)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	const GPtrArray *causes = kube_error_causes(refusal);

	for (guint i = 0; causes != NULL && i < causes->len; i++) {
		const KubeErrorCause *cause = causes->pdata[i];

		g_ptr_array_add(lines, g_strdup_printf("%s: %s (%s)", cause->field, cause->message,
						       cause->reason));
	}
	return join_sorted(lines);
}

static char *expected_fields(const json_t *one)
{
	GString *text = g_string_new("strict decoding error: ");
	size_t i;
	json_t *field;

	json_array_foreach (json_object_get(one, "unknownFields"), i, field)
		g_string_append_printf(text, "%sunknown field \"%s\"", i > 0 ? ", " : "",
				       json_string_value(field));
	return g_string_free(text, FALSE);
}

/* NULL if the answer was as expected, else what was wrong, yours. */
static char *judge(const json_t *one, const json_t *accepted, const GError *refusal)
{
	g_autofree char *expected = NULL, *given = NULL;

	if (json_is_true(json_object_get(one, "accepted")))
		return accepted != NULL ? NULL : g_strdup_printf("refused: %s", refusal->message);
	if (accepted != NULL)
		return g_strdup("accepted");
	if (json_object_get(one, "unknownFields") != NULL) {
		expected = expected_fields(one);
		return g_error_matches(refusal, KUBE_ERROR, KUBE_ERROR_BAD_REQUEST) &&
				       strstr(refusal->message, expected) != NULL
			       ? NULL
			       : g_strdup_printf("'%s' is not in '%s'", expected, refusal->message);
	}
	expected = expected_causes(one);
	given = given_causes(refusal);
	if (g_str_equal(expected, given))
		return NULL;
	return g_strdup_printf("%s\n--- expected\n%s\n--- given\n%s", refusal->message, expected,
			       given);
}

static void run_one(Suite *suite, const json_t *one, guint *passed, guint *failed)
{
	const json_t *object = json_object_get(one, "object");
	const KubeResource *resource = resource_of(object);
	g_autoptr(GError) refusal = NULL;
	g_autoptr(json_t) accepted = NULL;
	g_autofree char *wrong = NULL;

	if (resource != NULL)
		accepted = attempt(suite, one, resource, &refusal);
	else
		kube_error_set(&refusal, KUBE_ERROR_OTHER, "no such kind");
	wrong = judge(one, accepted, refusal);
	if (wrong == NULL) {
		(*passed)++;
	} else {
		(*failed)++;
		printf("  FAILED  validation: %s: %s\n", base_json_get_string(one, "name", NULL),
		       wrong);
	}
	if (resource != NULL && kube_object_name(object) != NULL)
		kube_delete(suite->client, resource, suite->name_space, kube_object_name(object),
			    NULL, NULL);
}

gboolean suite_run_validation(Suite *suite, guint *passed, guint *failed, GError **error)
{
	g_autoptr(GBytes) file = base_file_read(suite->cases, BASE_YAML_MAX_BYTES, error);
	g_autoptr(json_t) cases = NULL;
	guint before = *passed;
	size_t i;
	json_t *one;

	GOOD(file != NULL);
	cases = base_yaml_parse(g_bytes_get_data(file, NULL), g_bytes_get_size(file), suite->cases,
				error);
	GOOD(cases != NULL);
	json_array_foreach (cases, i, one)
		run_one(suite, one, passed, failed);
	printf("  ok      %u of %zu cases of validation\n", *passed - before,
	       json_array_size(cases));
	return TRUE;
}
