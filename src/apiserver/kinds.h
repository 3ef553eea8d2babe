/* apiserver/kinds.h — the fixed table of everything that is served: one row per group, version and
 * kind. Discovery, OpenAPI, routing, Tables, selectors and validation all read this table; nothing
 * else lists kinds. Our own rows come from model/kinds.h and the CRDs. Made at the first call, then
 * constant: any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* What may be asked of a resource; the words are those of discovery and RBAC. */
typedef enum {
	API_VERB_CREATE = 1 << 0,
	API_VERB_DELETE = 1 << 1,
	API_VERB_DELETE_COLLECTION = 1 << 2,
	API_VERB_GET = 1 << 3,
	API_VERB_LIST = 1 << 4,
	API_VERB_PATCH = 1 << 5,
	API_VERB_UPDATE = 1 << 6,
	API_VERB_WATCH = 1 << 7,

	API_VERBS_ALL = 0xff,
	API_VERBS_READ = API_VERB_GET | API_VERB_LIST | API_VERB_WATCH,
} ApiVerb;

/* Who defaults, prunes and validates the kind. */
typedef enum {
	API_RULES_SCHEMA, /* model_schema_for(kind): ours */
	API_RULES_HAND,   /* apiserver/core_kinds.h: Namespace, Secret, ConfigMap, Event */
	API_RULES_REVIEW, /* the self reviews: created, answered, never stored */
	API_RULES_NONE,   /* read-only: CustomResourceDefinition, out of the program itself */
} ApiRules;

/* One printed column and how its cell is made (apiserver/table.h). */
typedef struct ApiColumn ApiColumn;

typedef struct {
	const char *group; /* "" for the core group */
	const char *version;
	const char *kind;
	const char *list_kind;
	const char *plural;
	const char *singular;
	const char *const *short_names; /* ended by NULL; never NULL itself, as all lists here */
	const char *const *categories;
	const char *description; /* one sentence, for OpenAPI */
	gboolean namespaced;
	guint verbs;                   /* ApiVerb flags; none for what is not to be listed */
	gboolean has_status;           /* there is /status, and writes to the main resource leave
					  `status` alone */
	const char *const *selectable; /* field selectors beside metadata.name and
					  metadata.namespace: "spec.deviceClassReference.name" */
	gboolean strategic; /* strategic merge patch is taken; else it is answered with 415 */
	ApiRules rules;
	const char *storage_prefix; /* "/core/secrets/"; both Event kinds share "/core/events/" and
				       are stored as core/v1 (apiserver/event_views.h) */
	const ApiColumn *columns;
	gsize n_columns;
} ApiKind;

/* The whole table, core group first (kubectl wants it so). Borrowed. */
const ApiKind *api_kinds(gsize *n_kinds);

/* The row of a resource as a URL names it, or of a kind as a body names it; NULL if it is not
 * served. `group` "" is the core group. Borrowed. */
const ApiKind *api_kind_find(const char *group, const char *version, const char *plural);
const ApiKind *api_kind_find_by_kind(const char *group, const char *version, const char *kind);

/* "v1", "espalier.dev/v1alpha1". Yours. */
char *api_kind_group_version(const ApiKind *kind);

/* The word of one verb flag: "deletecollection". Borrowed. */
const char *api_verb_name(ApiVerb verb);

/* The field selector paths that are known for the kind, with metadata.name and metadata.namespace.
 */
gboolean api_kind_selects(const ApiKind *kind, const char *field_path);

/* The value of a selectable field of a stored object ("" where it is absent). Borrowed; fields are
 * strings, integers or booleans, the latter two written into `scratch`. */
enum { API_FIELD_SCRATCH_BYTES = 32 };
const char *api_kind_field(const ApiKind *kind, const json_t *object, const char *field_path,
			   char scratch[static API_FIELD_SCRATCH_BYTES]);
