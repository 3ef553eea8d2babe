#include "apiserver/openapi.h"

#include "apiserver/kinds.h"
#include "base/digest.h"
#include "base/json.h"
#include "model/schema.h"

#include <string.h>

/* kubectl needs little of a document: for each kind a PATCH operation that takes fieldValidation
 * (then it leaves validation to the server), and a schema that names its group, version and kind,
 * for explain. */

#define JSON_MEDIA_TYPE "application/json"
#define V2_MEDIA_TYPE "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
#define PREFIX "/openapi/v3"

/* --- core kinds, in short --- */

/* One field of a core kind: `path` from the kind ("spec.finalizers"), `type` as explain shows it:
 * string, boolean, integer, []string, map, object. Fields follow their parents. */
typedef struct {
	const char *kind;
	const char *path;
	const char *type;
	const char *description;
} CoreField;

static const CoreField core_fields[] = {
	{"ConfigMap", "data", "map",
	 "Text by key. Keys consist of letters, digits, '-', '_' and '.'."},
	{"ConfigMap", "binaryData", "map", "Bytes by key, in base64."},
	{"ConfigMap", "immutable", "boolean", "If true, data cannot be changed any more."},
	{"Secret", "data", "map",
	 "Bytes by key, in base64. Keys consist of letters, digits, '-', '_' and '.'."},
	{"Secret", "stringData", "map",
	 "Text by key; goes into data when it is written and is never returned."},
	{"Secret", "type", "string", "What the data is for; Opaque if it is not said."},
	{"Secret", "immutable", "boolean", "If true, data cannot be changed any more."},
	{"Namespace", "spec", "object", "How the namespace ends."},
	{"Namespace", "spec.finalizers", "[]string",
	 "What must be done before the namespace is removed."},
	{"Namespace", "status", "object", "Where the namespace is in its life."},
	{"Namespace", "status.phase", "string", "Active or Terminating."},
	{"Event", "reason", "string", "Why, in one word."},
	{"Event", "type", "string", "Normal or Warning."},
	{"Event", "action", "string", "What was done."},
	{"Event", "eventTime", "string", "When it was first seen."},
	{"Event", "involvedObject", "object", "What it is about (core/v1)."},
	{"Event", "message", "string", "What happened (core/v1)."},
	{"Event", "regarding", "object", "What it is about (events.k8s.io/v1)."},
	{"Event", "note", "string", "What happened (events.k8s.io/v1)."},
	{"Event", "count", "integer", "How often it was seen (core/v1)."},
	{"Event", "series", "object", "Repetitions of the event."},
	{"Event", "reportingInstance", "string", "Who reports it, in full."},
	{"CustomResourceDefinition", "spec", "object", "The kind of resource that is defined."},
	{"CustomResourceDefinition", "status", "object", "Whether it is served."},
	{"SelfSubjectAccessReview", "spec", "object", "What is asked for."},
	{"SelfSubjectAccessReview", "status", "object", "The answer."},
	{"SelfSubjectRulesReview", "spec", "object", "What is asked for."},
	{"SelfSubjectRulesReview", "status", "object", "The answer."},
	{"SelfSubjectReview", "status", "object", "The answer."},
};

static const struct {
	const char *name, *type, *description;
} meta_fields[] = {
	{"name", "string", "Name, unique within the namespace; it cannot be changed."},
	{"generateName", "string", "Beginning of a name that the server completes."},
	{"namespace", "string", "Namespace that the name belongs to."},
	{"labels", "map", "What selectors select by."},
	{"annotations", "map", "Notes of tools and people."},
	{"finalizers", "[]string", "What must be done before the object is removed."},
	{"ownerReferences", "[]object", "Objects with which this one is removed."},
	{"uid", "string", "Tells it from objects of the same name before it. Set by the server."},
	{"resourceVersion", "string", "Changes with each write. Set by the server."},
	{"generation", "integer", "Counts changes of what is wanted. Set by the server."},
	{"creationTimestamp", "string", "When it was made. Set by the server."},
	{"deletionTimestamp", "string", "When its deletion was asked for. Set by the server."},
	{"deletionGracePeriodSeconds", "integer", "Set by the server."},
};

