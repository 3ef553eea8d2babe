#include "model/error.h"
#include "model/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void matches_as_kubernetes_does(void **state)
{
	static const struct {
		const char *selector, *labels;
		gboolean matches;
	} cases[] = {
		{"", "{}", TRUE},
		{"a=b", "{\"a\":\"b\"}", TRUE},
		{"a==b", "{\"a\":\"c\"}", FALSE},
		{"a=b", "{}", FALSE},
		{"a!=b", "{}", TRUE},
		{"a!=b", "{\"a\":\"b\"}", FALSE},
		{"a in (b,c)", "{\"a\":\"c\"}", TRUE},
		{"a in (b,c)", "{}", FALSE},
		{"a notin (b , c)", "{\"a\":\"d\"}", TRUE},
		{"a notin (b,c)", "{}", TRUE},
		{"a", "{\"a\":\"\"}", TRUE},
		{"a", "{}", FALSE},
		{"!a", "{}", TRUE},
		{"! a", "{\"a\":\"x\"}", FALSE},
		{"a=", "{\"a\":\"\"}", TRUE},
		{"a=", "{\"a\":\"x\"}", FALSE},
		{"a=,b=c", "{\"a\":\"\",\"b\":\"c\"}", TRUE},
		{"a in ()", "{\"a\":\"\"}", TRUE},
		{"a in (,x)", "{\"a\":\"\"}", TRUE},
		{"a>3", "{\"a\":\"4\"}", TRUE},
		{"a<3", "{\"a\":\"4\"}", FALSE},
		{"a>3", "{\"a\":\"x\"}", FALSE},
		{"a=b, c != d ,e", "{\"a\":\"b\",\"e\":\"\"}", TRUE},
		{"example.org/x=y", "{\"example.org/x\":\"y\"}", TRUE},
		{"in=notin", "{\"in\":\"notin\"}", TRUE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(ModelSelector) selector = model_selector_parse(cases[i].selector, &error);
		json_t *labels = json_loads(cases[i].labels, 0, NULL);

		if (selector == NULL)
			fail_msg("%s: %s", cases[i].selector, error->message);
		if (model_selector_matches(selector, labels) != cases[i].matches)
			fail_msg("%s on %s", cases[i].selector, cases[i].labels);
		json_decref(labels);
	}
}

/* The messages are kube-apiserver's, 1.34.4. */
static void says_what_is_wrong_as_kubernetes_does(void **state)
{
	static const struct {
		const char *selector, *message;
	} cases[] = {
		{"a=b,", "found '', expected: identifier after ','"},
		{"a b",
		 "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
		{"=b", "found '=', expected: !, identifier, or 'end of string'"},
		{"a=b=c", "found '=', expected: ',' or 'end of string'"},
		{"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', "
			"'Lt' operators, the value must be an integer"},
		{"a notin (x", "unable to parse requirement: found '', expected: ',' or ')'"},
		{"a in b", "unable to parse requirement: found 'b' expected: '('"},
		{"a=b c", "found 'c', expected: ',' or 'end of string'"},
		{",", "found ',', expected: !, identifier, or 'end of string'"},
		{"a,,b", "found ',', expected: identifier after ','"},
		{"a/b/c=d", "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a "
			    "qualified name must consist of"},
		{"a=b/c", "unable to parse requirement: values[0][a]: Invalid value: \"b/c\": a "
			  "valid label must be an empty string or"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(model_selector_parse(cases[i].selector, &error));
		assert_true(g_error_matches(error, MODEL_ERROR, MODEL_ERROR_SELECTOR));
		if (!g_str_has_prefix(error->message, cases[i].message))
			fail_msg("%s: %s", cases[i].selector, error->message);
	}
}

static void reads_a_label_selector(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"{}", ""},
		{"{\"matchLabels\":{\"a\":\"b\"}}", "a=b"},
		{"{\"matchLabels\":{\"a\":\"b\"},\"matchExpressions\":[{\"key\":\"c\",\"operator\":"
		 "\"In\",\"values\":[\"d\",\"e\"]},{\"key\":\"f\",\"operator\":\"NotIn\","
		 "\"values\":[\"g\"]},{\"key\":\"h\",\"operator\":\"Exists\"},{\"key\":\"i\","
		 "\"operator\":\"DoesNotExist\"}]}",
		 "a=b,c in (d,e),f!=g,h,!i"},
	};
	static const struct {
		const char *json, *message;
	} refused[] = {
		{"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\"}]}",
		 "\"Near\" is not a valid label selector operator"},
		{"{\"matchLabels\":{\"a b\":\"c\"}}",
		 "Invalid value: \"a b\": name part must consist of"},
		{"{\"matchLabels\":{\"a\":\"-\"}}", "a valid label must be an empty string or"},
	};
	g_autoptr(ModelSelector) nothing = model_selector_from_json(NULL, NULL);

	(void)state;
	assert_false(model_selector_matches(nothing, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		json_t *json = json_loads(cases[i].json, 0, NULL);
		g_autoptr(ModelSelector) selector = model_selector_from_json(json, NULL);
		g_autofree char *text = model_selector_to_string(selector);
		g_autoptr(ModelSelector) again = model_selector_parse(text, NULL);
		g_autofree char *text_again = model_selector_to_string(again);

		assert_string_equal(text, cases[i].text);
		assert_string_equal(text_again, text);
		json_decref(json);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		json_t *json = json_loads(refused[i].json, 0, NULL);
		g_autoptr(GError) error = NULL;

		assert_null(model_selector_from_json(json, &error));
		assert_non_null(strstr(error->message, refused[i].message));
		json_decref(json);
	}
}

static void refuses_a_selector_of_65_terms(void **state)
{
	g_autoptr(GString) text = g_string_new("a0");
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int i = 1; i < MODEL_SELECTOR_MAX_TERMS; i++)
		g_string_append_printf(text, ",a%d", i);
	model_selector_free(model_selector_parse(text->str, &error));
	assert_null(error);
	g_string_append(text, ",b");
	assert_null(model_selector_parse(text->str, &error));
	assert_string_equal(error->message, "a selector has at most 64 terms");
}

static void refuses_a_set_of_65_values(void **state)
{
	g_autoptr(GString) text = g_string_new("a in (v0");
	g_autoptr(GString) fields = g_string_new("a=b");
	g_autofree char *fits = NULL, *over = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(ModelSelector) selector = NULL;

	(void)state;
	for (int i = 1; i < MODEL_SELECTOR_MAX_TERMS; i++) {
		g_string_append_printf(text, ",v%d", i);
		g_string_append(fields, ",a=b");
	}
	fits = g_strconcat(text->str, ")", NULL);
	over = g_strconcat(text->str, ",v)", NULL);
	selector = model_selector_parse(fits, NULL);
	assert_non_null(selector);
	assert_null(model_selector_parse(over, &error));
	assert_string_equal(error->message, "a selector has at most 64 values");
	model_field_selector_free(model_field_selector_parse(fields->str, NULL));
	g_string_append(fields, ",a=b");
	g_clear_error(&error);
	assert_null(model_field_selector_parse(fields->str, &error));
	assert_string_equal(error->message, "a selector has at most 64 terms");
}

static void selects_by_fields(void **state)
{
	static const struct {
		const char *selector;
		gboolean matches;
	} cases[] = {
		{"", TRUE},
		{"metadata.name=x", TRUE},
		{"metadata.name==x", TRUE},
		{"metadata.name!=x", FALSE},
		{"metadata.name=y", FALSE},
		{"metadata.name=x,spec.class=c", TRUE},
		{"metadata.name=x,spec.class!=c", FALSE},
		{"spec.missing=", TRUE},
		{"spec.missing=a", FALSE},
		{"spec.number=5,spec.flag=true", TRUE},
		{"spec.odd=a\\,b\\=c\\\\d", TRUE},
		{",metadata.name=x,", TRUE},
	};
	static const struct {
		const char *selector, *message;
	} refused[] = {
		{"metadata.name",
		 "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
		{"a=b\\x", "invalid field selector: invalid escape sequence: \\x"},
	};
	json_t *object = json_loads("{\"metadata\":{\"name\":\"x\"},\"spec\":{\"class\":\"c\","
				    "\"number\":5,\"flag\":true,\"odd\":\"a,b=c\\\\d\"}}",
				    0, NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(ModelFieldSelector) selector =
			model_field_selector_parse(cases[i].selector, NULL);

		assert_non_null(selector);
		if (model_field_selector_matches(selector, object) != cases[i].matches)
			fail_msg("%s", cases[i].selector);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(model_field_selector_parse(refused[i].selector, &error));
		assert_string_equal(error->message, refused[i].message);
	}
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_as_kubernetes_does),
		cmocka_unit_test(says_what_is_wrong_as_kubernetes_does),
		cmocka_unit_test(reads_a_label_selector),
		cmocka_unit_test(refuses_a_selector_of_65_terms),
		cmocka_unit_test(refuses_a_set_of_65_values),
		cmocka_unit_test(selects_by_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
