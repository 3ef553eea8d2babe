/* Creating, replacing and patching over the real server: each rule as kube-apiserver has it. */
#include "apiserver_world.h"

#define DEVICE(name, more)                                                                         \
	"{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\","                           \
	"\"metadata\":{\"name\":\"" name "\"" more                                                 \
	"},\"spec\":{\"deviceClassReference\":{\"name\":\"c\"}}}"
#define SECRET(name, rest)                                                                         \
	"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"" name "\"}" rest "}"
#define MERGE "Content-Type: application/merge-patch+json"
#define JSON_PATCH "Content-Type: application/json-patch+json"
#define STRATEGIC "Content-Type: application/strategic-merge-patch+json"
#define APPLY "Content-Type: application/apply-patch+yaml"

static void gives_a_new_object_what_only_a_server_can(void **state)
{
	World *world = *state;
	g_auto(Answer) made = world_expect(
		world, 201, "POST", WORLD_DEVICES,
		DEVICE("d1", ",\"uid\":\"mine\",\"generation\":7,\"creationTimestamp\":"
			     "\"2001-01-01T00:00:00Z\",\"managedFields\":[]"));
	g_auto(Answer) read = world_expect(world, 200, "GET", WORLD_DEVICES "/d1", NULL);

	assert_int_equal(strlen(meta(&made, "uid")), 36);
	assert_string_not_equal(meta(&made, "creationTimestamp"), "2001-01-01T00:00:00Z");
	assert_string_equal(meta(&made, "namespace"), "default");
	assert_true(g_ascii_strtoll(meta(&made, "resourceVersion"), NULL, 10) > 0);
	assert_int_equal(base_json_get_int(made.json, 0, "metadata", "generation", NULL), 1);
	assert_null(base_json_get(made.json, "metadata", "managedFields", NULL));
	assert_true(json_equal(made.json, read.json));
}

static void drops_status_at_creation_and_on_the_main_resource(void **state)
{
	World *world = *state;
	g_auto(Answer) made = world_expect(
		world, 201, "POST", WORLD_DEVICES,
		"{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\",\"metadata\":{"
		"\"name\":\"d1\"},\"spec\":{\"deviceClassReference\":{\"name\":\"c\"}},"
		"\"status\":{\"secretName\":\"x\"}}");
	g_auto(Answer) patched = world_ask_with(world, "PATCH", WORLD_DEVICES "/d1",
						"{\"status\":{\"secretName\":\"x\"}}", MERGE);

	assert_null(json_object_get(made.json, "status"));
	assert_int_equal(patched.status, 200);
	assert_null(json_object_get(patched.json, "status"));
	assert_string_equal(meta(&patched, "resourceVersion"), meta(&made, "resourceVersion"));
}

