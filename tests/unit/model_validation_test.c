#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "model/metadata.h"
#include "model/rules.h"
#include "model/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CASES ESPALIER_SOURCE_DIR "/tests/kube/validation-cases.yaml"

static json_t *load_cases(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) file = base_file_read(CASES, BASE_YAML_MAX_BYTES, &error);
	json_t *cases;

	if (file == NULL)
		fail_msg("%s", error->message);
	cases = base_yaml_parse(g_bytes_get_data(file, NULL), g_bytes_get_size(file), CASES,
				&error);
	if (cases == NULL)
		fail_msg("%s", error->message);
	return cases;
}

/* What the server would answer: unknown fields, or causes. */
static void judge(const json_t *c, GPtrArray *unknown, GPtrArray *errors)
{
	const char *kind = base_json_get_string(c, "object", "kind", NULL);
	g_autoptr(json_t) object = json_deep_copy(json_object_get(c, "object"));
	g_autoptr(json_t) old = json_deep_copy(json_object_get(c, "old"));
	gboolean of_status = json_object_get(c, "subresource") != NULL;
	const ModelSchema *schema = model_schema_for(kind);
	g_autofree char *undecodable = model_object_decode_problem(kind, object);

	assert_null(undecodable);
	if (schema != NULL) {
		model_schema_prune(schema, object, unknown);
		if (unknown->len > 0)
			return;
		model_schema_default(schema, object);
		if (old == NULL)
			json_object_del(object, "status"); /* as a create does */
		else
			model_schema_default(schema, old);
	}
	model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors);
	if (schema == NULL && strcmp(kind, "Secret") == 0)
		model_secret_validate(object, old, errors);
	else if (schema == NULL)
		model_config_map_validate(object, old, errors);
	else if (of_status)
		model_schema_validate_status(schema, object, old, errors);
	else
		model_schema_validate(schema, object, old, errors);
}

static int compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines in no order of their own, sorted. */
static char *sorted_lines(const json_t *list)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) text = g_string_new(NULL);
	json_t *member;
	size_t i;

	json_array_foreach (list, i, member)
		g_ptr_array_add(lines, base_json_dump_canonical(member));
	g_ptr_array_sort(lines, compare_text);
	for (guint l = 0; l < lines->len; l++)
		g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(lines, l));
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean judged_as_expected(const json_t *c)
{
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	g_autoptr(json_t) given = NULL;
	const json_t *expected = json_object_get(c, "causes");
	g_autofree char *given_text = NULL, *expected_text = NULL;

	judge(c, unknown, errors);
	if (json_object_get(c, "unknownFields") != NULL) {
		expected = json_object_get(c, "unknownFields");
		given = json_array();
		for (guint i = 0; i < unknown->len; i++)
			json_array_append_new(given, json_string(g_ptr_array_index(unknown, i)));
	} else {
		given = model_field_errors_causes(errors);
		if (unknown->len > 0)
			json_array_append_new(given, json_string("unknown fields"));
	}
	given_text = sorted_lines(given);
	expected_text = sorted_lines(expected);
	if (strcmp(given_text, expected_text) == 0)
		return TRUE;
	print_error("%s\n  given:\n%s  expected:\n%s", base_json_get_string(c, "name", NULL),
		    given_text, expected_text);
	return FALSE;
}

static void judges_every_case_as_kube_apiserver_does(void **state)
{
	g_autoptr(json_t) cases = load_cases();
	guint n_wrong = 0;
	json_t *c;
	size_t i;

	(void)state;
	assert_true(json_array_size(cases) > 100);
	json_array_foreach (cases, i, c)
		n_wrong += !judged_as_expected(c);
	assert_int_equal(n_wrong, 0);
}

/* A rule without a case that breaks it would not be known to work. */
static void every_rule_has_a_case_that_breaks_it(void **state)
{
	g_autofree char *text = NULL;
	gsize n_rules, n_kinds;
	const ModelRule *rules = model_rules(&n_rules);
	const ModelKind *kinds = model_kinds(&n_kinds);

	(void)state;
	assert_true(g_file_get_contents(CASES, &text, NULL, NULL));
	assert_true(n_rules <= 10);
	for (gsize r = 0; r < n_rules; r++) {
		gboolean used = FALSE;

		for (gsize k = 0; k < n_kinds; k++) {
			g_autoptr(json_t) crd = model_crd_json(kinds[k].kind);
			g_autofree char *dump = base_json_dump(crd, NULL);
			g_autoptr(json_t) cel = json_string(rules[r].cel);
			g_autofree char *quoted = base_json_dump(cel, NULL);
			const char *at = strstr(dump, quoted);
			g_autofree char *message = NULL;

			if (at == NULL)
				continue;
			used = TRUE;
			at = strstr(at, "\"message\":\"") + strlen("\"message\":\"");
			message = g_strndup(at, strcspn(at, "\""));
			if (strstr(text, message) == NULL)
				fail_msg("no case shows: %s", message);
		}
		if (!used)
			fail_msg("no CRD has the rule %s", rules[r].cel);
	}
}

