#include "kube/cache.h"
#include "unit/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONG_US = 20 * 1000 * 1000 };

#define ITEM(name, rv, value)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"resourceVersion\":\"" rv       \
	"\"},\"spec\":{\"v\":\"" value "\"},\"data\":{\"p\":\"canary\"}}"
#define LIST(rv, items)                                                                            \
	"{\"kind\":\"DeviceList\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items \
	"]}"
#define PAGE(rv, token, items)                                                                     \
	"{\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" token                      \
	"\"},\"items\":[" items "]}"
#define EVENT(type, item) "{\"type\":\"" type "\",\"object\":" item "}\n"
#define EXPIRED                                                                                    \
	"{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old "          \
	"resource version: 5 (90)\"}"

/* How a step answers. */
typedef enum {
	ANSWER_LIST,      /* `text` as a whole body */
	ANSWER_STATUS,    /* `status` with `text` */
	ANSWER_HALF_LIST, /* claims more than it sends, closes */
	WATCH_THEN_HANG,  /* `text` as a chunk, then silence */
	WATCH_THEN_END,   /* `text`, then the proper end */
	WATCH_THEN_CUT,   /* `text`, then the connection closes within a chunk */
} Kind;

/* Steps are answered in order; the last one stays. */
typedef struct {
	Kind kind;
	const char *text;
	int status;
} Step;

typedef struct {
	const Step *steps;
	guint n_steps;
	guint at;
	GMutex lock;
	GString *paths; /* path and query of each request, one a line */
	GString *told;  /* what the handler was told */
	ScriptedServer *server;
	KubeClient *client;
	KubeCache *cache;
} World;

static void run_step(const Step *step, ScriptedRequest *request)
{
	switch (step->kind) {
	case ANSWER_LIST:
		scripted_answer(request, 200, "", step->text);
		break;
	case ANSWER_STATUS:
		scripted_answer(request, step->status, "Retry-After: 0\r\n", step->text);
		break;
	case ANSWER_HALF_LIST:
		scripted_write(request, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		scripted_write(request, step->text);
		request->close = TRUE;
		break;
	case WATCH_THEN_HANG:
		scripted_begin_chunks(request);
		if (step->text[0] != '\0')
			scripted_chunk(request, step->text);
		scripted_hang(request);
		break;
	case WATCH_THEN_END:
		scripted_begin_chunks(request);
		if (step->text[0] != '\0')
			scripted_chunk(request, step->text);
		scripted_write(request, "0\r\n\r\n");
		break;
	case WATCH_THEN_CUT:
		scripted_begin_chunks(request);
		scripted_chunk(request, step->text);
		scripted_write(request, "400\r\n{\"type\":\"ADDED\",\"obj");
		request->close = TRUE;
		break;
	}
}

static void answer(ScriptedRequest *request, gpointer user_data)
{
	World *world = user_data;
	const Step *step;

	g_mutex_lock(&world->lock);
	step = &world->steps[MIN(world->at, world->n_steps - 1)];
	world->at++;
	g_string_append_printf(world->paths, "%s\n", request->path);
	g_mutex_unlock(&world->lock);
	run_step(step, request);
}

static void tell(KubeChange change, const char *name_space, const char *name, const json_t *old,
		 const json_t *now, gpointer user_data)
{
	static const char marks[] = "+~-";
	World *world = user_data;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&world->lock);

	assert_string_equal(name_space, "n");
	assert_int_equal(old == NULL, change == KUBE_ADDED);
	g_string_append_printf(world->told, "%c%s=%s ", marks[change], name,
			       base_json_get_string(now, "spec", "v", NULL));
}

static void by_value(const json_t *object, GPtrArray *values, gpointer user_data)
{
	const char *value = base_json_get_string(object, "spec", "v", NULL);

	(void)user_data;
	if (value != NULL)
		g_ptr_array_add(values, g_strdup(value));
}

static void world_begin(World *world, const Step *steps, guint n_steps, KubeCacheOptions options)
{
	g_autoptr(KubeConfig) config = NULL;

	*world = (World){.steps = steps,
			 .n_steps = n_steps,
			 .paths = g_string_new(NULL),
			 .told = g_string_new(NULL)};
	g_mutex_init(&world->lock);
	world->server = scripted_new(FALSE, answer, world);
	config = kube_config_unix_socket(world->server->socket_path);
	world->client = kube_client_new(config, NULL);
	if (options.backoff_max_ms == 0)
		options.backoff_max_ms = 60;
	world->cache = kube_cache_new(world->client, &kube_devices, &options);
	kube_cache_add_index(world->cache, "value", by_value, NULL);
	kube_cache_on_event(world->cache, tell, world);
}

static void world_start(World *world)
{
	scripted_start(world->server);
	kube_cache_start(world->cache);
}

