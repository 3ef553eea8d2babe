/* What goes over a limit is refused, and others are served meanwhile. */
#include "apiserver_world.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LARGE_BODY_BYTES = 16 * 1024 * 1024,
	DEEP = 10000,
	IDLE_CONNECTIONS = 1000,
	FULL_LIMIT_BYTES = 2 * 1024 * 1024,
	VALUE_BYTES = 200 * 1000,
};

static void assert_others_are_served(World *world)
{
	world_do(world, 200, "GET", "/api/v1/namespaces/default", NULL);
	world_do(world, 200, "GET", WORLD_DEVICES, NULL);
}

static void refuses_a_body_of_16_mib(void **state)
{
	static const char *const chunked[] = {WORLD_JSON, "Transfer-Encoding: chunked", NULL};
	static const char *const plain[] = {WORLD_JSON, "Expect:", NULL};
	World *world = *state;
	g_autofree char *text = g_strnfill(LARGE_BODY_BYTES, ' ');
	g_autoptr(GBytes) body = g_bytes_new_static(text, LARGE_BODY_BYTES);
	g_auto(Answer) said = world_send(world, "POST", WORLD_DEVICES, body, plain);
	g_auto(Answer) unsaid = world_send(world, "POST", WORLD_DEVICES, body, chunked);

	assert_refusal(&said, 413, "RequestEntityTooLarge",
		       "Request entity too large: limit is 3145728");
	assert_int_equal(unsaid.status, 413);
	assert_others_are_served(world);
}

static void refuses_json_of_ten_thousand_levels(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		const char *type;
	} cases[] = {
		{"POST", WORLD_DEVICES, WORLD_JSON},
		{"PUT", WORLD_CONFIG_MAPS "/m", WORLD_JSON},
		{"PATCH", WORLD_CONFIG_MAPS "/m", "Content-Type: application/merge-patch+json"},
		{"PATCH", WORLD_CONFIG_MAPS "/m", "Content-Type: application/json-patch+json"},
		{"DELETE", WORLD_CONFIG_MAPS "/m", WORLD_JSON},
	};
	World *world = *state;
	GString *deep = g_string_new(NULL);

	for (guint i = 0; i < DEEP; i++)
		g_string_append(deep, "{\"a\":");
	g_string_append_c(deep, '1');
	for (guint i = 0; i < DEEP; i++)
		g_string_append_c(deep, '}');
	world_do(world, 201, "POST", WORLD_CONFIG_MAPS,
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"}}");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Answer) answer = world_ask_with(world, cases[i].method, cases[i].path,
						       deep->str, cases[i].type);
		const char *message = base_json_get_string(answer.json, "message", NULL);

		assert_int_equal(answer.status, 400);
		assert_true(g_str_has_prefix(message, "the body is not JSON that can be read: "));
	}
	g_string_free(deep, TRUE);
	assert_others_are_served(world);
}

static void refuses_bodies_that_are_no_object(void **state)
{
	static const char *const bodies[] = {"",        "{",         "[]",  "null",
					     "\"x\"",   "{\"a\":1}", "1 2", "{\"a\":1,\"a\":2}",
					     "\xff\xfe"};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_auto(Answer) answer = world_ask(world, "POST", WORLD_DEVICES, bodies[i]);

		assert_int_equal(answer.status, 400);
		assert_string_equal(base_json_get_string(answer.json, "kind", NULL), "Status");
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(g_strlcpy(address.sun_path, path, sizeof address.sun_path) <
		    sizeof address.sun_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void serves_others_beside_a_thousand_idle_connections(void **state)
{
	static const char half[] = "GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nX-Slow: ";
	World *world = *state;
	g_autofree int *fds = g_new0(int, IDLE_CONNECTIONS);

	for (guint i = 0; i < IDLE_CONNECTIONS; i++) {
		fds[i] = connect_to(world->socket);
		/* Half of them stop in the middle of a header. */
		if (i % 2 == 0)
			assert_int_equal(write(fds[i], half, sizeof half - 1), sizeof half - 1);
	}
	assert_others_are_served(world);
	world_do(world, 201, "POST", WORLD_CONFIG_MAPS,
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"}}");
	for (guint i = 0; i < IDLE_CONNECTIONS; i++)
		close(fds[i]);
	assert_others_are_served(world);
}

static Answer write_map(World *world, guint number)
{
	g_autofree char *value = g_strnfill(VALUE_BYTES, 'v');
	g_autofree char *body =
		g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
				"\"name\":\"m%u\"},\"data\":{\"k\":\"%s\"}}",
				number, value);

	return world_ask(world, "POST", WORLD_CONFIG_MAPS, body);
}

static void says_so_when_the_disk_is_full_and_goes_on_reading(void **state)
{
	World *world = *state;
	struct rlimit before;
	struct rlimit full;
	guint n_written = 0;
	guint status = 201;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = FULL_LIMIT_BYTES;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	while (status == 201 && n_written < 1000) {
		g_auto(Answer) answer = write_map(world, n_written);

		status = answer.status;
		if (status == 201)
			n_written++;
		else
			assert_non_null(
				strstr(base_json_get_string(answer.json, "message", NULL),
				       "no space left for the store; free some and try again"));
	}
	assert_int_equal(status, 507);
	assert_true(n_written > 0);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "/m0", NULL);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS, NULL);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	{
		g_auto(Answer) answer = write_map(world, n_written);

		assert_int_equal(answer.status, 201);
	}
}

static void refuses_a_secret_above_one_mib(void **state)
{
	World *world = *state;
	g_autofree char *value = g_strnfill(1024 * 1024 + 1, 'v');
	g_autofree char *body = g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"Secret\","
						"\"metadata\":{\"name\":\"s\"},\"stringData\":{"
						"\"k\":\"%s\"}}",
						value);
	g_auto(Answer) answer = world_ask(world, "POST", WORLD_SECRETS, body);

	assert_int_equal(answer.status, 422);
}

static void refuses_numbers_in_the_query_that_are_none(void **state)
{
	static const char *const queries[] = {"limit=-1",          "limit=x",
					      "timeoutSeconds=-1", "limit=99999999999999999999",
					      "resourceVersion=x", "resourceVersion=-3",
					      "includeObject=Some"};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(queries); i++) {
		g_autofree char *path = g_strconcat(WORLD_DEVICES "?", queries[i], NULL);
		g_autofree char *watch = g_strconcat(path, "&watch=true", NULL);

		world_do(world, 400, "GET", path, NULL);
		world_do(world, 400, "GET", watch, NULL);
	}
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(refuses_a_body_of_16_mib),
		API_TEST(refuses_json_of_ten_thousand_levels),
		API_TEST(refuses_bodies_that_are_no_object),
		API_TEST(serves_others_beside_a_thousand_idle_connections),
		API_TEST(says_so_when_the_disk_is_full_and_goes_on_reading),
		API_TEST(refuses_a_secret_above_one_mib),
		API_TEST(refuses_numbers_in_the_query_that_are_none),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