static void assert_shaped(const char *kind, const char *before, const char *after,
			  const char *unknown_paths)
{
	g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(json_t) object = json_loads(before, 0, NULL);
	g_autoptr(json_t) expected = json_loads(after, 0, NULL);
	g_autoptr(GString) paths = g_string_new(NULL);
	g_autofree char *text = NULL;

	assert_non_null(object);
	assert_non_null(expected);
	model_schema_prune(model_schema_for(kind), object, unknown);
	model_schema_default(model_schema_for(kind), object);
	for (guint i = 0; i < unknown->len; i++)
		g_string_append_printf(paths, "%s ", (char *)g_ptr_array_index(unknown, i));
	text = base_json_dump(object, NULL);
	if (!json_equal(object, expected))
		fail_msg("%s", text);
	assert_string_equal(paths->str, unknown_paths);
}

static void prunes_and_defaults(void **state)
{
	static const struct {
		const char *kind, *before, *after, *unknown;
	} cases[] = {
		{"Storage", "{\"spec\":{\"directory\":{\"name\":\"a\"}}}",
		 "{\"spec\":{\"directory\":{\"name\":\"a\"},\"reclaimPolicy\":\"Retain\","
		 "\"retention\":{\"keepVersions\":3}}}",
		 ""},
		{"DeviceCluster", "{\"spec\":{}}",
		 "{\"spec\":{\"mqtt\":{\"broker\":{\"type\":\"Local\"},\"convention\":\"Homie5\"},"
		 "\"presence\":{\"late\":3,\"offline\":\"24h\"}}}",
		 ""},
		{"DeviceCluster", "{\"spec\":{\"mqtt\":null,\"presence\":{\"late\":5}}}",
		 "{\"spec\":{\"mqtt\":{\"broker\":{\"type\":\"Local\"},\"convention\":\"Homie5\"},"
		 "\"presence\":{\"late\":5,\"offline\":\"24h\"}}}",
		 ""},
		{"Device",
		 "{\"spec\":{\"settings\":[{\"key\":\"a\",\"value\":\"1\",\"type\":null}]}}",
		 "{\"spec\":{\"suspended\":false,\"settings\":[{\"key\":\"a\",\"value\":\"1\","
		 "\"type\":\"string\",\"namespace\":\"settings\"}]}}",
		 ""},
		{"Device", "{\"spec\":{\"suspended\":true,\"settings\":null,\"location\":null}}",
		 "{\"spec\":{\"suspended\":true}}", ""},
		{"Device",
		 "{\"metadata\":{\"name\":\"a\",\"bogus\":1,\"labels\":{\"x\":\"y\"},"
		 "\"ownerReferences\":[{\"name\":\"n\",\"z\":1}]},\"foo\":1,\"spec\":{"
		 "\"suspended\":false,\"sensors\":[{\"name\":\"s\",\"pins\":{\"any\":1},\"i2c\":{"
		 "\"sda\":1,\"scl\":2,\"x\":3}}]}}",
		 "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"y\"},\"ownerReferences\":[{"
		 "\"name\":\"n\"}]},\"spec\":{\"suspended\":false,\"sensors\":[{\"name\":\"s\","
		 "\"pins\":{\"any\":1},\"i2c\":{\"sda\":1,\"scl\":2}}]}}",
		 "foo metadata.bogus metadata.ownerReferences[0].z spec.sensors[0].i2c.x "},
		{"DeviceGroup",
		 "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\",\"c\":null}},\"priority\":"
		 "2.0}}",
		 "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"priority\":2}}", ""},
		{"DeviceClass",
		 "{\"spec\":{\"firmware\":{\"builder\":{\"sdkconfig\":{\"A\":\"y\"},\"resources\":{"
		 "\"limits\":{\"cpu\":1}}}}}}",
		 "{\"spec\":{\"firmware\":{\"builder\":{\"sdkconfig\":{\"A\":\"y\"},\"resources\":{"
		 "\"limits\":{\"cpu\":1}}}},\"expectedInterval\":\"60s\",\"flash\":{\"size\":"
		 "\"4MB\",\"mode\":\"dio\",\"frequency\":\"40m\"}}}",
		 ""},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_shaped(cases[i].kind, cases[i].before, cases[i].after, cases[i].unknown);
}

static void an_update_may_keep_what_was_once_accepted(void **state)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"deviceClassReference\":{\"name\":\"c\"}"
		",\"settings\":[{\"namespace\":\"mqtt\",\"key\":\"far-too-long-a-key\",\"value\":"
		"\"1\"}]}}";
	g_autoptr(json_t) old = json_loads(text, 0, NULL);
	g_autoptr(json_t) object = json_deep_copy(old);
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	const ModelSchema *schema = model_schema_for("Device");

	(void)state;
	assert_false(model_schema_validate(schema, object, NULL, errors));
	g_ptr_array_set_size(errors, 0);
	json_object_set_new(json_object_get(object, "spec"), "location", json_string("shed"));
	assert_true(model_schema_validate(schema, object, old, errors));
	json_object_set_new(json_array_get(base_json_get(object, "spec", "settings", NULL), 0),
			    "value", json_string("2"));
	assert_true(model_schema_validate(schema, object, old, errors) == FALSE);
}

