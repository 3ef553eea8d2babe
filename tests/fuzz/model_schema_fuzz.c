#include "base/yaml.h"
#include "model/metadata.h"
#include "model/object.h"
#include "model/schema.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An object that was defaulted and pruned stays as it is the second time, and what is valid is
 * valid beside itself. */
static void judge(json_t *object, const char *kind)
{
	const ModelSchema *schema = model_schema_for(kind);
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) again = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	g_autoptr(GPtrArray) of_update = model_field_errors_new();
	G_GNUC_UNUSED g_autoptr(GPtrArray) references = model_object_references(kind, object);
	g_autoptr(json_t) causes = NULL;
	g_autoptr(json_t) once = NULL;
	g_autofree char *message = NULL;

	model_schema_prune(schema, object, unknown);
	model_schema_default(schema, object);
	once = json_deep_copy(object);
	model_schema_prune(schema, object, again);
	model_schema_default(schema, object);
	g_assert(again->len == 0 && json_equal(once, object));
	model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors);
	model_schema_validate(schema, object, NULL, errors);
	model_schema_validate(schema, object, once, of_update);
	g_assert(of_update->len == 0);
	model_schema_validate_status(schema, object, NULL, errors);
	message = model_field_errors_message("espalier.dev", kind, "x", errors);
	causes = model_field_errors_causes(errors);
	g_assert(json_array_size(causes) == errors->len);
	model_object_unsupported(kind, object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(json_t) object = base_yaml_parse((const char *)data, size, NULL, NULL);
	gsize n_kinds;
	const ModelKind *kinds = model_kinds(&n_kinds);
	const char *kind = base_json_get_string(object, "kind", NULL);

	if (!json_is_object(object))
		return 0;
	for (gsize i = 0; i < n_kinds; i++)
		if (kind == NULL || strcmp(kind, kinds[i].kind) == 0) {
			g_autoptr(json_t) copy = json_deep_copy(object);

			judge(copy, kinds[i].kind);
		}
	return 0;
}
