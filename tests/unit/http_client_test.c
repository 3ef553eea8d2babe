#include "http/client.h"

#include "base/file.h"
#include "http/pki.h"
#include "http/server.h"
#include "unit/scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LONG_US = 20 * 1000 * 1000 };

/* --- a real server with TLS --- */

static void echo(HttpExchange *exchange, gpointer user_data)
{
	const char *authorization = http_exchange_header(exchange, "Authorization");
	g_autofree char *text = g_strdup_printf("%s %s %s", http_exchange_method(exchange),
						http_exchange_path(exchange),
						authorization != NULL ? authorization : "nobody");

	(void)user_data;
	if (g_str_equal(http_exchange_method(exchange), "PUT"))
		http_reply_bytes(exchange, 201, NULL, http_exchange_body(exchange));
	else
		http_reply_text(exchange, 200, "text/plain", text);
}

typedef struct {
	char *folder;
	HttpPki *pki;
	HttpServer *server;
	char *url;
} Tls;

static void tls_begin(Tls *tls, const char *name)
{
	const char *const names[] = {name, NULL};
	g_autofree char *certificate = NULL, *key = NULL;
	HttpServerOptions options = {.handle = echo, .n_threads = 1};

	tls->folder = g_dir_make_tmp("client-XXXXXX", NULL);
	tls->pki = http_pki_open(tls->folder, NULL);
	assert_true(http_pki_issue(tls->pki, names, &certificate, &key, NULL));
	options.certificate_pem = certificate;
	options.key_pem = key;
	tls->server = http_server_new(&options, NULL);
	assert_non_null(tls->server);
	tls->url = g_strdup_printf("https://127.0.0.1:%u", http_server_port(tls->server));
}

static void tls_end(Tls *tls)
{
	http_server_free(tls->server);
	http_pki_free(tls->pki);
	base_tree_remove(tls->folder, NULL);
	g_free(tls->folder);
	g_free(tls->url);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tls, tls_end)

static char *ask(const HttpClientOptions *options, GError **error)
{
	g_autoptr(HttpClient) client = http_client_new(options, error);
	HttpRequest request = {.path = "/hello"};
	g_autoptr(HttpResponse) response =
		client != NULL ? http_client_send(client, &request, error) : NULL;

	if (response == NULL)
		return NULL;
	return g_strndup(g_bytes_get_data(response->body, NULL), g_bytes_get_size(response->body));
}

static void trusts_the_authority_it_was_given(void **state)
{
	g_auto(Tls) tls = {0};
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	tls_begin(&tls, "127.0.0.1");
	text = ask(&(HttpClientOptions){.base_url = tls.url,
					.ca_pem = http_pki_ca_pem(tls.pki),
					.bearer_token = "abc"},
		   &error);
	assert_non_null(text);
	assert_string_equal(text, "GET /hello Bearer abc");
}

static void trusts_no_other_authority(void **state)
{
	g_auto(Tls) tls = {0}, other = {0};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	(void)state;
	tls_begin(&tls, "127.0.0.1");
	tls_begin(&other, "127.0.0.1");
	assert_null(
		ask(&(HttpClientOptions){.base_url = tls.url, .ca_pem = http_pki_ca_pem(other.pki)},
		    &error));
	assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TLS));
	g_clear_error(&error);
	assert_null(ask(&(HttpClientOptions){.base_url = tls.url}, &error));
	assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TLS));
	text = ask(&(HttpClientOptions){.base_url = tls.url, .insecure_skip_verify = TRUE}, NULL);
	assert_non_null(text);
}

static void asks_for_the_name_that_it_was_told(void **state)
{
	g_auto(Tls) tls = {0};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	(void)state;
	tls_begin(&tls, "kubernetes");
	assert_null(
		ask(&(HttpClientOptions){.base_url = tls.url, .ca_pem = http_pki_ca_pem(tls.pki)},
		    &error));
	assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TLS));
	text = ask(&(HttpClientOptions){.base_url = tls.url,
					.ca_pem = http_pki_ca_pem(tls.pki),
					.server_name = "kubernetes",
					.user = "probe-1",
					.password = "secret"},
		   NULL);
	assert_string_equal(text, "GET /hello Basic cHJvYmUtMTpzZWNyZXQ=");
}

