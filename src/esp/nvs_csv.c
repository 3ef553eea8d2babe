#include "esp/nvs_csv.h"

#include "esp/error.h"
#include "esp/nvs_value.h"

#include <string.h>

/* One row: its fields, and the line on which it began. */
typedef struct {
	GPtrArray *fields; /* GString */
	guint line;
} Row;

/* Reads rows as Python's csv module does with its default dialect, over lines from which those that
 * begin with '#' have been taken out. */
typedef struct {
	const char *at, *end;
	guint line;
	gboolean line_start;
} Scanner;

enum { END_OF_TEXT = -1 };

static void skip_comments(Scanner *scanner)
{
	while (scanner->line_start && scanner->at < scanner->end && *scanner->at == '#') {
		const char *newline =
			memchr(scanner->at, '\n', (gsize)(scanner->end - scanner->at));

		scanner->at = newline == NULL ? scanner->end : newline + 1;
		scanner->line++;
	}
}

/* The next character, CR LF and CR as LF; END_OF_TEXT behind the last. */
static int next_char(Scanner *scanner)
{
	char c;

	skip_comments(scanner);
	if (scanner->at == scanner->end)
		return END_OF_TEXT;
	c = *scanner->at++;
	if (c == '\r') {
		if (scanner->at < scanner->end && *scanner->at == '\n')
			scanner->at++;
		c = '\n';
	}
	scanner->line_start = c == '\n';
	if (c == '\n')
		scanner->line++;
	return (guchar)c;
}

static int peek_char(Scanner *scanner)
{
	Scanner ahead = *scanner;

	return next_char(&ahead);
}

static gboolean csv_fails(GError **error, guint line, const char *what)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "line %u: %s", line, what);
	return FALSE;
}

/* Reads up to the comma or line end that ends the field, and that too. `last` says which. */
static gboolean read_field(Scanner *scanner, GString *field, gboolean *last, GError **error)
{
	guint line = scanner->line;
	gboolean quoted = peek_char(scanner) == '"';

	if (quoted)
		(void)next_char(scanner);
	for (;;) {
		int c = next_char(scanner);

		if (quoted && c == END_OF_TEXT)
			return csv_fails(error, line, "a quote is opened and never closed");
		if (quoted && c == '"' && peek_char(scanner) != '"') {
			quoted = FALSE;
			continue;
		}
		if (quoted && c == '"')
			(void)next_char(scanner);
		if (!quoted && (c == ',' || c == '\n' || c == END_OF_TEXT)) {
			*last = c != ',';
			return TRUE;
		}
		if (c == '\0')
			return csv_fails(error, scanner->line, "there is a NUL in the text");
		g_string_append_c(field, (char)c);
	}
}

static void free_field(gpointer field)
{
	g_string_free(field, TRUE);
}

static void row_clear(Row *row)
{
	g_clear_pointer(&row->fields, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Row, row_clear)

/* The next row that is not blank; `row->fields` is NULL behind the last. */
static gboolean read_row(Scanner *scanner, Row *row, GError **error)
{
	gboolean last = FALSE;

	row_clear(row);
	while (peek_char(scanner) == '\n')
		(void)next_char(scanner);
	if (peek_char(scanner) == END_OF_TEXT)
		return TRUE;
	skip_comments(scanner);
	row->line = scanner->line;
	row->fields = g_ptr_array_new_with_free_func(free_field);
	while (!last) {
		GString *field = g_string_new(NULL);

		if (row->fields->len == ESP_NVS_CSV_MAX_COLUMNS) {
			g_string_free(field, TRUE);
			return csv_fails(error, row->line, "there are more than 64 columns");
		}
		g_ptr_array_add(row->fields, field);
		if (!read_field(scanner, field, &last, error))
			return FALSE;
	}
	return TRUE;
}

/* ---- Rows into entries ---- */

enum { KEY, TYPE, ENCODING, VALUE, COLUMNS };
static const char *const column_names[COLUMNS] = {"key", "type", "encoding", "value"};

typedef struct {
	EspNvsContents *contents;
	GArray *entries;
	GHashTable *seen; /* "space\nkey" */
	const char *space;
	gsize columns[COLUMNS];
	EspNvsCsvLoad load;
	gpointer user_data;
} Reader;

static gboolean read_header(Reader *reader, const Row *row, GError **error)
{
	for (gsize c = 0; c < COLUMNS; c++) {
		gsize found = row->fields->len;

		for (gsize i = 0; i < row->fields->len; i++) {
			const GString *field = g_ptr_array_index(row->fields, i);

			if (strcmp(field->str, column_names[c]) == 0)
				found = i;
		}
		if (found == row->fields->len) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "line %u: there is no column '%s'; the first line is "
				    "key,type,encoding,value",
				    row->line, column_names[c]);
			return FALSE;
		}
		reader->columns[c] = found;
	}
	return TRUE;
}

static const GString *column(const Reader *reader, const Row *row, guint which)
{
	gsize index = reader->columns[which];

	return index < row->fields->len ? g_ptr_array_index(row->fields, index) : NULL;
}

static const char *column_text(const Reader *reader, const Row *row, guint which)
{
	const GString *field = column(reader, row, which);

	return field == NULL ? "" : field->str;
}

