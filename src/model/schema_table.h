/* model/schema_table.h — the compiled form of a schema, for the files that make up model/schema.h.
 * Numbers are indexes into the arrays of ModelSchema; strings lie in its chunk. */
#pragma once

#include "model/rules.h"
#include "model/schema.h"

typedef enum {
	MODEL_TYPE_OBJECT,
	MODEL_TYPE_ARRAY,
	MODEL_TYPE_STRING,
	MODEL_TYPE_INTEGER,
	MODEL_TYPE_BOOLEAN,
	MODEL_TYPE_INT_OR_STRING,
} ModelType;

typedef enum {
	MODEL_FORMAT_NONE,
	MODEL_FORMAT_DATE_TIME,
} ModelFormat;

/* A range within one of the arrays. */
typedef struct {
	guint32 first;
	guint32 count;
} ModelRange;

enum { MODEL_NODE_NONE = 0 }; /* node 0 is the root, which nothing refers to */

typedef struct {
	guint8 type;   /* ModelType */
	guint8 format; /* ModelFormat */
	gboolean has_minimum;
	gboolean has_maximum;
	gint64 minimum; /* of a number; of characters, items or properties otherwise */
	gint64 maximum;
	const char *default_json; /* or NULL */
	GRegex *pattern;          /* owned by the schema; or NULL */
	ModelRange properties;
	ModelRange required;  /* words */
	ModelRange enums;     /* words */
	ModelRange list_keys; /* words; of an array that is a map */
	ModelRange rules;
	guint32 items; /* node of an array's items or an object's additional properties */
} ModelNode;

typedef struct {
	const char *name;
	guint32 node;
} ModelProperty;

typedef struct {
	const ModelRule *rule;
	const char *message;
	const char *field_path; /* ".namespace", or "" */
} ModelNodeRule;

struct ModelSchema {
	GArray *nodes;      /* of ModelNode */
	GArray *properties; /* of ModelProperty; sorted by name within an object */
	GArray *words;      /* of const char * */
	GArray *rules;      /* of ModelNodeRule */
	GArray *columns;    /* of ModelColumn */
	GPtrArray *selectable;
	GStringChunk *strings;
	GHashTable *patterns; /* text -> GRegex */
};

/* Compiles a CRD. What it does not know is a fault of ours and ends the program. */
ModelSchema *model_schema_compile(const json_t *crd);

const ModelNode *model_schema_node(const ModelSchema *schema, guint32 index);
/* The node of an object's member: a property or an additional one. NULL if it has none. */
const ModelNode *model_schema_member(const ModelSchema *schema, const ModelNode *node,
				     const char *name);
/* A word of a range. */
const char *model_schema_word(const ModelSchema *schema, ModelRange range, guint32 i);

/* The paths that are built while a tree is walked: "spec.settings[0].key". Each push returns what
 * model_path_pop wants back. */
gsize model_path_push_key(GString *path, const char *key);
gsize model_path_push_index(GString *path, gsize index);
void model_path_pop(GString *path, gsize before);
