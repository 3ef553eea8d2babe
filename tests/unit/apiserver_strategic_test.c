#include "apiserver/event_views.h"
#include "apiserver/strategic.h"
#include "base/error.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return value;
}

static void assert_json(const json_t *value, const char *expected)
{
	g_autoptr(json_t) wanted = parse(expected);
	g_autofree char *got = value == NULL ? g_strdup("nothing") : base_json_dump(value, NULL);

	if (!json_equal(value, wanted))
		fail_msg("got %s, wanted %s", got, expected);
}

static const struct {
	const char *kind, *object, *patch, *result; /* result NULL: refused with the message */
	const char *message;
} cases[] = {
	/* As a merge patch. */
	{"Secret", "{\"data\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"data\":{\"a\":null,\"c\":\"3\"}}",
	 "{\"data\":{\"b\":\"2\",\"c\":\"3\"}}", NULL},
	{"Secret", "{\"type\":\"Opaque\"}", "{\"type\":\"x\"}", "{\"type\":\"x\"}", NULL},
	{"ConfigMap", "{\"x\":[1,2]}", "{\"x\":[3]}", "{\"x\":[3]}", NULL},
	{"ConfigMap", "{}", "{\"a\":{\"b\":null}}", "{\"a\":{}}", NULL},

	/* Lists that merge. */
	{"Secret", "{\"metadata\":{\"finalizers\":[\"a/x\"]}}",
	 "{\"metadata\":{\"finalizers\":[\"b/y\",\"a/x\"]}}",
	 "{\"metadata\":{\"finalizers\":[\"a/x\",\"b/y\"]}}", NULL},
	{"Secret", "{\"metadata\":{\"finalizers\":[\"a/x\",\"c/z\"]}}",
	 "{\"metadata\":{\"$setElementOrder/finalizers\":[\"b/y\",\"a/x\"],\"finalizers\":"
	 "[\"b/y\"]}}",
	 "{\"metadata\":{\"finalizers\":[\"b/y\",\"a/x\",\"c/z\"]}}", NULL},
	{"Secret", "{\"metadata\":{\"finalizers\":[\"a/x\",\"c/z\"]}}",
	 "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a/x\",\"no\"]}}",
	 "{\"metadata\":{\"finalizers\":[\"c/z\"]}}", NULL},
	{"Secret", "{\"metadata\":{\"finalizers\":[\"a/x\"]}}",
	 "{\"metadata\":{\"finalizers\":null}}", "{\"metadata\":{}}", NULL},
	{"Namespace", "{\"spec\":{\"finalizers\":[\"kubernetes\"]}}",
	 "{\"spec\":{\"finalizers\":[\"a/x\"]}}",
	 "{\"spec\":{\"finalizers\":[\"kubernetes\",\"a/x\"]}}", NULL},
	{"ConfigMap", "{\"spec\":{\"finalizers\":[\"kubernetes\"]}}",
	 "{\"spec\":{\"finalizers\":[\"a/x\"]}}", "{\"spec\":{\"finalizers\":[\"a/x\"]}}", NULL},
	{"Secret",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"a\"},{\"uid\":"
	 "\"2\",\"name\":\"b\"}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"2\",\"controller\":true},{\"uid\":\"3\"},"
	 "{\"$patch\":\"delete\",\"uid\":\"1\"}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"2\",\"name\":\"b\",\"controller\":true},"
	 "{\"uid\":\"3\"}]}}",
	 NULL},
	{"Secret", "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\"},{\"uid\":\"2\"}]}}",
	 "{\"metadata\":{\"$setElementOrder/ownerReferences\":[{\"uid\":\"2\"},{\"uid\":\"1\"}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"2\"},{\"uid\":\"1\"}]}}", NULL},
	{"Secret", "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\"},{\"uid\":\"2\"}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"replace\"},{\"uid\":\"3\"}]}}",
	 "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"3\"}]}}", NULL},

	/* Directives of objects. */
	{"ConfigMap", "{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"$patch\":\"replace\",\"b\":\"2\"}}",
	 "{\"data\":{\"b\":\"2\"}}", NULL},
	{"ConfigMap", "{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"$patch\":\"delete\"}}",
	 "{\"data\":{}}", NULL},
	{"ConfigMap", "{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"$patch\":\"merge\",\"b\":\"2\"}}",
	 "{\"data\":{\"a\":\"1\",\"b\":\"2\"}}", NULL},
	{"ConfigMap", "{\"data\":{\"a\":\"1\",\"b\":\"2\"}}",
	 "{\"data\":{\"$retainKeys\":[\"b\",\"c\"],\"c\":\"3\"}}",
	 "{\"data\":{\"b\":\"2\",\"c\":\"3\"}}", NULL},

	/* What makes no sense. */
	{"ConfigMap", "{}", "{\"metadata\":{\"$patch\":\"foo\"}}", NULL, "unknown patch type: foo"},
	{"ConfigMap", "{}", "{\"data\":{\"$retainKeys\":\"b\"}}", NULL,
	 "the directive \"$retainKeys\" takes a list"},
	{"ConfigMap", "{}", "{\"metadata\":{\"ownerReferences\":[{\"name\":\"a\"}]}}", NULL,
	 "map does not contain declared merge key: uid"},
	{"ConfigMap", "{}", "{\"metadata\":{\"finalizers\":[1]}}", NULL,
	 "the list \"finalizers\" takes strings"},
	{"ConfigMap", "{}", "{\"$setElementOrder/data\":[\"a\"]}", NULL,
	 "the directive \"$setElementOrder/data\" does not fit its list"},
	{"ConfigMap", "{}", "[]", NULL, "a strategic merge patch must be an object"},
};

