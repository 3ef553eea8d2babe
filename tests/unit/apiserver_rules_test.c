#include "apiserver/access.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	VIEWER = 1 << API_PERSONA_VIEWER,
	DEVICES = 1 << API_PERSONA_DEVICE_MANAGER,
	CLUSTERS = 1 << API_PERSONA_CLUSTER_MANAGER,
	ADMIN = 1 << API_PERSONA_ADMINISTRATOR,
	NOBODY = 1 << API_PERSONA_NONE,
	EVERYBODY = VIEWER | DEVICES | CLUSTERS | ADMIN,
	MANAGERS = DEVICES | CLUSTERS | ADMIN,
};

#define OURS "espalier.dev"

static const struct {
	const char *verb, *group, *resource, *subresource;
	guint who;
} resources[] = {
	{"get", OURS, "devices", NULL, EVERYBODY},
	{"watch", OURS, "storages", "", EVERYBODY},
	{"get", OURS, "devices", "status", EVERYBODY},
	{"create", OURS, "devices", NULL, MANAGERS},
	{"delete", OURS, "devices", NULL, MANAGERS},
	{"patch", OURS, "devicegroups", NULL, MANAGERS},
	{"create", OURS, "deviceclasses", NULL, CLUSTERS | ADMIN},
	{"update", OURS, "deviceclusters", NULL, CLUSTERS | ADMIN},
	{"deletecollection", OURS, "storages", NULL, CLUSTERS | ADMIN},
	{"patch", OURS, "devices", "status", ADMIN},
	{"get", "", "secrets", NULL, CLUSTERS | ADMIN},
	{"list", "", "secrets", NULL, CLUSTERS | ADMIN},
	{"create", "", "secrets", NULL, CLUSTERS | ADMIN},
	{"get", "", "configmaps", NULL, EVERYBODY},
	{"create", "", "configmaps", NULL, CLUSTERS | ADMIN},
	{"list", "", "namespaces", NULL, EVERYBODY},
	{"create", "", "namespaces", NULL, ADMIN},
	{"list", "", "events", NULL, EVERYBODY},
	{"create", "events.k8s.io", "events", NULL, ADMIN},
	{"get", "apiextensions.k8s.io", "customresourcedefinitions", NULL, EVERYBODY},
	{"create", "authorization.k8s.io", "selfsubjectaccessreviews", NULL, EVERYBODY},
	{"create", "authorization.k8s.io", "selfsubjectrulesreviews", NULL, EVERYBODY},
	{"create", "authentication.k8s.io", "selfsubjectreviews", NULL, EVERYBODY},
	{"escalate", "rbac.authorization.k8s.io", "roles", NULL, ADMIN},
	{"", "", "", NULL, ADMIN},
};

static void each_persona_may_do_what_it_is_for_and_no_more(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(resources); i++) {
		const ApiAccess access = {
			.verb = resources[i].verb,
			.group = resources[i].group,
			.resource = resources[i].resource,
			.subresource = resources[i].subresource,
			.namespace = "default",
		};

		for (ApiPersona who = API_PERSONA_NONE; who < API_PERSONA_COUNT; who++) {
			gboolean wanted = (resources[i].who & (1U << who)) != 0;

			if (api_access_allowed(who, &access, NULL) != wanted)
				fail_msg("%s %s %s/%s", api_persona_name(who), access.verb,
					 access.resource,
					 access.subresource == NULL ? "" : access.subresource);
		}
	}
}

static const struct {
	const char *verb, *path;
	guint who;
} paths[] = {
	{"get", "/version", EVERYBODY | NOBODY},
	{"get", "/readyz", EVERYBODY | NOBODY},
	{"get", "/api", EVERYBODY},
	{"get", "/apis/espalier.dev", EVERYBODY},
	{"get", "/openapi/v3/api/v1", EVERYBODY},
	{"post", "/version", ADMIN},
	{"get", "/metrics", ADMIN},
	{"get", "/apisx", ADMIN},
	{"get", "", ADMIN},
};

static void paths_are_open_as_far_as_they_must(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		const ApiAccess access = {.verb = paths[i].verb, .path = paths[i].path};

		for (ApiPersona who = API_PERSONA_NONE; who < API_PERSONA_COUNT; who++) {
			gboolean wanted = (paths[i].who & (1U << who)) != 0;

			if (api_access_allowed(who, &access, NULL) != wanted)
				fail_msg("%s %s %s", api_persona_name(who), access.verb,
					 access.path);
		}
	}
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

