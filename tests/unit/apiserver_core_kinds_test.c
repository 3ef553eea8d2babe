#include "apiserver/core_kinds.h"
#include "apiserver/status.h"
#include "base/error.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return value;
}

static const ApiKind *core(const char *kind)
{
	return api_kind_find_by_kind("", "v1", kind);
}

/* {kind, object, what is kept, unknown fields} or {kind, object, NULL, the decoder's message},
 * which is kube-apiserver's. */
static const struct {
	const char *kind, *object, *kept, *said;
} reads[] = {
	{"ConfigMap", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"}}", ""},
	{"ConfigMap", "{\"metadata\":{\"name\":\"ab\",\"foo\":1},\"bogus\":1}",
	 "{\"metadata\":{\"name\":\"ab\"}}", "metadata.foo bogus "},
	{"ConfigMap",
	 "{\"metadata\":{\"creationTimestamp\":null,\"managedFields\":[1],\"selfLink\":\"x\"},"
	 "\"data\":null}",
	 "{\"metadata\":{}}", ""},
	{"ConfigMap", "{\"data\":{\"a\":null}}", "{\"data\":{\"a\":\"\"}}", ""},
	{"ConfigMap", "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"x\":2}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\"}]}}",
	 "metadata.ownerReferences[0].x "},
	{"Event", "{\"involvedObject\":{\"x\":1},\"note\":\"\",\"message\":\"m\"}",
	 "{\"involvedObject\":{},\"message\":\"m\"}", "involvedObject.x note "},
	{"ConfigMap", "{\"data\":{\"a\":1}}", NULL,
	 "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"},
	{"ConfigMap", "{\"data\":[]}", NULL,
	 "json: cannot unmarshal array into Go struct field ConfigMap.data of type "
	 "map[string]string"},
	{"ConfigMap", "{\"metadata\":{\"name\":7}}", NULL,
	 "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type "
	 "string"},
	{"ConfigMap", "{\"metadata\":\"x\"}", NULL,
	 "json: cannot unmarshal string into Go struct field ConfigMap.metadata of type "
	 "v1.ObjectMeta"},
	{"ConfigMap", "{\"immutable\":\"x\"}", NULL,
	 "json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool"},
	{"Secret", "{\"data\":{\"a\":\"!!!\"}}", NULL, "illegal base64 data at input byte 0"},
	{"Secret", "{\"data\":{\"a\":\"YQ=\"}}", NULL, "illegal base64 data at input byte 3"},
	{"Secret", "{\"data\":{\"a\":\"=YQ=\"}}", NULL, "illegal base64 data at input byte 0"},
	{"Secret", "{\"data\":{\"a\":\"YQ==\",\"b\":\"\"}}",
	 "{\"data\":{\"a\":\"YQ==\",\"b\":\"\"}}", ""},
	{"Namespace", "{\"spec\":{\"finalizers\":[1]}}", NULL,
	 "json: cannot unmarshal number into Go struct field NamespaceSpec.spec.finalizers of type "
	 "string"},
	{"Event", "{\"eventTime\":\"noon\"}", NULL,
	 "parsing time \"noon\" as \"2006-01-02T15:04:05Z07:00\": eventTime is not RFC 3339"},
};

static void reads_core_kinds_as_a_real_server_does(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(reads); i++) {
		g_autoptr(json_t) object = parse(reads[i].object);
		g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) said = g_string_new(NULL);
		g_autofree char *text = NULL;
		gboolean good = api_core_prune(core(reads[i].kind), object, unknown, &error);

		assert_int_equal(good, reads[i].kept != NULL);
		if (!good) {
			assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
			assert_string_equal(error->message, reads[i].said);
			continue;
		}
		text = base_json_dump(object, NULL);
		for (guint j = 0; j < unknown->len; j++)
			g_string_append_printf(said, "%s ", (char *)unknown->pdata[j]);
		assert_string_equal(text, reads[i].kept);
		assert_string_equal(said->str, reads[i].said);
	}
}

static void reads_the_metadata_of_any_kind(void **state)
{
	g_autoptr(json_t) good = parse("{\"metadata\":{\"name\":\"a\",\"x\":1},\"other\":1}");
	g_autoptr(json_t) bad = parse("{\"metadata\":[]}");
	g_autoptr(json_t) none = parse("{\"metadata\":null}");
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	(void)state;
	assert_true(api_meta_prune(good, unknown, NULL));
	text = base_json_dump(good, NULL);
	assert_string_equal(text, "{\"metadata\":{\"name\":\"a\"},\"other\":1}");
	assert_string_equal(unknown->pdata[0], "metadata.x");
	assert_true(api_meta_prune(none, unknown, NULL));
	assert_false(api_meta_prune(bad, NULL, &error));
}

static void fills_in_what_a_real_server_fills_in(void **state)
{
	static const struct {
		const char *kind, *object, *result;
	} cases[] = {
		{"Secret", "{\"stringData\":{\"a\":\"x\"},\"data\":{\"b\":\"YQ==\"}}",
		 "{\"data\":{\"b\":\"YQ==\",\"a\":\"eA==\"},\"type\":\"Opaque\"}"},
		{"Secret",
		 "{\"stringData\":{\"a\":\"x\"},\"data\":{\"a\":\"YQ==\"},\"type\":\"t\"}",
		 "{\"data\":{\"a\":\"eA==\"},\"type\":\"t\"}"},
		{"Namespace", "{\"metadata\":{\"name\":\"nn\"}}",
		 "{\"metadata\":{\"name\":\"nn\",\"labels\":{\"kubernetes.io/metadata.name\":"
		 "\"nn\"}},\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":"
		 "\"Active\"}}"},
		{"ConfigMap", "{}", "{}"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) object = parse(cases[i].object);
		g_autofree char *text = NULL;

		api_core_default(core(cases[i].kind), object);
		text = base_json_dump(object, NULL);
		assert_string_equal(text, cases[i].result);
	}
}

