#include "apiserver/kinds.h"

#include "apiserver/columns.h"
#include "model/kinds.h"
#include "model/schema.h"

#include <string.h>

static const char *const none[] = {NULL};

static const char *const short_of_namespaces[] = {"ns", NULL};
static const char *const short_of_config_maps[] = {"cm", NULL};
static const char *const short_of_events[] = {"ev", NULL};
static const char *const short_of_crds[] = {"crd", "crds", NULL};
static const char *const categories_of_crds[] = {"api-extensions", NULL};
static const char *const our_categories[] = {MODEL_CATEGORY, NULL};

static const char *const selectable_of_namespaces[] = {"status.phase", NULL};
static const char *const selectable_of_secrets[] = {"type", NULL};
static const char *const selectable_of_core_events[] = {
	"involvedObject.kind",
	"involvedObject.namespace",
	"involvedObject.name",
	"involvedObject.uid",
	"involvedObject.apiVersion",
	"involvedObject.resourceVersion",
	"involvedObject.fieldPath",
	"reason",
	"reportingComponent",
	"source",
	"type",
	NULL,
};
static const char *const selectable_of_events[] = {
	"regarding.kind",
	"regarding.namespace",
	"regarding.name",
	"regarding.uid",
	"regarding.apiVersion",
	"regarding.resourceVersion",
	"regarding.fieldPath",
	"reason",
	"reportingController",
	"type",
	NULL,
};

enum {
	VERBS_OF_NAMESPACES = API_VERBS_ALL & ~API_VERB_DELETE_COLLECTION,
	OURS_MAX = 16,
};

/* Before ours: what kubectl looks up first. Core comes first, so that `get events` means core/v1.
 */
