/* A store and an API server on a unix socket in a temporary folder, and a client to ask it. */
#pragma once

#include "apiserver/server.h"
#include "base/file.h"
#include "base/json.h"
#include "http/client.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	WORLD_WAIT_US = 20 * 1000 * 1000,
};

#define WORLD_JSON "Content-Type: application/json"
#define WORLD_DEVICES "/apis/espalier.dev/v1alpha1/namespaces/default/devices"
#define WORLD_SECRETS "/api/v1/namespaces/default/secrets"
#define WORLD_CONFIG_MAPS "/api/v1/namespaces/default/configmaps"

typedef struct {
	char *folder;
	char *database;
	char *socket;
	StoreOptions store_options;
	Store *store;
	ApiServer *server;
	HttpClient *client;
} World;

/* An answer; `json` is NULL where the body is none. */
typedef struct {
	guint status;
	json_t *json;
	HttpResponse *response;
} Answer;

static inline void answer_clear(Answer *answer)
{
	g_clear_pointer(&answer->json, json_decref);
	g_clear_pointer(&answer->response, http_response_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static inline void world_start(World *world)
{
	g_autoptr(GError) error = NULL;
	ApiServerOptions options = {.socket_path = world->socket};
	HttpClientOptions client = {.base_url = "http://localhost", .unix_socket = world->socket};

	world->store = store_open(world->database, &world->store_options, &error);
	assert_null(error);
	options.store = world->store;
	options.tokens[API_PERSONA_VIEWER] = "viewer-token";
	options.tokens[API_PERSONA_DEVICE_MANAGER] = "device-token";
	options.tokens[API_PERSONA_CLUSTER_MANAGER] = "cluster-token";
	options.tokens[API_PERSONA_ADMINISTRATOR] = "administrator-token";
	world->server = api_server_new(&options, &error);
	assert_null(error);
	world->client = http_client_new(&client, &error);
	assert_null(error);
}

static inline void world_stop(World *world)
{
	g_clear_pointer(&world->client, http_client_free);
	g_clear_pointer(&world->server, api_server_free);
	g_clear_pointer(&world->store, store_close);
}

static inline int world_set_up(void **state)
{
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("espalier-api-XXXXXX", NULL);
	world->database = g_build_filename(world->folder, "state.db", NULL);
	world->socket = g_build_filename(world->folder, "api.sock", NULL);
	world_start(world);
	*state = world;
	return 0;
}

static inline int world_tear_down(void **state)
{
	World *world = *state;

	world_stop(world);
	base_tree_remove(world->folder, NULL);
	g_free(world->folder);
	g_free(world->database);
	g_free(world->socket);
	g_free(world);
	return 0;
}

static inline Answer world_send(World *world, const char *method, const char *path, GBytes *body,
				const char *const *headers)
{
	g_autoptr(GError) error = NULL;
	HttpRequest request = {.method = method, .path = path, .headers = headers, .body = body};
	Answer answer = {0};
	gsize size_bytes;
	const char *text;

	answer.response = http_client_send(world->client, &request, &error);
	if (error != NULL)
		print_error("%s %s: %s\n", method, path, error->message);
	assert_non_null(answer.response);
	answer.status = answer.response->status;
	text = g_bytes_get_data(answer.response->body, &size_bytes);
	if (size_bytes > 0)
		answer.json = json_loadb(text, size_bytes, JSON_DECODE_ANY, NULL);
	return answer;
}

/* Sends `body` (JSON text or NULL) with one more header (or NULL). */
static inline Answer world_ask_with(World *world, const char *method, const char *path,
				    const char *body, const char *header)
{
	g_autoptr(GBytes) bytes = body != NULL ? g_bytes_new(body, strlen(body)) : NULL;
	const char *headers[] = {
		header != NULL ? header : "X-Nothing: 1",
		header != NULL && g_str_has_prefix(header, "Content-Type") ? NULL : WORLD_JSON,
		NULL};

	return world_send(world, method, path, bytes, headers);
}

static inline Answer world_ask(World *world, const char *method, const char *path, const char *body)
{
	return world_ask_with(world, method, path, body, NULL);
}

/* The same, of which the status is known. */
static inline Answer world_expect(World *world, guint status, const char *method, const char *path,
				  const char *body)
{
	Answer answer = world_ask(world, method, path, body);

	if (answer.status != status)
		print_error("%s %s: %u %.*s\n", method, path, answer.status,
			    (int)g_bytes_get_size(answer.response->body),
			    (const char *)g_bytes_get_data(answer.response->body, NULL));
	assert_int_equal(answer.status, status);
	return answer;
}

/* Asks and forgets the answer but for its status. */
static inline void world_do(World *world, guint status, const char *method, const char *path,
			    const char *body)
{
	g_auto(Answer) answer = world_expect(world, status, method, path, body);

	(void)answer;
}

static inline void assert_refusal(const Answer *answer, guint status, const char *reason,
				  const char *message)
{
	assert_non_null(answer->json);
	assert_string_equal(base_json_get_string(answer->json, "kind", NULL), "Status");
	if (answer->status != status ||
	    g_strcmp0(base_json_get_string(answer->json, "message", NULL), message) != 0)
		print_error("%u %s\n", answer->status,
			    base_json_get_string(answer->json, "message", NULL));
	assert_int_equal(answer->status, status);
	assert_int_equal(base_json_get_int(answer->json, 0, "code", NULL), status);
	if (reason != NULL)
		assert_string_equal(base_json_get_string(answer->json, "reason", NULL), reason);
	assert_string_equal(base_json_get_string(answer->json, "message", NULL), message);
}

static inline const char *meta(const Answer *answer, const char *member)
{
	const char *text = base_json_get_string(answer->json, "metadata", member, NULL);

	return text != NULL ? text : "";
}

/* Lines of a watch as they come. */
typedef struct {
	HttpLoop *loop;
	World *world;
	char *path;
	char *header;
	HttpCall *call;
	GMutex lock;
	GPtrArray *lines;
	gboolean ended;
	guint status;
} Watching;

static inline gboolean watching_line(const char *line, gsize size_bytes, gpointer user_data)
{
	Watching *watching = user_data;

	g_mutex_lock(&watching->lock);
	g_ptr_array_add(watching->lines, g_strndup(line, size_bytes));
	g_mutex_unlock(&watching->lock);
	return TRUE;
}

static inline void watching_done(const HttpResponse *response, const GError *error,
				 gpointer user_data)
{
	Watching *watching = user_data;

	(void)error;
	g_mutex_lock(&watching->lock);
	watching->ended = TRUE;
	watching->call = NULL;
	watching->status = response != NULL ? response->status : 0;
	g_mutex_unlock(&watching->lock);
}

static inline void watching_begin(gpointer user_data)
{
	static const HttpCallHandlers handlers = {.on_line = watching_line,
						  .on_done = watching_done};
	Watching *watching = user_data;
	const char *headers[] = {watching->header, NULL};
	HttpRequest request = {.path = watching->path, .headers = headers};

	watching->call = http_loop_start(watching->loop, watching->world->client, &request,
					 &handlers, watching);
}

static inline Watching *watching_new(World *world, const char *path, const char *header)
{
	Watching *watching = g_new0(Watching, 1);

	watching->loop = http_loop_new("watching");
	watching->world = world;
	watching->path = g_strdup(path);
	watching->header = g_strdup(header);
	watching->lines = g_ptr_array_new_with_free_func(g_free);
	g_mutex_init(&watching->lock);
	http_loop_invoke_wait(watching->loop, watching_begin, watching);
	return watching;
}

static inline void watching_free(Watching *watching)
{
	http_loop_free(watching->loop);
	g_ptr_array_unref(watching->lines);
	g_mutex_clear(&watching->lock);
	g_free(watching->path);
	g_free(watching->header);
	g_free(watching);
}

/* Waits for line `index`; yours. */
static inline json_t *watching_wait(Watching *watching, guint index)
{
	gint64 end = g_get_monotonic_time() + WORLD_WAIT_US;
	json_t *event = NULL;

	while (event == NULL && g_get_monotonic_time() < end) {
		g_mutex_lock(&watching->lock);
		if (watching->lines->len > index)
			event = json_loads(g_ptr_array_index(watching->lines, index), 0, NULL);
		g_mutex_unlock(&watching->lock);
		if (event == NULL)
			g_usleep(500);
	}
	assert_non_null(event);
	return event;
}

static inline void watching_wait_end(Watching *watching)
{
	gint64 end = g_get_monotonic_time() + WORLD_WAIT_US;
	gboolean ended = FALSE;

	while (!ended && g_get_monotonic_time() < end) {
		g_usleep(500);
		g_mutex_lock(&watching->lock);
		ended = watching->ended;
		g_mutex_unlock(&watching->lock);
	}
	assert_true(ended);
}

/* Line `index` is of that type and name. */
static inline void assert_event(Watching *watching, guint index, const char *type, const char *name)
{
	g_autoptr(json_t) event = watching_wait(watching, index);
	const char *found = base_json_get_string(event, "object", "metadata", "name", NULL);

	assert_string_equal(base_json_get_string(event, "type", NULL), type);
	assert_string_equal(found != NULL ? found : "", name);
}