static void merges_by_what_is_known_of_the_core_kinds(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const ApiKind kind = {.group = "", .version = "v1", .kind = cases[i].kind};
		g_autoptr(json_t) object = parse(cases[i].object);
		g_autoptr(json_t) patch = parse(cases[i].patch);
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) result = api_strategic_apply(&kind, object, patch, &error);

		assert_json(object, cases[i].object);
		assert_json(patch, cases[i].patch);
		if (cases[i].result != NULL) {
			assert_null(error);
			assert_json(result, cases[i].result);
		} else {
			assert_null(result);
			assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
			assert_string_equal(error->message, cases[i].message);
		}
	}
}

static const char core_event[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},"
	"\"involvedObject\":{\"name\":\"x\"},\"reason\":\"R\",\"message\":\"m\",\"source\":"
	"{\"component\":\"c\"},\"firstTimestamp\":\"2026-01-02T03:04:05Z\",\"lastTimestamp\":"
	"\"2026-01-02T03:04:06Z\",\"count\":2,\"reportingComponent\":\"espalier.dev/c\","
	"\"reportingInstance\":\"i\",\"eventTime\":\"2026-01-02T03:04:05.000006Z\",\"series\":"
	"{\"count\":3},\"type\":\"Normal\",\"action\":\"A\"}";
static const char v1_event[] =
	"{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},"
	"\"regarding\":{\"name\":\"x\"},\"reason\":\"R\",\"note\":\"m\",\"deprecatedSource\":"
	"{\"component\":\"c\"},\"deprecatedFirstTimestamp\":\"2026-01-02T03:04:05Z\","
	"\"deprecatedLastTimestamp\":\"2026-01-02T03:04:06Z\",\"deprecatedCount\":2,"
	"\"reportingController\":\"espalier.dev/c\",\"reportingInstance\":\"i\",\"eventTime\":"
	"\"2026-01-02T03:04:05.000006Z\",\"series\":{\"count\":3},\"type\":\"Normal\",\"action\":"
	"\"A\"}";

static void shows_one_event_in_two_apis(void **state)
{
	g_autoptr(json_t) core = parse(core_event);
	g_autoptr(json_t) v1 = parse(v1_event);
	g_autoptr(json_t) a = api_event_to_v1(core);
	g_autoptr(json_t) b = api_event_to_core(v1);
	g_autoptr(json_t) c = api_event_to_core(core);
	g_autoptr(json_t) d = api_event_to_v1(v1);

	(void)state;
	assert_json(a, v1_event);
	assert_json(b, core_event);
	assert_json(c, core_event);
	assert_json(d, v1_event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_by_what_is_known_of_the_core_kinds),
		cmocka_unit_test(shows_one_event_in_two_apis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
