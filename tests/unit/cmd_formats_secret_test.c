/* Keys, passphrases and PINs on their way in. */
#include "cmd/formats/secret.h"

#include "base/error.h"
#include "base/file.h"
#include "cmd/formats/pkcs11.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
	char *folder, *path;
} World;

static int set_up(void **state)
{
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("espalier-secret-XXXXXX", NULL);
	world->path = g_build_filename(world->folder, "key", NULL);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	World *world = *state;

	assert_true(base_tree_remove(world->folder, NULL));
	g_free(world->path);
	g_free(world->folder);
	g_free(world);
	return 0;
}

static void write_key(const World *world, const char *text, guint mode)
{
	assert_true(base_file_write(world->path, text, strlen(text), mode, NULL));
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
	static const struct {
		guint mode;
		gboolean ok;
	} rows[] = {
		{0600, TRUE},  {0400, TRUE},  {0700, TRUE},  {0640, FALSE}, {0604, FALSE},
		{0620, FALSE}, {0602, FALSE}, {0610, FALSE}, {0601, FALSE}, {0644, FALSE},
	};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(CmdSecret) secret = {0}, any = {0};
		g_autoptr(GError) error = NULL;
		gboolean is_private = !rows[i].ok;

		write_key(world, "secret", rows[i].mode);
		assert_int_equal(cmd_secret_read(world->path, 64, &secret, &error), rows[i].ok);
		assert_true(cmd_secret_read_any(world->path, 64, &any, &is_private, NULL));
		assert_int_equal(is_private, rows[i].ok);
		assert_string_equal((const char *)any.data, "secret");
		if (rows[i].ok)
			continue;
		assert_null(secret.data);
		assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
		assert_non_null(strstr(error->message, "chmod 600 "));
		assert_null(strstr(error->message, "secret\""));
	}
}

static void a_link_is_judged_by_what_it_leads_to(void **state)
{
	World *world = *state;
	g_autofree char *link = g_build_filename(world->folder, "link", NULL);
	g_auto(CmdSecret) secret = {0};

	write_key(world, "secret", 0644);
	assert_int_equal(symlink("key", link), 0);
	assert_false(cmd_secret_read(link, 64, &secret, NULL));
	assert_int_equal(chmod(world->path, 0600), 0);
	assert_true(cmd_secret_read(link, 64, &secret, NULL));
}

static void what_is_longer_than_a_key_is_refused(void **state)
{
	World *world = *state;
	g_auto(CmdSecret) secret = {0};
	g_autoptr(GError) error = NULL;

	write_key(world, "secret", 0600);
	assert_true(cmd_secret_read(world->path, 6, &secret, NULL));
	assert_int_equal(secret.size_bytes, 6);
	assert_int_equal(secret.data[6], 0);
	cmd_secret_clear(&secret);
	assert_false(cmd_secret_read(world->path, 5, &secret, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	assert_non_null(strstr(error->message, "has more than 5 bytes"));
}

static void a_pipe_is_read_whatever_its_modes(void **state)
{
	g_auto(CmdSecret) secret = {0};
	g_autofree char *path = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "pin\n", 4), 4);
	close(ends[1]);
	path = g_strdup_printf("/dev/fd/%d", ends[0]);
	assert_true(cmd_secret_read_line(path, 64, &secret, NULL));
	close(ends[0]);
	assert_string_equal((const char *)secret.data, "pin");
	assert_int_equal(secret.size_bytes, 3);
}

static void a_line_ends_at_its_end_and_is_not_empty(void **state)
{
	static const struct {
		const char *text, *line; /* NULL: refused */
	} rows[] = {
		{"swordfish", "swordfish"},     {"swordfish\n", "swordfish"},
		{"swordfish\r\n", "swordfish"}, {"sword fish \nsecond", "sword fish "},
		{"\nswordfish", NULL},          {"", NULL},
	};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(CmdSecret) secret = {0};
		g_autoptr(GError) error = NULL;

		write_key(world, rows[i].text, 0600);
		if (cmd_secret_read_line(world->path, 64, &secret, &error))
			assert_string_equal((const char *)secret.data, rows[i].line);
		else
			assert_null(rows[i].line);
		assert_int_equal(error != NULL, rows[i].line == NULL);
		if (error != NULL)
			assert_non_null(strstr(error->message, "the first line of"));
	}
}

static void a_missing_file_is_named(void **state)
{
	World *world = *state;
	g_auto(CmdSecret) secret = {0};
	g_autoptr(GError) error = NULL;

	assert_false(cmd_secret_read(world->path, 64, &secret, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_NOT_FOUND));
	assert_non_null(strstr(error->message, world->path));
}

static void a_pin_in_a_uri_is_refused_unread_and_unsaid(void **state)
{
	static const struct {
		const char *uri, *message;
	} rows[] = {
		{"pkcs11:token=t;object=k;pin-value=4711", "has a PIN or its source in it"},
		{"pkcs11:token=t?pin-value=4711", "has a PIN or its source in it"},
		{"pkcs11:token=t?pin-source=/etc/4711", "has a PIN or its source in it"},
		{"pkcs11:token=t?module-name=4", "takes module-path=FILE, not 'module-name=4'"},
	};

	(void)state;
	assert_true(pkcs11_is_uri("pkcs11:token=t"));
	assert_false(pkcs11_is_uri("pkcs11.pem"));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(pkcs11_key_load(rows[i].uri, NULL, "/dev/null", &error));
		assert_non_null(strstr(error->message, rows[i].message));
		assert_null(strstr(error->message, "4711"));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_others_may_touch_is_refused),
		TEST(a_link_is_judged_by_what_it_leads_to),
		TEST(what_is_longer_than_a_key_is_refused),
		TEST(a_pipe_is_read_whatever_its_modes),
		TEST(a_line_ends_at_its_end_and_is_not_empty),
		TEST(a_missing_file_is_named),
		TEST(a_pin_in_a_uri_is_refused_unread_and_unsaid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