static void writes_only_status_through_the_sub_resource(void **state)
{
	World *world = *state;
	g_auto(Answer) made = world_expect(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	g_auto(Answer) patched = world_ask_with(
		world, "PATCH", WORLD_DEVICES "/d1/status",
		"{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"suspended\":true},"
		"\"status\":{\"secretName\":\"d1-device\"}}",
		MERGE);
	g_auto(Answer) status = world_expect(world, 200, "GET", WORLD_DEVICES "/d1/status", NULL);

	assert_int_equal(patched.status, 200);
	assert_string_equal(base_json_get_string(patched.json, "status", "secretName", NULL),
			    "d1-device");
	assert_true(json_equal(json_object_get(patched.json, "spec"),
			       json_object_get(made.json, "spec")));
	assert_null(base_json_get(patched.json, "metadata", "labels", NULL));
	assert_int_equal(base_json_get_int(patched.json, 0, "metadata", "generation", NULL), 1);
	assert_string_not_equal(meta(&patched, "resourceVersion"), meta(&made, "resourceVersion"));
	assert_true(json_equal(status.json, patched.json));
}

static void counts_the_generation_with_the_spec_alone(void **state)
{
	static const struct {
		const char *patch;
		gint64 generation;
	} steps[] = {
		{"{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", 1},
		{"{\"spec\":{\"displayName\":\"One\"}}", 2},
		{"{\"spec\":{\"displayName\":\"One\"}}", 2},
		{"{\"spec\":{\"suspended\":true}}", 3},
		{"{\"metadata\":{\"generation\":99}}", 3},
	};
	World *world = *state;

	world_do(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
		g_auto(Answer) answer =
			world_ask_with(world, "PATCH", WORLD_DEVICES "/d1", steps[i].patch, MERGE);

		assert_int_equal(answer.status, 200);
		assert_int_equal(base_json_get_int(answer.json, 0, "metadata", "generation", NULL),
				 steps[i].generation);
	}
}

static void keeps_the_resource_version_when_nothing_changes(void **state)
{
	static const struct {
		const char *method;
		const char *body;
		const char *type;
	} writes[] = {
		{"PATCH", "{}", MERGE},
		{"PATCH", "{\"data\":{\"a\":\"b\"}}", MERGE},
		{"PATCH", "[]", JSON_PATCH},
		{"PATCH", "{\"data\":{\"a\":\"b\"}}", STRATEGIC},
		{"PUT",
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"},"
		 "\"data\":{\"a\":\"b\"}}",
		 WORLD_JSON},
	};
	World *world = *state;
	g_auto(Answer) made =
		world_expect(world, 201, "POST", WORLD_CONFIG_MAPS,
			     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			     "\"m\"},\"data\":{\"a\":\"b\"}}");

	for (gsize i = 0; i < G_N_ELEMENTS(writes); i++) {
		g_auto(Answer) answer =
			world_ask_with(world, writes[i].method, WORLD_CONFIG_MAPS "/m",
				       writes[i].body, writes[i].type);

		assert_int_equal(answer.status, 200);
		assert_string_equal(meta(&answer, "resourceVersion"),
				    meta(&made, "resourceVersion"));
	}
	assert_true(store_revision(world->store) ==
		    g_ascii_strtoll(meta(&made, "resourceVersion"), NULL, 10));
}

static void refuses_what_is_there_stale_or_gone(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		const char *body;
		const char *type;
		guint status;
		const char *reason;
		const char *message;
	} cases[] = {
		{"POST", WORLD_DEVICES, DEVICE("d1", ""), NULL, 409, "AlreadyExists",
		 "devices.espalier.dev \"d1\" already exists"},
		{"PUT", WORLD_DEVICES "/d1", DEVICE("d1", ",\"resourceVersion\":\"1\""), NULL, 409,
		 "Conflict",
		 "Operation cannot be fulfilled on devices.espalier.dev \"d1\": the object has "
		 "been "
		 "modified; please apply your changes to the latest version and try again"},
		{"PATCH", WORLD_DEVICES "/d1", "{\"metadata\":{\"resourceVersion\":\"1\"}}", MERGE,
		 409, "Conflict",
		 "Operation cannot be fulfilled on devices.espalier.dev \"d1\": the object has "
		 "been "
		 "modified; please apply your changes to the latest version and try again"},
		{"PUT", WORLD_DEVICES "/d1", DEVICE("d1", ""), NULL, 422, "Invalid",
		 "devices.espalier.dev \"d1\" is invalid: metadata.resourceVersion: Invalid value: "
		 "0: must be specified for an update"},
		{"PUT", WORLD_DEVICES "/d2", DEVICE("d2", ""), NULL, 404, "NotFound",
		 "devices.espalier.dev \"d2\" not found"},
		{"PATCH", WORLD_DEVICES "/d2", "{}", MERGE, 404, "NotFound",
		 "devices.espalier.dev \"d2\" not found"},
		{"GET", WORLD_DEVICES "/d2", NULL, NULL, 404, "NotFound",
		 "devices.espalier.dev \"d2\" not found"},
		{"DELETE", WORLD_SECRETS "/s2", NULL, NULL, 404, "NotFound",
		 "secrets \"s2\" not found"},
		{"PUT", WORLD_DEVICES "/d1", DEVICE("d9", ""), NULL, 400, "BadRequest",
		 "the name of the object (d9) does not match the name on the URL (d1)"},
		{"POST", WORLD_DEVICES, DEVICE("d3", ",\"namespace\":\"other\""), NULL, 400,
		 "BadRequest",
		 "the namespace of the provided object does not match the namespace sent on the "
		 "request"},
		{"POST", WORLD_DEVICES, DEVICE("d3", ",\"resourceVersion\":\"5\""), NULL, 400,
		 "BadRequest", "resourceVersion should not be set on objects to be created"},
		{"POST", "/apis/espalier.dev/v1alpha1/namespaces/nowhere/devices", DEVICE("d3", ""),
		 NULL, 404, "NotFound", "namespaces \"nowhere\" not found"},
		{"POST", WORLD_DEVICES, SECRET("s", ""), NULL, 400, "BadRequest",
		 "the API version in the data (v1) does not match the expected API version "
		 "(espalier.dev/v1alpha1)"},
		{"PATCH", WORLD_DEVICES "/d1", "{\"metadata\":{\"uid\":\"x\"}}", MERGE, 422,
		 "Invalid",
		 "Device.espalier.dev \"d1\" is invalid: metadata.uid: Invalid value: \"x\": field "
		 "is immutable"},
		{"POST", WORLD_SECRETS,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":"
		 "\"x\"}",
		 NULL, 400, "BadRequest",
		 "Secret in version \"v1\" cannot be handled as a Secret: json: cannot unmarshal "
		 "string "
		 "into Go struct field Secret.metadata of type v1.ObjectMeta"},
		{"POST", WORLD_DEVICES "?dryRun=Some", DEVICE("d3", ""), NULL, 422, "Invalid",
		 "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: "
		 "[\"Some\"]: "
		 "supported values: \"All\""},
	};
	World *world = *state;

	world_do(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Answer) answer = world_ask_with(world, cases[i].method, cases[i].path,
						       cases[i].body, cases[i].type);

		assert_refusal(&answer, cases[i].status, cases[i].reason, cases[i].message);
	}
}