static json_t *schema_of_type(const char *type, const char *description)
{
	json_t *schema = json_object();

	base_json_set_string(schema, "description", description);
	if (g_str_equal(type, "map"))
		json_object_update_new(schema, json_pack("{s:s, s:{s:s}}", "type", "object",
							 "additionalProperties", "type", "string"));
	else if (g_str_has_prefix(type, "[]"))
		json_object_update_new(schema, json_pack("{s:s, s:{s:s}}", "type", "array", "items",
							 "type", type + 2));
	else
		base_json_set_string(schema, "type", type);
	return schema;
}

static json_t *schema_of_metadata(void)
{
	json_t *schema = schema_of_type("object", "What all objects have: name, labels and so on.");
	json_t *properties = base_json_ensure_object(schema, "properties");

	for (gsize i = 0; i < G_N_ELEMENTS(meta_fields); i++)
		json_object_set_new(
			properties, meta_fields[i].name,
			schema_of_type(meta_fields[i].type, meta_fields[i].description));
	return schema;
}

/* The schema at `path` below `schema`, whose parents are there. */
static void add_field(json_t *schema, const CoreField *field)
{
	g_auto(GStrv) steps = g_strsplit(field->path, ".", -1);
	gsize last = g_strv_length(steps) - 1;

	for (gsize i = 0; i < last; i++)
		schema = base_json_get(schema, "properties", steps[i], NULL);
	json_object_set_new(base_json_ensure_object(schema, "properties"), steps[last],
			    schema_of_type(field->type, field->description));
}

static json_t *schema_by_hand(const ApiKind *kind)
{
	json_t *schema = schema_of_type("object", kind->description);
	json_t *properties = base_json_ensure_object(schema, "properties");

	json_object_set_new(properties, "apiVersion",
			    schema_of_type("string", "Group and version of this object's schema."));
	json_object_set_new(properties, "kind", schema_of_type("string", "Kind of this object."));
	json_object_set_new(properties, "metadata", schema_of_metadata());
	for (gsize i = 0; i < G_N_ELEMENTS(core_fields); i++) {
		if (g_str_equal(core_fields[i].kind, kind->kind))
			add_field(schema, &core_fields[i]);
	}
	return schema;
}

/* --- ours: the CRD's schema --- */

static json_t *schema_of_crd(const ApiKind *kind)
{
	g_autoptr(json_t) crd = model_crd_json(kind->kind);
	const json_t *versions = base_json_get(crd, "spec", "versions", NULL);
	json_t *schema = json_incref(
		base_json_get(json_array_get(versions, 0), "schema", "openAPIV3Schema", NULL));

	json_object_set_new(base_json_ensure_object(schema, "properties"), "metadata",
			    schema_of_metadata());
	return schema;
}

/* --- documents --- */

static json_t *group_version_kind(const ApiKind *kind)
{
	return json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version, "kind",
			 kind->kind);
}

/* "dev.espalier.v1alpha1.Device": only for people; kubectl finds schemas by their kind. */
static char *schema_name(const ApiKind *kind)
{
	g_auto(GStrv) parts =
		g_strsplit(*kind->group == '\0' ? "core.api.k8s.io" : kind->group, ".", -1);
	GString *name = g_string_new(NULL);

	for (gsize i = g_strv_length(parts); i-- > 0;)
		g_string_append_printf(name, "%s.", parts[i]);
	g_string_append_printf(name, "%s.%s", kind->version, kind->kind);
	return g_string_free(name, FALSE);
}

static char *resource_path(const ApiKind *kind)
{
	g_autofree char *group_version = api_kind_group_version(kind);

	return g_strdup_printf("/%s/%s%s/%s", *kind->group == '\0' ? "api" : "apis", group_version,
			       kind->namespaced ? "/namespaces/{namespace}" : "", kind->plural);
}

static json_t *query_parameter(const char *name)
{
	return json_pack("{s:s, s:s, s:{s:s}}", "name", name, "in", "query", "schema", "type",
			 "string");
}

static json_t *operation(const ApiKind *kind, const char *action)
{
	return json_pack("{s:s, s:o, s:[o, o], s:{}}", "x-kubernetes-action", action,
			 "x-kubernetes-group-version-kind", group_version_kind(kind), "parameters",
			 query_parameter("dryRun"), query_parameter("fieldValidation"),
			 "responses");
}

