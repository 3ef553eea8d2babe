/* Deletion and what follows it: finalizers, preconditions, dependents, namespaces. */
#include "apiserver_world.h"

#define MERGE "Content-Type: application/merge-patch+json"

/* Waits until `path` answers with `status`. */
static void wait_for(World *world, const char *path, guint status)
{
	gint64 end = g_get_monotonic_time() + WORLD_WAIT_US;
	guint found = 0;

	while (found != status && g_get_monotonic_time() < end) {
		g_auto(Answer) answer = world_ask(world, "GET", path, NULL);

		found = answer.status;
		if (found != status)
			g_usleep(2000);
	}
	assert_int_equal(found, status);
}

/* Makes a ConfigMap with more metadata; returns its uid, yours. */
static char *make_map(World *world, const char *namespace, const char *name, const char *more)
{
	g_autofree char *path = g_strdup_printf("/api/v1/namespaces/%s/configmaps", namespace);
	g_autofree char *body = g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
						"\"metadata\":{\"name\":\"%s\"%s}}",
						name, more);
	g_auto(Answer) answer = world_expect(world, 201, "POST", path, body);

	return g_strdup(meta(&answer, "uid"));
}

static char *make_owned(World *world, const char *name, const char *owner, const char *owner_uid)
{
	g_autofree char *more = g_strdup_printf(
		",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
		"\"%s\",\"uid\":\"%s\"}]",
		owner, owner_uid);

	return make_map(world, "default", name, more);
}

static void make_namespace(World *world, const char *name)
{
	g_autofree char *body = g_strdup_printf(
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}",
		name);

	world_do(world, 201, "POST", "/api/v1/namespaces", body);
}

static void patch(World *world, const char *path, const char *body)
{
	g_auto(Answer) answer = world_ask_with(world, "PATCH", path, body, MERGE);

	assert_int_equal(answer.status, 200);
}

static void answers_a_deletion_that_is_done_with_a_status(void **state)
{
	World *world = *state;
	g_autofree char *uid = make_map(world, "default", "a", "");
	g_auto(Answer) gone =
		world_expect(world, 200, "DELETE", WORLD_CONFIG_MAPS "/a",
			     "{\"propagationPolicy\":\"Background\",\"gracePeriodSeconds\":0}");

	assert_string_equal(base_json_get_string(gone.json, "status", NULL), "Success");
	assert_string_equal(base_json_get_string(gone.json, "details", "name", NULL), "a");
	assert_string_equal(base_json_get_string(gone.json, "details", "uid", NULL), uid);
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/a", NULL);
}

static void waits_for_the_last_finalizer(void **state)
{
	World *world = *state;
	g_autofree char *uid =
		make_map(world, "default", "a", ",\"finalizers\":[\"x.org/one\",\"x.org/two\"]");
	Watching *watching =
		watching_new(world, WORLD_CONFIG_MAPS "?watch=true&resourceVersion=2", NULL);
	g_auto(Answer) marked = world_expect(world, 200, "DELETE", WORLD_CONFIG_MAPS "/a", NULL);
	g_auto(Answer) again = world_expect(world, 200, "DELETE", WORLD_CONFIG_MAPS "/a", NULL);
	g_auto(Answer) added = {0};

	assert_string_equal(meta(&marked, "uid"), uid);
	assert_string_not_equal(meta(&marked, "deletionTimestamp"), "");
	assert_int_equal(
		base_json_get_int(marked.json, 9, "metadata", "deletionGracePeriodSeconds", NULL),
		0);
	assert_string_equal(meta(&again, "resourceVersion"), meta(&marked, "resourceVersion"));
	added = world_ask_with(
		world, "PATCH", WORLD_CONFIG_MAPS "/a",
		"{\"metadata\":{\"finalizers\":[\"x.org/one\",\"x.org/two\",\"x.org/three\"]}}",
		MERGE);
	assert_int_equal(added.status, 422);
	patch(world, WORLD_CONFIG_MAPS "/a", "{\"metadata\":{\"finalizers\":[\"x.org/two\"]}}");
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "/a", NULL);
	patch(world, WORLD_CONFIG_MAPS "/a", "{\"metadata\":{\"finalizers\":null}}");
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/a", NULL);
	assert_event(watching, 0, "MODIFIED", "a");
	assert_event(watching, 1, "MODIFIED", "a");
	assert_event(watching, 2, "DELETED", "a");
	watching_free(watching);
}