static void answers_what_one_may_do(void **state)
{
	g_autoptr(json_t) request =
		parse("{\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":"
		      "{\"verb\":\"get\",\"resource\":\"secrets\",\"namespace\":\"default\"}}}");
	g_autoptr(json_t) of_path = parse(
		"{\"spec\":{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/version\"}}}");
	g_autoptr(json_t) empty = parse("{}");
	g_autoptr(json_t) viewer = api_access_review(API_PERSONA_VIEWER, request);
	g_autoptr(json_t) admin = api_access_review(API_PERSONA_ADMINISTRATOR, request);
	g_autoptr(json_t) path = api_access_review(API_PERSONA_VIEWER, of_path);
	g_autoptr(json_t) nothing = api_access_review(API_PERSONA_VIEWER, empty);

	(void)state;
	assert_false(base_json_get_bool(viewer, TRUE, "status", "allowed", NULL));
	assert_true(base_json_get_bool(admin, FALSE, "status", "allowed", NULL));
	assert_true(base_json_get_bool(path, FALSE, "status", "allowed", NULL));
	assert_false(base_json_get_bool(nothing, TRUE, "status", "allowed", NULL));
	assert_string_equal(
		base_json_get_string(viewer, "spec", "resourceAttributes", "verb", NULL), "get");
	assert_null(json_object_get(request, "status"));
}

static void refuses_reviews_that_ask_for_nothing(void **state)
{
	static const struct {
		const char *request, *message; /* NULL: whole */
	} cases[] = {
		{"{\"kind\":\"SelfSubjectAccessReview\",\"spec\":{}}",
		 "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: "
		 "spec.resourceAttributes: Invalid value: null: exactly one of "
		 "nonResourceAttributes or resourceAttributes must be specified"},
		{"{\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{},"
		 "\"nonResourceAttributes\":{}}}",
		 "SelfSubjectAccessReview.authorization.k8s.io \"\" is invalid: "
		 "spec.resourceAttributes: Invalid value: null: exactly one of "
		 "nonResourceAttributes or resourceAttributes must be specified"},
		{"{\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{}}}",
		 NULL},
		{"{\"kind\":\"SelfSubjectRulesReview\"}", "no namespace on request"},
		{"{\"kind\":\"SelfSubjectRulesReview\",\"spec\":{\"namespace\":\"default\"}}",
		 NULL},
		{"{\"kind\":\"SelfSubjectReview\"}", NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) request = parse(cases[i].request);
		g_autoptr(ApiStatus) refusal = api_review_validate(request);

		assert_int_equal(refusal == NULL, cases[i].message == NULL);
		if (refusal != NULL)
			assert_string_equal(refusal->message, cases[i].message);
	}
}

static void lists_ones_rules_and_says_who_one_is(void **state)
{
	g_autoptr(json_t) request = parse("{\"spec\":{\"namespace\":\"default\"}}");
	g_autoptr(json_t) admin = api_rules_review(API_PERSONA_ADMINISTRATOR, request);
	g_autoptr(json_t) viewer = api_rules_review(API_PERSONA_VIEWER, request);
	g_autoptr(json_t) self = api_self_review(API_PERSONA_VIEWER, request);
	g_autofree char *rules = base_json_dump(base_json_get(admin, "status", NULL), NULL);
	g_autofree char *user = base_json_dump(base_json_get(self, "status", NULL), NULL);

	(void)state;
	assert_string_equal(rules,
			    "{\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],"
			    "\"resources\":[\"*\"]}],\"nonResourceRules\":[{\"verbs\":[\"*\"],"
			    "\"nonResourceURLs\":[\"*\"]},{\"verbs\":[\"get\"],"
			    "\"nonResourceURLs\":[\"/api\",\"/api/*\",\"/apis\",\"/apis/*\","
			    "\"/healthz\",\"/livez\",\"/openapi\",\"/openapi/*\",\"/readyz\","
			    "\"/version\",\"/version/\"]}],\"incomplete\":false}");
	assert_int_equal(json_array_size(base_json_get(viewer, "status", "resourceRules", NULL)),
			 6);
	assert_string_equal(user, "{\"userInfo\":{\"username\":\"espalier-viewer\",\"uid\":"
				  "\"espalier-viewer\",\"groups\":[\"system:authenticated\"]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_persona_may_do_what_it_is_for_and_no_more),
		cmocka_unit_test(paths_are_open_as_far_as_they_must),
		cmocka_unit_test(answers_what_one_may_do),
		cmocka_unit_test(refuses_reviews_that_ask_for_nothing),
		cmocka_unit_test(lists_ones_rules_and_says_who_one_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
