#include "base/error.h"
#include "base/json_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

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

/* RFC 7386, appendix A. */
static const struct {
	const char *target, *patch, *result;
} merge_examples[] = {
	{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	{"{\"a\":\"foo\"}", "null", "null"},
	{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
	{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
	{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static void merges_as_the_examples_of_rfc_7386(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(merge_examples); i++) {
		g_autoptr(json_t) target = parse(merge_examples[i].target);
		g_autoptr(json_t) patch = parse(merge_examples[i].patch);
		g_autoptr(json_t) result = base_merge_patch_apply(target, patch);

		assert_json(result, merge_examples[i].result);
		assert_json(target, merge_examples[i].target);
	}
}

static const struct {
	const char *from, *to, *patch; /* patch NULL: no difference */
} differences[] = {
	{"{\"a\":1}", "{\"a\":1}", NULL},
	{"{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
	{"{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"b\":null}"},
	{"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}", "{\"a\":{\"c\":3}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}"},
	{"{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}"},
	{"{\"a\":1}", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}"},
	{"{\"a\":1}", "{\"a\":1,\"b\":null}", NULL},
	{"{\"a\":1}", "{\"a\":null}", "{\"a\":null}"},
	{"{\"a\":{}}", "{\"a\":{\"b\":null}}", NULL},
	{"{\"a\":1}", "{\"a\":{}}", "{\"a\":{}}"},
	{"1", "2", "2"},
};

static void makes_the_patch_between_two_values(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(differences); i++) {
		g_autoptr(json_t) from = parse(differences[i].from);
		g_autoptr(json_t) to = parse(differences[i].to);
		g_autoptr(json_t) patch = base_merge_patch_diff(from, to);
		g_autoptr(json_t) result = NULL;
		g_autoptr(json_t) rest = NULL;

		if (differences[i].patch == NULL) {
			assert_null(patch);
			continue;
		}
		assert_json(patch, differences[i].patch);
		result = base_merge_patch_apply(from, patch);
		rest = base_merge_patch_diff(result, to);
		assert_null(rest);
	}
}

/* RFC 6901, section 5. */
static const struct {
	const char *pointer, *value;
} pointers[] = {
	{"/foo", "[\"bar\",\"baz\"]"},
	{"/foo/0", "\"bar\""},
	{"/", "0"},
	{"/a~1b", "1"},
	{"/c%d", "2"},
	{"/e^f", "3"},
	{"/g|h", "4"},
	{"/i\\j", "5"},
	{"/k\"l", "6"},
	{"/ ", "7"},
	{"/m~0n", "8"},
	{"/foo/2", NULL},
	{"/foo/-", NULL},
	{"/foo/00", NULL},
	{"/foo/01", NULL},
	{"foo", NULL},
	{"/m~2n", NULL},
	{"/m~", NULL},
	{"/a/b", NULL},
	{"/foo/99999999999999999999", NULL},
};

static void follows_the_pointers_of_rfc_6901(void **state)
{
	g_autoptr(json_t) document =
		parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
		      "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}");

	(void)state;
	assert_ptr_equal(base_json_pointer_get(document, ""), document);
	for (gsize i = 0; i < G_N_ELEMENTS(pointers); i++) {
		const json_t *found = base_json_pointer_get(document, pointers[i].pointer);

		if (pointers[i].value == NULL)
			assert_null(found);
		else
			assert_json(found, pointers[i].value);
	}
}

/* RFC 6902, appendix A and what lies beside it. */
static const struct {
	const char *target, *patch, *result; /* result NULL: refused with the message */
	BaseError code;
	const char *message;
} patches[] = {
	{"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
	 "{\"baz\":\"qux\",\"foo\":\"bar\"}", 0, NULL},
	{"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
	 "{\"foo\":[\"bar\",\"qux\",\"baz\"]}", 0, NULL},
	{"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]",
	 "{\"foo\":\"bar\"}", 0, NULL},
	{"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
	 "{\"foo\":[\"bar\",\"baz\"]}", 0, NULL},
	{"{\"baz\":\"qux\",\"foo\":\"bar\"}",
	 "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
	 "{\"baz\":\"boo\",\"foo\":\"bar\"}", 0, NULL},
	{"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
	 "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
	 "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}", 0, NULL},
	{"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
	 "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
	 "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}", 0, NULL},
	{"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
	 "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},"
	 "{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
	 "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}", 0, NULL},
	{"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL,
	 BASE_ERROR_NOT_FOUND, "operation 0 (test \"/baz\"): the value there is another"},
	{"{\"foo\":\"bar\"}",
	 "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
	 "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}", 0, NULL},
	{"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
	 "{\"foo\":\"bar\",\"baz\":\"qux\"}", 0, NULL},
	{"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NULL,
	 BASE_ERROR_NOT_FOUND,
	 "operation 0 (add \"/baz/bat\"): its parent is not there or is neither object nor array"},
	{"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]",
	 "{\"/\":9,\"~1\":10}", 0, NULL},
	{"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL,
	 BASE_ERROR_NOT_FOUND, "operation 0 (test \"/~01\"): the value there is another"},
	{"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\"]}]",
	 "{\"foo\":[\"bar\",[\"abc\"]]}", 0, NULL},

	{"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", "{\"a\":1}", 0, NULL},
	{"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]", 0, NULL},
	{"{\"a\":{\"b\":1}}",
	 "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},"
	 "{\"op\":\"replace\",\"path\":\"/c/b\",\"value\":2}]",
	 "{\"a\":{\"b\":1},\"c\":{\"b\":2}}", 0, NULL},
	{"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}", 0, NULL},
	{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":null}]", "{\"a\":1,\"b\":null}",
	 0, NULL},
	{"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]", NULL,
	 BASE_ERROR_NOT_FOUND, "operation 0 (add \"/a/2\"): no such index in the array: 2"},
	{"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL, BASE_ERROR_NOT_FOUND,
	 "operation 0 (remove \"/b\"): nothing is there"},
	{"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL,
	 BASE_ERROR_NOT_FOUND, "operation 0 (replace \"/b\"): nothing is there"},
	{"{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL,
	 BASE_ERROR_INVALID,
	 "operation 0 (move \"/a/b\"): a value cannot move into itself from /a"},
	{"{}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", NULL, BASE_ERROR_NOT_FOUND,
	 "operation 0 (copy \"/b\"): nothing is at /a"},
	{"{}", "{\"op\":\"add\"}", NULL, BASE_ERROR_INVALID,
	 "a JSON patch must be an array of operations"},
	{"{}", "[7]", NULL, BASE_ERROR_INVALID,
	 "operation 0: it must be an object with a string \"op\""},
	{"{}", "[{\"op\":\"spam\",\"path\":\"/a\"}]", NULL, BASE_ERROR_INVALID,
	 "operation 0: unknown op: spam"},
	{"{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL, BASE_ERROR_INVALID,
	 "operation 0: \"path\" must be a JSON pointer"},
	{"{}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":1},{\"op\":\"add\",\"path\":\"/b\"}]",
	 NULL, BASE_ERROR_INVALID, "operation 1: \"value\" is missing for op add"},
	{"{}", "[{\"op\":\"copy\",\"path\":\"/a\"}]", NULL, BASE_ERROR_INVALID,
	 "operation 0: \"from\" must be a JSON pointer"},
};

static void patches_as_the_examples_of_rfc_6902(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(patches); i++) {
		g_autoptr(json_t) target = parse(patches[i].target);
		g_autoptr(json_t) patch = parse(patches[i].patch);
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) result = base_json_patch_apply(target, patch, &error);

		assert_json(target, patches[i].target);
		if (patches[i].result != NULL) {
			assert_null(error);
			assert_json(result, patches[i].result);
		} else {
			assert_null(result);
			assert_true(g_error_matches(error, BASE_ERROR, (int)patches[i].code));
			assert_string_equal(error->message, patches[i].message);
		}
	}
}

static void assert_too_large(const json_t *target, const json_t *patch, const char *part)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) result = base_json_patch_apply(target, patch, &error);

	assert_null(result);
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	assert_non_null(strstr(error->message, part));
}