static const ApiKind core_kinds[] = {
	{
		.group = "",
		.version = "v1",
		.kind = "ConfigMap",
		.list_kind = "ConfigMapList",
		.plural = "configmaps",
		.singular = "configmap",
		.short_names = short_of_config_maps,
		.categories = none,
		.description = "Configuration data by key.",
		.namespaced = TRUE,
		.verbs = API_VERBS_ALL,
		.selectable = none,
		.strategic = TRUE,
		.rules = API_RULES_HAND,
		.storage_prefix = "/core/configmaps/",
		.columns = api_columns_of_config_maps,
		.n_columns = API_COLUMNS_OF_CONFIG_MAPS,
	},
	{
		.group = "",
		.version = "v1",
		.kind = "Event",
		.list_kind = "EventList",
		.plural = "events",
		.singular = "event",
		.short_names = short_of_events,
		.categories = none,
		.description = "Something that happened to an object.",
		.namespaced = TRUE,
		.verbs = API_VERBS_ALL,
		.selectable = selectable_of_core_events,
		.strategic = TRUE,
		.rules = API_RULES_HAND,
		.storage_prefix = "/core/events/",
		.columns = api_columns_of_events,
		.n_columns = API_COLUMNS_OF_EVENTS,
	},
	{
		.group = "",
		.version = "v1",
		.kind = "Namespace",
		.list_kind = "NamespaceList",
		.plural = "namespaces",
		.singular = "namespace",
		.short_names = short_of_namespaces,
		.categories = none,
		.description = "A scope for names.",
		.namespaced = FALSE,
		.verbs = VERBS_OF_NAMESPACES,
		.has_status = TRUE,
		.selectable = selectable_of_namespaces,
		.strategic = TRUE,
		.rules = API_RULES_HAND,
		.storage_prefix = "/core/namespaces/",
		.columns = api_columns_of_namespaces,
		.n_columns = API_COLUMNS_OF_NAMESPACES,
	},
	{
		.group = "",
		.version = "v1",
		.kind = "Secret",
		.list_kind = "SecretList",
		.plural = "secrets",
		.singular = "secret",
		.short_names = none,
		.categories = none,
		.description = "Confidential data by key.",
		.namespaced = TRUE,
		.verbs = API_VERBS_ALL,
		.selectable = selectable_of_secrets,
		.strategic = TRUE,
		.rules = API_RULES_HAND,
		.storage_prefix = "/core/secrets/",
		.columns = api_columns_of_secrets,
		.n_columns = API_COLUMNS_OF_SECRETS,
	},
	{
		.group = "events.k8s.io",
		.version = "v1",
		.kind = "Event",
		.list_kind = "EventList",
		.plural = "events",
		.singular = "event",
		.short_names = short_of_events,
		.categories = none,
		.description = "Something that happened to an object.",
		.namespaced = TRUE,
		.verbs = API_VERBS_ALL,
		.selectable = selectable_of_events,
		.strategic = TRUE,
		.rules = API_RULES_HAND,
		.storage_prefix = "/core/events/",
		.columns = api_columns_of_events,
		.n_columns = API_COLUMNS_OF_EVENTS,
	},
	{
		.group = "authentication.k8s.io",
		.version = "v1",
		.kind = "SelfSubjectReview",
		.list_kind = "",
		.plural = "selfsubjectreviews",
		.singular = "selfsubjectreview",
		.short_names = none,
		.categories = none,
		.description = "Who is asking?",
		.verbs = API_VERB_CREATE,
		.selectable = none,
		.rules = API_RULES_REVIEW,
	},
	{
		.group = "authorization.k8s.io",
		.version = "v1",
		.kind = "SelfSubjectAccessReview",
		.list_kind = "",
		.plural = "selfsubjectaccessreviews",
		.singular = "selfsubjectaccessreview",
		.short_names = none,
		.categories = none,
		.description = "May the one who is asking do this?",
		.verbs = API_VERB_CREATE,
		.selectable = none,
		.rules = API_RULES_REVIEW,
	},
	{
		.group = "authorization.k8s.io",
		.version = "v1",
		.kind = "SelfSubjectRulesReview",
		.list_kind = "",
		.plural = "selfsubjectrulesreviews",
		.singular = "selfsubjectrulesreview",
		.short_names = none,
		.categories = none,
		.description = "What may the one who is asking do?",
		.verbs = API_VERB_CREATE,
		.selectable = none,
		.rules = API_RULES_REVIEW,
	},
	{
		.group = "apiextensions.k8s.io",
		.version = "v1",
		.kind = "CustomResourceDefinition",
		.list_kind = "CustomResourceDefinitionList",
		.plural = "customresourcedefinitions",
		.singular = "customresourcedefinition",
		.short_names = short_of_crds,
		.categories = categories_of_crds,
		.description = "A kind of resource; read-only here.",
		.verbs = API_VERBS_READ,
		.selectable = none,
		.rules = API_RULES_NONE,
		.columns = api_columns_of_crds,
		.n_columns = API_COLUMNS_OF_CRDS,
	},
};

static ApiKind table[G_N_ELEMENTS(core_kinds) + OURS_MAX];
static gsize n_table;

static ApiKind row_of_model_kind(const ModelKind *kind)
{
	const ModelSchema *schema = model_schema_for(kind->kind);
	const char **short_names = g_new0(const char *, 2);
	ApiKind row = {
		.group = MODEL_GROUP,
		.version = MODEL_VERSION,
		.kind = kind->kind,
		.list_kind = kind->list_kind,
		.plural = kind->plural,
		.singular = kind->singular,
		.categories = our_categories,
		.namespaced = TRUE,
		.verbs = API_VERBS_ALL,
		.has_status = TRUE,
		.rules = API_RULES_SCHEMA,
	};

	short_names[0] = kind->short_name;
	row.short_names = short_names;
	row.storage_prefix = g_strdup_printf("/%s/%s/", MODEL_GROUP, kind->plural);
	row.selectable = model_schema_selectable_fields(schema);
	if (row.selectable == NULL)
		row.selectable = none;
	row.columns = api_columns_of_schema(schema, &row.n_columns);
	return row;
}

