#include "cmd/table_print.h"
#include "cmd/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void control_characters_are_written_out(void **state)
{
	static const struct {
		const char *text, *line, *lines;
	} table[] = {
		{"1.4.2", "1.4.2", "1.4.2"},
		{"grün ✓", "grün ✓", "grün ✓"},
		{"\033[2Jgone", "\\x1b[2Jgone", "\\x1b[2Jgone"},
		{"a\nb\tc", "a\\x0ab\\x09c", "a\nb\tc"},
		{"\r\x7f", "\\x0d\\x7f", "\\x0d\\x7f"},
		{"\xc2\x9b"
		 "31m",
		 "\\x9b31m", "\\x9b31m"},
		{"", "", ""},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *line = cmd_text_printable(table[i].text, FALSE);
		g_autofree char *lines = cmd_text_printable(table[i].text, TRUE);

		assert_string_equal(line, table[i].line);
		assert_string_equal(lines, table[i].lines);
	}
}

static void a_table_shows_no_escape_sequence_of_a_device(void **state)
{
	g_autoptr(json_t) table = json_pack(
		"{s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}], s:[{s:[s, s]}]}", "columnDefinitions",
		"name", "Name", "format", "name", "priority", 0, "name", "Firmware", "format", "",
		"priority", 0, "rows", "cells", "probe-1", "1.0\033]0;owned\007");
	CmdTableOptions options = {0};
	g_autofree char *text = NULL;
	gsize size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	cmd_table_print(out, table, &options);
	fclose(out);
	assert_string_equal(text, "NAME      FIRMWARE\nprobe-1   1.0\\x1b]0;owned\\x07\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_written_out),
		cmocka_unit_test(a_table_shows_no_escape_sequence_of_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
