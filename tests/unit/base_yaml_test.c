#include "base/error.h"
#include "base/json.h"
#include "base/timezone.h"
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_reads_as(const char *yaml, const char *json)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) value = base_yaml_parse(yaml, strlen(yaml), NULL, &error);
	g_autofree char *text = NULL;

	if (value == NULL)
		fail_msg("%s: %s", yaml, error->message);
	text = base_json_dump(value, NULL);
	assert_string_equal(text, json);
}

static void assert_refused(const char *yaml, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) value = base_yaml_parse(yaml, strlen(yaml), "f.yaml", &error);

	if (value != NULL)
		fail_msg("accepted: %s", yaml);
	assert_true(error->domain == BASE_ERROR);
	if (strstr(error->message, message) == NULL)
		fail_msg("%s\n  says:    %s\n  expects: %s", yaml, error->message, message);
}

static void reads_the_core_schema(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{"a: 1", "{\"a\":1}"},
		{"a: -12\nb: +7", "{\"a\":-12,\"b\":7}"},
		{"a: 0x1F\nb: 0o17", "{\"a\":31,\"b\":15}"},
		{"a: 9223372036854775807", "{\"a\":9223372036854775807}"},
		{"a: 1.5\nb: 1e3", "{\"a\":1.5,\"b\":1000.0}"},
		{"a: true\nb: False\nc: null\nd: ~\ne:",
		 "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null}"},
		{"a: '1'\nb: \"true\"\nc: 'yes'", "{\"a\":\"1\",\"b\":\"true\",\"c\":\"yes\"}"},
		{"a: 30s\nb: 1.2.3\nc: 12:30\nd: 2026-01-02",
		 "{\"a\":\"30s\",\"b\":\"1.2.3\",\"c\":\"12:30\",\"d\":\"2026-01-02\"}"},
		{"a: y\nb: n\nc: yesterday", "{\"a\":\"y\",\"b\":\"n\",\"c\":\"yesterday\"}"},
		{"a: !!str 5\nb: ! 6", "{\"a\":\"5\",\"b\":\"6\"}"},
		{"a: !!int \"5\"", "{\"a\":5}"},
		{"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
		{"a: [1, {b: c}, []]\nd: {}", "{\"a\":[1,{\"b\":\"c\"},[]],\"d\":{}}"},
		{"1: a\ntrue: b", "{\"1\":\"a\",\"true\":\"b\"}"},
		{"a: &x {k: v}\nb: *x\nc: [*x]",
		 "{\"a\":{\"k\":\"v\"},\"b\":{\"k\":\"v\"},\"c\":[{\"k\":\"v\"}]}"},
		{"%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}"},
		{"# only a comment\n---\n# and\na: Zürich\n", "{\"a\":\"Zürich\"}"},
		{" {\"a\": 1}", "{\"a\":1}"},
		{"\xef\xbb\xbf"
		 "a: 1",
		 "{\"a\":1}"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_reads_as(cases[i].yaml, cases[i].json);
}

static void refuses_what_others_would_guess(void **state)
{
	static const struct {
		const char *yaml, *message;
	} cases[] = {
		{"a: yes", "f.yaml:1:4: yes is a boolean to some readers"},
		{"b: 1\na: [x, Off]", "f.yaml:2:8: Off is a boolean to some readers"},
		{"a: no", "quote it (\"no\")"},
		{"on: x", "f.yaml:1:1: on is a boolean"},
		{"a: 0123", "drop the leading zero"},
		{"a: 9223372036854775808", "does not fit a 64-bit integer"},
		{"a: 0xFFFFFFFFFFFFFFFFFF", "does not fit a 64-bit integer"},
		{"a: .inf", "is no number that JSON has"},
		{"a: 1e999", "too large a number"},
		{"a: 1\nb: 2\na: 3",
		 "f.yaml:3:1: key \"a\" is given twice in one mapping; remove one"},
		{"a: &x {b: 1}\nc:\n  <<: *x",
		 "f.yaml:3:3: merge keys (<<) are not part of YAML 1.2"},
		{"? [1]\n: 2", "a key must be plain text"},
		{"a: &k b\n*k : c", "not an alias"},
		{"a: *nowhere", "f.yaml:1:4: alias *nowhere stands for nothing"},
		{"a: &x [*x]", "stands for nothing"},
		{"a: !Custom 1", "leave the tag out"},
		{"a: !!binary aGk=", "leave the tag out"},
		{"a: !!int x", "does not fit this value"},
		{"a: !!omap []", "leave the tag out"},
		{"a: \"x\\0y\"", "NUL character"},
		{"a:\n\t- b", "indent with spaces"},
		{"a: [1, 2", "flow sequence that begins on line 1"},
		{"a: 'open\n", "f.yaml:"},
		{"a: b: c", "f.yaml:1:5: mapping values are not allowed"},
		{"a: 1\n  b: 2", "f.yaml:2:"},
		{"a: \x01", "control characters"},
		{"{\"a\": 1,}", "f.yaml: line 1, column"},
		{"{\"a\": 1, \"a\": 2}", "duplicate object key"},
		{"a: 1\n---\nb: 2", "has 2 documents, one is expected"},
		{"", "has 0 documents"},
		{"a: \xff", "f.yaml:1: not UTF-8"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_refused(cases[i].yaml, cases[i].message);
}

static void a_bad_document_does_not_hide_the_others(void **state)
{
	static const char text[] = "a: 1\n---\nb: [\n---\n# empty\n---\nc: 3\n--- \nd: "
				   "yes\n---\ne: |\n  --- inside\n  ---\n";
	g_autoptr(GPtrArray) documents = NULL;
	static const char *const expected[] = {"{\"a\":1}", "many.yaml:4:1: ", "{\"c\":3}",
					       "many.yaml:9:4: yes",
					       "{\"e\":\"--- inside\\n---\\n\"}"};
	static const guint lines[] = {1, 3, 7, 9, 11};

	(void)state;
	documents = base_yaml_parse_stream(text, strlen(text), "many.yaml", NULL);
	assert_int_equal(documents->len, G_N_ELEMENTS(expected));
	for (guint i = 0; i < documents->len; i++) {
		const BaseYamlDocument *document = g_ptr_array_index(documents, i);
		const GError *error = base_yaml_document_error(document);
		json_t *value = base_yaml_document_value(document);

		assert_true((error == NULL) == (value != NULL));
		assert_int_equal(base_yaml_document_line(document), lines[i]);
		if (value != NULL) {
			g_autofree char *json = base_json_dump(value, NULL);

			assert_string_equal(json, expected[i]);
		} else if (!g_str_has_prefix(error->message, expected[i])) {
			fail_msg("%s", error->message);
		}
	}
}

static void finds_the_line_of_a_field(void **state)
{
	static const char text[] = "x: 1\n"
				   "---\n"
				   "metadata:\n"
				   "  name: a\n"
				   "  labels:\n"
				   "    app.example.org/name: b\n"
				   "spec:\n"
				   "  settings:\n"
				   "  - namespace: wifi\n"
				   "    key: ssid\n"
				   "  - {namespace: wifi,\n"
				   "     key: pass}\n"
				   "  settingsMore: 1\n";
	static const struct {
		const char *path;
		guint line;
	} cases[] = {
		{"metadata.name", 4},
		{"metadata.labels[app.example.org/name]", 6},
		{"metadata.labels.app.example.org/name", 6},
		{"spec.settings", 8},
		{"spec.settings[0]", 9},
		{"spec.settings[0].key", 10},
		{"spec.settings[1].key", 12},
		{"spec.settings[1].value", 11},
		{"spec.settings[7].key", 8},
		{"spec.settingsMore", 13},
		{"spec.nothing.here", 7},
		{"nothing", 3},
		{"<nil>", 3},
	};
	g_autoptr(GPtrArray) documents = NULL;

	(void)state;
	documents = base_yaml_parse_documents(text, strlen(text), NULL, NULL);
	assert_int_equal(documents->len, 2);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		if (base_yaml_document_line_of(g_ptr_array_index(documents, 1), cases[i].path) !=
		    cases[i].line)
			fail_msg("%s: line %u", cases[i].path,
				 base_yaml_document_line_of(g_ptr_array_index(documents, 1),
							    cases[i].path));
}

static void finds_lines_in_json_too(void **state)
{
	static const char text[] = "{\n \"spec\": {\n  \"a\": 1\n }\n}\n";
	g_autoptr(GPtrArray) documents = base_yaml_parse_documents(text, strlen(text), NULL, NULL);

	(void)state;
	assert_int_equal(base_yaml_document_line_of(g_ptr_array_index(documents, 0), "spec.a"), 3);
}

static char *nested(const char *open, gsize depth, const char *rest)
{
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < depth; i++)
		g_string_append(text, open);
	g_string_append(text, rest);
	return g_string_free(text, FALSE);
}

static void refuses_ten_thousand_levels(void **state)
{
	static const char *const opens[] = {"[", "{a: ", "- "};
	static const char *const json_opens[] = {"{\"a\":"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(opens); i++) {
		g_autofree char *text = nested(opens[i], 10000, "1");
		g_autofree char *first = g_strconcat("x:\n ", text, NULL);

		assert_refused(first, "nested deeper than 100 levels");
	}
	for (gsize i = 0; i < G_N_ELEMENTS(json_opens); i++) {
		g_autofree char *text = nested(json_opens[i], 10000, "1");

		assert_refused(text, "nested deeper than 100 levels");
	}
}

static void accepts_a_hundred_levels(void **state)
{
	g_autofree char *text = nested("- ", 100, "1");
	g_autoptr(json_t) value = base_yaml_parse(text, strlen(text), NULL, NULL);

	(void)state;
	assert_non_null(value);
}

/* Nine levels of nine aliases each would be 9^9 values. */
static void refuses_alias_bombs(void **state)
{
	g_autoptr(GString) bomb = g_string_new("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
	g_autoptr(GString) fat = g_string_new("a: &a \"");
	g_autoptr(GString) deep = g_string_new("a0: &a0 [[[[[[[[[[x]]]]]]]]]]\n");

	(void)state;
	for (int i = 1; i < 9; i++)
		g_string_append_printf(
			bomb, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_refused(bomb->str, "more than 500000 values after its aliases are expanded");

	for (int i = 0; i < 1024 * 1024; i++)
		g_string_append_c(fat, 'x');
	g_string_append(fat, "\"\nb: [*a, *a, *a, *a, *a, *a, *a, *a]\n");
	assert_refused(fat->str, "bytes after its aliases are expanded");

	for (int i = 1; i < 12; i++)
		g_string_append_printf(deep, "a%d: &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i, i - 1);
	assert_refused(deep->str, "nested deeper than 100 levels");
}

static void refuses_a_stream_beyond_its_limits(void **state)
{
	g_autofree char *large = g_malloc(BASE_YAML_MAX_BYTES + 1);
	g_autoptr(GString) many = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(large, 'a', BASE_YAML_MAX_BYTES + 1);
	assert_null(base_yaml_parse_stream(large, BASE_YAML_MAX_BYTES + 1, "large.yaml", &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	assert_string_equal(error->message,
			    "large.yaml has 4194305 bytes, at most 4194304 are accepted; split it");
	g_clear_error(&error);
	for (int i = 0; i <= BASE_YAML_MAX_DOCUMENTS; i++)
		g_string_append(many, "---\na\n");
	assert_null(base_yaml_parse_stream(many->str, many->len, NULL, &error));
	assert_string_equal(error->message, "the stream has more than 20000 documents; split it");
}

static void reads_the_footer_of_a_zone(void **state)
{
	static const struct {
		const char *zone, *expected;
	} cases[] = {
		{"UTC", "UTC0"},
		{"Europe/Zurich", "CET-1CEST,M3.5.0,M10.5.0/3"},
		{"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
		{"Asia/Kolkata", "IST-5:30"},
	};
	static const struct {
		const char *zone, *message;
	} refused[] = {
		{"../../../etc/passwd", "is no name of a time zone"},
		{"/etc/passwd", "is no name of a time zone"},
		{"Europe//Zurich", "is no name of a time zone"},
		{"", "is no name of a time zone"},
		{"Europe/", "is no name of a time zone"},
		{"A123456789012345678901234567890123456789012345678901234567890123X",
		 "is no name of a time zone"},
		{"Europe/Atlantis", "time zone 'Europe/Atlantis' is not known to this system"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(base_timezone_posix(refused[i].zone, &error));
		assert_non_null(strstr(error->message, refused[i].message));
	}
	if (!g_file_test("/usr/share/zoneinfo/Europe/Zurich", G_FILE_TEST_EXISTS))
		fail_msg("the package tzdata is missing");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *tz = base_timezone_posix(cases[i].zone, NULL);

		assert_string_equal(tz, cases[i].expected);
	}
}

static void refuses_zone_files_without_a_footer(void **state)
{
	static const struct {
		const char *data;
		gsize size_bytes;
	} cases[] = {
		{"", 0},
		{"TZif2", 5},
		{"TZif2\n\n", 7},
		{"TZif\0\nUTC0\n", 11},
		{"XZif2\nUTC0\n", 11},
		{"TZif2\nUT\x01\n", 10},
		{"TZif2\nUTC0", 10},
	};
	g_autofree char *good = base_timezone_footer((const guint8 *)"TZif2\nUTC0\n", 11);

	(void)state;
	assert_string_equal(good, "UTC0");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_null(
			base_timezone_footer((const guint8 *)cases[i].data, cases[i].size_bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_core_schema),
		cmocka_unit_test(refuses_what_others_would_guess),
		cmocka_unit_test(a_bad_document_does_not_hide_the_others),
		cmocka_unit_test(finds_the_line_of_a_field),
		cmocka_unit_test(finds_lines_in_json_too),
		cmocka_unit_test(refuses_ten_thousand_levels),
		cmocka_unit_test(accepts_a_hundred_levels),
		cmocka_unit_test(refuses_alias_bombs),
		cmocka_unit_test(refuses_a_stream_beyond_its_limits),
		cmocka_unit_test(reads_the_footer_of_a_zone),
		cmocka_unit_test(refuses_zone_files_without_a_footer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
