#include "base/file.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int make_folder(void **state)
{
	*state = g_dir_make_tmp("espalier-file-XXXXXX", NULL);
	return *state == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	base_tree_remove(*state, NULL);
	g_free(*state);
	return 0;
}

static void writes_with_exactly_the_mode_asked(void **state)
{
	g_autofree char *path = g_build_filename(*state, "secret", NULL);
	struct stat status;
	mode_t old = umask(0);

	assert_true(base_file_write(path, "x", 1, 0600, NULL));
	umask(old);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void leaves_the_old_file_when_the_disk_is_full(void **state)
{
	g_autofree char *path = g_build_filename(*state, "file", NULL);
	g_autofree char *large = g_strnfill(8192, 'x');
	struct rlimit old, small;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	assert_true(base_file_write(path, "old", 3, 0600, NULL));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_false(base_file_write(path, large, 8192, 0600, &error));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_NO_SPACE));
	bytes = base_file_read(path, 100, NULL);
	assert_int_equal(g_bytes_get_size(bytes), 3);
}

/* A process is killed while it replaces a file over and over; whenever it dies, the file is one of
 * the two whole ones. */
static void is_whole_whenever_the_writer_is_killed(void **state)
{
	enum { ROUNDS = 40, BYTES = 20000 };
	g_autofree char *path = g_build_filename(*state, "file", NULL);
	g_autofree char *a = g_strnfill(BYTES, 'a');
	g_autofree char *b = g_strnfill(BYTES, 'b');

	assert_true(base_file_write(path, a, BYTES, 0600, NULL));
	for (int round = 0; round < ROUNDS; round++) {
		g_autoptr(GBytes) bytes = NULL;
		const char *data;
		guint16 delay;
		pid_t child = fork();

		if (child == 0)
			for (;;) {
				base_file_write(path, b, BYTES, 0600, NULL);
				base_file_write(path, a, BYTES, 0600, NULL);
			}
		base_random_bytes(&delay, sizeof delay);
		g_usleep(500 + delay % 10000);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		bytes = base_file_read(path, BYTES, NULL);
		assert_non_null(bytes);
		assert_int_equal(g_bytes_get_size(bytes), BYTES);
		data = g_bytes_get_data(bytes, NULL);
		assert_true(memcmp(data, a, BYTES) == 0 || memcmp(data, b, BYTES) == 0);
	}
	assert_true(base_folder_sweep(*state, NULL));
	{
		g_autoptr(GDir) folder = g_dir_open(*state, 0, NULL);

		assert_string_equal(g_dir_read_name(folder), "file");
		assert_null(g_dir_read_name(folder));
	}
}

static void reads_no_more_than_it_may(void **state)
{
	g_autofree char *path = g_build_filename(*state, "file", NULL);
	g_autoptr(GError) error = NULL;

	assert_true(base_file_write(path, "12345", 5, 0600, NULL));
	assert_null(base_file_read(path, 4, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	assert_non_null(strstr(error->message, path));
}

static void writes_only_what_differs(void **state)
{
	g_autofree char *path = g_build_filename(*state, "file", NULL);
	gboolean changed = FALSE;

	assert_true(base_file_update(path, "x", 1, 0600, &changed, NULL));
	assert_true(changed);
	assert_true(base_file_update(path, "x", 1, 0600, &changed, NULL));
	assert_false(changed);
	assert_true(base_file_update(path, "x", 1, 0640, &changed, NULL));
	assert_true(changed);
}

static void locks_once(void **state)
{
	g_autofree char *path = g_build_filename(*state, "lock", NULL);
	g_autoptr(GError) error = NULL;
	BaseFileLock *lock = base_file_lock(path, NULL);

	assert_non_null(lock);
	assert_null(base_file_lock(path, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_BUSY));
	base_file_lock_free(lock);
	lock = base_file_lock(path, NULL);
	assert_non_null(lock);
	base_file_lock_free(lock);
}

static void refuses_json_that_is_too_deep_or_twice_the_same(void **state)
{
	g_autofree char *deep = g_strnfill(10000, '[');
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{"{\"a\":1,\"a\":2}", "duplicate"},
		{"{\"a\":1} x", "end of file"},
		{"{\"a\":\"\xff\"}", "decode byte 0xff"},
		{"[1,", "line 1"},
	};
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(base_json_parse(deep, 10000, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) fault = NULL;

		assert_null(base_json_parse(rows[i].text, strlen(rows[i].text), &fault));
		assert_non_null(strstr(fault->message, rows[i].message));
	}
}

static void tells_the_parts_of_a_hash_of_inputs_apart(void **state)
{
	static const char *const rows[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"abc", NULL}};
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		BaseInputsHash *hash = base_inputs_hash_new();

		base_inputs_hash_add_string(hash, rows[i][0]);
		base_inputs_hash_add_string(hash, rows[i][1]);
		assert_true(g_hash_table_add(seen, base_inputs_hash_finish(hash)));
	}
}

static void mints_passwords_of_128_bits(void **state)
{
	char *a = base_random_password(), *b = base_random_password();

	(void)state;
	assert_int_equal(strlen(a), 22);
	assert_string_not_equal(a, b);
	assert_true(base_secret_equal(a, a));
	assert_false(base_secret_equal(a, b));
	assert_false(base_secret_equal(NULL, NULL));
	base_secret_free(a);
	base_secret_free(b);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		IN_FOLDER(writes_with_exactly_the_mode_asked),
		IN_FOLDER(leaves_the_old_file_when_the_disk_is_full),
		IN_FOLDER(is_whole_whenever_the_writer_is_killed),
		IN_FOLDER(reads_no_more_than_it_may),
		IN_FOLDER(writes_only_what_differs),
		IN_FOLDER(locks_once),
		cmocka_unit_test(refuses_json_that_is_too_deep_or_twice_the_same),
		cmocka_unit_test(tells_the_parts_of_a_hash_of_inputs_apart),
		cmocka_unit_test(mints_passwords_of_128_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
