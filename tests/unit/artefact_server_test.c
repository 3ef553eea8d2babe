#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "artefact/login_limit.h"
#include "artefact/server.h"
#include "artefact_fixture.h"
#include "base/digest.h"
#include "http/pki.h"

#include <curl/curl.h>

#define PASSWORD "correct-horse"
#define READER "reader-token"
#define WRITER "writer-token"

typedef struct {
	char *root;
	HttpPki *pki;
	ArtefactPlace *place;
	ArtefactServer *server;
	ArtefactBundle *bundle;
	char *current;
	gint n_published;
} World;

static char *device_class(const char *space, const char *device, const char *password,
			  gpointer user_data)
{
	(void)user_data;
	if (strcmp(space, "default") != 0 || !base_secret_equal(password, PASSWORD))
		return NULL;
	if (strcmp(device, "probe-1") == 0)
		return g_strdup("probe");
	return strcmp(device, "other-1") == 0 ? g_strdup("other") : NULL;
}

static gboolean person_may(const char *token, ArtefactVerb verb, const char *space,
			   gpointer user_data)
{
	(void)user_data;
	return strcmp(space, "default") == 0 &&
	       (strcmp(token, WRITER) == 0 ||
		(verb == ARTEFACT_READ && strcmp(token, READER) == 0));
}

static GBytes *config(const char *space, const char *device, gpointer user_data)
{
	(void)space;
	(void)user_data;
	return strcmp(device, "probe-1") == 0 ? g_bytes_new_static("config!", 7) : NULL;
}

static char *current(const char *space, const char *class_name, gpointer user_data)
{
	(void)space;
	(void)class_name;
	return g_strdup(((World *)user_data)->current);
}

static ArtefactPlace *place(const char *space, const char *class_name, gpointer user_data)
{
	(void)space;
	if (strcmp(class_name, "probe") != 0)
		return NULL;
	return artefact_place_ref(((World *)user_data)->place);
}

static void published(const char *space, const char *class_name, const char *hash,
		      gpointer user_data)
{
	(void)space;
	(void)class_name;
	(void)hash;
	g_atomic_int_inc(&((World *)user_data)->n_published);
}

static int set_up(void **state)
{
	static const char *const names[] = {"127.0.0.1", NULL};
	static const ArtefactServerCallbacks callbacks = {device_class, person_may, config,
							  current,      place,      published};
	World *world = g_new0(World, 1);
	g_autofree char *certificate = NULL;
	g_autofree char *key = NULL;
	HttpServerOptions http = {0};

	world->root = g_dir_make_tmp("server-XXXXXX", NULL);
	world->pki = http_pki_open(world->root, NULL);
	assert_true(http_pki_issue(world->pki, names, &certificate, &key, NULL));
	http.certificate_pem = certificate;
	http.key_pem = key;
	world->place = artefact_place_directory_new(world->root, "place", NULL);
	world->bundle = fixture_host_bundle("1");
	world->current = g_strdup(artefact_bundle_sums_hash(world->bundle));
	world->server = artefact_server_new(&http, &callbacks, world, NULL);
	assert_non_null(world->server);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	World *world = *state;

	artefact_server_free(world->server);
	artefact_place_unref(world->place);
	artefact_bundle_free(world->bundle);
	http_pki_free(world->pki);
	base_tree_remove(world->root, NULL);
	g_free(world->current);
	g_free(world->root);
	g_free(world);
	return 0;
}

typedef struct {
	long status;
	GString *body;
	GString *headers;
} Answer;