static void sends_a_file_as_a_body(void **state)
{
	g_auto(Tls) tls = {0};
	g_autofree char *path = NULL, *big = g_strnfill(300 * 1000, 'b');
	g_autoptr(HttpClient) client = NULL;
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) error = NULL;
	HttpRequest request = {.method = "PUT", .path = "/file"};

	(void)state;
	tls_begin(&tls, "127.0.0.1");
	path = g_build_filename(tls.folder, "body", NULL);
	assert_true(base_file_write(path, big, strlen(big), 0600, NULL));
	client = http_client_new(
		&(HttpClientOptions){.base_url = tls.url, .ca_pem = http_pki_ca_pem(tls.pki)},
		NULL);
	request.body_path = path;
	response = http_client_send(client, &request, &error);
	assert_non_null(response);
	assert_int_equal(response->status, 201);
	assert_int_equal(g_bytes_get_size(response->body), strlen(big));
	request.body_path = "/no/such/file";
	assert_null(http_client_send(client, &request, &error));
	assert_non_null(strstr(error->message, "/no/such/file: No such file"));
}

static void uses_a_connection_again(void **state)
{
	g_auto(Tls) tls = {0};
	g_autoptr(HttpClient) client = NULL;
	HttpRequest request = {.path = "/"};

	(void)state;
	tls_begin(&tls, "127.0.0.1");
	client = http_client_new(
		&(HttpClientOptions){.base_url = tls.url, .ca_pem = http_pki_ca_pem(tls.pki)},
		NULL);
	for (guint i = 0; i < 5; i++) {
		g_autoptr(HttpResponse) response = http_client_send(client, &request, NULL);

		assert_non_null(response);
	}
	assert_int_equal(http_server_n_connections(tls.server), 1);
}

static void refuses_options_that_make_no_sense(void **state)
{
	static const struct {
		HttpClientOptions options;
		const char *message;
	} table[] = {
		{{.base_url = NULL}, "'' is not a URL"},
		{{.base_url = "127.0.0.1:80"}, "'127.0.0.1:80' is not a URL"},
		{{.base_url = "https://h", .client_key_pem = "k"}, "a key its certificate"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(http_client_new(&table[i].options, &error));
		assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_INVALID));
		assert_non_null(strstr(error->message, table[i].message));
	}
}

/* --- a scripted server for faults --- */

static void misbehave(ScriptedRequest *request, gpointer user_data)
{
	g_autofree char *line = NULL;

	(void)user_data;
	if (g_str_has_prefix(request->path, "/silent")) {
		scripted_hang(request);
	} else if (g_str_equal(request->path, "/half")) {
		scripted_write(request, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
		request->close = TRUE;
	} else if (g_str_equal(request->path, "/endless")) {
		line = g_strnfill(64 * 1024, 'x');
		scripted_begin_chunks(request);
		for (guint i = 0; i < 1000; i++)
			scripted_chunk(request, line);
		request->close = TRUE;
	} else if (g_str_equal(request->path, "/lines")) {
		scripted_begin_chunks(request);
		scripted_chunk(request, "one\ntw");
		scripted_chunk(request, "o\r\n\nthr");
		scripted_chunk(request, "ee");
		scripted_write(request, "0\r\n\r\n");
	} else {
		scripted_answer(request, 404, "X-Odd:  value \r\nRetry-After: 7\r\n", "nothing");
	}
}

static HttpClient *client_of(ScriptedServer *server)
{
	return http_client_new(&(HttpClientOptions){.base_url = "http://localhost",
						    .unix_socket = server->socket_path},
			       NULL);
}

static void names_the_fault(void **state)
{
	static const struct {
		HttpRequest request;
		HttpClientError code;
		const char *message;
	} table[] = {
		{{.path = "/silent?q=1", .timeout_ms = 100},
		 HTTP_CLIENT_ERROR_TIMEOUT,
		 "/silent: Operation timed out"},
		{{.path = "/half"}, HTTP_CLIENT_ERROR_BROKEN, "/half: "},
		{{.path = "/endless", .max_body_bytes = 1000000},
		 HTTP_CLIENT_ERROR_TOO_LARGE,
		 "/endless: the answer is larger than 1000000 bytes"},
	};
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_autoptr(HttpClient) client = client_of(server);

	(void)state;
	scripted_start(server);
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(http_client_send(client, &table[i].request, &error));
		if (!g_error_matches(error, HTTP_CLIENT_ERROR, (int)table[i].code) ||
		    strstr(error->message, table[i].message) == NULL)
			fail_msg("code %d: %s", error->code, error->message);
		assert_null(strstr(error->message, "q=1"));
	}
}

