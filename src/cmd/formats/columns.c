#include "cmd/formats/columns.h"

#include <stdio.h>
#include <string.h>

struct CmdColumns {
	guint n;
	gboolean *to_the_right;
	GPtrArray *cells;
};

CmdColumns *cmd_columns_new(const char *const *headings)
{
	CmdColumns *columns = g_new0(CmdColumns, 1);

	columns->cells = g_ptr_array_new_with_free_func(g_free);
	columns->n = g_strv_length((char **)(gpointer)headings);
	columns->to_the_right = g_new0(gboolean, columns->n);
	for (guint i = 0; i < columns->n; i++) {
		columns->to_the_right[i] = *headings[i] == '>';
		cmd_columns_add(columns,
				g_strdup(headings[i] + (columns->to_the_right[i] ? 1 : 0)));
	}
	return columns;
}

void cmd_columns_add(CmdColumns *columns, char *text)
{
	g_ptr_array_add(columns->cells, text);
}

void cmd_columns_add_number(CmdColumns *columns, guint64 number)
{
	cmd_columns_add(columns, g_strdup_printf("%" G_GUINT64_FORMAT, number));
}

static int width_of(const char *text)
{
	return (int)g_utf8_strlen(text, -1);
}

static void print_cell(const char *text, int width, gboolean to_the_right, gboolean is_last)
{
	int gap = width - width_of(text);

	if (to_the_right)
		printf("%*s%s", gap, "", text);
	else
		printf("%s%*s", text, is_last ? 0 : gap, "");
	fputs(is_last ? "\n" : "  ", stdout);
}

void cmd_columns_print(CmdColumns *columns)
{
	g_autofree int *widths = g_new0(int, columns->n);

	for (guint i = 0; i < columns->cells->len; i++)
		widths[i % columns->n] =
			MAX(widths[i % columns->n], width_of(g_ptr_array_index(columns->cells, i)));
	for (guint i = 0; i < columns->cells->len; i++)
		print_cell(g_ptr_array_index(columns->cells, i), widths[i % columns->n],
			   columns->to_the_right[i % columns->n], i % columns->n == columns->n - 1);
	g_ptr_array_unref(columns->cells);
	g_free(columns->to_the_right);
	g_free(columns);
}
