#include "kube/client.h"

#include "base/file.h"
#include "unit/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What the server answers, in turn; the last again and again. */
typedef struct {
	int status;
	const char *headers;
	const char *body;
} Answer;

typedef struct {
	const Answer *answers;
	guint n_answers;
	guint at;
	GString *heads; /* of all requests */
	GString *bodies;
	const char *expected_token; /* 401 for any other, if not NULL */
} Script;

static void answer(ScriptedRequest *request, gpointer user_data)
{
	Script *script = user_data;
	const Answer *next = &script->answers[MIN(script->at, script->n_answers - 1)];

	g_string_append(script->heads, request->head);
	g_string_append(script->bodies, request->body);
	if (script->expected_token != NULL &&
	    strstr(request->head, script->expected_token) == NULL) {
		scripted_answer(request, 401, "",
				"{\"kind\":\"Status\",\"code\":401,\"message\":"
				"\"Unauthorized\"}");
		return;
	}
	script->at++;
	scripted_answer(request, next->status, next->headers, next->body);
}

/* A server that answers so, and a client of it. */
typedef struct {
	Script script;
	ScriptedServer *server;
	KubeClient *client;
} World;

static void world_begin(World *world, const Answer *answers, guint n_answers)
{
	g_autoptr(KubeConfig) config = NULL;

	*world = (World){.script = {.answers = answers,
				    .n_answers = n_answers,
				    .heads = g_string_new(NULL),
				    .bodies = g_string_new(NULL)}};
	world->server = scripted_new(FALSE, answer, &world->script);
	scripted_start(world->server);
	config = kube_config_unix_socket(world->server->socket_path);
	world->client = kube_client_new(config, NULL);
}

