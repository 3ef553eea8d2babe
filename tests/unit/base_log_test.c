#include "base/log.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum {
	LINE_BYTES = 1024 * 1024,
};

static struct stat look_at(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status;
}

static void a_full_log_is_put_aside_and_both_are_for_its_owner_alone(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "log", NULL);
	g_autofree char *old = g_strconcat(path, ".1", NULL);
	g_autofree char *line = g_strnfill(LINE_BYTES, 'x');

	(void)state;
	assert_true(base_log_open(path, NULL));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i <= BASE_LOG_ROTATE_BYTES / LINE_BYTES; i++)
			base_log(BASE_LOG_INFO, "test", "%s", line);
		assert_in_range(look_at(old).st_size, BASE_LOG_ROTATE_BYTES,
				BASE_LOG_ROTATE_BYTES + 2 * LINE_BYTES);
		assert_true(look_at(path).st_size < BASE_LOG_ROTATE_BYTES);
	}
	assert_int_equal(look_at(path).st_mode & 0777, 0600);
	assert_int_equal(look_at(old).st_mode & 0777, 0600);
	assert_true(base_log_open(NULL, NULL));
	base_tree_remove(folder, NULL);
}

static void a_log_goes_on_where_it_ended_and_breaks_no_line(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "log", NULL);
	g_autofree char *text = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(base_log_open(path, NULL));
		base_log(BASE_LOG_WARNING, "test", "one\ntwo");
		base_log(BASE_LOG_DEBUG, "test", "not asked for");
		assert_true(base_log_open(NULL, NULL));
	}
	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	assert_non_null(strstr(text, "Z warning test: one two\n"));
	assert_ptr_not_equal(strstr(text, "one two"), g_strrstr(text, "one two"));
	assert_null(strstr(text, "not asked for"));
	base_tree_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_log_is_put_aside_and_both_are_for_its_owner_alone),
		cmocka_unit_test(a_log_goes_on_where_it_ended_and_breaks_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