static void tells_of_unknown_fields_as_it_was_asked_to(void **state)
{
	static const char body[] =
		"{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\",\"metadata\":{"
		"\"name\":\"d1\"},\"spec\":{\"deviceClassReference\":{\"name\":\"c\"},"
		"\"bogus\":1}}";
	World *world = *state;
	g_auto(Answer) strict =
		world_ask(world, "POST", WORLD_DEVICES "?fieldValidation=Strict&dryRun=All", body);
	g_auto(Answer) warned =
		world_ask(world, "POST", WORLD_DEVICES "?fieldValidation=Warn&dryRun=All", body);
	g_auto(Answer) ignored =
		world_ask(world, "POST", WORLD_DEVICES "?fieldValidation=Ignore&dryRun=All", body);

	assert_refusal(&strict, 400, "BadRequest",
		       "Device in version \"v1alpha1\" cannot be handled as a Device: strict "
		       "decoding error: unknown field \"spec.bogus\"");
	assert_int_equal(warned.status, 201);
	assert_string_equal(http_response_header(warned.response, "Warning"),
			    "299 - \"unknown field \\\"spec.bogus\\\"\"");
	assert_null(base_json_get(warned.json, "spec", "bogus", NULL));
	assert_int_equal(ignored.status, 201);
	assert_null(http_response_header(ignored.response, "Warning"));
	assert_null(base_json_get(ignored.json, "spec", "bogus", NULL));
}

