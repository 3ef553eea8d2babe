/* The command table: rows found by their words, families before their commands, groups together. */
#include "cmd/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void rows_are_found_by_their_words(void **state)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);

	(void)state;
	for (gsize i = 0; i < n_rows; i++) {
		g_auto(GStrv) words = g_strsplit(rows[i].name, " ", -1);
		int n_words = 0, n_given = (int)g_strv_length(words);

		assert_in_range(n_given, 1, 2);
		assert_ptr_equal(cmd_row_find(n_given, words, &n_words), &rows[i]);
		assert_int_equal(n_words, n_given);
	}
}

static void words_after_the_name_do_not_matter(void **state)
{
	char *argv[] = {(char *)"down", (char *)"--data", (char *)"x"};
	char *unknown[] = {(char *)"dow"};
	int n_words = 7;

	(void)state;
	assert_null(cmd_row_find(1, unknown, &n_words));
	assert_null(cmd_row_find(0, unknown, &n_words));
	assert_int_equal(n_words, 7);
	assert_string_equal(cmd_row_find(3, argv, &n_words)->name, "down");
	assert_int_equal(n_words, 1);
}

static void a_family_stands_before_its_commands_in_one_group(void **state)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);
	const CmdRow *family = NULL;

	(void)state;
	for (gsize i = 0; i < n_rows; i++) {
		if (strchr(rows[i].name, ' ') == NULL) {
			family = &rows[i];
			continue;
		}
		assert_true(cmd_row_is_of_family(&rows[i], family));
		assert_true(cmd_row_is_family(family));
		assert_null(family->command);
		assert_non_null(rows[i].command);
		assert_string_equal(rows[i].group, family->group);
	}
}

static void rows_of_a_group_stand_together(void **state)
{
	gsize n_rows;
	const CmdRow *rows = cmd_rows(&n_rows);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	(void)state;
	for (gsize i = 0; i < n_rows; i++)
		if (i == 0 || strcmp(rows[i].group, rows[i - 1].group) != 0)
			assert_true(g_hash_table_add(seen, (gpointer)rows[i].group));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_found_by_their_words),
		cmocka_unit_test(words_after_the_name_do_not_matter),
		cmocka_unit_test(a_family_stands_before_its_commands_in_one_group),
		cmocka_unit_test(rows_of_a_group_stand_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
