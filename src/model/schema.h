/* model/schema.h — the schemas of our kinds, compiled out of the CRDs in api/ (embedded): default,
 * prune and validate as kube-apiserver does, with its causes and its words. Pure; any thread; the
 * compiled form is a small table that lives as long as the program.
 *
 * A server does with a write, in this order: prune, default, validate (with the old object for an
 * update). */
#pragma once

#include "base/embedded.h"
#include "model/field_error.h"
#include "model/kinds.h"

#include <glib.h>
#include <jansson.h>

extern const BaseEmbeddedFile model_crd_files[];
extern const gsize model_crd_files_count;

typedef struct ModelSchema ModelSchema;

/* The schema of a kind, borrowed; NULL for a kind that is not ours. */
const ModelSchema *model_schema_for(const char *kind);

/* Fills in the defaults of absent fields. */
void model_schema_default(const ModelSchema *schema, json_t *object);

/* Removes fields that the schema does not have. Appends each one's path ("spec.bogus", the X of
 * `unknown field "X"`) to `unknown` (an array of char *, may be NULL). */
void model_schema_prune(const ModelSchema *schema, json_t *object, GPtrArray *unknown);

/* Appends what is wrong to `errors` (model/field_error.h); TRUE if nothing is. `old` is the object
 * before an update, or NULL on create; what an update leaves unchanged is not found fault with
 * (ratcheting). Metadata is model_metadata_validate's, which goes first into the same `errors`. */
gboolean model_schema_validate(const ModelSchema *schema, const json_t *object, const json_t *old,
			       GPtrArray *errors);

/* The same for a write to the status sub-resource: only .status is looked at, and the messages name
 * fields from there, as kube-apiserver's do. */
gboolean model_schema_validate_status(const ModelSchema *schema, const json_t *object,
				      const json_t *old, GPtrArray *errors);

/* One additionalPrinterColumn. */
typedef struct {
	char *name;        /* "Class" */
	char *type;        /* string, integer, date, boolean */
	char *format;      /* or NULL */
	char *json_path;   /* ".spec.deviceClassReference.name" */
	char *description; /* or NULL */
	gint64 priority;   /* 0, or 1 for -o wide */
} ModelColumn;

/* The kind's columns in order, without the leading Name. Borrowed. */
const ModelColumn *model_schema_columns(const ModelSchema *schema, gsize *n_columns);

/* What the column's path finds in an object, or JSON null: the untyped value, before kubectl's way
 * of printing dates. Paths are steps .a and [?(@.type=="X")]. A new reference, yours. */
json_t *model_column_value(const ModelColumn *column, const json_t *object);

/* The selectable fields' paths without the leading dot ("spec.deviceClassReference.name"), ended by
 * NULL. Borrowed. */
const char *const *model_schema_selectable_fields(const ModelSchema *schema);

/* The whole CustomResourceDefinition as JSON, for serving (CRDs, OpenAPI, explain). Parsed at each
 * call, not kept. Yours; NULL for a kind that is not ours. */
json_t *model_crd_json(const char *kind);
