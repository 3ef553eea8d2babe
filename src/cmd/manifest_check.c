#include "cmd/manifest_check.h"

#include "base/json.h"
#include "model/kinds.h"
#include "model/metadata.h"
#include "model/object.h"
#include "model/schema.h"

#include <string.h>

void cmd_manifest_fault(GPtrArray *faults, const CmdManifest *manifest, const char *field,
			const char *format, ...)
{
	g_autofree char *where = cmd_manifest_where(manifest, field);
	const char *name = base_json_get_string(manifest->object, "metadata", "name", NULL);
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(faults,
			g_strdup_printf("%s: %s '%s': %s", where,
					base_json_get_string(manifest->object, "kind", NULL),
					name != NULL ? name : "", what));
}

static gboolean has_api_version(const CmdManifest *manifest, const char *expected,
				GPtrArray *faults)
{
	const char *given = base_json_get_string(manifest->object, "apiVersion", NULL);

	if (g_strcmp0(given, expected) == 0)
		return TRUE;
	cmd_manifest_fault(faults, manifest, "apiVersion", "apiVersion is %s; write %s",
			   given != NULL ? given : "missing", expected);
	return FALSE;
}

static gboolean tell_all(const CmdManifest *manifest, const GPtrArray *unknown,
			 const GPtrArray *errors, GPtrArray *faults)
{
	for (guint i = 0; i < unknown->len; i++)
		cmd_manifest_fault(faults, manifest, g_ptr_array_index(unknown, i),
				   "unknown field \"%s\"; correct it or remove it",
				   (char *)g_ptr_array_index(unknown, i));
	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = g_ptr_array_index(errors, i);

		/* That rules were left out is of no use to who reads the other messages. */
		if (strcmp(error->field, "<nil>") == 0 && errors->len > 1)
			continue;
		cmd_manifest_fault(faults, manifest, error->field, "%s%s%s",
				   strcmp(error->field, "<nil>") == 0 ? "" : error->field,
				   strcmp(error->field, "<nil>") == 0 ? "" : ": ", error->message);
	}
	return unknown->len == 0 && errors->len == 0;
}

static gboolean is_good(const CmdManifest *manifest, GPtrArray *faults)
{
	json_t *object = manifest->object;
	const char *kind = base_json_get_string(object, "kind", NULL);
	const ModelSchema *schema = model_schema_for(kind);
	g_autofree char *undecodable = model_object_decode_problem(kind, object);
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) errors = model_field_errors_new();

	if (!has_api_version(manifest, schema != NULL ? MODEL_API_VERSION : "v1", faults))
		return FALSE;
	if (undecodable != NULL) {
		cmd_manifest_fault(faults, manifest, NULL, "%s", undecodable);
		return FALSE;
	}
	if (schema != NULL) {
		model_schema_prune(schema, object, unknown);
		model_schema_default(schema, object);
	}
	model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors);
	if (schema != NULL)
		model_schema_validate(schema, object, NULL, errors);
	else if (strcmp(kind, "Secret") == 0)
		model_secret_validate(object, NULL, errors);
	else
		model_config_map_validate(object, NULL, errors);
	return tell_all(manifest, unknown, errors, faults);
}

static gboolean is_first(GHashTable *seen, const CmdManifest *manifest, GPtrArray *faults)
{
	ModelMeta meta;
	char *reference;
	const CmdManifest *first;
	g_autofree char *where = NULL;

	model_meta_read(&meta, manifest->object);
	reference = model_reference(base_json_get_string(manifest->object, "kind", NULL),
				    meta.namespace, meta.name != NULL ? meta.name : "");
	first = g_hash_table_lookup(seen, reference);
	if (first == NULL || meta.name == NULL) {
		g_hash_table_insert(seen, reference, (gpointer)manifest);
		return TRUE;
	}
	g_free(reference);
	where = cmd_manifest_where(first, NULL);
	cmd_manifest_fault(faults, manifest, NULL, "is given twice, first at %s; remove one",
			   where);
	return FALSE;
}

GPtrArray *cmd_manifests_check(const CmdManifests *manifests, GPtrArray *faults)
{
	const GPtrArray *objects = cmd_manifests_objects(manifests);
	GPtrArray *good = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < objects->len; i++) {
		CmdManifest *manifest = g_ptr_array_index(objects, i);
		const char *kind = base_json_get_string(manifest->object, "kind", NULL);
		const char *version = base_json_get_string(manifest->object, "apiVersion", NULL);
		gboolean ours = model_schema_for(kind != NULL ? kind : "") != NULL;

		if (kind == NULL ||
		    (!ours && strcmp(kind, "Secret") != 0 && strcmp(kind, "ConfigMap") != 0)) {
			if (version != NULL && g_str_has_prefix(version, MODEL_GROUP "/"))
				cmd_manifest_fault(faults, manifest, "kind",
						   "there is no such kind; correct it");
			continue;
		}
		if (is_first(seen, manifest, faults) && is_good(manifest, faults))
			g_ptr_array_add(good, manifest);
	}
	return good;
}
