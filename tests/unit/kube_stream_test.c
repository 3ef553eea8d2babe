#include "kube/error.h"
#include "kube/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static gboolean collect(const char *text, gsize size_bytes, gpointer user_data)
{
	GString *all = user_data;

	assert_int_equal(strlen(text), size_bytes);
	g_string_append_printf(all, "%s|", text);
	return TRUE;
}

static const struct {
	const char *text;
	const char *items;            /* as collected; NULL: refused */
	const char *resource_version; /* or, where refused, a part of the message */
	const char *token;
} lists[] = {
	{"{\"kind\":\"L\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[]}", "", "5", NULL},
	{"{\"metadata\":{\"resourceVersion\":\"5\",\"continue\":\"t\"},\"items\":[{\"a\":1},{\"b\":"
	 "["
	 "{}]}]}",
	 "{\"a\":1}|{\"b\":[{}]}|", "5", "t"},
	{" { \"items\" : [ {\"a\" : \"}]\\\"\" } , { } ] ,\n\"metadata\" : { } } \n",
	 "{\"a\" : \"}]\\\"\" }|{ }|", NULL, NULL},
	{"{\"items\":null,\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"\"}}", "", "7",
	 NULL},
	{"{\"n\":-1.5e3,\"t\":true,\"s\":\"x\\\\\",\"a\":[1,[2]],\"metadata\":{},\"items\":[]}", "",
	 NULL, NULL},
	{"{\"metadata\":{},\"items\":[{\"items\":[{\"x\":1}],\"metadata\":{\"resourceVersion\":"
	 "\"9\"}}]}",
	 "{\"items\":[{\"x\":1}],\"metadata\":{\"resourceVersion\":\"9\"}}|", NULL, NULL},
	{"", NULL, "it ends in the middle", NULL},
	{"{\"metadata\":{},\"items\":[{}", NULL, "it ends in the middle", NULL},
	{"[]", NULL, "unexpected character at byte 0", NULL},
	{"{\"items\":[]}", NULL, "it has no metadata", NULL},
	{"{\"metadata\":{},\"items\":[1]}", NULL, "an item is no object at byte 24", NULL},
	{"{\"metadata\":5,\"items\":[]}", NULL, "its metadata is damaged", NULL},
	{"{\"metadata\":{]},\"items\":[]}", NULL, "its metadata is damaged", NULL},
	{"{\"metadata\":,\"items\":[]}", NULL, "a value is missing", NULL},
	{"{\"metadata\":{},\"items\":[]} x", NULL, "something follows its end", NULL},
	{"{\"me\\u0074adata\":{}}", NULL, "strange member", NULL},
	{"<html>", NULL, "unexpected character", NULL},
};

/* Feeds `text` in pieces of `step` bytes. */
static void read_list(gsize at, gsize step)
{
	g_autoptr(GError) error = NULL;
	GString *items = g_string_new(NULL);
	g_autofree char *text = NULL;
	g_autoptr(KubeListReader) reader = kube_list_reader_new(collect, items);
	gsize size_bytes = strlen(lists[at].text);
	gboolean good = TRUE;

	for (gsize i = 0; good && i < size_bytes; i += step)
		good = kube_list_reader_feed(reader, lists[at].text + i, MIN(step, size_bytes - i),
					     &error);
	good = good && kube_list_reader_finish(reader, &error);
	text = g_string_free(items, FALSE);
	if (lists[at].items == NULL) {
		assert_false(good);
		assert_int_equal(error->code, KUBE_ERROR_PROTOCOL);
		assert_non_null(strstr(error->message, lists[at].resource_version));
		return;
	}
	if (!good)
		fail_msg("%s: %s", lists[at].text, error->message);
	assert_string_equal(text, lists[at].items);
	assert_int_equal(
		g_strcmp0(kube_list_reader_resource_version(reader), lists[at].resource_version),
		0);
	assert_int_equal(g_strcmp0(kube_list_reader_continue(reader), lists[at].token), 0);
}

static void reads_lists_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (gsize at = 0; at < G_N_ELEMENTS(lists); at++)
		for (gsize step = 1; step <= 7; step++)
			read_list(at, step);
	for (gsize at = 0; at < G_N_ELEMENTS(lists); at++)
		read_list(at, 10000);
}