static void stops_after_a_hundred_faults(void **state)
{
	g_autoptr(json_t) object = json_loads("{\"metadata\":{\"name\":\"a\"},\"spec\":{"
					      "\"deviceClassReference\":{\"name\":\"c\"}}}",
					      0, NULL);
	json_t *settings = json_array();
	g_autoptr(GPtrArray) errors = model_field_errors_new();

	(void)state;
	for (int i = 0; i < 1000; i++)
		json_array_append_new(settings, json_integer(i));
	json_object_set_new(json_object_get(object, "spec"), "settings", settings);
	assert_false(model_schema_validate(model_schema_for("Device"), object, NULL, errors));
	assert_int_equal(errors->len, MODEL_FIELD_ERRORS_MAX);
}

static void assert_last_message(GPtrArray *errors, const char *field, const char *message)
{
	const ModelFieldError *error;

	assert_true(errors->len > 0);
	error = g_ptr_array_index(errors, errors->len - 1);
	assert_string_equal(error->field, field);
	if (strcmp(error->message, message) != 0)
		fail_msg("%s", error->message);
}

static void holds_the_limits_of_metadata(void **state)
{
	g_autoptr(json_t) object =
		json_loads("{\"metadata\":{\"name\":\"a\",\"annotations\":{}}}", 0, NULL);
	json_t *metadata = json_object_get(object, "metadata");
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	g_autofree char *large = g_strnfill(256 * 1024 - 1, 'x');
	g_autofree char *long_name = g_strnfill(254, 'a');
	g_autofree char *long_label = g_strnfill(64, 'a');

	(void)state;
	json_object_set_new(json_object_get(metadata, "annotations"), "a", json_string(large));
	assert_true(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
	json_object_set_new(json_object_get(metadata, "annotations"), "b", json_string(""));
	assert_false(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
	assert_last_message(errors, "metadata.annotations",
			    "Too long: may not be more than 262144 bytes");
	json_object_del(metadata, "annotations");
	json_object_set_new(metadata, "name", json_string(long_name));
	assert_false(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
	assert_true(g_str_has_suffix(
		((ModelFieldError *)g_ptr_array_index(errors, errors->len - 1))->message,
		"must be no more than 253 characters"));
	json_object_set_new(metadata, "name", json_string(long_label));
	assert_true(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
	assert_false(model_metadata_validate(object, MODEL_NAME_DNS_LABEL, errors));
	json_object_set_new(metadata, "name", json_string("a.b"));
	assert_false(model_metadata_validate(object, MODEL_NAME_DNS_LABEL, errors));
	assert_last_message(errors, "metadata.name",
			    "Invalid value: \"a.b\": must not contain dots");
}

static void one_owner_may_control(void **state)
{
	g_autoptr(json_t) object = json_loads(
		"{\"metadata\":{\"name\":\"a\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
		"\"kind\":\"K\",\"name\":\"n\",\"uid\":\"1\",\"controller\":true},{\"apiVersion\":"
		"\"v1\",\"kind\":\"K\",\"name\":\"m\",\"uid\":\"2\",\"controller\":true}]}}",
		0, NULL);
	g_autoptr(GPtrArray) errors = model_field_errors_new();

	(void)state;
	assert_false(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
	assert_int_equal(errors->len, 1);
	json_object_del(
		json_array_get(base_json_get(object, "metadata", "ownerReferences", NULL), 1),
		"controller");
	g_ptr_array_set_size(errors, 0);
	assert_true(model_metadata_validate(object, MODEL_NAME_DNS_SUBDOMAIN, errors));
}

static void secrets_and_config_maps_hold_a_mebibyte(void **state)
{
	g_autofree char *fits = g_strnfill(1024 * 1024, 'x');
	g_autofree char *over = g_strnfill(1024 * 1024 + 1, 'x');
	g_autofree char *base64_over = g_base64_encode((const guchar *)over, 1024 * 1024 + 1);
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	g_autoptr(json_t) good = json_pack("{s:{s:s}}", "stringData", "a", fits);
	g_autoptr(json_t) text = json_pack("{s:{s:s}}", "stringData", "a", over);
	g_autoptr(json_t) bytes = json_pack("{s:{s:s}}", "data", "a", base64_over);

	(void)state;
	assert_true(model_secret_validate(good, NULL, errors));
	assert_false(model_secret_validate(text, NULL, errors));
	assert_last_message(errors, "data", "Too long: may not be more than 1048576 bytes");
	assert_false(model_secret_validate(bytes, NULL, errors));
	json_object_set_new(bytes, "data", json_pack("{s:s}", "a", over));
	assert_false(model_config_map_validate(bytes, NULL, errors));
	assert_last_message(errors, "[]", "Too long: may not be more than 1048576 bytes");
	json_object_set_new(bytes, "data", json_pack("{s:s}", "a", fits));
	assert_true(model_config_map_validate(bytes, NULL, errors));
}

static void says_what_go_cannot_decode(void **state)
{
	static const struct {
		const char *kind, *object, *problem;
	} cases[] = {
		{"Device", "{\"metadata\":{\"labels\":{\"x\":5}}}",
		 "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type "
		 "string"},
		{"Device", "{\"metadata\":{\"name\":5}}",
		 "json: cannot unmarshal number into Go struct field ObjectMeta.name of type "
		 "string"},
		{"Device", "{\"metadata\":{\"labels\":[]}}",
		 "json: cannot unmarshal array into Go struct field ObjectMeta.labels of type "
		 "map[string]string"},
		{"Device", "{\"metadata\":{\"finalizers\":[true]}}",
		 "json: cannot unmarshal bool into Go struct field ObjectMeta.finalizers of type "
		 "string"},
		{"Device", "{\"metadata\":\"x\"}",
		 "json: cannot unmarshal string into Go struct field Device.metadata of type "
		 "v1.ObjectMeta"},
		{"Secret", "{\"data\":{\"a\":1}}",
		 "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"},
		{"Secret", "{\"data\":{\"a\":\"!!\"}}", "illegal base64 data at input byte 0"},
		{"ConfigMap", "{\"data\":{\"a\":1}}",
		 "json: cannot unmarshal number into Go struct field ConfigMap.data of type "
		 "string"},
		{"Secret",
		 "{\"data\":{\"a\":null,\"b\":\"eA==\",\"c\":\"\"},\"metadata\":{\"labels\":null}}",
		 NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) object = json_loads(cases[i].object, 0, NULL);
		g_autofree char *problem = model_object_decode_problem(cases[i].kind, object);

		if (g_strcmp0(problem, cases[i].problem) != 0)
			fail_msg("%s: %s", cases[i].object, problem);
	}
}

static void tells_one_fault_and_many(void **state)
{
	g_autoptr(GPtrArray) errors = model_field_errors_new();
	g_autofree char *one = NULL, *two = NULL;

	(void)state;
	model_field_errors_add(errors, MODEL_CAUSE_REQUIRED, "spec.a", "Required value");
	one = model_field_errors_message("espalier.dev", "Device", "x", errors);
	model_field_errors_add(errors, MODEL_CAUSE_INVALID, "spec.b", "Invalid value: %d: no", 3);
	two = model_field_errors_message("", "Secret", "x", errors);
	assert_string_equal(one, "Device.espalier.dev \"x\" is invalid: spec.a: Required value");
	assert_string_equal(
		two,
		"Secret \"x\" is invalid: [spec.a: Required value, spec.b: Invalid value: 3: no]");
}

static void shows_the_columns_of_the_contract(void **state)
{
	static const struct {
		const char *kind, *columns;
	} cases[] = {
		{"Device", "Class Ready Flashed Connected UpToDate Firmware Last-Seen Age Message* "
			   "IP* RSSI* "},
		{"DeviceClass", "Chip Ready Version Devices Age Message* "},
		{"DeviceGroup", "Priority Ready Devices Age Message* "},
		{"DeviceCluster", "Broker Ready Devices Online Age Message* "},
		{"Storage", "Place Ready Used Age Message* "},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) names = g_string_new(NULL);
		gsize n_columns;
		const ModelColumn *columns =
			model_schema_columns(model_schema_for(cases[i].kind), &n_columns);

		for (gsize c = 0; c < n_columns; c++)
			g_string_append_printf(names, "%s%s ", columns[c].name,
					       columns[c].priority > 0 ? "*" : "");
		assert_string_equal(names->str, cases[i].columns);
	}
}

static void finds_what_columns_point_at(void **state)
{
	g_autoptr(json_t) object =
		json_loads("{\"spec\":{\"deviceClassReference\":{\"name\":\"c\"}},\"status\":{"
			   "\"rssi\":-60,\"conditions\":[{\"type\":\"ReadyToo\",\"status\":\"no\"},"
			   "{\"type\":\"Ready\",\"status\":\"True\"}]}}",
			   0, NULL);
	gsize n_columns;
	const ModelColumn *columns = model_schema_columns(model_schema_for("Device"), &n_columns);
	g_autoptr(GString) text = g_string_new(NULL);

	(void)state;
	for (gsize c = 0; c < n_columns; c++) {
		g_autoptr(json_t) value = model_column_value(&columns[c], object);
		g_autofree char *dump = base_json_dump(value, NULL);

		g_string_append_printf(text, "%s ", dump);
	}
	assert_string_equal(text->str,
			    "\"c\" \"True\" null null null null null null null null -60 ");
}

static void knows_what_can_be_selected(void **state)
{
	const char *const *device = model_schema_selectable_fields(model_schema_for("Device"));
	const char *const *group = model_schema_selectable_fields(model_schema_for("DeviceGroup"));

	(void)state;
	assert_string_equal(device[0], "spec.deviceClassReference.name");
	assert_null(device[1]);
	assert_null(group[0]);
	assert_null(model_schema_for("Pod"));
	assert_null(model_crd_json("Pod"));
}

/* `kubectl explain` shows every field: none without a word about it. */
static void assert_described(const json_t *schema, const char *path)
{
	const json_t *properties = json_object_get(schema, "properties");
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)properties, key, member) {
		g_autofree char *below = g_strdup_printf("%s.%s", path, key);
		const json_t *items = json_object_get(member, "items");

		if (strcmp(key, "metadata") != 0 && json_object_get(member, "description") == NULL)
			fail_msg("%s has no description", below);
		assert_described(member, below);
		if (items != NULL)
			assert_described(items, below);
	}
}

static void describes_every_field(void **state)
{
	gsize n_kinds;
	const ModelKind *kinds = model_kinds(&n_kinds);

	(void)state;
	for (gsize k = 0; k < n_kinds; k++) {
		g_autoptr(json_t) crd = model_crd_json(kinds[k].kind);
		const json_t *version =
			json_array_get(base_json_get(crd, "spec", "versions", NULL), 0);

		assert_string_equal(base_json_get_string(crd, "metadata", "name", NULL),
				    kinds[k].crd_name);
		assert_string_equal(base_json_get_string(crd, "spec", "names", "plural", NULL),
				    kinds[k].plural);
		assert_string_equal(base_json_get_string(crd, "spec", "names", "singular", NULL),
				    kinds[k].singular);
		assert_string_equal(base_json_get_string(crd, "spec", "names", "listKind", NULL),
				    kinds[k].list_kind);
		assert_string_equal(
			json_string_value(json_array_get(
				base_json_get(crd, "spec", "names", "shortNames", NULL), 0)),
			kinds[k].short_name);
		assert_described(base_json_get(version, "schema", "openAPIV3Schema", NULL),
				 kinds[k].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_every_case_as_kube_apiserver_does),
		cmocka_unit_test(every_rule_has_a_case_that_breaks_it),
		cmocka_unit_test(prunes_and_defaults),
		cmocka_unit_test(an_update_may_keep_what_was_once_accepted),
		cmocka_unit_test(stops_after_a_hundred_faults),
		cmocka_unit_test(holds_the_limits_of_metadata),
		cmocka_unit_test(one_owner_may_control),
		cmocka_unit_test(secrets_and_config_maps_hold_a_mebibyte),
		cmocka_unit_test(says_what_go_cannot_decode),
		cmocka_unit_test(tells_one_fault_and_many),
		cmocka_unit_test(shows_the_columns_of_the_contract),
		cmocka_unit_test(finds_what_columns_point_at),
		cmocka_unit_test(knows_what_can_be_selected),
		cmocka_unit_test(describes_every_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