static void refuses_patches_past_their_limits(void **state)
{
	g_autoptr(json_t) target = parse("{\"a\":{}}");
	g_autoptr(json_t) many = json_array();
	g_autoptr(json_t) doubling = json_array();
	g_autoptr(json_t) deep = json_array();
	g_autofree char *text = g_strnfill(64 * 1024, 'x');
	g_autoptr(json_t) large = json_pack("{s:{s:s}}", "a", "text", text);
	GString *path = g_string_new("/a");

	(void)state;
	for (int i = 0; i <= BASE_JSON_PATCH_MAX_OPERATIONS; i++)
		json_array_append_new(
			many, json_pack("{s:s, s:s, s:{}}", "op", "test", "path", "/a", "value"));
	assert_too_large(target, many, "at most 10000 are accepted");

	for (int i = 0; i < 40; i++) {
		g_autofree char *name = g_strdup_printf("/a/x%d", i);

		json_array_append_new(doubling, json_pack("{s:s, s:s, s:s}", "op", "copy", "from",
							  "/a", "path", name));
	}
	assert_too_large(large, doubling, "copies more than");

	for (int i = 0; i <= BASE_JSON_MAX_DEPTH; i++) {
		g_string_append(path, "/b");
		if (i < BASE_JSON_MAX_DEPTH - 1)
			json_array_append_new(deep, json_pack("{s:s, s:s, s:{}}", "op", "add",
							      "path", path->str, "value"));
	}
	assert_too_large(target, deep, "nested too deep");
	g_string_free(path, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_as_the_examples_of_rfc_7386),
		cmocka_unit_test(makes_the_patch_between_two_values),
		cmocka_unit_test(follows_the_pointers_of_rfc_6901),
		cmocka_unit_test(patches_as_the_examples_of_rfc_6902),
		cmocka_unit_test(refuses_patches_past_their_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
