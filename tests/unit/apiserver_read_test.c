/* Reading, listing and watching over the real server. */
#include "apiserver_world.h"

#define TABLE "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define METADATA_LIST "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define METADATA "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define WATCH "watch=true"

enum {
	LISTED = 7,
};

static void make_map(World *world, const char *name, const char *labels)
{
	g_autofree char *body = g_strdup_printf(
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
		"\"labels\":{%s}},\"data\":{\"k\":\"v\"}}",
		name, labels);

	world_do(world, 201, "POST", WORLD_CONFIG_MAPS, body);
}

static void label_map(World *world, const char *name, const char *labels)
{
	g_autofree char *path = g_strdup_printf(WORLD_CONFIG_MAPS "/%s", name);
	g_autofree char *body = g_strdup_printf("{\"metadata\":{\"labels\":{%s}}}", labels);
	g_auto(Answer) answer = world_ask_with(world, "PATCH", path, body,
					       "Content-Type: application/merge-patch+json");

	assert_int_equal(answer.status, 200);
}

static void delete_map(World *world, const char *name)
{
	g_autofree char *path = g_strdup_printf(WORLD_CONFIG_MAPS "/%s", name);

	world_do(world, 200, "DELETE", path, NULL);
}

/* "a b c " of a list's items. Yours. */
static char *names_of(const Answer *answer)
{
	GString *names = g_string_new(NULL);
	gsize i;
	json_t *item;

	json_array_foreach (json_object_get(answer->json, "items"), i, item) {
		g_string_append_printf(names, "%s ",
				       base_json_get_string(item, "metadata", "name", NULL));
	}
	return g_string_free(names, FALSE);
}

static void delete_listed(World *world, const char *names)
{
	g_auto(GStrv) name = g_strsplit(names, " ", -1);

	for (guint i = 0; name[i] != NULL && name[i][0] != '\0'; i++)
		delete_map(world, name[i]);
}

static void lists_what_the_selectors_let_through(void **state)
{
	static const struct {
		const char *query;
		const char *names;
	} cases[] = {
		{"", "a b c "},
		{"?labelSelector=x%3D1", "a "},
		{"?labelSelector=x%20in%20(1,2)", "a b "},
		{"?labelSelector=!x", "c "},
		{"?labelSelector=x!%3D1", "b c "},
		{"?fieldSelector=metadata.name%3Db", "b "},
		{"?fieldSelector=metadata.name!%3Db", "a c "},
		{"?fieldSelector=metadata.namespace%3Dother", ""},
		{"?fieldSelector=metadata.name%3Db&labelSelector=x%3D1", ""},
	};
	World *world = *state;

	make_map(world, "b", "\"x\":\"2\"");
	make_map(world, "a", "\"x\":\"1\"");
	make_map(world, "c", "");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat(WORLD_CONFIG_MAPS, cases[i].query, NULL);
		g_auto(Answer) answer = world_expect(world, 200, "GET", path, NULL);
		g_autofree char *names = names_of(&answer);

		assert_string_equal(names, cases[i].names);
		assert_string_equal(base_json_get_string(answer.json, "kind", NULL),
				    "ConfigMapList");
	}
}

static void refuses_selectors_that_it_cannot_keep(void **state)
{
	World *world = *state;
	g_auto(Answer) field =
		world_ask(world, "GET", WORLD_DEVICES "?fieldSelector=spec.displayName%3Dx", NULL);
	g_auto(Answer) label = world_ask(world, "GET", WORLD_DEVICES "?labelSelector=a%20in", NULL);

	assert_refusal(&field, 400, "BadRequest", "field label not supported: spec.displayName");
	assert_int_equal(label.status, 400);
	assert_true(g_str_has_prefix(base_json_get_string(label.json, "message", NULL),
				     "unable to parse requirement: "));
}