static gboolean keep_entry(Reader *reader, const Row *row, const EspNvsEntry *entry, GError **error)
{
	if (!esp_nvs_entry_check(entry, error)) {
		g_prefix_error(error, "line %u: ", row->line);
		return FALSE;
	}
	if (entry->key != NULL &&
	    !g_hash_table_add(reader->seen, g_strdup_printf("%s\n%s", entry->space, entry->key))) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_DUPLICATE_KEY,
			    "line %u: key '%s.%s' is given twice; remove one of them", row->line,
			    entry->space, entry->key);
		return FALSE;
	}
	g_array_append_val(reader->entries, *entry);
	return TRUE;
}

static gboolean read_namespace(Reader *reader, const Row *row, GError **error)
{
	const char *name =
		g_string_chunk_insert_const(reader->contents->names, column_text(reader, row, KEY));
	EspNvsEntry entry = {.space = name, .type = ESP_NVS_NAMESPACE};

	if (*name == '\0')
		return csv_fails(error, row->line, "the namespace has no name");
	reader->space = name;
	return keep_entry(reader, row, &entry, error);
}

/* The bytes of a row's value: of the column, or of the file that it names. Yours. */
static GBytes *value_bytes(const Reader *reader, const Row *row, gboolean is_file, GError **error)
{
	const GString *value = column(reader, row, VALUE);
	GBytes *bytes;

	if (!is_file)
		return value == NULL ? g_bytes_new(NULL, 0) : g_bytes_new(value->str, value->len);
	if (reader->load == NULL) {
		(void)csv_fails(error, row->line,
				"rows of type 'file' are not read here; give the value itself");
		return NULL;
	}
	bytes = reader->load(value == NULL ? "" : value->str, reader->user_data, error);
	if (bytes == NULL)
		g_prefix_error(error, "line %u: ", row->line);
	return bytes;
}

static gboolean read_value(Reader *reader, const Row *row, gboolean is_file, GError **error)
{
	EspNvsEntry entry = {.space = reader->space};
	g_autoptr(GBytes) bytes = NULL;
	g_autofree char *encoding = g_ascii_strdown(column_text(reader, row, ENCODING), -1);

	if (reader->space == NULL)
		return csv_fails(error, row->line,
				 "there is no namespace yet; begin with a row of type 'namespace'");
	entry.key =
		g_string_chunk_insert_const(reader->contents->names, column_text(reader, row, KEY));
	bytes = value_bytes(reader, row, is_file, error);
	if (bytes == NULL)
		return FALSE;
	if (!nvs_value_decode(encoding, bytes, &entry, reader->contents->values, error)) {
		g_prefix_error(error, "line %u: key '%s.%s' ", row->line, entry.space, entry.key);
		return FALSE;
	}
	return keep_entry(reader, row, &entry, error);
}

static gboolean read_entry(Reader *reader, const Row *row, GError **error)
{
	const char *type = column_text(reader, row, TYPE);

	if (strcmp(type, "namespace") == 0)
		return read_namespace(reader, row, error);
	if (strcmp(type, "data") == 0 || strcmp(type, "file") == 0)
		return read_value(reader, row, *type == 'f', error);
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
		    "line %u: the type '%s' is none of namespace, data, file", row->line, type);
	return FALSE;
}

static gboolean read_all(Reader *reader, Scanner *scanner, GError **error)
{
	g_auto(Row) row = {0};

	if (!read_row(scanner, &row, error))
		return FALSE;
	if (row.fields == NULL)
		return csv_fails(error, scanner->line,
				 "the text is empty; the first line is key,type,encoding,value");
	if (!read_header(reader, &row, error))
		return FALSE;
	for (;;) {
		if (!read_row(scanner, &row, error))
			return FALSE;
		if (row.fields == NULL)
			return TRUE;
		if (!read_entry(reader, &row, error))
			return FALSE;
	}
}

EspNvsContents *esp_nvs_csv_read(const char *text, gsize size_bytes, EspNvsCsvLoad load,
				 gpointer user_data, GError **error)
{
	static const char mark[] = "\xEF\xBB\xBF";
	Scanner scanner = {.at = text, .end = text + size_bytes, .line = 1, .line_start = TRUE};
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GHashTable) seen = NULL;
	g_autoptr(GArray) entries = NULL;
	Reader reader = {.load = load, .user_data = user_data};

	if (size_bytes > ESP_NVS_CSV_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "the CSV has %" G_GSIZE_FORMAT " bytes, at most %d are read",
			    size_bytes, ESP_NVS_CSV_MAX_BYTES);
		return NULL;
	}
	if (size_bytes >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
		scanner.at += strlen(mark);
	contents = esp_nvs_contents_new();
	seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	entries = g_array_new(FALSE, FALSE, sizeof(EspNvsEntry));
	reader.contents = contents;
	reader.seen = seen;
	reader.entries = entries;
	if (!read_all(&reader, &scanner, error))
		return NULL;
	contents->n_entries = entries->len;
	contents->entries = (EspNvsEntry *)(void *)g_array_free(g_steal_pointer(&entries), FALSE);
	return g_steal_pointer(&contents);
}
