/* cmd/formats/columns.h — tables for people: columns as wide as their widest cell, two spaces
 * between them. One thread. */
#pragma once

#include <glib.h>

typedef struct CmdColumns CmdColumns;

/* `headings` are the first row, NULL-terminated. One that begins with '>' is of a column that is
 * set to the right (the '>' is not printed). Yours. */
CmdColumns *cmd_columns_new(const char *const *headings);

/* Adds a cell, row by row. Takes `text`. */
void cmd_columns_add(CmdColumns *columns, char *text);
void cmd_columns_add_number(CmdColumns *columns, guint64 number);

/* Prints to standard output; the last column is not padded. Frees. */
void cmd_columns_print(CmdColumns *columns);