static void pages_by_key_though_objects_go_meanwhile(void **state)
{
	World *world = *state;
	g_autofree char *path = g_strdup(WORLD_CONFIG_MAPS "?limit=3");
	g_autofree char *first_revision = NULL;
	GString *seen = g_string_new(NULL);

	for (guint i = 0; i < LISTED; i++) {
		g_autofree char *name = g_strdup_printf("m%u", i);

		make_map(world, name, "");
	}
	for (guint pages = 0; path != NULL; pages++) {
		g_auto(Answer) answer = world_expect(world, 200, "GET", path, NULL);
		g_autofree char *names = names_of(&answer);
		g_autofree char *escaped = http_escape(meta(&answer, "continue"));

		assert_in_range(pages, 0, 3);
		g_string_append(seen, names);
		/* What was listed is deleted before the next page is asked for. */
		delete_listed(world, names);
		if (first_revision == NULL)
			first_revision = g_strdup(meta(&answer, "resourceVersion"));
		assert_string_equal(meta(&answer, "resourceVersion"), first_revision);
		g_free(path);
		path = escaped[0] != '\0'
			       ? g_strdup_printf(WORLD_CONFIG_MAPS "?limit=3&continue=%s", escaped)
			       : NULL;
	}
	assert_string_equal(seen->str, "m0 m1 m2 m3 m4 m5 m6 ");
	g_string_free(seen, TRUE);
}

static void refuses_a_continue_token_that_is_foreign(void **state)
{
	static const char *const tokens[] = {"x", "AAAA", "MTIvY29yZS9zZWNyZXRzL2EvYg%3D%3D",
					     "%2F%2F%2F"};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++) {
		g_autofree char *path =
			g_strconcat(WORLD_CONFIG_MAPS "?limit=1&continue=", tokens[i], NULL);
		g_auto(Answer) answer = world_ask(world, "GET", path, NULL);

		assert_refusal(&answer, 400, "BadRequest", "continue key is not valid");
	}
}

static void answers_in_the_form_that_is_asked_for(void **state)
{
	World *world = *state;
	g_auto(Answer) table = {0};
	g_auto(Answer) rows = {0};
	g_auto(Answer) partial = {0};
	g_auto(Answer) list = {0};

	make_map(world, "a", "\"x\":\"1\"");
	table = world_ask_with(world, "GET", WORLD_CONFIG_MAPS "/a", NULL, TABLE);
	rows = world_ask_with(world, "GET", WORLD_CONFIG_MAPS "?includeObject=Object", NULL, TABLE);
	partial = world_ask_with(world, "GET", WORLD_CONFIG_MAPS "/a", NULL, METADATA);
	list = world_ask_with(world, "GET", WORLD_CONFIG_MAPS "?labelSelector=x", NULL,
			      METADATA_LIST);

	assert_string_equal(base_json_get_string(table.json, "kind", NULL), "Table");
	assert_int_equal(json_array_size(json_object_get(table.json, "rows")), 1);
	assert_string_equal(
		base_json_get_string(json_array_get(json_object_get(rows.json, "rows"), 0),
				     "object", "data", "k", NULL),
		"v");
	assert_string_equal(base_json_get_string(partial.json, "kind", NULL),
			    "PartialObjectMetadata");
	assert_string_equal(meta(&partial, "name"), "a");
	assert_null(json_object_get(partial.json, "data"));
	assert_string_equal(base_json_get_string(list.json, "kind", NULL),
			    "PartialObjectMetadataList");
	assert_string_equal(
		base_json_get_string(json_array_get(json_object_get(list.json, "items"), 0),
				     "metadata", "labels", "x", NULL),
		"1");
	assert_null(
		json_object_get(json_array_get(json_object_get(list.json, "items"), 0), "data"));
	assert_string_equal(http_response_header(table.response, "Content-Type"),
			    "application/json");
}

