/* cmd/formats/grid.h — text in aligned columns. */
#pragma once

#include <glib.h>
#include <stdio.h>

typedef struct CmdGrid CmdGrid;

/* A grid with these column headings (not copied), ended by NULL; one that begins with '>' is of
 * numbers, aligned to the right. Yours. */
CmdGrid *cmd_grid_new(const char *const *headings);
void cmd_grid_free(CmdGrid *grid);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmdGrid, cmd_grid_free)

/* Appends a row: a cell a column, of valid UTF-8. */
void cmd_grid_add(CmdGrid *grid, ...);

/* Prints the headings and the rows, each with `indent` spaces in front. Control characters are
 * written out. */
void cmd_grid_print(const CmdGrid *grid, guint indent, FILE *out);
