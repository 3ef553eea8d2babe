#include "base/error.h"
#include "base/file.h"
#include "cmd/formats/batch_journal.h"
#include "cmd/formats/batch_names.h"
#include "cmd/formats/batch_output.h"
#include "cmd/formats/batch_windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

enum { IMAGE_BYTES = 1024 * 1024, MANY_NAMES = 100000 };

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int make_folder(void **state)
{
	*state = g_dir_make_tmp("batch-XXXXXX", NULL);
	return *state == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)base_tree_remove(*state, NULL);
	g_free(*state);
	return 0;
}

static void put_text(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void reads_the_journal_that_it_wrote(void **state)
{
	const BatchJournal written = {
		.inputs = HASH, .n_devices = 100000, .n_done = 8192, .n_begun = 16384};
	BatchJournal journal = {0};
	gboolean found = TRUE;

	assert_true(batch_journal_read(*state, &journal, &found, NULL));
	assert_false(found);
	assert_true(batch_journal_write(*state, &written, NULL));
	assert_true(batch_journal_read(*state, &journal, &found, NULL));
	assert_true(found);
	assert_string_equal(journal.inputs, written.inputs);
	assert_int_equal(journal.n_devices, written.n_devices);
	assert_int_equal(journal.n_done, written.n_done);
	assert_int_equal(journal.n_begun, written.n_begun);
}

static void refuses_what_is_no_journal(void **state)
{
	static const char *const texts[] = {
		"",
		"espalier nvs batch 2\ninputs " HASH "\ndevices 3\ndone 1\nbegun 2\n",
		"espalier nvs batch 1\ninputs " HASH "\ndevices 3\ndone 1\n",
		"espalier nvs batch 1\ninputs " HASH "\ndevices 3\ndone 2\nbegun 1\n",
		"espalier nvs batch 1\ninputs " HASH "\ndevices 3\ndone 1\nbegun 4\n",
		"espalier nvs batch 1\ninputs " HASH "\ndevices 3\ndone 1\nbegun 2\nmore\n",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		BatchJournal journal = {0};
		g_autoptr(GError) error = NULL;
		gboolean found;

		put_text(*state, BATCH_JOURNAL_NAME, texts[i]);
		assert_false(batch_journal_read(*state, &journal, &found, &error));
		assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
		assert_non_null(strstr(error->message, "is no journal of a batch"));
	}
}

static void writes_over_a_file_only_where_it_may(void **state)
{
	g_auto(BatchOutput) output = {0};
	g_autofree char *path = g_build_filename(*state, "out", NULL);
	g_autofree char *image = g_build_filename(path, "bin", "p-a.bin", NULL);
	g_autofree char *keys = g_build_filename(path, "keys", "keys-a.bin", NULL);
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) error = NULL;
	struct stat info;

	assert_true(batch_output_open(&output, path, TRUE, NULL));
	assert_true(batch_output_is_empty(&output, NULL));
	assert_true(batch_output_put(&output, BATCH_IMAGES, 0, "p", "a", "one", 3, FALSE, NULL));
	assert_false(batch_output_put(&output, BATCH_IMAGES, 0, "p", "a", "two", 3, FALSE, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_EXISTS));
	bytes = base_file_read(image, 16, NULL);
	assert_memory_equal(g_bytes_get_data(bytes, NULL), "one", 3);
	assert_true(batch_output_put(&output, BATCH_IMAGES, 0, "p", "a", "three", 5, TRUE, NULL));
	assert_true(batch_output_put(&output, BATCH_KEYS, 1, NULL, "a", "key", 3, FALSE, NULL));
	assert_true(batch_output_sync(&output, NULL));
	assert_int_equal(stat(image, &info), 0);
	assert_int_equal(info.st_size, 5);
	assert_int_equal(stat(keys, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_false(batch_output_is_empty(&output, NULL));
}

static void sweeps_what_a_killed_process_left(void **state)
{
	g_autofree char *path = g_build_filename(*state, "out", NULL);
	g_autofree char *left = g_build_filename(path, "bin", ".tmp-255", NULL);

	for (guint i = 0; i < 2; i++) {
		g_auto(BatchOutput) output = {0};

		assert_true(batch_output_open(&output, path, FALSE, NULL));
		assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
		assert_true(batch_output_is_empty(&output, NULL));
		put_text(path, "bin/.tmp-255", "half");
	}
}

static void lets_one_batch_write_to_a_folder(void **state)
{
	g_auto(BatchOutput) one = {0}, other = {0};
	g_autoptr(GError) error = NULL;

	assert_true(batch_output_open(&one, *state, FALSE, NULL));
	assert_false(batch_output_open(&other, *state, FALSE, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_BUSY));
}

static void takes_names_that_files_can_have(void **state)
{
	g_autofree char *longest = g_strnfill(BATCH_NAME_MAX_BYTES, 'x');
	const struct {
		const char *prefix, *device, *message;
	} rows[] = {
		{NULL, "A0:B1:C2", NULL},
		{NULL, "Gerät 7", NULL},
		{NULL, longest, NULL},
		{"p", longest, "has with its prefix more than the 200 bytes"},
		{"p", "", "is empty"},
		{NULL, ".x", "begins with a dot"},
		{NULL, "a/b", "has a slash"},
		{NULL, "a\nb", "has a control character"},
		{NULL, "a\xff", "is not UTF-8"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		gboolean taken = batch_output_name_check(rows[i].prefix, rows[i].device, &error);

		assert_int_equal(taken, rows[i].message == NULL);
		assert_true(taken || strstr(error->message, rows[i].message) != NULL);
	}
}

static void finds_a_name_that_two_of_many_devices_have(void **state)
{
	g_autoptr(BatchNames) names = batch_names_new(NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	for (guint i = 0; i < MANY_NAMES; i++) {
		g_autofree char *name = g_strdup_printf("device %u", i);

		assert_true(batch_names_add(names, name, i + 2, NULL));
	}
	assert_true(batch_names_check(names, NULL));
	assert_true(batch_names_add(names, "device 77", MANY_NAMES + 2, NULL));
	assert_false(batch_names_check(names, &error));
	assert_string_equal(error->message, "line 100002: the device has the name of that in line "
					    "79; each needs its own");
}

static void journals_a_window_when_all_of_it_is_finished(void **state)
{
	g_auto(BatchOutput) output = {0};
	BatchJournal journal = {.inputs = HASH, .n_devices = 300};
	BatchWindows *windows;
	gboolean found;

	assert_true(batch_output_open(&output, *state, FALSE, NULL));
	windows = batch_windows_new(&journal, &output, IMAGE_BYTES, NULL); /* windows of 64 */
	assert_true(batch_journal_read(*state, &journal, &found, NULL));
	assert_int_equal(journal.n_done, 0);
	assert_int_equal(journal.n_begun, 128);
	assert_true(batch_windows_may_begin(windows, 128, 0));
	assert_false(batch_windows_may_begin(windows, 129, 0));
	for (guint64 device = 128; device > 1; device--)
		batch_windows_finished(windows, device);
	assert_false(batch_windows_may_begin(windows, 129, 50 * 1000));
	batch_windows_finished(windows, 1);
	assert_true(batch_windows_may_begin(windows, 256, 10 * G_USEC_PER_SEC));
	assert_int_equal(batch_windows_count(windows), 128);
	assert_true(batch_windows_end(windows, FALSE, NULL));
	assert_true(batch_journal_read(*state, &journal, &found, NULL));
	assert_int_equal(journal.n_done, 128);
	assert_int_equal(journal.n_begun, 256);

	windows = batch_windows_new(&journal, &output, IMAGE_BYTES, NULL);
	for (guint64 device = 129; device <= 300; device++) {
		assert_true(batch_windows_may_begin(windows, device, 10 * G_USEC_PER_SEC));
		batch_windows_finished(windows, device);
	}
	assert_true(batch_windows_end(windows, TRUE, NULL));
	assert_true(batch_journal_read(*state, &journal, &found, NULL));
	assert_int_equal(journal.n_done, 300);
	assert_int_equal(journal.n_begun, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_the_journal_that_it_wrote, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_journal, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(writes_over_a_file_only_where_it_may, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(sweeps_what_a_killed_process_left, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(lets_one_batch_write_to_a_folder, make_folder,
						remove_folder),
		cmocka_unit_test(takes_names_that_files_can_have),
		cmocka_unit_test(finds_a_name_that_two_of_many_devices_have),
		cmocka_unit_test_setup_teardown(journals_a_window_when_all_of_it_is_finished,
						make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
