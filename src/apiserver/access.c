#include "apiserver/access.h"

#include "base/json.h"
#include "model/kinds.h"

#include <string.h>

#define ALL "*"

static const char *const read_verbs[] = {"get", "list", "watch", NULL};
static const char *const all_verbs[] = {ALL, NULL};
static const char *const write_verbs[] = {
	"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", NULL,
};
static const char *const create_verb[] = {"create", NULL};
static const char *const get_verb[] = {"get", NULL};

static const char *const all_groups[] = {ALL, NULL};
static const char *const core_group[] = {"", NULL};
static const char *const our_group[] = {MODEL_GROUP, NULL};
static const char *const event_groups[] = {"", "events.k8s.io", NULL};
static const char *const crd_group[] = {"apiextensions.k8s.io", NULL};
static const char *const authorization_group[] = {"authorization.k8s.io", NULL};
static const char *const authentication_group[] = {"authentication.k8s.io", NULL};

static const char *const all_resources[] = {ALL, NULL};
static const char *const namespaces_and_config_maps[] = {"namespaces", "configmaps", NULL};
static const char *const config_maps_and_secrets[] = {"configmaps", "secrets", NULL};
static const char *const events[] = {"events", NULL};
static const char *const crds[] = {"customresourcedefinitions", NULL};
static const char *const reviews[] = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", NULL};
static const char *const self_reviews[] = {"selfsubjectreviews", NULL};
static const char *const managed_devices[] = {"devices", "devicegroups", NULL};
static const char *const all_of_ours[] = {"devices",        "devicegroups", "deviceclasses",
					  "deviceclusters", "storages",     NULL};

static const char *const public_paths[] = {
	"/api",     "/api/*",     "/apis",   "/apis/*",  "/healthz",  "/livez",
	"/openapi", "/openapi/*", "/readyz", "/version", "/version/", NULL,
};
static const char *const all_paths[] = {ALL, NULL};

/* As in RBAC "devices" does not stand for "devices/status", which is the controllers' to write; "*"
 * stands for all. */
typedef struct {
	ApiPersona from;
	ApiPersona to;
	const char *const *verbs;
	const char *const *groups;
	const char *const *resources;
} ResourceRule;

typedef struct {
	ApiPersona from;
	const char *const *verbs;
	const char *const *paths;
} PathRule;

/* Each persona has what the one before has. Secrets are the cluster manager's: a device manager
 * flashes from the server. */
static const ResourceRule resource_rules[] = {
	{API_PERSONA_ADMINISTRATOR, API_PERSONA_ADMINISTRATOR, all_verbs, all_groups,
	 all_resources},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, create_verb, authorization_group,
	 reviews},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, create_verb, authentication_group,
	 self_reviews},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, read_verbs, our_group, all_resources},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, read_verbs, event_groups, events},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, read_verbs, core_group,
	 namespaces_and_config_maps},
	{API_PERSONA_VIEWER, API_PERSONA_CLUSTER_MANAGER, read_verbs, crd_group, crds},
	{API_PERSONA_DEVICE_MANAGER, API_PERSONA_CLUSTER_MANAGER, write_verbs, our_group,
	 managed_devices},
	{API_PERSONA_CLUSTER_MANAGER, API_PERSONA_CLUSTER_MANAGER, write_verbs, our_group,
	 all_of_ours},
	{API_PERSONA_CLUSTER_MANAGER, API_PERSONA_CLUSTER_MANAGER, write_verbs, core_group,
	 config_maps_and_secrets},
};

static const PathRule path_rules[] = {
	{API_PERSONA_ADMINISTRATOR, all_verbs, all_paths},
	{API_PERSONA_VIEWER, get_verb, public_paths},
};

/* /version, /healthz and the like say nothing that is worth a token. */
static const char *const anonymous_paths[] = {"/healthz", "/livez",    "/readyz",
					      "/version", "/version/", NULL};

static gboolean holds(const char *const *list, const char *word)
{
	return g_strv_contains(list, ALL) || g_strv_contains(list, word);
}

static gboolean path_matches(const char *const *patterns, const char *path)
{
	for (gsize i = 0; patterns[i] != NULL; i++) {
		gsize length = strlen(patterns[i]);

		if (patterns[i][length - 1] == '*' ? strncmp(patterns[i], path, length - 1) == 0
						   : g_str_equal(patterns[i], path))
			return TRUE;
	}
	return FALSE;
}

static gboolean path_allowed(ApiPersona persona, const ApiAccess *access)
{
	if (g_str_equal(access->verb, "get") && path_matches(anonymous_paths, access->path))
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(path_rules); i++) {
		const PathRule *rule = &path_rules[i];

		if (persona >= rule->from && holds(rule->verbs, access->verb) &&
		    path_matches(rule->paths, access->path))
			return TRUE;
	}
	return FALSE;
}