static void world_end(World *world)
{
	kube_cache_free(world->cache);
	kube_client_free(world->client);
	scripted_free(world->server);
	g_mutex_clear(&world->lock);
	g_string_free(world->paths, TRUE);
	g_string_free(world->told, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_end)

static char *read_told(World *world)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&world->lock);

	return g_strdup(world->told->str);
}

static void expect_told(World *world, const char *expected)
{
	gint64 until_us = g_get_monotonic_time() + LONG_US;
	g_autofree char *told = read_told(world);

	while (!g_str_equal(told, expected) && g_get_monotonic_time() < until_us) {
		g_usleep(2000);
		g_free(told);
		told = read_told(world);
	}
	assert_string_equal(told, expected);
}

static void expect_requests(World *world, guint count)
{
	gint64 until_us = g_get_monotonic_time() + LONG_US;

	for (;;) {
		G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&world->lock);

		if (world->at >= count)
			return;
		assert_true(g_get_monotonic_time() < until_us);
		g_clear_pointer(&locker, g_mutex_locker_free);
		g_usleep(2000);
	}
}

/* The query of request `at`, borrowed from the world's paths; yours. */
static char *path_of(World *world, guint at)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&world->lock);
	g_auto(GStrv) lines = g_strsplit(world->paths->str, "\n", -1);

	assert_true(at < g_strv_length(lines));
	return g_strdup(lines[at]);
}

static void expect_path(World *world, guint at, const char *part)
{
	g_autofree char *path = path_of(world, at);

	if (strstr(path, part) == NULL)
		fail_msg("'%s' is not in request %u: %s", part, at, path);
}

static KubeCacheCounters counters_of(World *world)
{
	KubeCacheCounters counters;

	kube_cache_counters(world->cache, &counters);
	return counters;
}

static void resumes_after_a_chunk_that_was_cut(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "3", "1")), 0},
		{WATCH_THEN_CUT, EVENT("ADDED", ITEM("b", "11", "1")), 0},
		{WATCH_THEN_HANG, EVENT("ADDED", ITEM("c", "12", "1")), 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+a=1 +b=1 +c=1 ");
	expect_path(&world, 1, "resourceVersion=5&");
	expect_path(&world, 1, "allowWatchBookmarks=true");
	expect_path(&world, 2, "resourceVersion=11&");
	assert_int_equal(counters_of(&world).lists, 1);
	assert_int_equal(counters_of(&world).failures, 1);
	assert_int_equal(counters_of(&world).garbage, 0);
}

static void lists_again_after_a_line_that_is_no_event(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "3", "1")), 0},
		{WATCH_THEN_HANG, "{\"type\":\"ADD\n", 0},
		{ANSWER_LIST, LIST("9", ITEM("b", "8", "2")), 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+a=1 +b=2 -a=1 ");
	expect_requests(&world, 4);
	expect_path(&world, 3, "resourceVersion=9&");
	assert_int_equal(counters_of(&world).garbage, 1);
}

static void makes_up_for_what_it_missed_when_it_was_too_old(void **state)
{
	static const Step by_event[] = {
		{ANSWER_LIST,
		 LIST("5", ITEM("a", "1", "1") "," ITEM("b", "2", "1") "," ITEM("c", "3", "1")), 0},
		{WATCH_THEN_END, "{\"type\":\"ERROR\",\"object\":" EXPIRED "}\n", 0},
		{ANSWER_LIST, LIST("90", ITEM("a", "1", "1") "," ITEM("c", "80", "2")), 0},
		{WATCH_THEN_HANG, "", 0},
	};
	static const Step by_answer[] = {
		{ANSWER_LIST,
		 LIST("5", ITEM("a", "1", "1") "," ITEM("b", "2", "1") "," ITEM("c", "3", "1")), 0},
		{ANSWER_STATUS, EXPIRED, 410},
		{ANSWER_LIST, LIST("90", ITEM("a", "1", "1") "," ITEM("c", "80", "2")), 0},
		{WATCH_THEN_HANG, "", 0},
	};

	(void)state;
	for (guint i = 0; i < 2; i++) {
		g_auto(World) world = {0};

		world_begin(&world, i == 0 ? by_event : by_answer, 4, (KubeCacheOptions){0});
		world_start(&world);
		/* "a" did not change: nothing is told of it. */
		expect_told(&world, "+a=1 +b=1 +c=1 ~c=2 -b=1 ");
		expect_requests(&world, 4);
		expect_path(&world, 3, "resourceVersion=90&");
		assert_int_equal(counters_of(&world).expired, 1);
		assert_int_equal(kube_cache_index_count(world.cache, "value", "1"), 1);
		assert_int_equal(kube_cache_index_count(world.cache, "value", "2"), 1);
	}
}