static void lists_all_namespaces_together(void **state)
{
	World *world = *state;
	g_auto(Answer) all = {0};
	g_autofree char *names = NULL;

	world_do(
		world, 201, "POST", "/api/v1/namespaces",
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"other\"}}");
	make_map(world, "a", "");
	world_do(world, 201, "POST", "/api/v1/namespaces/other/configmaps",
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"b\"}}");
	all = world_expect(world, 200, "GET", "/api/v1/configmaps", NULL);
	names = names_of(&all);
	assert_string_equal(names, "a b ");
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/b", NULL);
	world_do(world, 404, "GET", "/api/v1/configmaps/a", NULL);
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/a/status", NULL);
}

static void watches_what_comes_after_a_revision(void **state)
{
	World *world = *state;
	Watching *watching;
	g_autofree char *path = NULL;
	g_autoptr(json_t) deleted = NULL;

	make_map(world, "a", "");
	path = g_strdup_printf(WORLD_CONFIG_MAPS "?" WATCH "&resourceVersion=%" G_GINT64_FORMAT,
			       store_revision(world->store));
	label_map(world, "a", "\"x\":\"1\"");
	watching = watching_new(world, path, NULL);
	assert_event(watching, 0, "MODIFIED", "a");
	make_map(world, "b", "");
	assert_event(watching, 1, "ADDED", "b");
	delete_map(world, "a");
	deleted = watching_wait(watching, 2);
	assert_string_equal(base_json_get_string(deleted, "type", NULL), "DELETED");
	assert_int_equal(g_ascii_strtoll(base_json_get_string(deleted, "object", "metadata",
							      "resourceVersion", NULL),
					 NULL, 10),
			 store_revision(world->store));
	watching_free(watching);
}

static void begins_a_watch_without_a_revision_with_what_is_there(void **state)
{
	static const char *const queries[] = {"", "&resourceVersion=0", "&limit=500"};
	World *world = *state;

	make_map(world, "a", "");
	make_map(world, "b", "");
	for (gsize i = 0; i < G_N_ELEMENTS(queries); i++) {
		g_autofree char *path = g_strconcat(WORLD_CONFIG_MAPS "?" WATCH, queries[i], NULL);
		Watching *watching = watching_new(world, path, NULL);

		assert_event(watching, 0, "ADDED", "a");
		assert_event(watching, 1, "ADDED", "b");
		label_map(world, "b", i % 2 == 0 ? "\"y\":\"1\"" : "\"y\":\"2\"");
		assert_event(watching, 2, "MODIFIED", "b");
		watching_free(watching);
	}
}

static void turns_changes_into_coming_and_going_of_a_selection(void **state)
{
	World *world = *state;
	Watching *watching;
	g_autoptr(json_t) left = NULL;

	make_map(world, "a", "\"x\":\"1\"");
	watching = watching_new(world, WORLD_CONFIG_MAPS "?" WATCH "&labelSelector=x%3D1", NULL);
	assert_event(watching, 0, "ADDED", "a");
	make_map(world, "b", "\"x\":\"2\"");
	label_map(world, "b", "\"x\":\"1\"");
	assert_event(watching, 1, "ADDED", "b");
	label_map(world, "a", "\"x\":\"2\"");
	left = watching_wait(watching, 2);
	assert_string_equal(base_json_get_string(left, "type", NULL), "DELETED");
	assert_string_equal(base_json_get_string(left, "object", "metadata", "labels", "x", NULL),
			    "1");
	assert_int_equal(g_ascii_strtoll(base_json_get_string(left, "object", "metadata",
							      "resourceVersion", NULL),
					 NULL, 10),
			 store_revision(world->store));
	label_map(world, "b", "\"y\":\"1\"");
	assert_event(watching, 3, "MODIFIED", "b");
	watching_free(watching);
}

static void watches_one_object_by_name(void **state)
{
	World *world = *state;
	Watching *watching;

	make_map(world, "a", "");
	make_map(world, "b", "");
	watching = watching_new(world,
				WORLD_CONFIG_MAPS
				"?" WATCH "&resourceVersion=0&fieldSelector=metadata.name%3Db",
				TABLE);
	{
		g_autoptr(json_t) event = watching_wait(watching, 0);
		json_t *object = json_object_get(event, "object");
		json_t *row = json_array_get(json_object_get(object, "rows"), 0);

		assert_string_equal(base_json_get_string(object, "kind", NULL), "Table");
		assert_string_equal(
			json_string_value(json_array_get(json_object_get(row, "cells"), 0)), "b");
	}
	watching_free(watching);
}