const ApiKind *api_kinds(gsize *n_kinds)
{
	static gsize ready;

	if (g_once_init_enter(&ready)) {
		gsize n_ours = 0;
		const ModelKind *ours = model_kinds(&n_ours);

		g_assert(n_ours <= OURS_MAX);
		memcpy(table, core_kinds, sizeof(core_kinds));
		n_table = G_N_ELEMENTS(core_kinds);
		for (gsize i = 0; i < n_ours; i++)
			table[n_table++] = row_of_model_kind(&ours[i]);
		g_once_init_leave(&ready, 1);
	}
	if (n_kinds != NULL)
		*n_kinds = n_table;
	return table;
}

const ApiKind *api_kind_find(const char *group, const char *version, const char *plural)
{
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(kinds[i].plural, plural) && g_str_equal(kinds[i].group, group) &&
		    g_str_equal(kinds[i].version, version))
			return &kinds[i];
	}
	return NULL;
}

const ApiKind *api_kind_find_by_kind(const char *group, const char *version, const char *kind)
{
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(kinds[i].kind, kind) && g_str_equal(kinds[i].group, group) &&
		    g_str_equal(kinds[i].version, version))
			return &kinds[i];
	}
	return NULL;
}

char *api_kind_group_version(const ApiKind *kind)
{
	return *kind->group == '\0' ? g_strdup(kind->version)
				    : g_strdup_printf("%s/%s", kind->group, kind->version);
}

const char *api_verb_name(ApiVerb verb)
{
	switch (verb) {
	case API_VERB_CREATE:
		return "create";
	case API_VERB_DELETE:
		return "delete";
	case API_VERB_DELETE_COLLECTION:
		return "deletecollection";
	case API_VERB_GET:
		return "get";
	case API_VERB_LIST:
		return "list";
	case API_VERB_PATCH:
		return "patch";
	case API_VERB_UPDATE:
		return "update";
	case API_VERB_WATCH:
		return "watch";
	case API_VERBS_ALL:
	case API_VERBS_READ:
		break;
	}
	return "";
}

gboolean api_kind_selects(const ApiKind *kind, const char *field_path)
{
	return g_str_equal(field_path, "metadata.name") ||
	       (kind->namespaced && g_str_equal(field_path, "metadata.namespace")) ||
	       g_strv_contains(kind->selectable, field_path);
}

/* Events have two fields that are not paths: "source" is where it came from, and events.k8s.io's
 * names for what is stored as core/v1. */
static const char *stored_path(const char *field_path, char *scratch, gsize scratch_size)
{
	if (g_str_equal(field_path, "source"))
		return "source.component";
	if (g_str_equal(field_path, "reportingController"))
		return "reportingComponent";
	if (g_str_has_prefix(field_path, "regarding.")) {
		g_snprintf(scratch, (gulong)scratch_size, "involvedObject.%s",
			   field_path + strlen("regarding."));
		return scratch;
	}
	return field_path;
}

static const json_t *walk(const json_t *object, const char *path)
{
	while (object != NULL && *path != '\0') {
		const char *dot = strchrnul(path, '.');
		g_autofree char *step = g_strndup(path, (gsize)(dot - path));

		object = json_object_get(object, step);
		path = *dot == '.' ? dot + 1 : dot;
	}
	return object;
}

const char *api_kind_field(const ApiKind *kind, const json_t *object, const char *field_path,
			   char scratch[static API_FIELD_SCRATCH_BYTES])
{
	char path[64];
	const json_t *value = walk(object, kind->rules == API_RULES_HAND
						   ? stored_path(field_path, path, sizeof(path))
						   : field_path);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_integer(value))
		return "";
	g_snprintf(scratch, API_FIELD_SCRATCH_BYTES, "%" JSON_INTEGER_FORMAT,
		   json_integer_value(value));
	return scratch;
}
