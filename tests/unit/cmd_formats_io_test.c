/* Files, `-` and sizes as the commands of the formats take them. */
#include "cmd/formats/io.h"

#include "base/error.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void numbers_have_bases_units_and_bounds(void **state)
{
	static const struct {
		const char *text;
		gboolean ok;
		guint64 value;
	} table[] = {
		{"4096", TRUE, 4096},
		{"0x1000", TRUE, 4096},
		{"0X1000", TRUE, 4096},
		{"4K", TRUE, 4096},
		{"4k", TRUE, 4096},
		{"1M", TRUE, 0x100000},
		{"0x2k", TRUE, 2048},
		{"16", TRUE, 16},
		{"15", FALSE, 0},
		{"0x100001", FALSE, 0},
		{"2M", FALSE, 0},
		{"", FALSE, 0},
		{"K", FALSE, 0},
		{"0x", FALSE, 0},
		{"-16", FALSE, 0},
		{" 16", FALSE, 0},
		{"16 ", FALSE, 0},
		{"16KB", FALSE, 0},
		{"18446744073709551615", FALSE, 0},
		{"18014398509481985K", FALSE, 0},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		guint64 value = 1;

		if (cmd_number_parse("--size", table[i].text, 16, 0x100000, &value, &error) !=
		    table[i].ok)
			fail_msg("'%s' was judged wrongly", table[i].text);
		assert_int_equal(value, table[i].ok ? table[i].value : 1);
		if (!table[i].ok)
			assert_non_null(strstr(error->message, "--size takes a number from 0x10 "
							       "to 0x100000"));
	}
}

static guint mode_of(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	return info.st_mode & 0777;
}

static void an_output_is_whole_and_has_the_mode_of_its_kind(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-io-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "out", NULL);
	g_autofree char *link = g_build_filename(folder, "link", NULL);
	g_autoptr(GBytes) read_back = NULL;
	g_autoptr(GError) error = NULL;
	struct stat info;
	mode_t mask = umask(022);

	(void)state;
	assert_true(cmd_output_write(file, "public", 6, CMD_MODE_PUBLIC, &error));
	assert_int_equal(mode_of(file), 0644);
	assert_int_equal(symlink("out", link), 0);
	assert_true(cmd_output_write(link, "secret", 6, CMD_MODE_SECRET, &error));
	assert_int_equal(mode_of(file), 0600);
	assert_int_equal(lstat(link, &info), 0);
	assert_true(S_ISLNK(info.st_mode));
	read_back = cmd_input_read(file, 6, &error);
	assert_memory_equal(g_bytes_get_data(read_back, NULL), "secret", 6);
	assert_null(cmd_input_read(file, 5, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	umask(mask);
	assert_true(base_tree_remove(folder, NULL));
}

static void a_device_is_written_to_and_stays(void **state)
{
	g_autoptr(GError) error = NULL;
	struct stat info;

	(void)state;
	assert_true(cmd_output_write("/dev/null", "x", 1, CMD_MODE_PUBLIC, &error));
	assert_int_equal(stat("/dev/null", &info), 0);
	assert_true(S_ISCHR(info.st_mode));
	assert_false(cmd_output_write("/dev/full", "x", 1, CMD_MODE_PUBLIC, &error));
	assert_non_null(strstr(error->message, "/dev/full"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_bases_units_and_bounds),
		cmocka_unit_test(an_output_is_whole_and_has_the_mode_of_its_kind),
		cmocka_unit_test(a_device_is_written_to_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
