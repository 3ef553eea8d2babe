#include "cmd/formats/grid.h"

#include "cmd/text.h"

struct CmdGrid {
	const char *const *headings;
	guint n_columns;
	GPtrArray *cells; /* row by row */
};

CmdGrid *cmd_grid_new(const char *const *headings)
{
	CmdGrid *grid = g_new0(CmdGrid, 1);

	grid->headings = headings;
	while (headings[grid->n_columns] != NULL)
		grid->n_columns++;
	grid->cells = g_ptr_array_new_with_free_func(g_free);
	return grid;
}

void cmd_grid_free(CmdGrid *grid)
{
	if (grid == NULL)
		return;
	g_ptr_array_unref(grid->cells);
	g_free(grid);
}

void cmd_grid_add(CmdGrid *grid, ...)
{
	va_list cells;

	va_start(cells, grid);
	for (guint i = 0; i < grid->n_columns; i++)
		g_ptr_array_add(grid->cells,
				cmd_text_printable(va_arg(cells, const char *), FALSE));
	va_end(cells);
}

static gboolean is_right(const CmdGrid *grid, guint column)
{
	return grid->headings[column][0] == '>';
}

static const char *heading(const CmdGrid *grid, guint column)
{
	return grid->headings[column] + (is_right(grid, column) ? 1 : 0);
}

static guint width_of(const char *text)
{
	return (guint)g_utf8_strlen(text, -1);
}

static guint column_width(const CmdGrid *grid, guint column)
{
	guint width = width_of(heading(grid, column));

	for (guint i = column; i < grid->cells->len; i += grid->n_columns)
		width = MAX(width, width_of(g_ptr_array_index(grid->cells, i)));
	return width;
}

static void append_cell(GString *line, const CmdGrid *grid, guint column, const char *text,
			guint width)
{
	guint spaces = width - width_of(text);

	if (is_right(grid, column))
		g_string_append_printf(line, "%*s", (int)spaces, "");
	g_string_append(line, text);
	if (!is_right(grid, column))
		g_string_append_printf(line, "%*s", (int)spaces, "");
	if (column + 1 < grid->n_columns)
		g_string_append(line, "  ");
}

static void print_line(GString *line, guint indent, FILE *out)
{
	gsize length = line->len;

	while (length > 0 && line->str[length - 1] == ' ')
		length--;
	g_string_truncate(line, length);
	fprintf(out, "%*s%s\n", (int)indent, "", line->str);
	g_string_truncate(line, 0);
}

void cmd_grid_print(const CmdGrid *grid, guint indent, FILE *out)
{
	g_autofree guint *widths = g_new(guint, grid->n_columns);
	g_autoptr(GString) line = g_string_new(NULL);

	for (guint i = 0; i < grid->n_columns; i++) {
		widths[i] = column_width(grid, i);
		append_cell(line, grid, i, heading(grid, i), widths[i]);
	}
	print_line(line, indent, out);
	for (guint i = 0; i < grid->cells->len; i++) {
		guint column = i % grid->n_columns;

		append_cell(line, grid, column, g_ptr_array_index(grid->cells, i), widths[column]);
		if (column + 1 == grid->n_columns)
			print_line(line, indent, out);
	}
}
