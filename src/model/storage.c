#include "model/storage.h"

#include "model/kinds.h"
#include "model/view.h"

enum { KEEP_VERSIONS_DEFAULT = 3 };

ModelStorage *model_storage_from_json(json_t *object, GError **error)
{
	g_autoptr(ModelStorage) storage = g_new0(ModelStorage, 1);
	const json_t *spec = model_view_open(&storage->meta, object, error);

	if (spec == NULL)
		return NULL;
	storage->object = json_incref(object);
	storage->directory_name = base_json_get_string(spec, "directory", "name", NULL);
	storage->s3 = json_object_get(spec, "s3");
	if ((storage->directory_name != NULL) == (storage->s3 != NULL)) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "Storage '%s': spec needs exactly one of s3 and directory.name",
			    storage->meta.name);
		return NULL;
	}
	storage->keep_versions =
		base_json_get_int(spec, KEEP_VERSIONS_DEFAULT, "retention", "keepVersions", NULL);
	storage->reclaim_delete =
		g_strcmp0(base_json_get_string(spec, "reclaimPolicy", NULL), "Delete") == 0;
	storage->status = json_object_get(object, "status");
	return g_steal_pointer(&storage);
}

void model_storage_free(ModelStorage *storage)
{
	if (storage == NULL)
		return;
	json_decref(storage->object);
	g_free(storage);
}

const char *model_storage_unsupported(const ModelStorage *storage)
{
	return model_object_unsupported(MODEL_KIND_STORAGE, storage->object);
}

char *model_storage_place(const ModelStorage *storage)
{
	if (storage->directory_name != NULL)
		return g_strdup_printf("directory %s", storage->directory_name);
	return g_strdup_printf("s3 %s", base_json_get_string(storage->s3, "bucket", NULL));
}