static void lists_without_pages_when_a_page_came_too_late(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, PAGE("5", "tok", ITEM("a", "1", "1")), 0},
		{ANSWER_STATUS, EXPIRED, 410},
		{ANSWER_LIST, LIST("9", ITEM("a", "1", "1") "," ITEM("b", "2", "1")), 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+a=1 +b=1 ");
	assert_true(kube_cache_wait_synced(world.cache, LONG_US));
	expect_path(&world, 0, "?limit=500");
	expect_path(&world, 1, "?limit=500&continue=tok");
	{
		g_autofree char *path = path_of(&world, 2);

		assert_null(strstr(path, "limit="));
		assert_null(strstr(path, "continue="));
	}
}

static void half_a_list_deletes_nothing(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1") "," ITEM("b", "2", "1")), 0},
		{ANSWER_STATUS, EXPIRED, 410},
		{ANSWER_HALF_LIST,
		 "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" ITEM("a", "1", "1"), 0},
		{ANSWER_LIST, LIST("9", ITEM("a", "1", "1") "," ITEM("b", "2", "1")), 0},
		{WATCH_THEN_HANG, EVENT("MODIFIED", ITEM("b", "10", "2")), 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+a=1 +b=1 ~b=2 ");
}

static void is_not_synced_before_the_first_list_is_whole(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, PAGE("5", "tok", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_HANG, "", 0}, /* the second page never ends */
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_requests(&world, 2);
	assert_false(kube_cache_wait_synced(world.cache, 20 * 1000));
	assert_null(kube_cache_resource_version(world.cache));
}

static void a_silent_watch_is_given_up(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ""), 0},
		{WATCH_THEN_HANG, "", 0},
		{WATCH_THEN_HANG, EVENT("ADDED", ITEM("a", "6", "1")), 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps),
		    (KubeCacheOptions){.watch_timeout_s = 1, .stall_grace_ms = 100});
	world_start(&world);
	expect_told(&world, "+a=1 ");
	expect_path(&world, 1, "timeoutSeconds=1");
	assert_int_equal(counters_of(&world).lists, 1);
}

static void a_server_may_come_later(void **state)
{
	static const Step steps[] = {
		{ANSWER_STATUS, "{\"kind\":\"Status\",\"message\":\"starting\"}", 503},
		{ANSWER_STATUS, "slow down", 429},
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};
	g_autofree char *message = NULL;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	kube_cache_start(world.cache);
	while (counters_of(&world).failures < 3)
		g_usleep(2000);
	message = kube_cache_last_error(world.cache);
	assert_non_null(strstr(message, "sock"));
	assert_false(kube_cache_is_synced(world.cache));
	scripted_start(world.server);
	assert_true(kube_cache_wait_synced(world.cache, LONG_US));
	expect_told(&world, "+a=1 ");
	expect_requests(&world, 4);
	assert_null(kube_cache_last_error(world.cache));
}

static void a_server_may_go_and_come_back(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_HANG, EVENT("ADDED", ITEM("b", "6", "1")), 0},
		{WATCH_THEN_HANG, EVENT("DELETED", ITEM("a", "7", "1")), 0},
	};
	g_auto(World) world = {0};

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+a=1 +b=1 ");
	scripted_stop(world.server);
	while (counters_of(&world).failures < 3)
		g_usleep(2000);
	scripted_start(world.server);
	expect_told(&world, "+a=1 +b=1 -a=1 ");
	expect_path(&world, 2, "resourceVersion=6&");
}

static void does_not_hammer_a_server_that_ends_watches_at_once(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ""), 0},
		{WATCH_THEN_END, "", 0},
	};
	g_auto(World) world = {0};
	guint asked;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){.backoff_max_ms = 5000});
	world_start(&world);
	g_usleep(500 * 1000);
	g_mutex_lock(&world.lock);
	asked = world.at;
	g_mutex_unlock(&world.lock);
	/* 25 + 50 + 100 + 200 ms at the least: a dozen watches would need longer. */
	assert_in_range(asked, 2, 9);
}

static void follows_bookmarks_and_deletions(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_END,
		 EVENT("MODIFIED", ITEM("a", "6", "2")) EVENT("DELETED", ITEM("a", "7", "9"))
			 EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"44\"}}"),
		 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};
	g_autofree char *version = NULL;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	/* The last state is the server's. */
	expect_told(&world, "+a=1 ~a=2 -a=9 ");
	expect_requests(&world, 3);
	expect_path(&world, 2, "resourceVersion=44&");
	version = kube_cache_resource_version(world.cache);
	assert_string_equal(version, "44");
	assert_int_equal(kube_cache_count(world.cache), 0);
	assert_int_equal(counters_of(&world).bookmarks, 1);
	assert_int_equal(counters_of(&world).bytes, 0);
	assert_int_equal(counters_of(&world).failures, 0);
}