static gboolean rule_allows(const ResourceRule *rule, const ApiAccess *access)
{
	gboolean sub = access->subresource != NULL && *access->subresource != '\0';

	return holds(rule->verbs, access->verb) && holds(rule->groups, access->group) &&
	       (g_strv_contains(rule->resources, ALL) ||
		(!sub && g_strv_contains(rule->resources, access->resource)));
}

gboolean api_access_allowed(ApiPersona persona, const ApiAccess *access, const char **reason)
{
	if (reason != NULL)
		*reason = "";
	if (access->path != NULL)
		return path_allowed(persona, access);
	for (gsize i = 0; i < G_N_ELEMENTS(resource_rules); i++) {
		const ResourceRule *rule = &resource_rules[i];

		if (persona >= rule->from && persona <= rule->to && rule_allows(rule, access))
			return TRUE;
	}
	return FALSE;
}

const char *const *api_persona_groups(ApiPersona persona)
{
	static const char *const administrator[] = {"system:masters", "system:authenticated", NULL};
	static const char *const known[] = {"system:authenticated", NULL};
	static const char *const unknown[] = {"system:unauthenticated", NULL};

	if (persona == API_PERSONA_ADMINISTRATOR)
		return administrator;
	return persona == API_PERSONA_NONE ? unknown : known;
}

/* --- reviews --- */

ApiStatus *api_review_validate(const json_t *request)
{
	const char *kind = base_json_get_string(request, "kind", NULL);
	const json_t *spec = json_object_get(request, "spec");
	GPtrArray *causes;

	if (g_strcmp0(kind, "SelfSubjectRulesReview") == 0 &&
	    base_json_get_string(spec, "namespace", NULL) == NULL)
		return api_status_bad_request("no namespace on request");
	if (g_strcmp0(kind, "SelfSubjectAccessReview") != 0 ||
	    (json_object_get(spec, "resourceAttributes") == NULL) !=
		    (json_object_get(spec, "nonResourceAttributes") == NULL))
		return NULL;
	causes = api_causes_new();
	api_causes_add(causes, "FieldValueInvalid", "spec.resourceAttributes",
		       "Invalid value: null: exactly one of nonResourceAttributes or "
		       "resourceAttributes must be specified");
	return api_status_invalid("authorization.k8s.io", kind, NULL, causes);
}

static json_t *answer(const json_t *request, json_t *status)
{
	json_t *review = json_deep_copy(request);

	base_json_ensure_object(review, "metadata");
	json_object_set_new(review, "status", status);
	return review;
}

static const char *text_or_empty(const json_t *object, const char *key)
{
	const char *text = base_json_get_string(object, key, NULL);

	return text == NULL ? "" : text;
}

json_t *api_access_review(ApiPersona persona, const json_t *request)
{
	const json_t *resource = base_json_get(request, "spec", "resourceAttributes", NULL);
	const json_t *path = base_json_get(request, "spec", "nonResourceAttributes", NULL);
	const json_t *asked = resource != NULL ? resource : path;
	const char *reason = "";
	ApiAccess access = {
		.verb = text_or_empty(asked, "verb"),
		.path = resource != NULL ? NULL : text_or_empty(path, "path"),
		.group = text_or_empty(resource, "group"),
		.resource = text_or_empty(resource, "resource"),
		.subresource = text_or_empty(resource, "subresource"),
		.namespace = text_or_empty(resource, "namespace"),
		.name = text_or_empty(resource, "name"),
	};
	json_t *status = json_object();

	json_object_set_new(status, "allowed",
			    json_boolean(api_access_allowed(persona, &access, &reason)));
	if (*reason != '\0')
		json_object_set_new(status, "reason", json_string(reason));
	return answer(request, status);
}

static json_t *strings(const char *const *list)
{
	json_t *array = json_array();

	for (gsize i = 0; list[i] != NULL; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

json_t *api_rules_review(ApiPersona persona, const json_t *request)
{
	json_t *resources = json_array();
	json_t *paths = json_array();

	for (gsize i = 0; i < G_N_ELEMENTS(resource_rules); i++) {
		const ResourceRule *rule = &resource_rules[i];

		if (persona >= rule->from && persona <= rule->to)
			json_array_append_new(resources,
					      json_pack("{s:o, s:o, s:o}", "verbs",
							strings(rule->verbs), "apiGroups",
							strings(rule->groups), "resources",
							strings(rule->resources)));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(path_rules); i++) {
		const PathRule *rule = &path_rules[i];

		if (persona >= rule->from)
			json_array_append_new(paths,
					      json_pack("{s:o, s:o}", "verbs", strings(rule->verbs),
							"nonResourceURLs", strings(rule->paths)));
	}
	return answer(request, json_pack("{s:o, s:o, s:b}", "resourceRules", resources,
					 "nonResourceRules", paths, "incomplete", FALSE));
}

json_t *api_self_review(ApiPersona persona, const json_t *request)
{
	return answer(request,
		      json_pack("{s:{s:s, s:s, s:o}}", "userInfo", "username",
				api_persona_name(persona), "uid", api_persona_name(persona),
				"groups", strings(api_persona_groups(persona))));
}
