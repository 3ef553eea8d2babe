#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/file.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The handler of these tests answers by path. */
typedef struct {
	GMutex lock;
	GCond changed;
	HttpStream *stream;
	guint n_closed;
	HttpExchange *deferred;
	int body_fd;
	char *file;
} World;

static void on_closed(HttpStream *stream, gpointer user_data)
{
	World *world = user_data;

	(void)stream;
	g_mutex_lock(&world->lock);
	world->n_closed++;
	g_cond_broadcast(&world->changed);
	g_mutex_unlock(&world->lock);
}

static void publish(World *world, gpointer *slot, gpointer value)
{
	g_mutex_lock(&world->lock);
	while (value != NULL && *slot != NULL)
		g_cond_wait(&world->changed, &world->lock);
	*slot = value;
	g_cond_broadcast(&world->changed);
	g_mutex_unlock(&world->lock);
}

static void begin(HttpExchange *x, gpointer user_data)
{
	World *world = user_data;

	if (strcmp(http_exchange_path(x), "/upload") == 0)
		http_exchange_body_to_fd(x, world->body_fd, 20 * 1024 * 1024);
	if (strcmp(http_exchange_path(x), "/forbidden") == 0)
		http_reply_text(x, 403, "text/plain", "no\n");
}

static void echo(HttpExchange *x)
{
	const char *q = http_exchange_query(x, "q");
	g_autofree char *text = g_strdup_printf(
		"%s %s q=%s unix=%d body=%zu/%" G_GUINT64_FORMAT "\n", http_exchange_method(x),
		http_exchange_path(x), q != NULL ? q : "-", http_exchange_is_unix(x),
		g_bytes_get_size(http_exchange_body(x)), http_exchange_body_size(x));

	http_reply_header(x, "X-Test", "yes");
	http_reply_text(x, 200, "text/plain", text);
}

static void handle(HttpExchange *x, gpointer user_data)
{
	World *world = user_data;
	const char *path = http_exchange_path(x);

	if (strcmp(path, "/stream") == 0) {
		HttpStream *stream = http_reply_stream(x, 200, "application/json");

		http_stream_on_closed(stream, on_closed, world);
		publish(world, (gpointer *)&world->stream, stream);
	} else if (strcmp(path, "/defer") == 0) {
		http_exchange_defer(x);
		publish(world, (gpointer *)&world->deferred, x);
	} else if (strcmp(path, "/file") == 0) {
		http_reply_file(x, open(world->file, O_RDONLY | O_CLOEXEC),
				"application/octet-stream", "\"v1\"");
	} else if (strcmp(path, "/forgotten") != 0) {
		echo(x);
	}
}

static gpointer wait_for(World *world, gpointer *slot)
{
	gpointer value;

	g_mutex_lock(&world->lock);
	while (*slot == NULL)
		g_cond_wait(&world->changed, &world->lock);
	value = *slot;
	g_mutex_unlock(&world->lock);
	return value;
}

static void wait_for_closed(World *world, guint n)
{
	g_mutex_lock(&world->lock);
	while (world->n_closed < n)
		g_cond_wait(&world->changed, &world->lock);
	g_mutex_unlock(&world->lock);
}

static HttpServer *serve(World *world, HttpServerOptions options)
{
	g_autoptr(GError) error = NULL;
	HttpServer *server;

	memset(world, 0, sizeof *world);
	options.begin = begin;
	options.handle = handle;
	options.user_data = world;
	server = http_server_new(&options, &error);
	if (server == NULL)
		fail_msg("%s", error->message);
	return server;
}

