#include "esp/nvs_csv.h"

#include "esp/csv.h"
#include "esp/error.h"
#include "esp/nvs_value.h"

#include <string.h>

enum { KEY, TYPE, ENCODING, VALUE, COLUMNS };
static const char *const column_names[COLUMNS] = {"key", "type", "encoding", "value"};

struct _EspNvsCsv {
	EspNvsContents *contents;
	GArray *entries;
	GHashTable *seen; /* "space\nkey" */
	const char *space;
	guint columns[COLUMNS]; /* of the text that is being read */
	gsize value_bytes;      /* of all strings and blobs */
	EspNvsCsvLoad load;
	gpointer user_data;
};

static gboolean read_header(EspNvsCsv *reader, const CsvRow *row, GError **error)
{
	for (guint c = 0; c < COLUMNS; c++) {
		guint found = csv_row_length(row);

		for (guint i = 0; i < csv_row_length(row); i++)
			if (strcmp(csv_field(row, i, NULL), column_names[c]) == 0)
				found = i;
		if (found == csv_row_length(row)) {
			return csv_fails(error, ESP_ERROR_INVALID, row->line, 0,
					 "there is no column '%s'; the first line is "
					 "key,type,encoding,value",
					 column_names[c]);
		}
		reader->columns[c] = found;
	}
	return TRUE;
}

/* A row that is shorter has empty columns. */
static const char *column(const EspNvsCsv *reader, const CsvRow *row, guint which,
			  gsize *size_bytes)
{
	const char *field = csv_field(row, reader->columns[which], size_bytes);

	if (field == NULL && size_bytes != NULL)
		*size_bytes = 0;
	return field == NULL ? "" : field;
}

static gboolean keep_entry(EspNvsCsv *reader, const CsvRow *row, const EspNvsEntry *entry,
			   GError **error)
{
	if (!esp_nvs_entry_check(entry, error)) {
		g_prefix_error(error, "line %u: ", row->line);
		return FALSE;
	}
	if (entry->key != NULL &&
	    !g_hash_table_add(reader->seen, g_strdup_printf("%s\n%s", entry->space, entry->key)))
		return csv_fails(error, ESP_ERROR_DUPLICATE_KEY, row->line, 0,
				 "key '%s.%s' is given twice; remove one of them", entry->space,
				 entry->key);
	g_array_append_val(reader->entries, *entry);
	return TRUE;
}

static gboolean read_namespace(EspNvsCsv *reader, const CsvRow *row, GError **error)
{
	const char *name = g_string_chunk_insert_const(reader->contents->names,
						       column(reader, row, KEY, NULL));
	EspNvsEntry entry = {.space = name, .type = ESP_NVS_NAMESPACE};

	if (*name == '\0')
		return csv_fails(error, ESP_ERROR_INVALID, row->line, 0,
				 "the namespace has no name");
	reader->space = name;
	return keep_entry(reader, row, &entry, error);
}

/* The bytes of the file that a row names. Yours. */
static GBytes *load_file(const EspNvsCsv *reader, const CsvRow *row, GError **error)
{
	GBytes *bytes;

	if (reader->load == NULL) {
		(void)csv_fails(error, ESP_ERROR_INVALID, row->line, 0,
				"rows of type 'file' are not read here; give the value itself");
		return NULL;
	}
	bytes = reader->load(column(reader, row, VALUE, NULL), reader->user_data, error);
	if (bytes == NULL)
		g_prefix_error(error, "line %u: ", row->line);
	return bytes;
}

/* blob_fill makes a long value of a short text, so the sum is what must be bounded. */
static gboolean count_value(EspNvsCsv *reader, const CsvRow *row, const EspNvsEntry *entry,
			    GError **error)
{
	if (entry->type == ESP_NVS_BLOB)
		reader->value_bytes += entry->value.blob.size_bytes;
	if (reader->value_bytes <= ESP_NVS_CSV_MAX_VALUE_BYTES)
		return TRUE;
	return csv_fails(error, ESP_ERROR_TOO_LARGE, row->line, 0,
			 "with key '%s.%s' the blobs have more than %d bytes", entry->space,
			 entry->key, ESP_NVS_CSV_MAX_VALUE_BYTES);
}

