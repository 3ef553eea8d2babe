#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "http/pki.h"
#include "http/server.h"

#include <curl/curl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const names[] = {"127.0.0.1", "localhost", "::1", NULL};
static const gint64 day_us = G_GINT64_CONSTANT(24) * 3600 * G_USEC_PER_SEC;

typedef struct {
	char *folder, *certificate, *key;
	HttpPki *pki;
} World;

static int set_up(void **state)
{
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("pki-XXXXXX", NULL);
	world->certificate = g_build_filename(world->folder, "server.crt", NULL);
	world->key = g_build_filename(world->folder, "server.key", NULL);
	world->pki = http_pki_open(world->folder, NULL);
	assert_non_null(world->pki);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	World *world = *state;

	base_clock_shift_wall(0);
	http_pki_free(world->pki);
	base_tree_remove(world->folder, NULL);
	g_free(world->folder);
	g_free(world->certificate);
	g_free(world->key);
	g_free(world);
	return 0;
}

static gboolean ensure(World *world, const char *const *wanted)
{
	gboolean renewed = FALSE;

	assert_true(http_pki_ensure(world->pki, world->certificate, world->key, wanted, NULL, NULL,
				    &renewed, NULL));
	return renewed;
}

static void keeps_its_authority_and_hides_the_key(void **state)
{
	World *world = *state;
	g_autoptr(HttpPki) again = http_pki_open(world->folder, NULL);
	g_autofree char *key = g_build_filename(world->folder, "ca.key", NULL);
	struct stat status;

	assert_string_equal(http_pki_ca_pem(again), http_pki_ca_pem(world->pki));
	assert_int_equal(stat(key, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void says_what_to_do_when_the_key_is_lost_or_foreign(void **state)
{
	World *world = *state;
	g_autofree char *key = g_build_filename(world->folder, "ca.key", NULL);
	g_autoptr(GError) error = NULL;

	assert_true(ensure(world, names));
	assert_int_equal(g_rename(world->key, key), 0);
	assert_null(http_pki_open(world->folder, &error));
	assert_non_null(strstr(error->message, "do not belong together; restore them"));
	g_clear_error(&error);
	assert_int_equal(g_remove(key), 0);
	assert_null(http_pki_open(world->folder, &error));
	assert_non_null(strstr(error->message, "has lost its key; restore it"));
}

static void refuses_an_expired_authority(void **state)
{
	World *world = *state;
	g_autoptr(GError) error = NULL;

	base_clock_shift_wall((HTTP_PKI_CA_DAYS + 1) * day_us);
	assert_null(http_pki_open(world->folder, &error));
	assert_non_null(strstr(error->message, "has expired; is the clock right?"));
}

static void renews_a_leaf_when_it_must_and_only_then(void **state)
{
	static const char *const others[] = {"127.0.0.1", "example.org", NULL};
	World *world = *state;

	assert_true(ensure(world, names));
	assert_false(ensure(world, names));
	base_clock_shift_wall((HTTP_PKI_LEAF_DAYS * 2 / 3 - 2) * day_us);
	assert_false(ensure(world, names));
	base_clock_shift_wall((HTTP_PKI_LEAF_DAYS * 2 / 3 + 2) * day_us);
	assert_true(ensure(world, names));
	assert_false(ensure(world, names));
	/* A clock that jumped back: the new leaf is not valid yet. */
	base_clock_shift_wall(0);
	assert_true(ensure(world, names));
	assert_true(ensure(world, others));
	assert_true(base_file_write(world->certificate, "damaged", 7, 0600, NULL));
	assert_true(ensure(world, others));
	assert_false(ensure(world, others));
}

static void answer(HttpExchange *exchange, gpointer user_data)
{
	(void)user_data;
	http_reply_text(exchange, 200, "text/plain", "ok\n");
}

static size_t ignore(char *data, size_t size, size_t n, void *context)
{
	(void)data;
	(void)context;
	return size * n;
}

/* Asks with verification; the text of the served leaf's subject and serial. Yours, NULL if refused.
 */
static char *served_leaf(World *world, HttpServer *server, const char *host)
{
	g_autofree char *ca = g_build_filename(world->folder, "ca.crt", NULL);
	g_autofree char *url = g_strdup_printf("https://%s:%u/", host, http_server_port(server));
	struct curl_certinfo *info = NULL;
	CURL *curl = curl_easy_init();
	char *leaf = NULL;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	if (curl_easy_perform(curl) == CURLE_OK &&
	    curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) == CURLE_OK && info->num_of_certs > 0)
		for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
			if (g_str_has_prefix(line->data, "Serial Number:"))
				leaf = g_strdup(line->data);
	curl_easy_cleanup(curl);
	return leaf;
}

static void serves_tls_and_takes_a_new_certificate_while_it_runs(void **state)
{
	World *world = *state;
	g_autofree char *certificate = NULL;
	g_autofree char *key = NULL;
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;
	g_autofree char *third = NULL;
	g_autoptr(HttpServer) server = NULL;
	g_autoptr(GError) error = NULL;
	HttpServerOptions options = {.handle = answer};

	assert_true(http_pki_issue(world->pki, names, &certificate, &key, NULL));
	options.certificate_pem = certificate;
	options.key_pem = key;
	server = http_server_new(&options, &error);
	assert_non_null(server);
	first = served_leaf(world, server, "127.0.0.1");
	second = served_leaf(world, server, "localhost");
	assert_non_null(first);
	assert_string_equal(first, second);

	g_clear_pointer(&certificate, g_free);
	g_clear_pointer(&key, g_free);
	assert_true(http_pki_issue(world->pki, names, &certificate, &key, NULL));
	assert_true(http_server_set_certificate(server, certificate, key, &error));
	third = served_leaf(world, server, "127.0.0.1");
	assert_non_null(third);
	assert_string_not_equal(first, third);
}

static void refuses_a_key_of_another_certificate(void **state)
{
	World *world = *state;
	g_autofree char *certificate = NULL;
	g_autofree char *key = NULL;
	g_autofree char *other = NULL;
	g_autofree char *other_key = NULL;
	g_autoptr(GError) error = NULL;
	HttpServerOptions options = {.handle = answer};

	assert_true(http_pki_issue(world->pki, names, &other, &other_key, NULL));
	assert_true(http_pki_issue(world->pki, names, &certificate, &key, NULL));
	options.certificate_pem = other;
	options.key_pem = key;
	assert_null(http_server_new(&options, &error));
	assert_non_null(strstr(error->message, "does not belong to the certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_its_authority_and_hides_the_key, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(says_what_to_do_when_the_key_is_lost_or_foreign,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_an_expired_authority, set_up, tear_down),
		cmocka_unit_test_setup_teardown(renews_a_leaf_when_it_must_and_only_then, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			serves_tls_and_takes_a_new_certificate_while_it_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_a_key_of_another_certificate, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
