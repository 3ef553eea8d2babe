/* esp/csv.h — rows of comma-separated text (RFC 4180), for the CSV readers of this room. Pure; one
 * reader belongs to one thread.
 *
 * Text is read as Python's csv module reads it in its default dialect, since Espressif's tools do:
 * a field in quotes may hold commas and line ends, "" within it is one quote, a quote within a
 * field that does not begin with one is itself. CR LF and CR count as LF. Blank lines are skipped,
 * so is a UTF-8 byte order mark. With `comments`, lines that begin with '#' are dropped before
 * anything else, even within quotes.
 *
 * A text is either in memory or pulled piece by piece: then the reader holds one buffer, and a row
 * no more than `max_row_bytes`, whatever the text's length. */
#pragma once

#include <glib.h>

/* Puts up to `size_bytes` bytes into `buffer` and says how many; 0 at the end, -1 with an error. */
typedef gssize (*CsvMore)(char *buffer, gsize size_bytes, gpointer user_data, GError **error);

/* Set the members of the first group, the rest to 0; end with csv_reader_clear. */
typedef struct {
	guint max_columns;
	gsize max_row_bytes; /* of all fields of a row, with one byte more for each */
	gboolean comments;
	CsvMore more; /* NULL for a text in memory: at, end */
	gpointer user_data;
	const char *at, *end;

	guint line; /* 1 and up; that of the next byte once the first row was read */
	char *buffer;
	gboolean begun, ended, line_start, after_cr;
	GError *failure; /* what `more` said */
} CsvReader;

void csv_reader_clear(CsvReader *reader);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CsvReader, csv_reader_clear)

/* One row, used again for the next one. All members 0 is an empty row. */
typedef struct {
	GString *text;  /* the fields, each followed by a NUL */
	GArray *starts; /* gsize: where each begins, and where a further one would */
	guint line;     /* on which the row began */
} CsvRow;

void csv_row_clear(CsvRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CsvRow, csv_row_clear)

/* Fields of the row; 0 behind the last row. */
guint csv_row_length(const CsvRow *row);

/* The field `column` (from 0), NUL-terminated and without a NUL inside, borrowed from the row;
 * `size_bytes` may be NULL. NULL if the row is shorter. */
const char *csv_field(const CsvRow *row, guint column, gsize *size_bytes);

/* TRUE if the row is one field of nothing but spaces, which some editors leave. */
gboolean csv_row_is_blank(const CsvRow *row);

/* Reads the next row; `row` has length 0 behind the last. FALSE with ESP_ERROR_INVALID ("line 3:
 * …": an open quote, a NUL), ESP_ERROR_TOO_LARGE (columns, bytes) or what `more` said. */
gboolean csv_read_row(CsvReader *reader, CsvRow *row, GError **error);

/* Sets an error of ESP_ERROR: "line 3: …", or with a column, which counts from 1, "line 3, column
 * 2: …"; 0 is no column. Always FALSE. */
gboolean csv_fails(GError **error, int code, guint line, guint column, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