static void sends_the_initial_events_and_their_end(void **state)
{
	World *world = *state;
	Watching *watching;
	g_autoptr(json_t) end = NULL;
	g_auto(Answer) refused = world_ask(
		world, "GET", WORLD_CONFIG_MAPS "?" WATCH "&sendInitialEvents=true", NULL);

	assert_int_equal(refused.status, 422);
	make_map(world, "a", "");
	watching = watching_new(world,
				WORLD_CONFIG_MAPS "?" WATCH
						  "&sendInitialEvents=true&allowWatchBookmarks=true"
						  "&resourceVersionMatch=NotOlderThan",
				METADATA);
	assert_event(watching, 0, "ADDED", "a");
	end = watching_wait(watching, 1);
	assert_string_equal(base_json_get_string(end, "type", NULL), "BOOKMARK");
	assert_string_equal(base_json_get_string(end, "object", "metadata", "annotations",
						 "k8s.io/initial-events-end", NULL),
			    "true");
	assert_int_equal(g_ascii_strtoll(base_json_get_string(end, "object", "metadata",
							      "resourceVersion", NULL),
					 NULL, 10),
			 store_revision(world->store));
	watching_free(watching);
}

static void tells_a_watch_that_its_revision_is_too_old(void **state)
{
	World *world = *state;
	Watching *watching;
	g_autoptr(json_t) event = NULL;
	const char *message;

	world_stop(world);
	world->store_options.history_revisions = 5;
	world_start(world);
	make_map(world, "a", "");
	for (guint i = 0; i < 50; i++)
		label_map(world, "a", i % 2 == 0 ? "\"y\":\"1\"" : "\"y\":\"2\"");
	watching = watching_new(world, WORLD_CONFIG_MAPS "?" WATCH "&resourceVersion=1", NULL);
	event = watching_wait(watching, 0);
	message = base_json_get_string(event, "object", "message", NULL);
	assert_string_equal(base_json_get_string(event, "type", NULL), "ERROR");
	assert_int_equal(base_json_get_int(event, 0, "object", "code", NULL), 410);
	assert_string_equal(base_json_get_string(event, "object", "reason", NULL), "Expired");
	assert_true(g_str_has_prefix(message, "too old resource version: 1 ("));
	watching_wait_end(watching);
	assert_int_equal(watching->status, 200);
	watching_free(watching);
}

static void ends_a_watch_after_its_time(void **state)
{
	World *world = *state;
	Watching *watching =
		watching_new(world, WORLD_CONFIG_MAPS "?" WATCH "&timeoutSeconds=1", NULL);

	watching_wait_end(watching);
	assert_int_equal(watching->status, 200);
	watching_free(watching);
}

static void tells_many_watchers_of_one_change(void **state)
{
	World *world = *state;
	Watching *watchings[100];

	for (guint i = 0; i < G_N_ELEMENTS(watchings); i++)
		watchings[i] = watching_new(world, WORLD_CONFIG_MAPS "?" WATCH,
					    i % 2 == 0 ? NULL : METADATA);
	make_map(world, "a", "");
	for (guint i = 0; i < G_N_ELEMENTS(watchings); i++)
		assert_event(watchings[i], 0, "ADDED", "a");
	for (guint i = 0; i < G_N_ELEMENTS(watchings); i++)
		watching_free(watchings[i]);
}

