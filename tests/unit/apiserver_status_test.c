#include "apiserver/status.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The bodies are those of kube-apiserver 1.34.4 for the same requests. */
static void assert_status(ApiStatus *status, int code, const char *expected)
{
	g_autoptr(ApiStatus) owned = status;
	g_autoptr(json_t) json = api_status_json(owned);
	g_autofree char *text = base_json_dump(json, NULL);

	assert_int_equal(owned->code, code);
	assert_string_equal(text, expected);
}

#define FAILURE                                                                                    \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","       \
	"\"message\":"

static void names_what_is_not_there_or_in_the_way(void **state)
{
	(void)state;
	assert_status(api_status_not_found("", "secrets", "x"), 404,
		      FAILURE "\"secrets \\\"x\\\" not found\",\"reason\":\"NotFound\",\"details\":"
			      "{\"name\":\"x\",\"kind\":\"secrets\"},\"code\":404}");
	assert_status(api_status_not_found("espalier.dev", "devices", "x"), 404,
		      FAILURE "\"devices.espalier.dev \\\"x\\\" not found\",\"reason\":"
			      "\"NotFound\",\"details\":{\"name\":\"x\",\"group\":"
			      "\"espalier.dev\",\"kind\":\"devices\"},\"code\":404}");
	assert_status(api_status_no_such_path(), 404,
		      FAILURE "\"the server could not find the requested resource\",\"reason\":"
			      "\"NotFound\",\"details\":{},\"code\":404}");
	assert_status(api_status_already_exists("", "configmaps", "a"), 409,
		      FAILURE "\"configmaps \\\"a\\\" already exists\",\"reason\":"
			      "\"AlreadyExists\",\"details\":{\"name\":\"a\",\"kind\":"
			      "\"configmaps\"},\"code\":409}");
	assert_status(
		api_status_conflict("", "configmaps", "a"), 409,
		FAILURE
		"\"Operation cannot be fulfilled on configmaps \\\"a\\\": the object has been "
		"modified; please apply your changes to the latest version and try again\","
		"\"reason\":\"Conflict\",\"details\":{\"name\":\"a\",\"kind\":"
		"\"configmaps\"},\"code\":409}");
}

static void says_which_precondition_does_not_hold(void **state)
{
	const ApiKind kind = {.group = "", .kind = "ConfigMap", .plural = "configmaps"};

	(void)state;
	assert_status(api_status_precondition(&kind, "a", "UID", "foo", "bar"), 409,
		      FAILURE "\"Operation cannot be fulfilled on ConfigMap \\\"a\\\": the UID in "
			      "the precondition (foo) does not match the UID in record (bar). The "
			      "object might have been deleted and then recreated\",\"reason\":"
			      "\"Conflict\",\"details\":{\"name\":\"a\",\"kind\":\"ConfigMap\"},"
			      "\"code\":409}");
}

static void sums_causes_up_and_says_each_once(void **state)
{
	g_autoptr(json_t) value = json_string("x");
	g_autoptr(json_t) mode = json_string("Foo");
	static const char *const modes[] = {"Auto", "Manual", NULL};
	GPtrArray *one = api_causes_new();
	GPtrArray *many = api_causes_new();

	(void)state;
	api_causes_invalid(one, "metadata.uid", value, "field is immutable");
	api_causes_invalid(one, "metadata.uid", value, "field is immutable");
	assert_status(api_status_invalid("", "ConfigMap", "a", one), 422,
		      FAILURE
		      "\"ConfigMap \\\"a\\\" is invalid: metadata.uid: Invalid value: \\\"x\\\": "
		      "field is immutable\",\"reason\":\"Invalid\",\"details\":{\"name\":\"a\","
		      "\"kind\":\"ConfigMap\",\"causes\":[{\"reason\":\"FieldValueInvalid\","
		      "\"message\":\"Invalid value: \\\"x\\\": field is immutable\",\"field\":"
		      "\"metadata.uid\"},{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid "
		      "value: \\\"x\\\": field is immutable\",\"field\":\"metadata.uid\"}]},"
		      "\"code\":422}");
	api_causes_unsupported(many, "spec.mode", mode, modes);
	api_causes_required(many, "spec.size", NULL);
	assert_status(
		api_status_invalid("espalier.dev", "Device", NULL, many), 422,
		FAILURE
		"\"Device.espalier.dev \\\"\\\" is invalid: [spec.mode: Unsupported value: "
		"\\\"Foo\\\": supported values: \\\"Auto\\\", \\\"Manual\\\", spec.size: Required "
		"value]\",\"reason\":\"Invalid\",\"details\":{\"group\":\"espalier.dev\",\"kind\":"
		"\"Device\",\"causes\":[{\"reason\":\"FieldValueNotSupported\",\"message\":"
		"\"Unsupported value: \\\"Foo\\\": supported values: \\\"Auto\\\", "
		"\\\"Manual\\\"\",\"field\":\"spec.mode\"},{\"reason\":\"FieldValueRequired\","
		"\"message\":\"Required value\",\"field\":\"spec.size\"}]},\"code\":422}");
}

