/* The server when its watchers are slow, its workers are busy or it is stopped in the middle; and
 * its TLS listener. */
#include "apiserver_world.h"

#include "http/pki.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SLOW_VALUE_BYTES = 1000 * 1000,
	SLOW_WRITES = 45, /* their events are more than a watcher's queue takes */
	READ_TIMEOUT_MS = 20000,
	BUSY_CALLS = 1024 + 16 + 8, /* more than wait and run together */
	WRITERS = 8,
	WATCHERS = 20,
};

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

static void write_all(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads until the peer closes; FALSE if it does not. */
static gboolean reads_to_the_end(int fd)
{
	char buffer[65536];

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&wait, 1, READ_TIMEOUT_MS) <= 0)
			return FALSE;
		got = read(fd, buffer, sizeof buffer);
		if (got <= 0)
			return TRUE;
	}
}

static void cuts_off_a_watcher_that_does_not_read(void **state)
{
	World *world = *state;
	g_autofree char *value = g_strnfill(SLOW_VALUE_BYTES, 'v');
	int slow = connect_to(world->socket);
	Watching *quick = watching_new(
		world, WORLD_CONFIG_MAPS "?watch=true",
		"Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

	write_all(slow, "GET " WORLD_CONFIG_MAPS "?watch=true HTTP/1.1\r\nHost: x\r\n\r\n");
	for (guint i = 0; i < SLOW_WRITES; i++) {
		g_autofree char *body = g_strdup_printf(
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
			"\"m%u\"},\"data\":{\"k\":\"%s\"}}",
			i, value);

		world_do(world, 201, "POST", WORLD_CONFIG_MAPS, body);
	}
	assert_event(quick, SLOW_WRITES - 1, "ADDED", "m44");
	watching_free(quick);
	assert_true(reads_to_the_end(slow));
	close(slow);
}

/* Holds the store's file, so that no commit gets through. */
static sqlite3 *hold_writes(World *world)
{
	sqlite3 *handle = NULL;

	assert_int_equal(sqlite3_open(world->database, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return handle;
}

static gboolean one_is_answered(const int *fds)
{
	g_autofree struct pollfd *waits = g_new0(struct pollfd, BUSY_CALLS);

	for (guint i = 0; i < BUSY_CALLS; i++)
		waits[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	return poll(waits, BUSY_CALLS, READ_TIMEOUT_MS) > 0;
}

static void refuses_more_calls_than_may_wait_and_answers_all_others(void **state)
{
	World *world = *state;
	g_autofree int *fds = g_new0(int, BUSY_CALLS);
	sqlite3 *holder = hold_writes(world);
	guint n_created = 0;
	guint n_refused = 0;

	for (guint i = 0; i < BUSY_CALLS; i++) {
		g_autofree char *body =
			g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
					"\"metadata\":{\"name\":\"m%u\"}}",
					i);
		g_autofree char *request = g_strdup_printf(
			"POST " WORLD_CONFIG_MAPS " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			strlen(body), body);

		fds[i] = connect_to(world->socket);
		write_all(fds[i], request);
	}
	/* What is answered while nothing can be written are the refusals. */
	assert_true(one_is_answered(fds));
	/* What needs no worker is answered as ever. */
	world_do(world, 200, "GET", "/api/v1/namespaces/default", NULL);
	sqlite3_close(holder);
	for (guint i = 0; i < BUSY_CALLS; i++) {
		char line[64] = {0};
		struct pollfd wait = {.fd = fds[i], .events = POLLIN};

		assert_int_equal(poll(&wait, 1, READ_TIMEOUT_MS), 1);
		assert_true(read(fds[i], line, sizeof line - 1) > 12);
		n_created += g_str_has_prefix(line, "HTTP/1.1 201") ? 1 : 0;
		n_refused += g_str_has_prefix(line, "HTTP/1.1 429") ? 1 : 0;
		close(fds[i]);
	}
	assert_int_equal(n_created + n_refused, BUSY_CALLS);
	assert_true(n_created >= 1024);
	assert_true(n_refused > 0);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS "?limit=1", NULL);
}

typedef struct {
	World *world;
	guint number;
	gint *stop;
} Writer;

static gpointer write_until_stopped(gpointer data)
{
	Writer *writer = data;
	HttpClientOptions options = {.base_url = "http://localhost",
				     .unix_socket = writer->world->socket};
	g_autoptr(HttpClient) client = http_client_new(&options, NULL);
	const char *headers[] = {WORLD_JSON, NULL};

	for (guint i = 0; !g_atomic_int_get(writer->stop); i++) {
		g_autofree char *body =
			g_strdup_printf("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
					"\"metadata\":{\"name\":\"w%u.%u\"}}",
					writer->number, i);
		g_autoptr(GBytes) bytes = g_bytes_new(body, strlen(body));
		HttpRequest request = {.method = "POST",
				       .path = WORLD_CONFIG_MAPS,
				       .headers = headers,
				       .body = bytes};
		g_autoptr(HttpResponse) response = http_client_send(client, &request, NULL);

		if (response == NULL)
			break;
	}
	return NULL;
}

static void stops_in_the_middle_of_writes_and_watches(void **state)
{
	World *world = *state;
	Writer writers[WRITERS];
	GThread *threads[WRITERS];
	int watchers[WATCHERS];
	gint stop = 0;

	for (guint i = 0; i < WATCHERS; i++) {
		watchers[i] = connect_to(world->socket);
		write_all(watchers[i],
			  "GET " WORLD_CONFIG_MAPS "?watch=true HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (guint i = 0; i < WRITERS; i++) {
		writers[i] = (Writer){world, i, &stop};
		threads[i] = g_thread_new("writer", write_until_stopped, &writers[i]);
	}
	while (store_revision(world->store) < 200)
		g_usleep(500);
	world_stop(world);
	g_atomic_int_set(&stop, 1);
	for (guint i = 0; i < WRITERS; i++)
		g_thread_join(threads[i]);
	for (guint i = 0; i < WATCHERS; i++) {
		assert_true(reads_to_the_end(watchers[i]));
		close(watchers[i]);
	}
	world_start(world);
	world_do(world, 200, "GET", WORLD_CONFIG_MAPS, NULL);
}

static guint ask_over_tls(guint16 port, const char *ca_pem, const char *token)
{
	g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u", port);
	HttpClientOptions options = {.base_url = url, .ca_pem = ca_pem, .bearer_token = token};
	g_autoptr(HttpClient) client = http_client_new(&options, NULL);
	HttpRequest request = {.path = WORLD_SECRETS};
	g_autoptr(GError) error = NULL;
	g_autoptr(HttpResponse) response = http_client_send(client, &request, &error);

	if (response == NULL)
		print_message("%s\n", error->message);
	return response != NULL ? response->status : 0;
}

static void serves_tls_to_those_who_have_a_token(void **state)
{
	static const char *const names[] = {"127.0.0.1", NULL};
	World *world = *state;
	g_autoptr(GError) error = NULL;
	g_autoptr(HttpPki) pki = http_pki_open(world->folder, &error);
	g_autofree char *certificate = NULL;
	g_autofree char *key = NULL;
	ApiServerOptions options = {.listen_address = "127.0.0.1", .threads = 2};
	guint16 port;

	assert_null(error);
	assert_true(http_pki_issue(pki, names, &certificate, &key, &error));
	g_clear_pointer(&world->server, api_server_free);
	options.store = world->store;
	options.certificate_pem = certificate;
	options.key_pem = key;
	options.tokens[API_PERSONA_ADMINISTRATOR] = "the-token";
	options.tokens[API_PERSONA_VIEWER] = "a-viewer";
	world->server = api_server_new(&options, &error);
	assert_null(error);
	port = api_server_port(world->server);
	assert_int_equal(ask_over_tls(port, http_pki_ca_pem(pki), "the-token"), 200);
	assert_int_equal(ask_over_tls(port, http_pki_ca_pem(pki), "a-viewer"), 403);
	assert_int_equal(ask_over_tls(port, http_pki_ca_pem(pki), "another"), 401);
	assert_int_equal(ask_over_tls(port, http_pki_ca_pem(pki), NULL), 401);
	assert_true(api_server_set_certificate(world->server, certificate, key, NULL));
	assert_int_equal(ask_over_tls(port, http_pki_ca_pem(pki), "the-token"), 200);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(cuts_off_a_watcher_that_does_not_read),
		API_TEST(refuses_more_calls_than_may_wait_and_answers_all_others),
		API_TEST(stops_in_the_middle_of_writes_and_watches),
		API_TEST(serves_tls_to_those_who_have_a_token),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