static void an_answer_of_any_status_is_an_answer(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_autoptr(HttpClient) client = client_of(server);
	HttpRequest request = {.path = "/x"};
	g_autoptr(HttpResponse) response = NULL;

	(void)state;
	scripted_start(server);
	response = http_client_send(client, &request, NULL);
	assert_int_equal(response->status, 404);
	assert_string_equal(http_response_header(response, "x-odd"), "value");
	assert_null(http_response_header(response, "x-od"));
	assert_int_equal(http_response_retry_after_s(response), 7);
	assert_int_equal(g_bytes_get_size(response->body), strlen("nothing"));
}

static void a_proxy_of_the_environment_is_not_asked(void **state)
{
	g_autoptr(ScriptedServer) proxy = scripted_new(TRUE, misbehave, NULL);
	g_autofree char *proxy_url = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	scripted_start(proxy);
	proxy_url = g_strdup_printf("http://127.0.0.1:%u", proxy->port);
	g_setenv("http_proxy", proxy_url, TRUE);
	/* Not one of the loopback names that no proxy is asked for anyway. Nobody listens there. */
	assert_null(ask(&(HttpClientOptions){.base_url = "http://127.9.9.9:1"}, &error));
	g_unsetenv("http_proxy");
	assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_UNREACHABLE));
	assert_int_equal(scripted_count(proxy, ""), 0);
	text = ask(&(HttpClientOptions){.base_url = "http://127.9.9.9:1", .proxy_url = proxy_url},
		   NULL);
	assert_string_equal(text, "nothing");
}

static gpointer cancel_when_asked(gpointer user_data)
{
	gpointer *both = user_data;

	while (scripted_count(both[0], "GET /silent") == 0)
		g_usleep(1000);
	http_client_cancel(both[1]);
	return NULL;
}

static void a_request_in_flight_can_be_cancelled(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_autoptr(HttpClient) client = client_of(server);
	HttpRequest request = {.path = "/silent", .timeout_ms = LONG_US / 1000};
	gpointer both[] = {server, client};
	g_autoptr(GError) error = NULL;
	GThread *thread;

	(void)state;
	scripted_start(server);
	thread = g_thread_new("cancel", cancel_when_asked, both);
	assert_null(http_client_send(client, &request, &error));
	g_thread_join(thread);
	assert_true(g_error_matches(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_CANCELLED));
}

/* --- the loop --- */

typedef struct {
	HttpLoop *loop;
	HttpClient *client;
	const char *path;
	HttpCall *call;
	GMutex lock;
	GCond changed;
	GString *lines;
	gboolean done;
	int code; /* of the error; -1: none */
	gboolean refuse;
} Caller;

static gboolean on_line(const char *line, gsize size_bytes, gpointer user_data)
{
	Caller *caller = user_data;

	assert_int_equal(strlen(line), size_bytes);
	g_string_append_printf(caller->lines, "[%s]", line);
	return !caller->refuse;
}

static void on_done(const HttpResponse *response, const GError *error, gpointer user_data)
{
	Caller *caller = user_data;

	assert_int_equal(response == NULL, error != NULL);
	g_mutex_lock(&caller->lock);
	caller->code = error != NULL ? error->code : -1;
	caller->done = TRUE;
	g_cond_broadcast(&caller->changed);
	g_mutex_unlock(&caller->lock);
}

static const HttpCallHandlers handlers = {.on_line = on_line, .on_done = on_done};

static void start_call(gpointer user_data)
{
	Caller *caller = user_data;
	HttpRequest request = {.path = caller->path};

	caller->call = http_loop_start(caller->loop, caller->client, &request, &handlers, caller);
}

static void cancel_call(gpointer user_data)
{
	http_call_cancel(((Caller *)user_data)->call);
}

static void wait_done(Caller *caller)
{
	gint64 until_us = g_get_monotonic_time() + LONG_US;

	g_mutex_lock(&caller->lock);
	while (!caller->done)
		assert_true(g_cond_wait_until(&caller->changed, &caller->lock, until_us));
	g_mutex_unlock(&caller->lock);
}

