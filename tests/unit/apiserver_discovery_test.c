#include "apiserver/discovery.h"
#include "apiserver/kinds.h"
#include "apiserver/openapi.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define AGGREGATED "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define KUBECTL                                                                                    \
	AGGREGATED ",application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"   \
		   "application/json"

static json_t *parse_body(const ApiDocument *document)
{
	g_autoptr(GError) error = NULL;
	json_t *json = base_json_parse(g_bytes_get_data(document->body, NULL),
				       g_bytes_get_size(document->body), &error);

	if (json == NULL)
		fail_msg("%s", error->message);
	return json;
}

static json_t *discover(const char *path, const char *accept, const char *content_type)
{
	g_auto(ApiDocument) document = {0};

	if (!api_discovery_get(path, accept, &document))
		return NULL;
	assert_string_equal(document.content_type, content_type);
	assert_non_null(document.etag);
	return parse_body(&document);
}

static void lists_groups_and_versions(void **state)
{
	g_autoptr(json_t) core = discover("/api", NULL, "application/json");
	g_autoptr(json_t) groups = discover("/apis", "application/json", "application/json");
	g_autoptr(json_t) slash = discover("/apis/", "application/json", "application/json");
	g_autoptr(json_t) ours = discover("/apis/espalier.dev", NULL, "application/json");
	g_autofree char *core_text = base_json_dump(core, NULL);
	g_autofree char *our_text = base_json_dump(ours, NULL);
	g_autoptr(GString) names = g_string_new(NULL);
	json_t *group;
	gsize i;

	(void)state;
	assert_string_equal(core_text, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],"
				       "\"serverAddressByClientCIDRs\":[]}");
	assert_string_equal(
		our_text, "{\"name\":\"espalier.dev\",\"versions\":[{\"groupVersion\":"
			  "\"espalier.dev/v1alpha1\",\"version\":\"v1alpha1\"}],"
			  "\"preferredVersion\":{\"groupVersion\":\"espalier.dev/v1alpha1\","
			  "\"version\":\"v1alpha1\"},\"kind\":\"APIGroup\",\"apiVersion\":\"v1\"}");
	json_array_foreach (json_object_get(groups, "groups"), i, group)
		g_string_append_printf(names, "%s ", base_json_get_string(group, "name", NULL));
	assert_string_equal(names->str, "events.k8s.io authentication.k8s.io authorization.k8s.io "
					"apiextensions.k8s.io espalier.dev ");
	assert_true(json_equal(groups, slash));
}

static const json_t *resource_called(const json_t *list, const char *name)
{
	json_t *resource;
	gsize i;

	json_array_foreach (json_object_get(list, "resources"), i, resource) {
		if (g_str_equal(base_json_get_string(resource, "name", NULL), name))
			return resource;
	}
	return NULL;
}

static void lists_resources_as_a_real_server_does(void **state)
{
	g_autoptr(json_t) core = discover("/api/v1", NULL, "application/json");
	g_autoptr(json_t) ours = discover("/apis/espalier.dev/v1alpha1", NULL, "application/json");
	g_autofree char *devices = base_json_dump(resource_called(ours, "devices"), NULL);
	g_autofree char *status = base_json_dump(resource_called(ours, "devices/status"), NULL);
	g_autofree char *namespaces = base_json_dump(resource_called(core, "namespaces"), NULL);

	(void)state;
	assert_string_equal(base_json_get_string(ours, "groupVersion", NULL),
			    "espalier.dev/v1alpha1");
	assert_string_equal(devices,
			    "{\"name\":\"devices\",\"singularName\":\"device\",\"namespaced\":true,"
			    "\"kind\":\"Device\",\"verbs\":[\"create\",\"delete\","
			    "\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"],"
			    "\"shortNames\":[\"dev\"],\"categories\":[\"espalier\"]}");
	assert_string_equal(
		status, "{\"name\":\"devices/status\",\"singularName\":\"\",\"namespaced\":true,"
			"\"kind\":\"Device\",\"verbs\":[\"get\",\"patch\",\"update\"]}");
	assert_string_equal(namespaces,
			    "{\"name\":\"namespaces\",\"singularName\":\"namespace\","
			    "\"namespaced\":false,\"kind\":\"Namespace\",\"verbs\":[\"create\","
			    "\"delete\",\"get\",\"list\",\"patch\",\"update\",\"watch\"],"
			    "\"shortNames\":[\"ns\"]}");
}

static void aggregates_for_those_who_ask(void **state)
{
	g_autoptr(json_t) core = discover("/api", KUBECTL, AGGREGATED);
	g_autoptr(json_t) groups = discover("/apis", KUBECTL, AGGREGATED);
	g_autoptr(json_t) old = discover(
		"/apis",
		"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
		"application/json");
	const json_t *last = json_array_get(json_object_get(groups, "items"), 4);
	const json_t *version = json_array_get(json_object_get(last, "versions"), 0);
	g_autofree char *device =
		base_json_dump(json_array_get(json_object_get(version, "resources"), 4), NULL);

	(void)state;
	assert_string_equal(base_json_get_string(old, "kind", NULL), "APIGroupList");
	assert_int_equal(json_array_size(json_object_get(core, "items")), 1);
	assert_int_equal(json_array_size(json_object_get(groups, "items")), 5);
	assert_string_equal(base_json_get_string(last, "metadata", "name", NULL), "espalier.dev");
	assert_string_equal(base_json_get_string(version, "freshness", NULL), "Current");
	assert_string_equal(
		device,
		"{\"resource\":\"devices\",\"responseKind\":{\"group\":\"espalier.dev\","
		"\"version\":\"v1alpha1\",\"kind\":\"Device\"},\"scope\":\"Namespaced\","
		"\"singularResource\":\"device\",\"verbs\":[\"create\",\"delete\","
		"\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"],"
		"\"shortNames\":[\"dev\"],\"categories\":[\"espalier\"],\"subresources\":[{"
		"\"subresource\":\"status\",\"responseKind\":{\"group\":\"espalier.dev\","
		"\"version\":\"v1alpha1\",\"kind\":\"Device\"},\"verbs\":[\"get\",\"patch\","
		"\"update\"]}]}");
}