/* "field: message" of every cause. */
static char *lines_of(const GPtrArray *causes)
{
	GString *lines = g_string_new(NULL);

	for (guint i = 0; i < causes->len; i++) {
		const ApiCause *cause = causes->pdata[i];

		g_string_append_printf(lines, "%s%s: %s", i == 0 ? "" : "\n", cause->field,
				       cause->message);
	}
	return g_string_free(lines, FALSE);
}

#define METADATA(more) "\"metadata\":{\"name\":\"a\",\"namespace\":\"default\"" more "}"

/* `old` NULL: created. `said` "" = nothing wrong. */
static const struct {
	const char *group, *kind, *object, *old, *said;
} checks[] = {
	{"", "ConfigMap", "{" METADATA("") "}", NULL, ""},
	{"", "ConfigMap", "{\"metadata\":{}}", NULL,
	 "metadata.name: Required value: name or generateName is required"},
	{"", "ConfigMap", "{" METADATA(",\"uid\":\"2\"") "}", "{" METADATA(",\"uid\":\"1\"") "}",
	 "metadata.uid: Invalid value: \"2\": field is immutable"},
	{"", "ConfigMap", "{\"metadata\":{\"name\":\"b\"}}", "{" METADATA("") "}",
	 "metadata.name: Invalid value: \"b\": field is immutable"},
	{"", "ConfigMap", "{" METADATA(",\"finalizers\":[\"a/x\",\"b/y\"]") "}",
	 "{" METADATA(
		 ",\"deletionTimestamp\":\"2026-01-02T03:04:05Z\",\"finalizers\":[\"a/x\"]") "}",
	 "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
	 "deleted, found new finalizers []string{\"b/y\"}"},
	{"", "ConfigMap", "{" METADATA(",\"finalizers\":[]") "}",
	 "{" METADATA(
		 ",\"deletionTimestamp\":\"2026-01-02T03:04:05Z\",\"finalizers\":[\"a/x\"]") "}",
	 ""},
	{"", "Secret", "{" METADATA("") ",\"type\":\"foo\"}",
	 "{" METADATA("") ",\"type\":\"Opaque\"}",
	 "type: Invalid value: \"foo\": field is immutable"},
	{"", "Event", "{" METADATA("") ",\"involvedObject\":{\"namespace\":\"foo\"}}", NULL,
	 "involvedObject.namespace: Invalid value: \"foo\": does not match event.namespace"},
	{"", "Event", "{" METADATA("") ",\"involvedObject\":{}}", NULL, ""},
	{"events.k8s.io", "Event", "{" METADATA("") ",\"regarding\":{\"namespace\":\"default\"}}",
	 NULL, "eventTime: Required value\ntype: Invalid value: \"\": has invalid value: "},
	{"events.k8s.io", "Event",
	 "{" METADATA("") ",\"regarding\":{\"namespace\":\"default\"},\"type\":\"Normal\","
			  "\"eventTime\":\"2026-01-02T03:04:05.000006Z\",\"reason\":\"R\"}",
	 NULL,
	 "reportingController: Required value\nreportingInstance: Required value\naction: Required "
	 "value"},
	{"events.k8s.io", "Event",
	 "{" METADATA("") ",\"regarding\":{\"namespace\":\"default\"},\"type\":\"Normal\","
			  "\"eventTime\":\"2026-01-02T03:04:05.000006Z\",\"reason\":\"R\","
			  "\"reportingController\":"
			  "\"c\",\"reportingInstance\":\"i\",\"action\":\"A\"}",
	 NULL, ""},
};

static void says_what_is_wrong_with_core_objects(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(checks); i++) {
		const ApiKind *kind = api_kind_find_by_kind(checks[i].group, "v1", checks[i].kind);
		g_autoptr(json_t) object = parse(checks[i].object);
		g_autoptr(json_t) old = checks[i].old == NULL ? NULL : parse(checks[i].old);
		g_autoptr(GPtrArray) causes = api_causes_new();
		g_autofree char *lines = NULL;

		api_meta_validate(kind, object, old, causes);
		api_core_validate(kind, object, old, causes);
		lines = lines_of(causes);
		assert_string_equal(lines, checks[i].said);
	}
}

static void refuses_an_event_with_a_long_word(void **state)
{
	g_autofree char *reason = g_strnfill(129, 'R');
	g_autoptr(json_t) object = parse(
		"{\"metadata\":{\"name\":\"a\",\"namespace\":\"default\"},\"type\":\"Normal\","
		"\"eventTime\":\"2026-01-02T03:04:05.000006Z\",\"reportingController\":\"c\","
		"\"reportingInstance\":\"i\",\"action\":\"A\"}");
	g_autoptr(GPtrArray) causes = api_causes_new();
	g_autofree char *lines = NULL;

	(void)state;
	base_json_set_string(object, "reason", reason);
	api_core_validate(api_kind_find_by_kind("events.k8s.io", "v1", "Event"), object, NULL,
			  causes);
	lines = lines_of(causes);
	assert_string_equal(lines, "reason: Invalid value: \"\": can have at most 128 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_core_kinds_as_a_real_server_does),
		cmocka_unit_test(reads_the_metadata_of_any_kind),
		cmocka_unit_test(fills_in_what_a_real_server_fills_in),
		cmocka_unit_test(says_what_is_wrong_with_core_objects),
		cmocka_unit_test(refuses_an_event_with_a_long_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