static void says_who_may_not_do_what_and_where(void **state)
{
	(void)state;
	assert_status(api_status_forbidden("alice", "get", "", "secrets", NULL, "default", "a"),
		      403,
		      FAILURE
		      "\"secrets \\\"a\\\" is forbidden: User \\\"alice\\\" cannot get resource "
		      "\\\"secrets\\\" in API group \\\"\\\" in the namespace \\\"default\\\"\","
		      "\"reason\":\"Forbidden\",\"details\":{\"name\":\"a\",\"kind\":\"secrets\"},"
		      "\"code\":403}");
	assert_status(api_status_forbidden("alice", "list", "", "secrets", NULL, NULL, NULL), 403,
		      FAILURE
		      "\"secrets is forbidden: User \\\"alice\\\" cannot list resource "
		      "\\\"secrets\\\" in API group \\\"\\\" at the cluster scope\",\"reason\":"
		      "\"Forbidden\",\"details\":{\"kind\":\"secrets\"},\"code\":403}");
	assert_status(api_status_forbidden("alice", "update", "apps", "deployments", "status",
					   "default", "a"),
		      403,
		      FAILURE
		      "\"deployments.apps \\\"a\\\" is forbidden: User \\\"alice\\\" cannot update "
		      "resource \\\"deployments/status\\\" in API group \\\"apps\\\" in the "
		      "namespace \\\"default\\\"\",\"reason\":\"Forbidden\",\"details\":{\"name\":"
		      "\"a\",\"group\":\"apps\",\"kind\":\"deployments\"},\"code\":403}");
	assert_status(api_status_forbidden_path("alice", "get", "/metrics"), 403,
		      FAILURE "\"forbidden: User \\\"alice\\\" cannot get path \\\"/metrics\\\"\","
			      "\"reason\":\"Forbidden\",\"details\":{},\"code\":403}");
	assert_status(api_status_unauthorized(), 401,
		      FAILURE "\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}");
}

static void names_unknown_fields_and_bodies_that_cannot_be_read(void **state)
{
	const ApiKind kind = {.group = "", .version = "v1", .kind = "ConfigMap"};
	static const char *const accepted[] = {"application/json",
					       "application/vnd.kubernetes.protobuf", NULL};
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	g_autoptr(GPtrArray) warnings = NULL;

	(void)state;
	g_ptr_array_add(paths, (gpointer) "metadata.foo");
	g_ptr_array_add(paths, (gpointer) "bogus");
	assert_status(api_status_unknown_fields(&kind, paths), 400,
		      FAILURE "\"ConfigMap in version \\\"v1\\\" cannot be handled as a ConfigMap: "
			      "strict decoding error: unknown field \\\"metadata.foo\\\", unknown "
			      "field \\\"bogus\\\"\",\"reason\":\"BadRequest\",\"code\":400}");
	warnings = api_status_unknown_field_warnings(paths);
	assert_int_equal(warnings->len, 2);
	assert_string_equal(warnings->pdata[0], "unknown field \"metadata.foo\"");
	assert_status(api_status_unsupported_media_type(accepted), 415,
		      FAILURE "\"the body of the request was in an unknown format - accepted media "
			      "types include: application/json, "
			      "application/vnd.kubernetes.protobuf\",\"reason\":"
			      "\"UnsupportedMediaType\",\"code\":415}");
}

static void says_what_is_too_old_too_new_or_too_much(void **state)
{
	(void)state;
	assert_status(api_status_expired_watch(1, 295), 410,
		      FAILURE "\"too old resource version: 1 (295)\",\"reason\":\"Expired\","
			      "\"code\":410}");
	assert_status(api_status_too_large_resource_version(999999, 314), 504,
		      FAILURE
		      "\"Timeout: Too large resource version: 999999, current: 314\",\"reason\":"
		      "\"Timeout\",\"details\":{\"causes\":[{\"reason\":"
		      "\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],"
		      "\"retryAfterSeconds\":1},\"code\":504}");
	assert_status(api_status_too_large(3145728), 413,
		      FAILURE "\"Request entity too large: limit is 3145728\",\"reason\":"
			      "\"RequestEntityTooLarge\",\"code\":413}");
}

static void tells_a_deletion_that_is_done(void **state)
{
	const ApiKind kind = {.group = "espalier.dev", .kind = "Device", .plural = "devices"};

	(void)state;
	assert_status(api_status_deleted(&kind, "d1", "u-1"), 200,
		      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
		      "\"Success\",\"details\":{\"name\":\"d1\",\"group\":\"espalier.dev\","
		      "\"kind\":\"devices\",\"uid\":\"u-1\"}}");
}

static void takes_names_that_are_not_utf_8(void **state)
{
	g_autoptr(ApiStatus) status = api_status_not_found("", "secrets", "\xff\xfe");
	g_autoptr(GBytes) bytes = api_status_bytes(status);

	(void)state;
	assert_true(g_utf8_validate(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes),
				    NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_is_not_there_or_in_the_way),
		cmocka_unit_test(says_which_precondition_does_not_hold),
		cmocka_unit_test(sums_causes_up_and_says_each_once),
		cmocka_unit_test(says_who_may_not_do_what_and_where),
		cmocka_unit_test(names_unknown_fields_and_bodies_that_cannot_be_read),
		cmocka_unit_test(says_what_is_too_old_too_new_or_too_much),
		cmocka_unit_test(tells_a_deletion_that_is_done),
		cmocka_unit_test(takes_names_that_are_not_utf_8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