static void answers_no_other_paths(void **state)
{
	static const char *const others[] = {"/",
					     "",
					     "/api/v2",
					     "/apis/foo",
					     "/apis//",
					     "/apis/a/b",
					     "/apis/espalier.dev/v1",
					     "/api/v1/namespaces",
					     "/apis/espalier.dev/v1alpha1/x"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		ApiDocument document = {0};

		if (api_discovery_get(others[i], NULL, &document))
			fail_msg("%s", others[i]);
		assert_null(document.body);
	}
}

static void says_a_version_that_kubectl_understands(void **state)
{
	g_autoptr(json_t) version = discover("/version", NULL, "application/json");

	(void)state;
	assert_string_equal(base_json_get_string(version, "minor", NULL), API_SERVER_MINOR);
	assert_string_equal(base_json_get_string(version, "gitVersion", NULL), "v1.34.0+espalier");
}

/* --- OpenAPI --- */

static json_t *open_api(const char *path)
{
	g_auto(ApiDocument) document = {0};

	if (!api_openapi_get(path, &document))
		return NULL;
	assert_string_equal(document.content_type, "application/json");
	return parse_body(&document);
}

static void the_old_document_is_empty(void **state)
{
	g_auto(ApiDocument) document = {0};

	(void)state;
	assert_true(api_openapi_get("/openapi/v2", &document));
	assert_int_equal(g_bytes_get_size(document.body), 0);
	assert_string_equal(document.content_type,
			    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
}

static void the_index_leads_to_a_document_of_every_group(void **state)
{
	g_autoptr(json_t) index = open_api("/openapi/v3");
	const char *key;
	json_t *entry;
	gsize n = 0;

	(void)state;
	json_object_foreach (json_object_get(index, "paths"), key, entry) {
		g_auto(GStrv) url = g_strsplit(
			base_json_get_string(entry, "serverRelativeURL", NULL), "?hash=", 2);
		g_autoptr(json_t) document = open_api(url[0]);

		assert_non_null(document);
		assert_int_equal(strlen(url[1]), 64);
		assert_true(g_str_has_suffix(url[0], key));
		n++;
	}
	assert_int_equal(n, 6);
	assert_null(open_api("/openapi/v3/apis/foo/v1"));
	assert_null(open_api("/openapi/v3/apis"));
	assert_null(open_api("/openapi"));
}

/* The schema whose kind is `kind`, as kubectl explain finds it. */
static const json_t *schema_of_kind(const json_t *document, const char *kind)
{
	const char *key;
	json_t *schema;

	json_object_foreach (base_json_get(document, "components", "schemas", NULL), key, schema) {
		const json_t *list = json_object_get(schema, "x-kubernetes-group-version-kind");

		if (g_str_equal(base_json_get_string(json_array_get(list, 0), "kind", NULL), kind))
			return schema;
	}
	return NULL;
}

static void a_patch_of_ours_takes_field_validation(void **state)
{
	g_autoptr(json_t) document = open_api("/openapi/v3/apis/espalier.dev/v1alpha1");
	const json_t *patch = base_json_get(
		document, "paths",
		"/apis/espalier.dev/v1alpha1/namespaces/{namespace}/devices/{name}", "patch", NULL);
	g_autofree char *text = base_json_dump(patch, NULL);

	(void)state;
	assert_non_null(strstr(text, "{\"name\":\"fieldValidation\",\"in\":\"query\""));
	assert_non_null(strstr(text, "\"x-kubernetes-group-version-kind\":{\"group\":"
				     "\"espalier.dev\",\"version\":\"v1alpha1\",\"kind\":"
				     "\"Device\"}"));
	assert_null(strstr(text, "strategic"));
}

static void explains_settings_secrets_and_metadata(void **state)
{
	g_autoptr(json_t) ours = open_api("/openapi/v3/apis/espalier.dev/v1alpha1");
	g_autoptr(json_t) core = open_api("/openapi/v3/api/v1");
	const json_t *device = schema_of_kind(ours, "Device");
	const json_t *secret = schema_of_kind(core, "Secret");
	const json_t *namespace = schema_of_kind(core, "Namespace");
	const json_t *key = base_json_get(device, "properties", "spec", "properties", "settings",
					  "items", "properties", "key", NULL);

	(void)state;
	assert_string_equal(base_json_get_string(key, "type", NULL), "string");
	assert_non_null(base_json_get_string(key, "description", NULL));
	assert_non_null(
		base_json_get(device, "properties", "metadata", "properties", "labels", NULL));
	assert_non_null(
		base_json_get_string(secret, "properties", "stringData", "description", NULL));
	assert_string_equal(base_json_get_string(namespace, "properties", "spec", "properties",
						 "finalizers", "type", NULL),
			    "array");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_groups_and_versions),
		cmocka_unit_test(lists_resources_as_a_real_server_does),
		cmocka_unit_test(aggregates_for_those_who_ask),
		cmocka_unit_test(answers_no_other_paths),
		cmocka_unit_test(says_a_version_that_kubectl_understands),
		cmocka_unit_test(the_old_document_is_empty),
		cmocka_unit_test(the_index_leads_to_a_document_of_every_group),
		cmocka_unit_test(a_patch_of_ours_takes_field_validation),
		cmocka_unit_test(explains_settings_secrets_and_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
