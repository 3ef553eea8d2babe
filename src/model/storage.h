/* model/storage.h — a Storage as a view of its JSON (model/object.h). */
#pragma once

#include "model/object.h"

typedef struct {
	json_t *object; /* held */
	ModelMeta meta;
	const char *directory_name; /* spec.directory.name; NULL: it is of another sort */
	const json_t *s3;           /* spec.s3 or NULL; not supported yet */
	gint64 keep_versions;
	gboolean reclaim_delete; /* spec.reclaimPolicy is Delete */
	const json_t *status;    /* or NULL */
} ModelStorage;

/* Yours, or NULL with MODEL_ERROR_SPEC_INVALID. Holds a reference. */
ModelStorage *model_storage_from_json(json_t *object, GError **error);
void model_storage_free(ModelStorage *storage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelStorage, model_storage_free)

/* As model_object_unsupported. */
const char *model_storage_unsupported(const ModelStorage *storage);

/* The place in a word or two ("directory greenhouse"), for status.place. Yours. */
char *model_storage_place(const ModelStorage *storage);