static void look_for_canary(const char *name_space, const char *name, const json_t *object,
			    gpointer user_data)
{
	g_autofree char *text = base_json_dump(object, NULL);

	(void)name_space, (void)name;
	if (strstr(text, "canary") != NULL)
		*(gboolean *)user_data = TRUE;
}

static void holds_no_content_even_where_the_server_sends_it(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_HANG, EVENT("ADDED", ITEM("b", "6", "1")), 0},
	};
	g_auto(World) world = {0};
	gboolean found = FALSE;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){.metadata_only = TRUE});
	world_start(&world);
	expect_told(&world, "+a=(null) +b=(null) ");
	kube_cache_foreach(world.cache, look_for_canary, &found);
	assert_false(found);
}

static void keeps_objects_small_and_whole(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST,
		 LIST("5", "{\"apiVersion\":\"x\",\"kind\":\"y\",\"metadata\":{\"name\":\"a\","
			   "\"namespace\":\"n\",\"managedFields\":[{}],\"annotations\":{\"kubectl."
			   "kubernetes.io/last-applied-configuration\":\"{}\"}},\"spec\":{\"v\":"
			   "\"1\"}}"),
		 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};
	g_autoptr(json_t) object = NULL;
	g_autofree char *text = NULL;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	assert_true(kube_cache_wait_synced(world.cache, LONG_US));
	object = kube_cache_get(world.cache, "n", "a");
	text = base_json_dump_canonical(object);
	assert_string_equal(text,
			    "{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\","
			    "\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{\"v\":"
			    "\"1\"}}");
	assert_int_equal(counters_of(&world).bytes,
			 strlen("{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{"
				"\"v\":\"1\"}}"));
	assert_null(kube_cache_get(world.cache, "n", "b"));
	assert_true(kube_cache_has(world.cache, "n", "a"));
}

static void an_index_finds_by_value_and_follows_changes(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST,
		 LIST("5", ITEM("b", "1", "x") "," ITEM("a", "1", "x") "," ITEM("c", "1", "xy")),
		 0},
		{WATCH_THEN_HANG, EVENT("MODIFIED", ITEM("b", "6", "xy")), 0},
	};
	g_auto(World) world = {0};
	g_autoptr(GPtrArray) x = NULL;
	g_autoptr(GPtrArray) xy = NULL;
	g_autoptr(GPtrArray) all = NULL;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	expect_told(&world, "+b=x +a=x +c=xy ~b=xy ");
	x = kube_cache_index(world.cache, "value", "x");
	xy = kube_cache_index(world.cache, "value", "xy");
	all = kube_cache_keys(world.cache);
	assert_int_equal(x->len, 1);
	assert_string_equal(x->pdata[0], "n/a");
	assert_int_equal(xy->len, 2);
	assert_string_equal(xy->pdata[0], "n/b");
	assert_string_equal(xy->pdata[1], "n/c");
	assert_int_equal(all->len, 3);
	assert_int_equal(kube_cache_index_count(world.cache, "value", ""), 0);
}

static void a_stop_is_prompt_and_final(void **state)
{
	static const Step steps[] = {
		{ANSWER_LIST, LIST("5", ITEM("a", "1", "1")), 0},
		{WATCH_THEN_HANG, "", 0},
	};
	g_auto(World) world = {0};
	gint64 began_us;

	(void)state;
	world_begin(&world, steps, G_N_ELEMENTS(steps), (KubeCacheOptions){0});
	world_start(&world);
	assert_true(kube_cache_wait_synced(world.cache, LONG_US));
	expect_requests(&world, 2);
	began_us = g_get_monotonic_time();
	kube_cache_stop(world.cache);
	assert_true(g_get_monotonic_time() - began_us < 5 * G_USEC_PER_SEC);
	assert_true(kube_cache_has(world.cache, "n", "a"));
	kube_cache_stop(world.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resumes_after_a_chunk_that_was_cut),
		cmocka_unit_test(lists_again_after_a_line_that_is_no_event),
		cmocka_unit_test(makes_up_for_what_it_missed_when_it_was_too_old),
		cmocka_unit_test(lists_without_pages_when_a_page_came_too_late),
		cmocka_unit_test(half_a_list_deletes_nothing),
		cmocka_unit_test(is_not_synced_before_the_first_list_is_whole),
		cmocka_unit_test(a_silent_watch_is_given_up),
		cmocka_unit_test(a_server_may_come_later),
		cmocka_unit_test(a_server_may_go_and_come_back),
		cmocka_unit_test(does_not_hammer_a_server_that_ends_watches_at_once),
		cmocka_unit_test(follows_bookmarks_and_deletions),
		cmocka_unit_test(holds_no_content_even_where_the_server_sends_it),
		cmocka_unit_test(keeps_objects_small_and_whole),
		cmocka_unit_test(an_index_finds_by_value_and_follows_changes),
		cmocka_unit_test(a_stop_is_prompt_and_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