static void world_end(World *world)
{
	kube_client_free(world->client);
	scripted_free(world->server);
	g_string_free(world->script.heads, TRUE);
	g_string_free(world->script.bodies, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_end)

#define BUSY                                                                                       \
	{                                                                                          \
		429, "Retry-After: 0\r\n",                                                         \
			"{\"kind\":\"Status\",\"code\":429,\"reason\":\"TooManyRequests\","        \
			"\"message\":\"later\"}"                                                   \
	}

static void waits_as_the_server_asks_and_tries_again(void **state)
{
	static const Answer answers[] = {BUSY,
					 {503, "Retry-After: 0\r\n", "away"},
					 BUSY,
					 {200, "", "{\"kind\":\"Device\"}"}};
	g_auto(World) world = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = NULL;
	KubeClientCounters counters;

	(void)state;
	world_begin(&world, answers, G_N_ELEMENTS(answers));
	object = kube_get(world.client, &kube_devices, "default", "a", &error);
	assert_non_null(object);
	kube_client_counters(world.client, &counters);
	assert_int_equal(counters.requests, 4);
	assert_int_equal(counters.retries, 3);
	assert_int_equal(counters.writes, 0);
}

static void gives_up_after_the_last_try(void **state)
{
	static const Answer answers[] = {BUSY};
	g_auto(World) world = {0};
	g_autoptr(GError) error = NULL;
	KubeClientCounters counters;

	(void)state;
	world_begin(&world, answers, 1);
	assert_null(kube_get(world.client, &kube_devices, "default", "a", &error));
	assert_true(g_error_matches(error, KUBE_ERROR, KUBE_ERROR_TOO_MANY));
	assert_string_equal(error->message, "later");
	kube_client_counters(world.client, &counters);
	assert_int_equal(counters.requests, 1 + KUBE_CLIENT_MAX_RETRIES);
}

static void sends_nothing_twice_unasked(void **state)
{
	static const Answer answers[] = {{500, "", "boom"}};
	g_auto(World) world = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = json_object();

	(void)state;
	world_begin(&world, answers, 1);
	assert_null(kube_create(world.client, &kube_devices, "default", object, NULL, &error));
	assert_true(g_error_matches(error, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE));
	assert_non_null(strstr(error->message, "/namespaces/default/devices: the server answered "
					       "500: boom"));
	assert_int_equal(scripted_count(world.server, "POST"), 1);
}

static gpointer cancel_soon(gpointer user_data)
{
	World *world = user_data;

	while (scripted_count(world->server, "GET") == 0)
		g_usleep(1000);
	kube_client_cancel(world->client);
	return NULL;
}

static void a_wait_ends_when_the_client_is_cancelled(void **state)
{
	static const Answer answers[] = {{429, "Retry-After: 3600\r\n", ""}};
	g_auto(World) world = {0};
	g_autoptr(GError) error = NULL;
	gint64 began_us = g_get_monotonic_time();
	GThread *thread;

	(void)state;
	world_begin(&world, answers, 1);
	thread = g_thread_new("cancel", cancel_soon, &world);
	assert_null(kube_get(world.client, &kube_devices, "default", "a", &error));
	g_thread_join(thread);
	/* Far less than KUBE_CLIENT_MAX_RETRY_WAIT_S, which is what it would have waited. */
	assert_true(g_get_monotonic_time() - began_us < 8 * G_USEC_PER_SEC);
	g_clear_error(&error);
	assert_null(kube_get(world.client, &kube_devices, "default", "a", &error));
	assert_true(g_error_matches(error, KUBE_ERROR, KUBE_ERROR_CANCELLED));
}

static void maps_answers_to_codes(void **state)
{
	static const struct {
		Answer answer;
		KubeError code;
		const char *message;
	} table[] = {
		{{404, "",
		  "{\"kind\":\"Status\",\"code\":404,\"reason\":\"NotFound\",\"message\":"
		  "\"gone\"}"},
		 KUBE_ERROR_NOT_FOUND,
		 "gone"},
		{{404, "", "<html>nothing here</html>"},
		 KUBE_ERROR_NOT_FOUND,
		 "answered 404: <html>nothing here</html>"},
		{{409, "", "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"m\"}"},
		 KUBE_ERROR_CONFLICT,
		 "m"},
		{{409, "", "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"message\":\"m\"}"},
		 KUBE_ERROR_ALREADY_EXISTS,
		 "m"},
		{{403, "", "{\"kind\":\"Status\"}"}, KUBE_ERROR_FORBIDDEN, "answered 403"},
		{{410, "", "{\"kind\":\"Status\"}"}, KUBE_ERROR_GONE, "answered 410"},
		{{413, "", ""}, KUBE_ERROR_TOO_LARGE, "answered 413"},
		{{415, "", ""}, KUBE_ERROR_UNSUPPORTED, "answered 415"},
		{{418, "", ""}, KUBE_ERROR_OTHER, "answered 418"},
		{{504, "", ""}, KUBE_ERROR_UNAVAILABLE, "answered 504"},
		{{200, "", "hello"}, KUBE_ERROR_PROTOCOL, "is this a Kubernetes API server?"},
		{{200, "", "[]"}, KUBE_ERROR_PROTOCOL, "the answer is not a JSON object"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_auto(World) world = {0};
		g_autoptr(GError) error = NULL;

		world_begin(&world, &table[i].answer, 1);
		assert_null(kube_get(world.client, &kube_devices, "default", "a", &error));
		if (error->code != (int)table[i].code ||
		    strstr(error->message, table[i].message) == NULL)
			fail_msg("%u: code %d, '%s'", (guint)i, error->code, error->message);
	}
}

static void keeps_causes_in_copies_of_the_error(void **state)
{
	static const Answer answers[] = {
		{422, "",
		 "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"m\",\"details\":{"
		 "\"causes\":[{\"reason\":\"FieldValueRequired\",\"message\":\"Required value\","
		 "\"field\":\"spec\"},{}]}}"}};
	g_auto(World) world = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) copy = NULL;
	const KubeErrorCause *cause;

	(void)state;
	world_begin(&world, answers, 1);
	assert_null(kube_get(world.client, &kube_devices, "default", "a", &error));
	copy = g_error_copy(error);
	g_clear_error(&error);
	assert_int_equal(kube_error_causes(copy)->len, 2);
	cause = kube_error_causes(copy)->pdata[0];
	assert_string_equal(cause->field, "spec");
	assert_string_equal(cause->message, "Required value");
	assert_string_equal(kube_error_reason(copy), "Invalid");
	assert_int_equal(kube_error_status_code(copy), 422);
}

static void joins_pages_and_escapes_selectors(void **state)
{
	static const Answer answers[] = {
		{200, "",
		 "{\"metadata\":{\"continue\":\"a+b/"
		 "c=\",\"resourceVersion\":\"7\"},\"items\":[1,2]}"},
		{200, "", "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[3]}"}};
	g_auto(World) world = {0};
	KubeListOptions options = {.label_selector = "a in (b,c),!d"};
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) list = NULL;

	(void)state;
	world_begin(&world, answers, G_N_ELEMENTS(answers));
	list = kube_list(world.client, &kube_secrets, NULL, &options, &error);
	assert_non_null(list);
	assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
	assert_non_null(
		strstr(world.script.heads->str,
		       "GET /api/v1/secrets?limit=500&labelSelector=a%20in%20%28b%2Cc%29%2C%21d "));
	assert_non_null(strstr(world.script.heads->str, "&continue=a%2Bb%2Fc%3D&"));
}

static void reads_warnings(void **state)
{
	static const Answer answers[] = {
		{201, "Warning: 299 - \"unknown field \\\"spec.x\\\"\"\r\nWarning: odd\r\n", "{}"}};
	g_auto(World) world = {0};
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	KubeWriteOptions options = {.warnings = warnings, .dry_run = TRUE};
	g_autoptr(json_t) object = json_object();
	g_autoptr(json_t) made = NULL;

	(void)state;
	world_begin(&world, answers, 1);
	made = kube_create(world.client, &kube_devices, "default", object, &options, NULL);
	assert_non_null(made);
	assert_int_equal(warnings->len, 2);
	assert_string_equal(warnings->pdata[0], "unknown field \"spec.x\"");
	assert_non_null(strstr(world.script.heads->str, "?fieldManager=espalier&dryRun=All"));
}

