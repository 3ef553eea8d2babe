#include "kube/events.h"
#include "unit/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONG_US = 20 * 1000 * 1000 };

typedef struct {
	ScriptedServer *server;
	KubeClient *client;
	KubeRecorder *recorder;
	GMutex lock;
	GCond changed;
	GString *bodies; /* "METHOD body\n" */
	gboolean held;   /* requests wait */
	guint waiting;
	int status;    /* of answers; 0: 201 */
	guint failing; /* so many answers are 503 */
} World;

static void answer(ScriptedRequest *request, gpointer user_data)
{
	World *world = user_data;
	int status;

	g_mutex_lock(&world->lock);
	world->waiting++;
	g_cond_broadcast(&world->changed);
	while (world->held)
		g_cond_wait(&world->changed, &world->lock);
	world->waiting--;
	g_string_append_printf(world->bodies, "%s %s\n", request->method, request->body);
	status = world->status != 0 ? world->status : 201;
	if (world->failing > 0) {
		world->failing--;
		status = 503;
	}
	g_mutex_unlock(&world->lock);
	scripted_answer(request, status, "", "{}");
}

static void world_begin(World *world)
{
	g_autoptr(KubeConfig) config = NULL;

	*world = (World){.bodies = g_string_new(NULL)};
	g_mutex_init(&world->lock);
	g_cond_init(&world->changed);
	world->server = scripted_new(FALSE, answer, world);
	scripted_start(world->server);
	config = kube_config_unix_socket(world->server->socket_path);
	world->client = kube_client_new(config, NULL);
	world->recorder = kube_recorder_new(world->client, "device");
}

static void set_held(World *world, gboolean held)
{
	g_mutex_lock(&world->lock);
	world->held = held;
	g_cond_broadcast(&world->changed);
	g_mutex_unlock(&world->lock);
}

static void wait_for_request(World *world)
{
	gint64 until_us = g_get_monotonic_time() + LONG_US;

	g_mutex_lock(&world->lock);
	while (world->waiting == 0)
		assert_true(g_cond_wait_until(&world->changed, &world->lock, until_us));
	g_mutex_unlock(&world->lock);
}

static void world_end(World *world)
{
	kube_recorder_free(world->recorder);
	kube_client_free(world->client);
	scripted_free(world->server);
	g_mutex_clear(&world->lock);
	g_cond_clear(&world->changed);
	g_string_free(world->bodies, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_end)

static const KubeRef probe = {&kube_devices, "garden", "probe-1", "uid-1"};

static KubeEventCounters stop(World *world)
{
	KubeEventCounters counters;

	assert_true(kube_recorder_stop(world->recorder, LONG_US));
	kube_recorder_counters(world->recorder, &counters);
	return counters;
}

static void tells_an_event_with_all_that_a_server_wants(void **state)
{
	static const char *const parts[] = {
		"POST {\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{"
		"\"name\":\"probe-1.",
		"\"namespace\":\"garden\"",
		"\"reportingController\":\"espalier.dev/device\"",
		"\"reportingInstance\":\"",
		"\"action\":\"Reconcile\"",
		"\"reason\":\"ConfigBuilt\"",
		"\"type\":\"Normal\"",
		"\"note\":\"412 bytes\"",
		"\"regarding\":{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\","
		"\"name\":\"probe-1\",\"namespace\":\"garden\",\"uid\":\"uid-1\"}",
	};
	g_auto(World) world = {0};
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "ConfigBuilt", "%d bytes", 412);
	counters = stop(&world);
	assert_int_equal(counters.created, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		if (strstr(world.bodies->str, parts[i]) == NULL)
			fail_msg("%s is not in %s", parts[i], world.bodies->str);
	assert_null(strstr(world.bodies->str, "series"));
}

static void joins_what_is_told_again_into_a_series(void **state)
{
	g_auto(World) world = {0};
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	set_held(&world, TRUE);
	kube_event(world.recorder, KUBE_EVENT_WARNING, &probe, "BrokerUnreachable", "refused");
	wait_for_request(&world);
	for (guint i = 0; i < 9; i++)
		kube_event(world.recorder, KUBE_EVENT_WARNING, &probe, "BrokerUnreachable",
			   "refused");
	set_held(&world, FALSE);
	counters = stop(&world);
	assert_int_equal(counters.told, 10);
	assert_int_equal(counters.created, 1);
	assert_int_equal(counters.joined, 9);
	assert_int_equal(counters.patched, 1);
	assert_non_null(strstr(world.bodies->str, "PATCH {\"series\":{\"count\":10,"));
}

static void another_note_object_or_controller_is_another_event(void **state)
{
	g_auto(World) world = {0};
	KubeRef other = {&kube_devices, "garden", "probe-2", "uid-2"};
	g_autoptr(KubeRecorder) view = NULL;
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	view = kube_recorder_named(world.recorder, "devicecluster");
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "one");
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "two");
	kube_event(world.recorder, KUBE_EVENT_WARNING, &probe, "R", "one");
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &other, "R", "one");
	kube_event(view, KUBE_EVENT_NORMAL, &probe, "R", "one");
	counters = stop(&world);
	assert_int_equal(counters.created, 5);
	assert_int_equal(counters.joined, 0);
	assert_non_null(strstr(world.bodies->str, "espalier.dev/devicecluster"));
}