static int dial(HttpServer *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(http_server_port(server)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads until the peer closes or `until` has been seen (NULL: to the end). Yours. */
static char *get(int fd, const char *until)
{
	GString *all = g_string_new(NULL);
	char buffer[4096];
	ssize_t got;

	while ((until == NULL || strstr(all->str, until) == NULL) &&
	       (got = read(fd, buffer, sizeof buffer)) > 0)
		g_string_append_len(all, buffer, got);
	return g_string_free(all, FALSE);
}

static char *ask(HttpServer *server, const char *request)
{
	g_auto(BaseFd) fd = dial(server);

	put(fd, request);
	return get(fd, NULL);
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in:\n%s", part, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' in:\n%s", part, text);
}

static void answers_requests(void **state)
{
	static const struct {
		const char *request, *expected;
	} rows[] = {
		{"GET /a/b?q=x%20y&r HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		 "GET /a/b q=x y unix=0 body=0/0\n"},
		{"GET /a%2Fb%00c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		 "GET /a/b%00c q=-"},
		{"GET /?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "q= unix"},
		{"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: "
		 "close\r\n\r\nhello",
		 "POST /p q=- unix=0 body=5/5\n"},
		{"PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: "
		 "close\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
		 "PUT /p q=- unix=0 body=7/7\n"},
		{"POST /forbidden HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: "
		 "close\r\n\r\nhello",
		 "HTTP/1.1 403"},
		{"GET /forgotten HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "HTTP/1.1 500"},
		{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "X-Test: yes\r\n"},
	};
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *answer = ask(server, rows[i].request);

		has(answer, rows[i].expected);
	}
}

static void keeps_a_connection_for_several_requests(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	g_auto(BaseFd) fd = dial(server);

	(void)state;
	for (int i = 0; i < 3; i++) {
		g_autofree char *answer = NULL;

		put(fd, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n");
		answer = get(fd, "body=0/0\n");
		has(answer, "GET /again");
	}
	assert_int_equal(http_server_n_connections(server), 1);
}

static void answers_413_for_a_body_over_the_limit(void **state)
{
	static const char *const headers[] = {"Content-Length: 2000\r\n",
					      "Transfer-Encoding: chunked\r\n",
					      "Content-Length: 2000\r\nExpect: 100-continue\r\n"};
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){.max_body_bytes = 1999});

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(headers); i++) {
		g_auto(BaseFd) fd = dial(server);
		g_autofree char *head = g_strdup_printf(
			"POST /p HTTP/1.1\r\nHost: h\r\n%sConnection: close\r\n\r\n", headers[i]);
		g_autofree char *body = g_strnfill(2000, 'x');
		g_autofree char *answer = NULL;

		put(fd, head);
		if (i == 1)
			put(fd, "7d0\r\n");
		if (i != 2)
			put(fd, body);
		if (i == 1)
			put(fd, "\r\n0\r\n\r\n");
		answer = get(fd, NULL);
		has(answer, "HTTP/1.1 413");
		has(answer, "the body is too large");
		has_not(answer, "100 Continue");
	}
}

static void answers_an_error_for_a_header_over_the_limit(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	g_autofree char *long_value = g_strnfill(100 * 1024, 'x');
	g_auto(BaseFd) fd = dial(server);
	g_autofree char *answer = NULL;

	(void)state;
	put(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ");
	if (write(fd, long_value, strlen(long_value)) < 0)
		assert_int_equal(errno, EPIPE);
	answer = get(fd, NULL);
	has_not(answer, "HTTP/1.1 200");
	g_free(answer);
	answer = ask(server, "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	has(answer, "GET /ok");
}

/* A byte now and then keeps libmicrohttpd's own idle timer from ever ending. */
static void closes_a_header_that_trickles(void **state)
{
	static const char header[] =
		"GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	World world;
	g_autoptr(HttpServer) server =
		serve(&world, (HttpServerOptions){.request_timeout_s = 1, .idle_timeout_s = 60});
	g_auto(BaseFd) fd = dial(server);
	gboolean closed = FALSE;

	(void)state;
	for (gsize i = 0; i < sizeof header - 1 && !closed; i++) {
		struct pollfd look = {.fd = fd, .events = POLLIN | POLLRDHUP};

		if (write(fd, header + i, 1) != 1)
			closed = TRUE;
		closed = closed || poll(&look, 1, 50) == 1;
	}
	assert_true(closed);
}

static void closes_a_body_that_trickles(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(
		&world, (HttpServerOptions){.request_timeout_s = 1, .minimum_bytes_per_s = 1024});
	g_auto(BaseFd) fd = dial(server);
	gboolean closed = FALSE;

	(void)state;
	put(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
	for (gsize i = 0; i < 200 && !closed; i++) {
		struct pollfd look = {.fd = fd, .events = POLLIN | POLLRDHUP};

		closed = write(fd, "x", 1) != 1 || poll(&look, 1, 50) == 1;
	}
	assert_true(closed);
}

static void closes_an_idle_connection(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){.idle_timeout_s = 1});
	g_auto(BaseFd) fd = dial(server);
	g_autofree char *answer = NULL;

	(void)state;
	put(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	answer = get(fd, NULL); /* ends only when the server closes */
	has(answer, "GET /x");
}

static void serves_others_beside_a_thousand_idle_connections(void **state)
{
	enum { N = 1000 };
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	int fds[N];
	g_autofree char *answer = NULL;

	(void)state;
	for (int i = 0; i < N; i++)
		fds[i] = dial(server);
	answer = ask(server, "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	has(answer, "GET /ok");
	for (int i = 0; i < N; i++)
		close(fds[i]);
}

static void makes_room_for_a_new_connection_by_closing_an_idle_one(void **state)
{
	enum { LIMIT = 8 };
	static const char request[] = "GET /still HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	static const HttpServerOptions tables[] = {
		{.max_connections = LIMIT},
		{.max_connections_per_address = LIMIT},
	};

	(void)state;
	for (gsize row = 0; row < G_N_ELEMENTS(tables); row++) {
		World world;
		g_autoptr(HttpServer) server = serve(&world, tables[row]);
		int fds[LIMIT];
		g_autofree char *answer = NULL;
		int n_served = 0;

		for (int i = 0; i < LIMIT; i++) {
			g_autofree char *first = NULL;

			fds[i] = dial(server);
			put(fds[i], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
			first = get(fds[i], "body=0/0\n");
		}
		answer = ask(server, "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
		has(answer, "GET /ok");
		for (int i = 0; i < LIMIT; i++) {
			g_autofree char *still = NULL;

			if (write(fds[i], request, sizeof request - 1) < 0)
				assert_int_equal(errno, EPIPE);
			still = get(fds[i], NULL);
			n_served += strstr(still, "GET /still") != NULL;
		}
		assert_int_equal(n_served, LIMIT - 1);
		for (int i = 0; i < LIMIT; i++)
			close(fds[i]);
	}
}

/* Opens a stream on `fd`; the server's end of it. */
static HttpStream *open_stream(World *world, int fd)
{
	HttpStream *stream;

	world->stream = NULL;
	put(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	stream = wait_for(world, (gpointer *)&world->stream);
	publish(world, (gpointer *)&world->stream, NULL);
	return stream;
}

static gboolean push(HttpStream *stream, const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	return http_stream_push(stream, bytes);
}

static void refuses_a_connection_when_all_others_are_busy(void **state)
{
	enum { LIMIT = 3 };
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){.max_connections = LIMIT});
	HttpStream *streams[LIMIT];
	int fds[LIMIT];
	g_auto(BaseFd) extra = -1;
	char byte;

	(void)state;
	for (int i = 0; i < LIMIT; i++) {
		fds[i] = dial(server);
		streams[i] = open_stream(&world, fds[i]);
	}
	extra = dial(server);
	assert_true(read(extra, &byte, 1) <= 0);
	for (int i = 0; i < LIMIT; i++) {
		assert_true(push(streams[i], "alive\n"));
		http_stream_end(streams[i]);
		close(fds[i]);
	}
}

static void streams_what_is_pushed_in_order(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	g_auto(BaseFd) fd = dial(server);
	HttpStream *stream = open_stream(&world, fd);
	g_autofree char *head = get(fd, "\r\n\r\n");
	g_autofree char *one = NULL;
	g_autofree char *rest = NULL;

	(void)state;
	has(head, "Transfer-Encoding: chunked");
	has(head, "Content-Type: application/json");
	assert_true(push(stream, "one\n"));
	one = get(fd, "one\n");
	assert_true(push(stream, "two\n"));
	assert_true(push(stream, ""));
	assert_true(push(stream, "three\n"));
	http_stream_end(stream);
	rest = get(fd, "0\r\n\r\n");
	has(rest, "two\n");
	has(rest, "three\n");
	assert_int_equal(world.n_closed, 0);
}

static void tells_a_stream_that_its_peer_hung_up(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	int fd = dial(server);
	HttpStream *stream = open_stream(&world, fd);
	G_GNUC_UNUSED g_autofree char *head = get(fd, "\r\n\r\n");

	(void)state;
	close(fd);
	wait_for_closed(&world, 1);
	assert_false(push(stream, "lost\n"));
	http_stream_end(stream);
}

static void cuts_a_stream_whose_peer_does_not_read(void **state)
{
	World world;
	g_autoptr(HttpServer) server =
		serve(&world, (HttpServerOptions){.stream_queue_bytes = 64 * 1024});
	g_auto(BaseFd) fd = dial(server);
	HttpStream *stream = open_stream(&world, fd);
	g_autofree char *text = g_strnfill(8 * 1024, 'x');
	int pushes = 0;

	(void)state;
	while (push(stream, text) && pushes < 1000000)
		pushes++;
	assert_in_range(pushes, 8, 999999);
	wait_for_closed(&world, 1);
	http_stream_end(stream);
}

static gpointer end_soon(gpointer data)
{
	http_stream_end(data);
	return NULL;
}

static void stops_with_streams_and_deferred_answers_under_way(void **state)
{
	World world;
	HttpServer *server = serve(&world, (HttpServerOptions){0});
	g_auto(BaseFd) watch = dial(server);
	g_auto(BaseFd) wait = dial(server);
	G_GNUC_UNUSED g_auto(BaseFd) idle = dial(server);
	HttpStream *stream = open_stream(&world, watch);
	GThread *thread;

	(void)state;
	put(wait, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(&world, (gpointer *)&world.deferred);
	http_server_free(server);
	assert_int_equal(world.n_closed, 1);
	assert_false(push(stream, "late\n"));
	thread = g_thread_new("end", end_soon, stream);
	http_reply_text(world.deferred, 200, NULL, "late\n");
	g_thread_join(thread);
}

static void answers_a_deferred_exchange_from_another_thread(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){.n_threads = 1});
	g_auto(BaseFd) fd = dial(server);
	g_autofree char *other = NULL;
	g_autofree char *answer = NULL;
	HttpExchange *x;

	(void)state;
	put(fd, "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: "
		"close\r\n\r\nhi");
	x = wait_for(&world, (gpointer *)&world.deferred);
	/* The one thread serves others meanwhile. */
	other = ask(server, "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	has(other, "GET /ok");
	http_reply_text(x, 201, "text/plain", "made\n");
	answer = get(fd, NULL);
	has(answer, "HTTP/1.1 201");
	has(answer, "made\n");
}

static void survives_a_peer_that_leaves_a_deferred_exchange(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	int fd = dial(server);
	g_autofree char *other = NULL;

	(void)state;
	put(fd, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n");
	wait_for(&world, (gpointer *)&world.deferred);
	close(fd);
	http_reply_text(world.deferred, 200, NULL, "late\n");
	other = ask(server, "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	has(other, "GET /ok");
}

typedef struct {
	HttpServer *server;
	World *world;
	gint stop;
} Storm;

/* Streams that are opened, fed and torn down from both sides at once. */
static gpointer feed(gpointer data)
{
	Storm *storm = data;

	while (!g_atomic_int_get(&storm->stop)) {
		HttpStream *stream;

		g_mutex_lock(&storm->world->lock);
		stream = g_steal_pointer(&storm->world->stream);
		g_cond_broadcast(&storm->world->changed);
		g_mutex_unlock(&storm->world->lock);
		if (stream == NULL) {
			g_thread_yield();
			continue;
		}
		for (int i = 0; i < 50 && push(stream, "event\n"); i++)
			g_thread_yield();
		http_stream_end(stream);
	}
	return NULL;
}

static void holds_when_streams_end_from_both_sides(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	Storm storm = {.server = server, .world = &world};
	GThread *feeders[2];

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(feeders); i++)
		feeders[i] = g_thread_new("feed", feed, &storm);
	for (int i = 0; i < 300; i++) {
		g_auto(BaseFd) fd = dial(server);

		put(fd, "GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
		if (i % 3 != 0) {
			g_autofree char *some = get(fd, i % 3 == 1 ? "\r\n\r\n" : NULL);

			has(some, "200");
		}
	}
	while (http_server_n_connections(server) > 0)
		g_thread_yield();
	g_atomic_int_set(&storm.stop, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(feeders); i++)
		g_thread_join(feeders[i]);
}

static void writes_a_large_body_to_a_file(void **state)
{
	enum { SIZE = 16 * 1024 * 1024 };
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){.max_body_bytes = 1000});
	g_auto(BaseFd) fd = dial(server);
	g_autofree char *body = g_malloc(SIZE);
	g_autofree char *head = g_strdup_printf("PUT /upload HTTP/1.1\r\nHost: h\r\nConnection: "
						"close\r\nContent-Length: %d\r\n\r\n",
						SIZE);
	g_autofree char *answer = NULL;
	g_autofree char *expected = NULL;
	g_autofree char *actual = NULL;
	FILE *file = tmpfile();

	(void)state;
	world.body_fd = fileno(file);
	base_random_bytes(body, SIZE);
	put(fd, head);
	for (gsize sent = 0; sent < SIZE;) {
		ssize_t part = write(fd, body + sent, SIZE - sent);

		assert_true(part > 0);
		sent += (gsize)part;
	}
	answer = get(fd, NULL);
	has(answer, "body=0/16777216\n");
	expected = base_sha256_hex(body, SIZE);
	actual = base_sha256_hex_of_fd(world.body_fd, NULL);
	assert_string_equal(expected, actual);
	fclose(file);
}

static void serves_parts_of_a_file(void **state)
{
	static const struct {
		const char *method, *fields, *status, *header, *body;
	} rows[] = {
		{"GET", "", "200", "Content-Length: 10\r\n", "\r\n\r\n0123456789"},
		{"GET", "", "200", "ETag: \"v1\"\r\n", ""},
		{"GET", "", "200", "Accept-Ranges: bytes\r\n", ""},
		{"GET", "Range: bytes=2-4\r\n", "206", "Content-Range: bytes 2-4/10\r\n",
		 "\r\n\r\n234"},
		{"GET", "Range: bytes=7-\r\n", "206", "Content-Length: 3\r\n", "\r\n\r\n789"},
		{"GET", "Range: bytes=-4\r\n", "206", "Content-Range: bytes 6-9/10\r\n",
		 "\r\n\r\n6789"},
		{"GET", "Range: bytes=10-\r\n", "416", "Content-Range: bytes */10\r\n", ""},
		{"GET", "Range: bytes=1-2,4-5\r\n", "200", "", "\r\n\r\n0123456789"},
		{"GET", "Range: bytes=2-4\r\nIf-Range: \"v1\"\r\n", "206", "", "\r\n\r\n234"},
		{"GET", "Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n", "200", "",
		 "\r\n\r\n0123456789"},
		{"GET", "If-None-Match: \"v0\", \"v1\"\r\n", "304", "ETag: \"v1\"\r\n", ""},
		{"GET", "If-None-Match: \"v0\"\r\n", "200", "", "\r\n\r\n0123456789"},
		{"HEAD", "", "200", "Content-Length: 10\r\n", ""},
		{"HEAD", "Range: bytes=2-4\r\n", "200", "Content-Length: 10\r\n", ""},
	};
	g_autofree char *path = g_strdup_printf("%s/file-%d", g_get_tmp_dir(), getpid());
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});

	(void)state;
	assert_true(base_file_write(path, "0123456789", 10, 0600, NULL));
	world.file = path;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *request = g_strdup_printf(
			"%s /file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n",
			rows[i].method, rows[i].fields);
		g_autofree char *answer = ask(server, request);

		assert_memory_equal(answer + 9, rows[i].status, 3);
		has(answer, rows[i].header);
		has(answer, rows[i].body);
		if (strcmp(rows[i].method, "HEAD") == 0)
			assert_true(g_str_has_suffix(answer, "\r\n\r\n"));
	}
	unlink(path);
}

static void serves_a_unix_socket_of_mode_0600(void **state)
{
	g_autofree char *path = g_strdup_printf("%s/socket-%d", g_get_tmp_dir(), getpid());
	World world;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	g_autofree char *answer = NULL;
	g_autoptr(GError) error = NULL;
	HttpServer *server, *second;
	g_auto(BaseFd) fd = socket(AF_UNIX, SOCK_STREAM, 0);
	g_auto(BaseFd) dead = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	/* One that a killed process left behind is replaced. */
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
	base_fd_close(&dead);
	server = serve(&world, (HttpServerOptions){.unix_path = path});
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	put(fd, "GET /u HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	answer = get(fd, NULL);
	has(answer, "unix=1");
	second = http_server_new(&(HttpServerOptions){.unix_path = path, .handle = handle}, &error);
	assert_null(second);
	assert_true(g_error_matches(error, HTTP_ERROR, HTTP_ERROR_ADDRESS_USED));
	has(error->message, "is held by another process");
	http_server_free(server);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void says_that_a_port_is_taken_and_what_to_do(void **state)
{
	World world;
	g_autoptr(HttpServer) server = serve(&world, (HttpServerOptions){0});
	g_autoptr(GError) error = NULL;
	HttpServerOptions options = {.port = http_server_port(server), .handle = handle};

	(void)state;
	assert_null(http_server_new(&options, &error));
	assert_true(g_error_matches(error, HTTP_ERROR, HTTP_ERROR_ADDRESS_USED));
	has(error->message, "of 127.0.0.1 is taken by another process; end that one, or choose "
			    "another port");
	g_clear_error(&error);
	options.address = "localhost";
	assert_null(http_server_new(&options, &error));
	has(error->message, "'localhost' is not a numeric address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_requests),
		cmocka_unit_test(keeps_a_connection_for_several_requests),
		cmocka_unit_test(answers_413_for_a_body_over_the_limit),
		cmocka_unit_test(answers_an_error_for_a_header_over_the_limit),
		cmocka_unit_test(closes_a_header_that_trickles),
		cmocka_unit_test(closes_a_body_that_trickles),
		cmocka_unit_test(closes_an_idle_connection),
		cmocka_unit_test(serves_others_beside_a_thousand_idle_connections),
		cmocka_unit_test(makes_room_for_a_new_connection_by_closing_an_idle_one),
		cmocka_unit_test(refuses_a_connection_when_all_others_are_busy),
		cmocka_unit_test(streams_what_is_pushed_in_order),
		cmocka_unit_test(tells_a_stream_that_its_peer_hung_up),
		cmocka_unit_test(cuts_a_stream_whose_peer_does_not_read),
		cmocka_unit_test(stops_with_streams_and_deferred_answers_under_way),
		cmocka_unit_test(answers_a_deferred_exchange_from_another_thread),
		cmocka_unit_test(survives_a_peer_that_leaves_a_deferred_exchange),
		cmocka_unit_test(holds_when_streams_end_from_both_sides),
		cmocka_unit_test(writes_a_large_body_to_a_file),
		cmocka_unit_test(serves_parts_of_a_file),
		cmocka_unit_test(serves_a_unix_socket_of_mode_0600),
		cmocka_unit_test(says_that_a_port_is_taken_and_what_to_do),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