static gboolean read_value(EspNvsCsv *reader, const CsvRow *row, gboolean is_file, GError **error)
{
	EspNvsEntry entry = {.space = reader->space};
	NvsEncoding encoding;
	g_autoptr(GBytes) file = NULL;
	gsize size_bytes = 0;
	const void *data;

	if (reader->space == NULL)
		return csv_fails(error, ESP_ERROR_INVALID, row->line, 0,
				 "there is no namespace yet; begin with a row of type 'namespace'");
	entry.key = g_string_chunk_insert_const(reader->contents->names,
						column(reader, row, KEY, NULL));
	data = column(reader, row, VALUE, &size_bytes);
	if (is_file) {
		file = load_file(reader, row, error);
		if (file == NULL)
			return FALSE;
		data = g_bytes_get_data(file, &size_bytes);
	}
	if (!nvs_encoding_parse(column(reader, row, ENCODING, NULL), &encoding, error) ||
	    !nvs_encoding_decode(&encoding, data, size_bytes, &entry, reader->contents->values,
				 error)) {
		g_prefix_error(error, "line %u: key '%s.%s' ", row->line, entry.space, entry.key);
		return FALSE;
	}
	return count_value(reader, row, &entry, error) && keep_entry(reader, row, &entry, error);
}

static gboolean read_entry(EspNvsCsv *reader, const CsvRow *row, GError **error)
{
	const char *type = column(reader, row, TYPE, NULL);

	if (strcmp(type, "namespace") == 0)
		return read_namespace(reader, row, error);
	if (strcmp(type, "data") == 0 || strcmp(type, "file") == 0)
		return read_value(reader, row, *type == 'f', error);
	return csv_fails(error, ESP_ERROR_INVALID, row->line, 0,
			 "the type '%s' is none of namespace, data, file", type);
}

EspNvsCsv *esp_nvs_csv_new(EspNvsCsvLoad load, gpointer user_data)
{
	EspNvsCsv *csv = g_new0(EspNvsCsv, 1);

	csv->contents = esp_nvs_contents_new();
	csv->entries = g_array_new(FALSE, FALSE, sizeof(EspNvsEntry));
	csv->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	csv->load = load;
	csv->user_data = user_data;
	return csv;
}

void esp_nvs_csv_free(EspNvsCsv *csv)
{
	if (csv == NULL)
		return;
	esp_nvs_contents_free(csv->contents);
	if (csv->entries != NULL)
		g_array_unref(csv->entries);
	g_hash_table_unref(csv->seen);
	g_free(csv);
}

gboolean esp_nvs_csv_add(EspNvsCsv *csv, const char *text, gsize size_bytes, GError **error)
{
	g_auto(CsvReader) reader = {.max_columns = ESP_NVS_CSV_MAX_COLUMNS,
				    .max_row_bytes = ESP_NVS_CSV_MAX_BYTES + 1,
				    .comments = TRUE,
				    .at = text,
				    .end = text + size_bytes};
	g_auto(CsvRow) row = {0};

	if (size_bytes > ESP_NVS_CSV_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "the CSV has %" G_GSIZE_FORMAT " bytes, at most %d are read",
			    size_bytes, ESP_NVS_CSV_MAX_BYTES);
		return FALSE;
	}
	if (!csv_read_row(&reader, &row, error))
		return FALSE;
	if (csv_row_length(&row) == 0)
		return csv_fails(error, ESP_ERROR_INVALID, row.line, 0,
				 "the text is empty; the first line is key,type,encoding,value");
	if (!read_header(csv, &row, error))
		return FALSE;
	for (;;) {
		if (!csv_read_row(&reader, &row, error))
			return FALSE;
		if (csv_row_length(&row) == 0)
			return TRUE;
		if (!read_entry(csv, &row, error))
			return FALSE;
	}
}

EspNvsContents *esp_nvs_csv_finish(EspNvsCsv *csv)
{
	EspNvsContents *contents = g_steal_pointer(&csv->contents);

	contents->n_entries = csv->entries->len;
	contents->entries =
		(EspNvsEntry *)(void *)g_array_free(g_steal_pointer(&csv->entries), FALSE);
	esp_nvs_csv_free(csv);
	return contents;
}

EspNvsContents *esp_nvs_csv_read(const char *text, gsize size_bytes, EspNvsCsvLoad load,
				 gpointer user_data, GError **error)
{
	g_autoptr(EspNvsCsv) csv = esp_nvs_csv_new(load, user_data);

	if (!esp_nvs_csv_add(csv, text, size_bytes, error))
		return NULL;
	return esp_nvs_csv_finish(g_steal_pointer(&csv));
}