static void answer_clear(Answer *answer)
{
	g_string_free(answer->body, TRUE);
	g_string_free(answer->headers, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Answer, answer_clear)

static size_t take(char *data, size_t size, size_t n, void *context)
{
	g_string_append_len(context, data, (gssize)(size * n));
	return size * n;
}

/* `who`: "user:password" or a token. */
static Answer ask(World *world, const char *method, const char *path, const char *who,
		  const char *extra, GBytes *body)
{
	Answer answer = {0, g_string_new(NULL), g_string_new(NULL)};
	g_autofree char *ca = g_build_filename(world->root, "ca.crt", NULL);
	g_autofree char *url =
		g_strdup_printf("https://127.0.0.1:%u%s",
				http_server_port(artefact_server_http(world->server)), path);
	g_autofree char *bearer = NULL;
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (who != NULL && strchr(who, ':') != NULL) {
		curl_easy_setopt(curl, CURLOPT_USERPWD, who);
	} else if (who != NULL) {
		bearer = g_strconcat("Authorization: Bearer ", who, NULL);
		headers = curl_slist_append(headers, bearer);
	}
	if (extra != NULL)
		headers = curl_slist_append(headers, extra);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, g_bytes_get_data(body, NULL));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)g_bytes_get_size(body));
	}
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer.body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer.headers);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return answer;
}

static void store(World *world)
{
	ArtefactKey key = {"default", "probe", world->current};

	assert_true(
		artefact_place_put(world->place, &key, artefact_bundle_files(world->bundle), NULL));
}

static void gives_each_what_it_may_have_and_strangers_nothing(void **state)
{
	static const struct {
		const char *method, *path, *who;
		long status;
	} rows[] = {
		{"GET", "/v1/default/devices/probe-1/config.bin", "probe-1:" PASSWORD, 200},
		{"HEAD", "/v1/default/devices/probe-1/config.bin", "probe-1:" PASSWORD, 200},
		{"GET", "/v1/default/devices/probe-1/config.bin", "probe-1:wrong", 404},
		{"GET", "/v1/default/devices/probe-1/config.bin", "other-1:" PASSWORD, 404},
		{"GET", "/v1/default/devices/probe-1/config.bin", WRITER, 404},
		{"GET", "/v1/default/devices/probe-1/config.bin", NULL, 404},
		{"GET", "/v1/default/devices/other-1/config.bin", "other-1:" PASSWORD, 404},
		{"GET", "/v1/elsewhere/devices/probe-1/config.bin", "probe-1:" PASSWORD, 404},
		{"GET", "/v1/default/classes/probe/current/app.bin", "probe-1:" PASSWORD, 200},
		{"GET", "/v1/default/classes/probe/current/app.bin", "other-1:" PASSWORD, 404},
		{"GET", "/v1/default/classes/probe/current/app.bin", READER, 200},
		{"HEAD", "/v1/default/classes/probe/current/app.bin", READER, 200},
		{"GET", "/v1/default/classes/probe/current/app.bin", "wrong-token", 404},
		{"GET", "/v1/default/classes/probe/current/app.bin", NULL, 404},
		{"GET", "/v1/default/classes/probe/current/absent.bin", READER, 404},
		{"GET", "/v1/default/classes/absent/current/app.bin", READER, 404},
		{"GET", "/v1/default/classes/probe/current/..%2fSHA256SUMS", READER, 404},
		{"GET", "/v1/default/classes/probe/../../../ca.key", READER, 404},
		{"GET", "/v1/default/classes/probe/current/", READER, 404},
		{"GET", "/v2/default/classes/probe/current/app.bin", READER, 404},
		{"DELETE", "/v1/default/classes/probe/current/app.bin", WRITER, 404},
		{"GET", "/", WRITER, 404},
	};
	World *world = *state;
	g_autofree char *stranger = NULL;

	store(world);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Answer) answer =
			ask(world, rows[i].method, rows[i].path, rows[i].who, NULL, NULL);

		if (answer.status != rows[i].status)
			fail_msg("%s %s as %s: %ld", rows[i].method, rows[i].path, rows[i].who,
				 answer.status);
		if (answer.status == 404 && stranger == NULL)
			stranger = g_strdup(answer.body->str);
		if (answer.status == 404 && strcmp(rows[i].method, "HEAD") != 0)
			assert_string_equal(answer.body->str, stranger);
	}
	assert_non_null(strstr(stranger, "{\"error\":"));
	assert_non_null(strstr(stranger, "\"hint\":"));
}