static void holds_the_preconditions_of_a_deletion(void **state)
{
	static const struct {
		const char *body;
		guint status;
	} cases[] = {
		{"{\"preconditions\":{\"uid\":\"another\"}}", 409},
		{"{\"preconditions\":{\"resourceVersion\":\"1\"}}", 409},
		{"{\"propagationPolicy\":\"Sometimes\"}", 422},
		{"{\"dryRun\":[\"Some\"]}", 422},
		{"[]", 400},
		{"{\"preconditions\":{\"resourceVersion\":\"2\"}}", 200},
	};
	World *world = *state;
	g_autofree char *uid = make_map(world, "default", "a", "");

	assert_true(store_revision(world->store) == 2);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Answer) answer =
			world_ask(world, "DELETE", WORLD_CONFIG_MAPS "/a", cases[i].body);

		assert_int_equal(answer.status, cases[i].status);
	}
	g_free(g_steal_pointer(&uid));
	uid = make_map(world, "default", "a", "");
	{
		g_autofree char *body =
			g_strdup_printf("{\"preconditions\":{\"uid\":\"%s\"}}", uid);

		world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "/a", body);
	}
}

static void deletes_dependents_when_their_owner_is_gone(void **state)
{
	World *world = *state;
	g_autofree char *owner = make_map(world, "default", "owner", "");
	g_autofree char *child = make_owned(world, "child", "owner", owner);
	G_GNUC_UNUSED g_autofree char *grandchild = make_owned(world, "grandchild", "child", child);
	G_GNUC_UNUSED g_autofree char *other = make_map(world, "default", "other", "");

	world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "/owner", NULL);
	wait_for(world, WORLD_CONFIG_MAPS "/child", 404);
	wait_for(world, WORLD_CONFIG_MAPS "/grandchild", 404);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "/other", NULL);
}

static void deletes_what_is_born_an_orphan(void **state)
{
	World *world = *state;
	G_GNUC_UNUSED g_autofree char *first = make_owned(world, "first", "never", "no-such-uid");
	G_GNUC_UNUSED g_autofree char *owner = make_map(world, "default", "owner", "");
	G_GNUC_UNUSED g_autofree char *second =
		make_owned(world, "second", "owner", "an-older-uid");

	wait_for(world, WORLD_CONFIG_MAPS "/first", 404);
	wait_for(world, WORLD_CONFIG_MAPS "/second", 404);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "/owner", NULL);
}

static void keeps_dependents_that_have_another_owner(void **state)
{
	World *world = *state;
	g_autofree char *one = make_map(world, "default", "one", "");
	g_autofree char *two = make_map(world, "default", "two", "");
	g_autofree char *more = g_strdup_printf(
		",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
		"\"one\",\"uid\":\"%s\"},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
		"\"two\",\"uid\":\"%s\"}]",
		one, two);
	G_GNUC_UNUSED g_autofree char *child = make_map(world, "default", "child", more);
	gint64 end = g_get_monotonic_time() + WORLD_WAIT_US;
	gsize n_owners = 2;

	world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "/one", NULL);
	while (n_owners == 2 && g_get_monotonic_time() < end) {
		g_auto(Answer) answer =
			world_expect(world, 200, "GET", WORLD_CONFIG_MAPS "/child", NULL);

		n_owners = json_array_size(
			base_json_get(answer.json, "metadata", "ownerReferences", NULL));
	}
	assert_int_equal(n_owners, 1);
	world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "/two", NULL);
	wait_for(world, WORLD_CONFIG_MAPS "/child", 404);
}

static void leaves_dependents_behind_when_asked_to(void **state)
{
	World *world = *state;
	g_autofree char *owner = make_map(world, "default", "owner", "");
	g_autofree char *child = make_owned(world, "child", "owner", owner);

	/* The index learns of the child by the store's watch. */
	while (store_published_revision(world->store) < store_revision(world->store))
		g_usleep(500);
	world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "/owner",
		 "{\"propagationPolicy\":\"Orphan\"}");
	{
		g_auto(Answer) answer =
			world_expect(world, 200, "GET", WORLD_CONFIG_MAPS "/child", NULL);

		assert_null(base_json_get(answer.json, "metadata", "ownerReferences", NULL));
		assert_string_equal(meta(&answer, "uid"), child);
	}
}