static void resumes_a_watch_over_a_restart(void **state)
{
	World *world = *state;
	g_autofree char *path = NULL;
	Watching *watching;

	make_map(world, "a", "");
	path = g_strdup_printf(WORLD_CONFIG_MAPS "?" WATCH "&resourceVersion=%" G_GINT64_FORMAT,
			       store_revision(world->store));
	make_map(world, "b", "");
	delete_map(world, "a");
	world_stop(world);
	world_start(world);
	watching = watching_new(world, path, NULL);
	assert_event(watching, 0, "ADDED", "b");
	assert_event(watching, 1, "DELETED", "a");
	watching_free(watching);
}

static void shows_each_event_in_both_apis(void **state)
{
	World *world = *state;
	g_auto(Answer) made = world_expect(
		world, 201, "POST", "/apis/events.k8s.io/v1/namespaces/default/events",
		"{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
		"\"e1\"},\"eventTime\":\"2026-01-02T03:04:05.000006Z\",\"reportingController\":"
		"\"espalier.dev/test\",\"reportingInstance\":\"test-1\",\"action\":\"Test\","
		"\"reason\":\"Tested\",\"type\":\"Normal\",\"note\":\"seen\",\"regarding\":{"
		"\"kind\":\"Device\",\"namespace\":\"default\",\"name\":\"d1\",\"uid\":\"u1\","
		"\"apiVersion\":\"espalier.dev/v1alpha1\"}}");
	g_auto(Answer) core = world_expect(
		world, 200, "GET",
		"/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid%3Du1%2C"
		"involvedObject.kind%3DDevice",
		NULL);
	g_auto(Answer) none =
		world_expect(world, 200, "GET",
			     "/api/v1/events?fieldSelector=involvedObject.namespace%3D", NULL);
	const json_t *item = json_array_get(json_object_get(core.json, "items"), 0);
	Watching *watching = watching_new(
		world, "/apis/events.k8s.io/v1/namespaces/default/events?" WATCH, NULL);
	g_autoptr(json_t) event = watching_wait(watching, 0);

	assert_string_equal(base_json_get_string(made.json, "note", NULL), "seen");
	assert_string_equal(base_json_get_string(item, "message", NULL), "seen");
	assert_string_equal(base_json_get_string(item, "involvedObject", "name", NULL), "d1");
	assert_int_equal(json_array_size(json_object_get(none.json, "items")), 0);
	assert_string_equal(base_json_get_string(event, "object", "note", NULL), "seen");
	assert_string_equal(base_json_get_string(event, "object", "apiVersion", NULL),
			    "events.k8s.io/v1");
	watching_free(watching);
}

static void shows_the_definitions_of_our_kinds_and_keeps_them(void **state)
{
	World *world = *state;
	g_auto(Answer) list = world_expect(
		world, 200, "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", NULL);
	g_auto(Answer) one = world_expect(
		world, 200, "GET",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/devices.espalier.dev",
		NULL);

	assert_int_equal(json_array_size(json_object_get(list.json, "items")), 5);
	assert_string_equal(meta(&one, "name"), "devices.espalier.dev");
	world_do(world, 405, "DELETE",
		 "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/devices.espalier.dev",
		 NULL);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(lists_what_the_selectors_let_through),
		API_TEST(refuses_selectors_that_it_cannot_keep),
		API_TEST(pages_by_key_though_objects_go_meanwhile),
		API_TEST(refuses_a_continue_token_that_is_foreign),
		API_TEST(answers_in_the_form_that_is_asked_for),
		API_TEST(lists_all_namespaces_together),
		API_TEST(watches_what_comes_after_a_revision),
		API_TEST(begins_a_watch_without_a_revision_with_what_is_there),
		API_TEST(turns_changes_into_coming_and_going_of_a_selection),
		API_TEST(watches_one_object_by_name),
		API_TEST(sends_the_initial_events_and_their_end),
		API_TEST(tells_a_watch_that_its_revision_is_too_old),
		API_TEST(ends_a_watch_after_its_time),
		API_TEST(tells_many_watchers_of_one_change),
		API_TEST(resumes_a_watch_over_a_restart),
		API_TEST(shows_each_event_in_both_apis),
		API_TEST(shows_the_definitions_of_our_kinds_and_keeps_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
