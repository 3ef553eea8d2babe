/* The quick reader and printer of base/json beside jansson's own. */
#include "base/json.h"
#include "base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *quick(const char *text)
{
	return base_json_read_plain(text, strlen(text), BASE_JSON_MAX_DEPTH);
}

static void reads_plain_documents_as_jansson_does(void **state)
{
	static const char *const documents[] = {
		"{}",
		" [ ] ",
		"{\"a\":[1,-2,0,-0,true,false,null,{}],\"b\":{\"c\":\"\"}}",
		"[\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u003c \\u00fc \\u20AC\"]",
		"{\"k\\u0041\\n\":\"v\\n\",\"\":\"\\t\"}",
		"\t{ \"gr\xc3\xbc\xc3\x9f\" :\r\n \"\xe2\x82\xac\xf0\x9f\x8c\xb1\x7f\" , "
		"\"z\":[[],[7]]}\n",
		"[123456789012345678,-123456789012345678]",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(documents); i++) {
		g_autoptr(json_t) ours = quick(documents[i]);
		g_autoptr(json_t) theirs = json_loads(documents[i], JSON_REJECT_DUPLICATES, NULL);
		g_autofree char *text = NULL;
		char *expected;

		assert_non_null(ours);
		assert_true(json_equal(ours, theirs));
		text = base_json_dump(ours, NULL);
		expected = json_dumps(theirs, JSON_COMPACT);
		assert_string_equal(text, expected);
		free(expected);
	}
}

static void leaves_all_else_to_jansson(void **state)
{
	static const char *const documents[] = {
		"",
		"1",
		"\"text\"",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,}",
		"[1,]",
		"[1 2]",
		"{\"a\" 1}",
		"{a:1}",
		"[01]",
		"[-]",
		"[+1]",
		"[1.5]",
		"[1e3]",
		"[1234567890123456789]",
		"[99999999999999999999]",
		"[\"\\ud83c\\udf31\"]",
		"[\"\\u0000\"]",
		"[\"\\x\"]",
		"[\"\\u12\"]",
		"[\"\n\"]",
		"[\"\xff\"]",
		"[\"\xed\xa0\x80\"]",
		"[\"open",
		"[\"open\\",
		"[tru]",
		"[nulll]",
		"{} {}",
		"{}x",
		"[",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(documents); i++)
		assert_null(quick(documents[i]));
}

static void goes_as_deep_as_the_limit_and_no_deeper(void **state)
{
	g_autofree char *opened = g_strnfill(BASE_JSON_MAX_DEPTH + 1, '[');
	g_autofree char *closed = g_strnfill(BASE_JSON_MAX_DEPTH + 1, ']');
	g_autofree char *deep = g_strconcat(opened + 1, closed + 1, NULL);
	g_autofree char *deeper = g_strconcat(opened, closed, NULL);
	g_autoptr(json_t) value = quick(deep);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_non_null(value);
	assert_null(quick(deeper));
	assert_null(base_json_parse(deeper, strlen(deeper), &error));
	assert_string_equal(error->message, "JSON document is nested deeper than 100 levels");
}

static void says_where_a_document_is_wrong(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(base_json_parse("{\"a\":\n 1,}", 10, &error));
	assert_non_null(strstr(error->message, "line 2, column 4"));
}

static void prints_fractions_and_control_characters_as_jansson_does(void **state)
{
	g_autoptr(json_t) value = json_array();
	g_autofree char *text = NULL;
	char *expected;

	(void)state;
	json_array_append_new(value, json_real(1.5));
	json_array_append_new(value, json_real(-1e300));
	json_array_append_new(value, json_real(2));
	json_array_append_new(value, json_integer(G_MININT64));
	json_array_append_new(value, json_stringn("a\0b\x01\x1f\x7f", 6));
	text = base_json_dump(value, NULL);
	expected = json_dumps(value, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_plain_documents_as_jansson_does),
		cmocka_unit_test(leaves_all_else_to_jansson),
		cmocka_unit_test(goes_as_deep_as_the_limit_and_no_deeper),
		cmocka_unit_test(says_where_a_document_is_wrong),
		cmocka_unit_test(prints_fractions_and_control_characters_as_jansson_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