static void finds_garbage_of_an_earlier_run_at_the_start(void **state)
{
	World *world = *state;
	g_autofree char *owner = make_map(world, "default", "owner", "");
	G_GNUC_UNUSED g_autofree char *child = make_owned(world, "child", "owner", owner);
	StoreOperation operation = {.action = STORE_DELETE,
				    .key = "/core/configmaps/default/owner"};

	/* As if the process had been killed after the owner's deletion. */
	g_clear_pointer(&world->client, http_client_free);
	g_clear_pointer(&world->server, api_server_free);
	assert_true(store_transact(world->store, &operation, 1, NULL));
	g_bytes_unref(operation.stored);
	g_clear_pointer(&world->store, store_close);
	world_start(world);
	wait_for(world, WORLD_CONFIG_MAPS "/child", 404);
}

static void empties_a_namespace_before_it_goes(void **state)
{
	World *world = *state;
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;
	g_auto(Answer) marked = {0};
	g_auto(Answer) refused = {0};

	make_namespace(world, "garden");
	first = make_map(world, "garden", "a", "");
	second = make_map(world, "garden", "b", ",\"finalizers\":[\"x.org/one\"]");
	marked = world_expect(world, 200, "DELETE", "/api/v1/namespaces/garden", NULL);
	assert_string_equal(base_json_get_string(marked.json, "status", "phase", NULL),
			    "Terminating");
	wait_for(world, "/api/v1/namespaces/garden/configmaps/a", 404);
	refused = world_ask(world, "POST", "/api/v1/namespaces/garden/configmaps",
			    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			    "\"c\"}}");
	assert_refusal(&refused, 403, "Forbidden",
		       "configmaps \"c\" is forbidden: unable to create new content in namespace "
		       "garden because it is being terminated");
	world_do(world, 200, "GET", "/api/v1/namespaces/garden", NULL);
	patch(world, "/api/v1/namespaces/garden/configmaps/b",
	      "{\"metadata\":{\"finalizers\":null}}");
	wait_for(world, "/api/v1/namespaces/garden", 404);
	make_namespace(world, "garden");
}

static void goes_on_emptying_a_namespace_after_a_restart(void **state)
{
	World *world = *state;
	g_autofree char *map = NULL;

	make_namespace(world, "garden");
	map = make_map(world, "garden", "b", ",\"finalizers\":[\"x.org/one\"]");
	world_do(world, 200, "DELETE", "/api/v1/namespaces/garden", NULL);
	world_stop(world);
	world_start(world);
	patch(world, "/api/v1/namespaces/garden/configmaps/b",
	      "{\"metadata\":{\"finalizers\":null}}");
	wait_for(world, "/api/v1/namespaces/garden", 404);
}

static void never_deletes_the_default_namespace(void **state)
{
	World *world = *state;
	g_auto(Answer) refused = world_ask(world, "DELETE", "/api/v1/namespaces/default", NULL);

	assert_refusal(&refused, 403, "Forbidden",
		       "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

static void deletes_a_collection_by_selector(void **state)
{
	World *world = *state;
	G_GNUC_UNUSED g_autofree char *a =
		make_map(world, "default", "a", ",\"labels\":{\"x\":\"1\"}");
	G_GNUC_UNUSED g_autofree char *b =
		make_map(world, "default", "b", ",\"labels\":{\"x\":\"1\"}");
	G_GNUC_UNUSED g_autofree char *c = make_map(world, "default", "c", "");

	world_do(world, 200, "DELETE", WORLD_CONFIG_MAPS "?labelSelector=x%3D1", NULL);
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/a", NULL);
	world_do(world, 404, "GET", WORLD_CONFIG_MAPS "/b", NULL);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "/c", NULL);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(answers_a_deletion_that_is_done_with_a_status),
		API_TEST(waits_for_the_last_finalizer),
		API_TEST(holds_the_preconditions_of_a_deletion),
		API_TEST(deletes_dependents_when_their_owner_is_gone),
		API_TEST(deletes_what_is_born_an_orphan),
		API_TEST(keeps_dependents_that_have_another_owner),
		API_TEST(leaves_dependents_behind_when_asked_to),
		API_TEST(finds_garbage_of_an_earlier_run_at_the_start),
		API_TEST(empties_a_namespace_before_it_goes),
		API_TEST(goes_on_emptying_a_namespace_after_a_restart),
		API_TEST(never_deletes_the_default_namespace),
		API_TEST(deletes_a_collection_by_selector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