static void serves_a_configuration_with_its_digest(void **state)
{
	World *world = *state;
	g_autofree char *digest = base_sha256_hex("config!", 7);
	g_autofree char *match = g_strdup_printf("If-None-Match: \"%s\"", digest);
	g_auto(Answer) first = ask(world, "GET", "/v1/default/devices/probe-1/config.bin",
				   "probe-1:" PASSWORD, NULL, NULL);
	g_auto(Answer) second = ask(world, "GET", "/v1/default/devices/probe-1/config.bin",
				    "probe-1:" PASSWORD, match, NULL);

	assert_string_equal(first.body->str, "config!");
	assert_non_null(strstr(first.headers->str, digest));
	assert_non_null(strstr(first.headers->str, "Cache-Control: no-store"));
	assert_int_equal(second.status, 304);
	assert_int_equal(second.body->len, 0);
}

static void serves_parts_and_says_what_may_be_kept(void **state)
{
	World *world = *state;
	GBytes *app = artefact_bundle_file(world->bundle, "app.bin");
	g_autofree char *path =
		g_strdup_printf("/v1/default/classes/probe/%s/app.bin", world->current);

	store(world);
	{
		g_auto(Answer) part = ask(world, "GET", path, READER, "Range: bytes=32-63", NULL);

		assert_int_equal(part.status, 206);
		assert_int_equal(part.body->len, 32);
		assert_memory_equal(part.body->str,
				    (const guint8 *)g_bytes_get_data(app, NULL) + 32, 32);
		assert_non_null(strstr(part.headers->str, "immutable"));
	}
	{
		g_auto(Answer) whole =
			ask(world, "GET", "/v1/default/classes/probe/current/app.bin", READER, NULL,
			    NULL);

		assert_int_equal(whole.body->len, g_bytes_get_size(app));
		assert_non_null(strstr(whole.headers->str, "no-cache"));
	}
}

static Answer push(World *world, const char *hash, const char *name, const char *who, GBytes *bytes)
{
	g_autofree char *path = g_strdup_printf("/v1/default/classes/probe/%s/%s", hash, name);

	return ask(world, "PUT", path, who, NULL, bytes);
}

static void takes_a_push_and_shows_it_when_it_is_whole(void **state)
{
	World *world = *state;
	const GPtrArray *files = artefact_bundle_files(world->bundle);
	g_autofree char *sums =
		g_strdup_printf("/v1/default/classes/probe/%s/SHA256SUMS", world->current);

	for (guint i = 0; i < files->len; i++) {
		const ArtefactFile *file = files->pdata[i];
		g_auto(Answer) before = ask(world, "GET", sums, READER, NULL, NULL);
		g_auto(Answer) answer =
			push(world, world->current, file->name, WRITER, file->bytes);

		assert_int_equal(before.status, 404);
		assert_int_equal(answer.status, i + 1 < files->len ? 202 : 201);
	}
	{
		g_auto(Answer) after = ask(world, "GET", sums, READER, NULL, NULL);
		const ArtefactFile *file = files->pdata[0];
		g_auto(Answer) again = push(world, world->current, file->name, WRITER, file->bytes);

		assert_int_equal(after.status, 200);
		assert_int_equal(again.status, 201);
	}
	assert_int_equal(g_atomic_int_get(&world->n_published), 1);
}

static void refuses_a_push_without_the_right_or_with_other_bytes(void **state)
{
	World *world = *state;
	g_autoptr(GBytes) wrong = g_bytes_new_static("wrong", 5);
	static const struct {
		const char *hash, *name, *who;
		long status;
	} rows[] = {
		{NULL, "app.bin", READER, 404},     {NULL, "app.bin", "probe-1:" PASSWORD, 404},
		{NULL, "app.bin", NULL, 404},       {"current", "app.bin", WRITER, 404},
		{NULL, "..%2f..%2fx", WRITER, 404}, {NULL, "SHA256SUMS", WRITER, 422},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Answer) answer =
			push(world, rows[i].hash != NULL ? rows[i].hash : world->current,
			     rows[i].name, rows[i].who, wrong);

		assert_int_equal(answer.status, rows[i].status);
	}
}