static void cuts_long_notes_and_names(void **state)
{
	g_auto(World) world = {0};
	g_autofree char *name = g_strnfill(253, 'n');
	KubeRef cluster_scoped = {&kube_namespaces, NULL, name, "uid-3"};
	GString *note = g_string_new(NULL);
	g_autoptr(json_t) event = NULL;
	const char *sent;

	(void)state;
	world_begin(&world);
	for (guint i = 0; i < KUBE_EVENT_NOTE_MAX_BYTES; i++)
		g_string_append(note, "é");
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &cluster_scoped, "R", "%s", note->str);
	stop(&world);
	event = json_loads(strchr(world.bodies->str, '{'), 0, NULL);
	sent = base_json_get_string(event, "note", NULL);
	assert_true(strlen(sent) <= KUBE_EVENT_NOTE_MAX_BYTES);
	assert_true(g_str_has_suffix(sent, "é…"));
	assert_int_equal(strlen(kube_object_name(event)), 252);
	assert_string_equal(kube_object_namespace(event), "default");
	assert_null(base_json_get(event, "regarding", "namespace", NULL));
	g_string_free(note, TRUE);
}

static void drops_and_counts_what_does_not_fit(void **state)
{
	g_auto(World) world = {0};
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	set_held(&world, TRUE);
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "first");
	wait_for_request(&world);
	for (guint i = 0; i < KUBE_EVENT_QUEUE_MAX + 100; i++)
		kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "%u", i);
	kube_recorder_counters(world.recorder, &counters);
	assert_int_equal(counters.dropped, 100);
	assert_int_equal(counters.waiting, KUBE_EVENT_QUEUE_MAX);
	set_held(&world, FALSE);
	counters = stop(&world);
	assert_int_equal(counters.created, KUBE_EVENT_QUEUE_MAX + 1);
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "too late");
	kube_recorder_counters(world.recorder, &counters);
	assert_int_equal(counters.dropped, 101);
}

static void tries_again_when_the_server_is_away(void **state)
{
	g_auto(World) world = {0};
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	world.failing = 2;
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "note");
	counters = stop(&world);
	assert_int_equal(counters.created, 1);
	assert_int_equal(counters.dropped, 0);
}

static void does_not_insist_where_it_is_refused(void **state)
{
	g_auto(World) world = {0};
	KubeEventCounters counters;

	(void)state;
	world_begin(&world);
	world.status = 403;
	kube_event(world.recorder, KUBE_EVENT_NORMAL, &probe, "R", "note");
	counters = stop(&world);
	assert_int_equal(counters.created, 0);
	assert_int_equal(counters.dropped, 1);
	assert_int_equal(scripted_count(world.server, "POST"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_an_event_with_all_that_a_server_wants),
		cmocka_unit_test(joins_what_is_told_again_into_a_series),
		cmocka_unit_test(another_note_object_or_controller_is_another_event),
		cmocka_unit_test(cuts_long_notes_and_names),
		cmocka_unit_test(drops_and_counts_what_does_not_fit),
		cmocka_unit_test(tries_again_when_the_server_is_away),
		cmocka_unit_test(does_not_insist_where_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
