/* esp/partition_text.h — the text of a partition table's CSV, taken apart as Python does it for
 * gen_esp32part.py (which lines, spaces and numbers there are); for esp/partition_csv.c. */
#pragma once

#include <glib.h>

/* UTF-8 without its mark; UTF-16 and UTF-32 only with one. Yours, or NULL with ESP_ERROR_INVALID.
 */
char *partition_text_utf8(const char *text, gsize size_bytes, GError **error);

/* Ends the line that `*rest` begins and moves `*rest` behind it; NULL after the last. Borrowed. */
char *partition_text_line(char **rest);

/* Without the white space at both ends, in place. */
char *partition_text_strip(char *text);

/* `text` with the variables in it replaced, or NULL with their names in `unknown` (yours). A '$'
 * that begins no name stays. Yours. */
char *partition_text_expand(const char *text,
			    const char *(*variable)(const char *name, gpointer user_data),
			    gpointer user_data, char **unknown);

/* An integer as int(text, 0) reads it: sign, decimal or 0x, 0o, 0b, '_' between digits; with any
 * number of suffixes k and m (any case) behind it. Beyond 64 bits it is G_MAXINT64 or its negative.
 * FALSE if it is none. */
gboolean partition_text_number(const char *text, gint64 *number);