/* Whole by its sums, but the firmware is none: it does not stay. */
static void refuses_a_push_that_is_no_bundle(void **state)
{
	World *world = *state;
	g_autoptr(GBytes) nonsense = g_bytes_new_static("nonsense", 8);
	g_autofree char *hash = base_sha256_hex_of_bytes(nonsense);
	g_autofree char *text = g_strdup_printf("%s  app.bin\n", hash);
	g_autoptr(GBytes) sums = g_bytes_new(text, strlen(text));
	g_autofree char *name = base_sha256_hex_of_bytes(sums);
	ArtefactKey key = {"default", "probe", name};

	{
		g_auto(Answer) first = push(world, name, "app.bin", WRITER, nonsense);
		g_auto(Answer) last = push(world, name, "SHA256SUMS", WRITER, sums);

		assert_int_equal(first.status, 202);
		assert_int_equal(last.status, 422);
		assert_non_null(strstr(last.body->str, "the bundle has no flasher_args.json"));
	}
	assert_false(artefact_place_has(world->place, &key, NULL));
	assert_int_equal(g_atomic_int_get(&world->n_published), 0);
}

static void slows_down_who_fails_to_log_in_but_nobody_else(void **state)
{
	static const char path[] = "/v1/default/devices/probe-1/config.bin";
	World *world = *state;

	for (guint i = 0; i < ARTEFACT_MAX_FAILED_LOGINS; i++) {
		g_auto(Answer) answer = ask(world, "GET", path, "other-1:wrong", NULL, NULL);

		assert_int_equal(answer.status, 404);
	}
	{
		g_auto(Answer) limited = ask(world, "GET", path, "other-1:" PASSWORD, NULL, NULL);
		g_auto(Answer) free_one = ask(world, "GET", path, "probe-1:" PASSWORD, NULL, NULL);

		assert_int_equal(limited.status, 429);
		assert_non_null(strstr(limited.headers->str, "Retry-After: 60"));
		assert_int_equal(free_one.status, 200);
	}
}

static void forgets_failed_logins_after_a_minute_and_bounds_its_memory(void **state)
{
	ArtefactLoginLimit *limit = artefact_login_limit_new(2, 8);
	const gint64 minute = 60 * G_USEC_PER_SEC;

	(void)state;
	artefact_login_limit_failed(limit, "10.0.0.1", "a", 0);
	assert_true(artefact_login_limit_allows(limit, "10.0.0.1", "a", 1));
	artefact_login_limit_failed(limit, "10.0.0.1", "a", 1);
	assert_false(artefact_login_limit_allows(limit, "10.0.0.1", "a", 2));
	assert_true(artefact_login_limit_allows(limit, "10.0.0.2", "a", 2));
	assert_true(artefact_login_limit_allows(limit, "10.0.0.1", "a", minute));
	for (guint i = 0; i < 1000; i++) {
		g_autofree char *user = g_strdup_printf("u%u", i);

		artefact_login_limit_failed(limit, "10.0.0.3", user, 3);
	}
	artefact_login_limit_free(limit);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(gives_each_what_it_may_have_and_strangers_nothing),
		WITH_WORLD(serves_a_configuration_with_its_digest),
		WITH_WORLD(serves_parts_and_says_what_may_be_kept),
		WITH_WORLD(takes_a_push_and_shows_it_when_it_is_whole),
		WITH_WORLD(refuses_a_push_without_the_right_or_with_other_bytes),
		WITH_WORLD(refuses_a_push_that_is_no_bundle),
		WITH_WORLD(slows_down_who_fails_to_log_in_but_nobody_else),
		cmocka_unit_test(forgets_failed_logins_after_a_minute_and_bounds_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