static void a_deletion_says_its_preconditions(void **state)
{
	static const Answer answers[] = {{200, "", "{\"kind\":\"Status\"}"}};
	g_auto(World) world = {0};
	KubeDeleteOptions options = {.uid = "u-1"};

	(void)state;
	world_begin(&world, answers, 1);
	assert_true(kube_delete(world.client, &kube_devices, "n", "a", &options, NULL));
	assert_non_null(strstr(world.script.bodies->str, "\"preconditions\":{\"uid\":\"u-1\"}"));
	assert_non_null(strstr(world.script.bodies->str, "\"propagationPolicy\":\"Background\""));
}

static void reads_the_token_again_when_it_is_refused(void **state)
{
	static const Answer answers[] = {{200, "", "{}"}};
	g_auto(World) world = {0};
	g_autoptr(KubeConfig) config = NULL;
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(json_t) object = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	world_begin(&world, answers, 1);
	config = kube_config_unix_socket(world.server->socket_path);
	config->token_file = g_build_filename(world.server->folder, "token", NULL);
	assert_true(base_file_write(config->token_file, "old\n", 4, 0600, NULL));
	world.script.expected_token = "Authorization: Bearer old\r\n";
	client = kube_client_new(config, NULL);
	object = kube_get(client, &kube_devices, "n", "a", &error);
	assert_non_null(object);
	json_decref(g_steal_pointer(&object));
	assert_true(base_file_write(config->token_file, "new\n", 4, 0600, NULL));
	world.script.expected_token = "Authorization: Bearer new\r\n";
	object = kube_get(client, &kube_devices, "n", "a", &error);
	assert_non_null(object);
	unlink(config->token_file);
}

static void a_token_is_not_sent_in_the_clear(void **state)
{
	static const Answer answers[] = {{200, "", "{}"}};
	Script script = {.answers = answers,
			 .n_answers = 1,
			 .heads = g_string_new(NULL),
			 .bodies = g_string_new(NULL)};
	g_autoptr(ScriptedServer) server = scripted_new(TRUE, answer, &script);
	g_autoptr(KubeConfig) config = g_new0(KubeConfig, 1);
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(json_t) object = NULL;

	(void)state;
	scripted_start(server);
	config->server = g_strdup_printf("http://127.0.0.1:%u/", server->port);
	config->token = g_strdup("canary");
	g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
	client = kube_client_new(config, NULL);
	object = kube_get(client, &kube_devices, "n", "a", NULL);
	g_unsetenv("http_proxy");
	assert_non_null(object);
	assert_null(strstr(script.heads->str, "canary"));
	assert_non_null(strstr(script.heads->str, "GET /apis/espalier.dev/"));
	g_string_free(script.heads, TRUE);
	g_string_free(script.bodies, TRUE);
}

static void names_the_server_that_is_not_there(void **state)
{
	g_autoptr(KubeConfig) config = kube_config_unix_socket("/no/such/socket");
	g_autoptr(KubeClient) client = kube_client_new(config, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(kube_get(client, &kube_devices, "n", "a", &error));
	assert_true(g_error_matches(error, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE));
	assert_true(kube_error_is_transient(error));
	assert_non_null(strstr(error->message, "GET /no/such/socket/apis/espalier.dev/"));
	assert_non_null(strstr(error->message, "is the API server running there?"));
}

static void makes_paths(void **state)
{
	static const struct {
		const KubeResource *resource;
		const char *name_space, *name, *subresource, *path;
	} table[] = {
		{&kube_secrets, NULL, NULL, NULL, "/api/v1/secrets"},
		{&kube_secrets, "a b", "c/d", NULL, "/api/v1/namespaces/a%20b/secrets/c%2Fd"},
		{&kube_namespaces, "ignored", "x", NULL, "/api/v1/namespaces/x"},
		{&kube_devices, "n", "d", "status",
		 "/apis/espalier.dev/v1alpha1/namespaces/n/devices/d/status"},
		{&kube_events, "n", NULL, NULL, "/apis/events.k8s.io/v1/namespaces/n/events"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *path = kube_resource_path(table[i].resource, table[i].name_space,
							   table[i].name, table[i].subresource);

		assert_string_equal(path, table[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_as_the_server_asks_and_tries_again),
		cmocka_unit_test(gives_up_after_the_last_try),
		cmocka_unit_test(sends_nothing_twice_unasked),
		cmocka_unit_test(a_wait_ends_when_the_client_is_cancelled),
		cmocka_unit_test(maps_answers_to_codes),
		cmocka_unit_test(keeps_causes_in_copies_of_the_error),
		cmocka_unit_test(joins_pages_and_escapes_selectors),
		cmocka_unit_test(reads_warnings),
		cmocka_unit_test(a_deletion_says_its_preconditions),
		cmocka_unit_test(reads_the_token_again_when_it_is_refused),
		cmocka_unit_test(a_token_is_not_sent_in_the_clear),
		cmocka_unit_test(names_the_server_that_is_not_there),
		cmocka_unit_test(makes_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