static void add_paths(json_t *paths, const ApiKind *kind)
{
	g_autofree char *collection = resource_path(kind);
	g_autofree char *one = g_strdup_printf("%s/{name}", collection);
	json_t *of_collection = json_object();
	json_t *of_one = json_object();

	if ((kind->verbs & API_VERB_CREATE) != 0)
		json_object_set_new(of_collection, "post", operation(kind, "post"));
	if ((kind->verbs & API_VERB_GET) != 0)
		json_object_set_new(of_one, "get", operation(kind, "get"));
	if ((kind->verbs & API_VERB_UPDATE) != 0)
		json_object_set_new(of_one, "put", operation(kind, "put"));
	if ((kind->verbs & API_VERB_PATCH) != 0)
		json_object_set_new(of_one, "patch", operation(kind, "patch"));
	json_object_set_new(paths, collection, of_collection);
	json_object_set_new(paths, one, of_one);
}

static void add_schema(json_t *schemas, const ApiKind *kind)
{
	g_autofree char *name = schema_name(kind);
	json_t *schema =
		kind->rules == API_RULES_SCHEMA ? schema_of_crd(kind) : schema_by_hand(kind);

	json_object_set_new(schema, "x-kubernetes-group-version-kind",
			    json_pack("[o]", group_version_kind(kind)));
	json_object_set_new(schemas, name, schema);
}

/* "apis/espalier.dev/v1alpha1", the key in the index and the end of the document's path. */
static char *index_key(const ApiKind *kind)
{
	g_autofree char *group_version = api_kind_group_version(kind);

	return g_strdup_printf("%s/%s", *kind->group == '\0' ? "api" : "apis", group_version);
}

/* NULL if no kind is of that group and version. */
static json_t *document_of(const char *key)
{
	g_autoptr(json_t) paths = json_object();
	g_autoptr(json_t) schemas = json_object();
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		g_autofree char *mine = index_key(&kinds[i]);

		if (!g_str_equal(mine, key))
			continue;
		add_paths(paths, &kinds[i]);
		add_schema(schemas, &kinds[i]);
	}
	if (json_object_size(schemas) == 0)
		return NULL;
	return json_pack("{s:s, s:{s:s, s:s}, s:O, s:{s:O}}", "openapi", "3.0.0", "info", "title",
			 "Espalier", "version", "v1alpha1", "paths", paths, "components", "schemas",
			 schemas);
}

/* The hash in an address lets kubectl keep a document for as long as it stays the same. */
static json_t *index_of_documents(void)
{
	json_t *paths = json_object();
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		g_autofree char *key = index_key(&kinds[i]);
		g_autoptr(json_t) document = NULL;
		g_autofree char *text = NULL;
		g_autofree char *hash = NULL;
		g_autofree char *url = NULL;
		gsize size_bytes = 0;

		if (json_object_get(paths, key) != NULL)
			continue;
		document = document_of(key);
		text = base_json_dump(document, &size_bytes);
		hash = base_sha256_hex(text, size_bytes);
		url = g_strdup_printf(PREFIX "/%s?hash=%s", key, hash);
		json_object_set_new(paths, key, json_pack("{s:s}", "serverRelativeURL", url));
	}
	return json_pack("{s:o}", "paths", paths);
}

/* The index costs reading every CRD, so its text (about 2 kB) is kept. */
static GBytes *index_bytes(void)
{
	static GBytes *kept;

	if (g_once_init_enter(&kept)) {
		g_autoptr(json_t) index = index_of_documents();

		g_once_init_leave(&kept, base_json_dump_bytes(index));
	}
	return g_bytes_ref(kept);
}

gboolean api_openapi_get(const char *path, ApiDocument *document)
{
	g_autoptr(json_t) json = NULL;
	g_autofree char *hash = NULL;

	if (g_str_equal(path, "/openapi/v2")) {
		document->body = g_bytes_new_static("", 0);
		document->content_type = V2_MEDIA_TYPE;
		document->etag = NULL;
		return TRUE;
	}
	if (g_str_equal(path, PREFIX) || g_str_equal(path, PREFIX "/")) {
		document->body = index_bytes();
	} else {
		if (!g_str_has_prefix(path, PREFIX "/"))
			return FALSE;
		json = document_of(path + strlen(PREFIX "/"));
		if (json == NULL)
			return FALSE;
		document->body = base_json_dump_bytes(json);
	}
	document->content_type = JSON_MEDIA_TYPE;
	hash = base_sha256_hex_of_bytes(document->body);
	document->etag = g_strdup_printf("\"%s\"", hash);
	return TRUE;
}