static void caller_clear(Caller *caller)
{
	http_loop_free(caller->loop);
	http_client_free(caller->client);
	g_string_free(caller->lines, TRUE);
	g_mutex_clear(&caller->lock);
	g_cond_clear(&caller->changed);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Caller, caller_clear)

static void caller_init(Caller *caller, ScriptedServer *server, const char *path)
{
	*caller = (Caller){.path = path,
			   .client = client_of(server),
			   .loop = http_loop_new("test"),
			   .lines = g_string_new(NULL)};
	g_mutex_init(&caller->lock);
	g_cond_init(&caller->changed);
}

static void a_loop_hands_out_whole_lines(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_auto(Caller) caller = {0};

	(void)state;
	scripted_start(server);
	caller_init(&caller, server, "/lines");
	http_loop_invoke(caller.loop, start_call, &caller);
	wait_done(&caller);
	/* The half line at the end is not handed out. */
	assert_string_equal(caller.lines->str, "[one][two][]");
	assert_int_equal(caller.code, -1);
}

static void a_loop_ends_a_call_that_is_refused_or_too_long(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_auto(Caller) refusing = {0}, endless = {0};

	(void)state;
	scripted_start(server);
	caller_init(&refusing, server, "/lines");
	refusing.refuse = TRUE;
	http_loop_invoke(refusing.loop, start_call, &refusing);
	wait_done(&refusing);
	assert_string_equal(refusing.lines->str, "[one]");
	assert_int_equal(refusing.code, HTTP_CLIENT_ERROR_SINK);
	caller_init(&endless, server, "/endless");
	http_loop_invoke(endless.loop, start_call, &endless);
	wait_done(&endless);
	assert_int_equal(endless.code, HTTP_CLIENT_ERROR_TOO_LARGE);
	assert_string_equal(endless.lines->str, "");
}

static void a_cancelled_call_reports_nothing(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_auto(Caller) caller = {0};

	(void)state;
	scripted_start(server);
	caller_init(&caller, server, "/silent");
	http_loop_invoke_wait(caller.loop, start_call, &caller);
	while (scripted_count(server, "GET /silent") == 0)
		g_usleep(1000);
	http_loop_invoke_wait(caller.loop, cancel_call, &caller);
	assert_false(caller.done);
	/* And one that is open when the loop ends. */
	http_loop_invoke_wait(caller.loop, start_call, &caller);
	g_clear_pointer(&caller.loop, http_loop_free);
	assert_false(caller.done);
}

static void note_timer(gpointer user_data)
{
	Caller *caller = user_data;

	g_mutex_lock(&caller->lock);
	g_string_append(caller->lines, "tick ");
	caller->done = TRUE;
	g_cond_broadcast(&caller->changed);
	g_mutex_unlock(&caller->lock);
}

static void set_timers(gpointer user_data)
{
	Caller *caller = user_data;
	guint dropped = http_loop_after(caller->loop, 0, note_timer, caller);

	http_loop_after(caller->loop, LONG_US, note_timer, caller);
	http_loop_after(caller->loop, 5000, note_timer, caller);
	http_loop_cancel_timer(caller->loop, dropped);
}

static void a_timer_comes_once_unless_it_was_cancelled(void **state)
{
	g_autoptr(ScriptedServer) server = scripted_new(FALSE, misbehave, NULL);
	g_auto(Caller) caller = {0};

	(void)state;
	caller_init(&caller, server, "/");
	http_loop_invoke(caller.loop, set_timers, &caller);
	wait_done(&caller);
	g_clear_pointer(&caller.loop, http_loop_free);
	assert_string_equal(caller.lines->str, "tick ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trusts_the_authority_it_was_given),
		cmocka_unit_test(trusts_no_other_authority),
		cmocka_unit_test(asks_for_the_name_that_it_was_told),
		cmocka_unit_test(sends_a_file_as_a_body),
		cmocka_unit_test(uses_a_connection_again),
		cmocka_unit_test(refuses_options_that_make_no_sense),
		cmocka_unit_test(names_the_fault),
		cmocka_unit_test(an_answer_of_any_status_is_an_answer),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_asked),
		cmocka_unit_test(a_request_in_flight_can_be_cancelled),
		cmocka_unit_test(a_loop_hands_out_whole_lines),
		cmocka_unit_test(a_loop_ends_a_call_that_is_refused_or_too_long),
		cmocka_unit_test(a_cancelled_call_reports_nothing),
		cmocka_unit_test(a_timer_comes_once_unless_it_was_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