static void refuses_an_item_that_is_too_large(void **state)
{
	GString *items = g_string_new(NULL);
	g_autoptr(KubeListReader) reader = kube_list_reader_new(collect, items);
	g_autofree char *block = g_strnfill(1024 * 1024, 'x');
	g_autoptr(GError) error = NULL;
	const char *head = "{\"metadata\":{},\"items\":[{\"a\":\"";
	guint blocks = 0;

	(void)state;
	assert_true(kube_list_reader_feed(reader, head, strlen(head), &error));
	while (kube_list_reader_feed(reader, block, 1024 * 1024, &error))
		assert_true(++blocks < 10);
	assert_int_equal(blocks, 3);
	assert_non_null(strstr(error->message, "a value is too large"));
	g_string_free(items, TRUE);
}

static void refuses_a_list_that_is_nested_too_deep(void **state)
{
	GString *items = g_string_new(NULL);
	g_autoptr(KubeListReader) reader = kube_list_reader_new(collect, items);
	g_autofree char *brackets = g_strnfill(BASE_JSON_MAX_DEPTH + 1, '[');
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(kube_list_reader_feed(reader, "{\"x\":", 5, &error));
	assert_false(kube_list_reader_feed(reader, brackets, strlen(brackets), &error));
	assert_non_null(strstr(error->message, "nested too deep"));
	g_string_free(items, TRUE);
}

static gboolean refuse_second(const char *text, gsize size_bytes, gpointer user_data)
{
	(void)text, (void)size_bytes;
	return ++*(guint *)user_data < 2;
}

static void stops_when_an_item_is_not_taken(void **state)
{
	const char *text = "{\"metadata\":{},\"items\":[{},{},{}]}";
	guint seen = 0;
	g_autoptr(KubeListReader) reader = kube_list_reader_new(refuse_second, &seen);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(kube_list_reader_feed(reader, text, strlen(text), &error));
	assert_int_equal(seen, 2);
	assert_null(error);
	assert_false(kube_list_reader_feed(reader, "]", 1, &error));
}

#define META "\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"resourceVersion\":\"4\"}"

static void reads_events_of_a_watch(void **state)
{
	static const struct {
		const char *line;
		int type; /* -1: refused */
		const char *text;
	} table[] = {
		{"{\"type\":\"ADDED\",\"object\":{" META "}}", KUBE_WATCH_ADDED, "4"},
		{"{\"type\":\"MODIFIED\",\"object\":{" META "}}", KUBE_WATCH_MODIFIED, "4"},
		{"{\"type\":\"DELETED\",\"object\":{" META "}}", KUBE_WATCH_DELETED, "4"},
		{"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"8\"}}}",
		 KUBE_WATCH_BOOKMARK, "8"},
		{"{\"type\":\"ERROR\",\"object\":{\"code\":410}}", KUBE_WATCH_ERROR, NULL},
		{"{\"type\":\"ADDED\",\"obj", -1, "a line that is no JSON"},
		{"garbage", -1, "a line that is no JSON: line 1, column"},
		{"[]", -1, "an event of an unknown type"},
		{"{\"type\":\"RENAMED\",\"object\":{}}", -1, "an event of an unknown type"},
		{"{\"type\":\"ADDED\"}", -1, "a ADDED event without an object"},
		{"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}", -1,
		 "without resourceVersion"},
		{"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}", -1,
		 "without a proper name"},
		{"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a/b\","
		 "\"resourceVersion\":\"1\"}}}",
		 -1, "without a proper name"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_auto(KubeWatchEvent) event = {0};
		g_autoptr(GError) error = NULL;
		gboolean good =
			kube_watch_event_read(table[i].line, strlen(table[i].line), &event, &error);

		assert_int_equal(good, table[i].type >= 0);
		if (!good) {
			assert_int_equal(error->code, KUBE_ERROR_PROTOCOL);
			if (strstr(error->message, table[i].text) == NULL)
				fail_msg("'%s' is not in '%s'", table[i].text, error->message);
			assert_null(event.object);
			continue;
		}
		assert_int_equal(event.type, table[i].type);
		assert_int_equal(g_strcmp0(event.resource_version, table[i].text), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lists_in_pieces_of_any_size),
		cmocka_unit_test(refuses_an_item_that_is_too_large),
		cmocka_unit_test(refuses_a_list_that_is_nested_too_deep),
		cmocka_unit_test(stops_when_an_item_is_not_taken),
		cmocka_unit_test(reads_events_of_a_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