static void stores_nothing_on_a_dry_run(void **state)
{
	World *world = *state;
	gint64 before;
	g_auto(Answer) made =
		world_expect(world, 201, "POST", WORLD_DEVICES "?dryRun=All", DEVICE("d1", ""));

	assert_int_equal(strlen(meta(&made, "uid")), 36);
	world_do(world, 404, "GET", WORLD_DEVICES "/d1", NULL);
	world_do(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	world_do(world, 409, "POST", WORLD_DEVICES "?dryRun=All", DEVICE("d1", ""));
	before = store_revision(world->store);
	{
		g_auto(Answer) patched =
			world_ask_with(world, "PATCH", WORLD_DEVICES "/d1?dryRun=All",
				       "{\"spec\":{\"displayName\":\"x\"}}", MERGE);
		g_auto(Answer) deleted =
			world_ask(world, "DELETE", WORLD_DEVICES "/d1", "{\"dryRun\":[\"All\"]}");

		assert_string_equal(base_json_get_string(patched.json, "spec", "displayName", NULL),
				    "x");
		assert_int_equal(deleted.status, 200);
	}
	assert_true(store_revision(world->store) == before);
	world_do(world, 200, "GET", WORLD_DEVICES "/d1", NULL);
}

static void makes_a_name_after_generate_name(void **state)
{
	static const char body[] = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{"
				   "\"generateName\":\"probe-\"}}";
	World *world = *state;
	g_auto(Answer) first = world_expect(world, 201, "POST", WORLD_SECRETS, body);
	g_auto(Answer) second = world_expect(world, 201, "POST", WORLD_SECRETS, body);

	assert_true(g_str_has_prefix(meta(&first, "name"), "probe-"));
	assert_int_equal(strlen(meta(&first, "name")), strlen("probe-") + 5);
	assert_string_not_equal(meta(&first, "name"), meta(&second, "name"));
}

static void keeps_to_the_name_that_was_given_beside_generate_name(void **state)
{
	static const char body[] = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{"
				   "\"name\":\"probe\",\"generateName\":\"probe-\"}}";
	World *world = *state;

	world_do(world, 201, "POST", WORLD_SECRETS, body);
	world_do(world, 409, "POST", WORLD_SECRETS, body);
}

static void takes_the_patches_of_each_kind_and_no_other(void **state)
{
	static const struct {
		const char *path;
		const char *body;
		const char *type;
		guint status;
	} cases[] = {
		{WORLD_DEVICES "/d1", "{\"spec\":{\"displayName\":\"x\"}}", MERGE, 200},
		{WORLD_DEVICES "/d1",
		 "[{\"op\":\"add\",\"path\":\"/metadata/labels\",\"value\":{\"a\":\"b\"}}]",
		 JSON_PATCH, 200},
		{WORLD_DEVICES "/d1", "[{\"op\":\"remove\",\"path\":\"/spec/nothing\"}]",
		 JSON_PATCH, 422},
		{WORLD_DEVICES "/d1", "{}", STRATEGIC, 415},
		{WORLD_DEVICES "/d1", "{}", APPLY, 415},
		{WORLD_DEVICES "/d1", "{}", "Content-Type: text/plain", 415},
		{WORLD_SECRETS "/s1", "{\"data\":{\"k\":\"dg==\"}}", STRATEGIC, 200},
		{WORLD_SECRETS "/s1", "{}", APPLY, 415},
		{WORLD_DEVICES "/d1", "[]", MERGE, 400},
		{WORLD_DEVICES "/d1", "{}", JSON_PATCH, 400},
		{WORLD_DEVICES "/d1", "{\"kind\":\"Secret\"}", MERGE, 400},
	};
	World *world = *state;

	world_do(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	world_do(world, 201, "POST", WORLD_SECRETS, SECRET("s1", ""));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Answer) answer =
			world_ask_with(world, "PATCH", cases[i].path, cases[i].body, cases[i].type);

		if (answer.status != cases[i].status)
			print_error("case %zu: %u\n", i, answer.status);
		assert_int_equal(answer.status, cases[i].status);
	}
}

static void writes_secrets_as_a_real_server_does(void **state)
{
	World *world = *state;
	g_auto(Answer) made = world_expect(world, 201, "POST", WORLD_SECRETS,
					   SECRET("s1", ",\"stringData\":{\"a\":\"b\"}"));
	g_auto(Answer) bad =
		world_ask(world, "POST", WORLD_SECRETS, SECRET("s2", ",\"data\":{\"a\":\"%\"}"));

	assert_string_equal(base_json_get_string(made.json, "data", "a", NULL), "Yg==");
	assert_null(json_object_get(made.json, "stringData"));
	assert_string_equal(base_json_get_string(made.json, "type", NULL), "Opaque");
	assert_in_range(bad.status, 400, 422);
}

static void names_the_fields_of_a_status_as_a_real_server_does(void **state)
{
	World *world = *state;
	g_auto(Answer) wrong = {0};
	g_auto(Answer) nothing = {0};
	const json_t *cause;

	world_do(world, 201, "POST", WORLD_DEVICES, DEVICE("d1", ""));
	wrong = world_ask_with(world, "PATCH", WORLD_DEVICES "/d1/status",
			       "{\"status\":{\"lastSeen\":\"yesterday\"}}", MERGE);
	assert_int_equal(wrong.status, 422);
	cause = json_array_get(base_json_get(wrong.json, "details", "causes", NULL), 0);
	assert_string_equal(base_json_get_string(cause, "field", NULL), "status.lastSeen");
	assert_string_equal(base_json_get_string(cause, "message", NULL),
			    "Invalid value: \"yesterday\": lastSeen in body must be of type "
			    "date-time: \"yesterday\"");
	nothing = world_ask_with(world, "PATCH", WORLD_DEVICES "/d1/status",
				 "[{\"op\":\"add\",\"path\":\"/status\",\"value\":null}]",
				 JSON_PATCH);
	assert_int_equal(nothing.status, 200);
}

static void says_that_rules_were_skipped_for_an_object_without_a_name(void **state)
{
	World *world = *state;
	g_auto(Answer) answer = world_ask(
		world, "POST", WORLD_DEVICES,
		"{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\",\"metadata\":{},"
		"\"spec\":{\"deviceClassReference\":{\"name\":\"c\"}}}");
	json_t *causes = base_json_get(answer.json, "details", "causes", NULL);

	assert_int_equal(answer.status, 422);
	assert_int_equal(json_array_size(causes), 2);
	assert_string_equal(base_json_get_string(json_array_get(causes, 0), "message", NULL),
			    "Required value: name or generateName is required");
	assert_string_equal(base_json_get_string(json_array_get(causes, 1), "field", NULL),
			    "<nil>");
}

typedef struct {
	World *world;
	guint number;
} Writer;

static gpointer write_keys(gpointer data)
{
	Writer *writer = data;

	for (guint i = 0; i < 10; i++) {
		g_autofree char *patch =
			g_strdup_printf("{\"data\":{\"k%u.%u\":\"v\"}}", writer->number, i);
		g_auto(Answer) answer = world_ask_with(writer->world, "PATCH",
						       WORLD_CONFIG_MAPS "/m", patch, MERGE);

		assert_int_equal(answer.status, 200);
	}
	return NULL;
}

static void writers_who_name_no_revision_lose_nothing_to_each_other(void **state)
{
	World *world = *state;
	Writer writers[8];
	GThread *threads[8];

	world_do(world, 201, "POST", WORLD_CONFIG_MAPS,
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"}}");
	for (guint i = 0; i < G_N_ELEMENTS(writers); i++) {
		writers[i] = (Writer){world, i};
		threads[i] = g_thread_new("writer", write_keys, &writers[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	{
		g_auto(Answer) last = world_expect(world, 200, "GET", WORLD_CONFIG_MAPS "/m", NULL);

		assert_int_equal(json_object_size(json_object_get(last.json, "data")), 80);
	}
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(gives_a_new_object_what_only_a_server_can),
		API_TEST(drops_status_at_creation_and_on_the_main_resource),
		API_TEST(writes_only_status_through_the_sub_resource),
		API_TEST(counts_the_generation_with_the_spec_alone),
		API_TEST(keeps_the_resource_version_when_nothing_changes),
		API_TEST(refuses_what_is_there_stale_or_gone),
		API_TEST(tells_of_unknown_fields_as_it_was_asked_to),
		API_TEST(stores_nothing_on_a_dry_run),
		API_TEST(makes_a_name_after_generate_name),
		API_TEST(keeps_to_the_name_that_was_given_beside_generate_name),
		API_TEST(takes_the_patches_of_each_kind_and_no_other),
		API_TEST(writes_secrets_as_a_real_server_does),
		API_TEST(names_the_fields_of_a_status_as_a_real_server_does),
		API_TEST(says_that_rules_were_skipped_for_an_object_without_a_name),
		API_TEST(writers_who_name_no_revision_lose_nothing_to_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
