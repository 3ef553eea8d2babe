#include "esp/csv.h"

#include "esp/error.h"

#include <string.h>

enum {
	END_OF_TEXT = -1,
	BUFFER_BYTES = 64 * 1024,
	MARK_BYTES = 3,
};

void csv_reader_clear(CsvReader *reader)
{
	g_clear_pointer(&reader->buffer, g_free);
	g_clear_error(&reader->failure);
}

void csv_row_clear(CsvRow *row)
{
	if (row->text != NULL)
		g_string_free(row->text, TRUE);
	g_clear_pointer(&row->starts, g_array_unref);
	row->text = NULL;
}

guint csv_row_length(const CsvRow *row)
{
	return row->starts == NULL ? 0 : row->starts->len - 1;
}

const char *csv_field(const CsvRow *row, guint column, gsize *size_bytes)
{
	gsize start;

	if (column >= csv_row_length(row))
		return NULL;
	start = g_array_index(row->starts, gsize, column);
	if (size_bytes != NULL)
		*size_bytes = g_array_index(row->starts, gsize, column + 1) - start - 1;
	return row->text->str + start;
}

gboolean csv_row_is_blank(const CsvRow *row)
{
	const char *field = csv_field(row, 0, NULL);

	return csv_row_length(row) == 1 && strspn(field, " \t\n\v\f") == strlen(field);
}

/* ---- Bytes ---- */

/* Has at least `n` bytes at hand, unless the text ends before. */
static void want(CsvReader *reader, gsize n)
{
	gsize have = (gsize)(reader->end - reader->at);

	if (have >= n || reader->ended || reader->more == NULL)
		return;
	if (reader->buffer == NULL)
		reader->buffer = g_malloc(BUFFER_BYTES);
	if (have > 0)
		memmove(reader->buffer, reader->at, have);
	while (have < n && !reader->ended) {
		gssize got = reader->more(reader->buffer + have, BUFFER_BYTES - have,
					  reader->user_data, &reader->failure);

		reader->ended = got <= 0;
		have += got > 0 ? (gsize)got : 0;
	}
	reader->at = reader->buffer;
	reader->end = reader->buffer + have;
}

static gboolean at_end(CsvReader *reader)
{
	want(reader, 1);
	return reader->at == reader->end;
}

static void begin(CsvReader *reader)
{
	reader->begun = TRUE;
	reader->line = 1;
	reader->line_start = TRUE;
	want(reader, MARK_BYTES);
	if (reader->end - reader->at >= MARK_BYTES &&
	    memcmp(reader->at, "\xEF\xBB\xBF", MARK_BYTES) == 0)
		reader->at += MARK_BYTES;
}

static void skip_line(CsvReader *reader)
{
	const char *newline = NULL;

	while (newline == NULL && !at_end(reader)) {
		newline = memchr(reader->at, '\n', (gsize)(reader->end - reader->at));
		reader->at = newline == NULL ? reader->end : newline + 1;
	}
	reader->line++;
}

/* The next character, CR LF and CR as LF, left where it is; END_OF_TEXT behind the last. */
static int peek(CsvReader *reader)
{
	while (!at_end(reader)) {
		if (reader->after_cr && *reader->at == '\n')
			reader->at++;
		else if (reader->comments && reader->line_start && *reader->at == '#')
			skip_line(reader);
		else
			return *reader->at == '\r' ? '\n' : (guchar)*reader->at;
		reader->after_cr = FALSE;
	}
	return END_OF_TEXT;
}

/* Passes over what peek gave. */
static void pass(CsvReader *reader, int c)
{
	if (c == END_OF_TEXT)
		return;
	reader->after_cr = *reader->at == '\r';
	reader->line_start = c == '\n';
	reader->line += c == '\n' ? 1 : 0;
	reader->at++;
}

static gboolean is_plain(char c, gboolean quoted)
{
	return c != '\0' && c != '\n' && c != '\r' && (quoted ? c != '"' : c != ',');
}

/* ---- Fields and rows ---- */

gboolean csv_fails(GError **error, int code, guint line, guint column, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	if (column == 0)
		g_set_error(error, ESP_ERROR, code, "line %u: %s", line, what);
	else
		g_set_error(error, ESP_ERROR, code, "line %u, column %u: %s", line, column, what);
	return FALSE;
}

static gboolean has_room(const CsvReader *reader, const CsvRow *row, GError **error)
{
	if (row->text->len < reader->max_row_bytes)
		return TRUE;
	return csv_fails(error, ESP_ERROR_TOO_LARGE, row->line, 0,
			 "the row has more than %" G_GSIZE_FORMAT " bytes", reader->max_row_bytes);
}

/* Takes the characters that stand for themselves, as far as they are at hand. */
static void take_run(CsvReader *reader, CsvRow *row, gboolean quoted)
{
	gsize room = reader->max_row_bytes - row->text->len;
	const char *start = reader->at, *at = start;
	const char *limit = start + MIN((gsize)(reader->end - start), room);

	while (at < limit && is_plain(*at, quoted))
		at++;
	g_string_append_len(row->text, start, at - start);
	reader->at = at;
	reader->line_start = FALSE;
	reader->after_cr = FALSE;
}

/* Reads up to the comma or line end that ends the field, and that too. `last` says which. */
static gboolean read_field(CsvReader *reader, CsvRow *row, gboolean *last, GError **error)
{
	guint line = reader->line;
	gboolean quoted = peek(reader) == '"';

	if (quoted)
		pass(reader, '"');
	for (;;) {
		int c = peek(reader);

		if (quoted && c == END_OF_TEXT && reader->failure == NULL)
			return csv_fails(error, ESP_ERROR_INVALID, line, 0,
					 "a quote is opened and never closed");
		if (c == '\0')
			return csv_fails(error, ESP_ERROR_INVALID, reader->line, 0,
					 "there is a NUL in the text");
		if (!has_room(reader, row, error))
			return FALSE;
		if (c == END_OF_TEXT || (!quoted && (c == ',' || c == '\n'))) {
			pass(reader, c);
			*last = c != ',';
			g_string_append_c(row->text, '\0');
			return TRUE;
		}
		if (quoted && c == '"') {
			pass(reader, c);
			quoted = peek(reader) == '"';
			if (!quoted)
				continue;
		}
		if (c == '\n' || c == '"') {
			g_string_append_c(row->text, (char)c);
			pass(reader, c);
		} else {
			take_run(reader, row, quoted);
		}
	}
}

static void row_reset(CsvRow *row)
{
	if (row->text == NULL) {
		row->text = g_string_new(NULL);
		row->starts = g_array_new(FALSE, FALSE, sizeof(gsize));
	}
	g_string_truncate(row->text, 0);
	g_array_set_size(row->starts, 0);
	g_array_append_val(row->starts, row->text->len);
}

gboolean csv_read_row(CsvReader *reader, CsvRow *row, GError **error)
{
	gboolean last = FALSE;

	if (!reader->begun)
		begin(reader);
	row_reset(row);
	while (peek(reader) == '\n')
		pass(reader, '\n');
	row->line = reader->line;
	last = peek(reader) == END_OF_TEXT;
	while (!last) {
		if (csv_row_length(row) == reader->max_columns)
			return csv_fails(error, ESP_ERROR_TOO_LARGE, row->line, 0,
					 "there are more than %u columns", reader->max_columns);
		if (!read_field(reader, row, &last, error))
			return FALSE;
		g_array_append_val(row->starts, row->text->len);
	}
	if (reader->failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&reader->failure));
	return FALSE;
}
