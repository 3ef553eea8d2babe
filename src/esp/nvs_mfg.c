#include "esp/nvs_mfg.h"

#include "esp/csv.h"
#include "esp/error.h"
#include "esp/nvs_mfg_config.h"

#include <string.h>

enum {
	NO_COLUMN = G_MAXUINT,
	NUMBER_BYTES = 24, /* of a row's number as text */
};

struct _EspNvsMfgRow {
	CsvRow csv;
	guint64 number;
	const char *id;
	char number_text[NUMBER_BYTES];
};

struct _EspNvsMfgValues {
	const EspNvsMfg *mfg;
	CsvReader reader;
	guint *columns; /* of the config's keys; NO_COLUMN for its namespace rows */
	guint n_columns;
	guint id_column;
	guint64 n_rows;
	CsvRow first; /* where the values to repeat are */
};

/* ---- The header ---- */

/* The first key of the config from `index` on. */
static guint next_key(const EspNvsMfg *mfg, guint index)
{
	while (index < mfg->keys->len && nvs_mfg_key(mfg, index)->key == NULL)
		index++;
	return index;
}

static gboolean is_key(const EspNvsMfg *mfg, const char *name)
{
	for (guint i = 0; i < mfg->keys->len; i++)
		if (g_strcmp0(nvs_mfg_key(mfg, i)->key, name) == 0)
			return TRUE;
	return FALSE;
}

/* Keys of several namespaces may have one name, so it is their order that tells columns apart. */
static gboolean match_columns(EspNvsMfgValues *values, const CsvRow *header, GError **error)
{
	const EspNvsMfg *mfg = values->mfg;
	guint index = next_key(mfg, 0);

	for (guint column = 0; column < csv_row_length(header); column++) {
		const char *name = csv_field(header, column, NULL);
		const char *wanted = index < mfg->keys->len ? nvs_mfg_key(mfg, index)->key : NULL;

		if (g_strcmp0(name, wanted) == 0) {
			values->columns[index] = column;
			index = next_key(mfg, index + 1);
		} else if (is_key(mfg, name)) {
			return csv_fails(error, ESP_ERROR_INVALID, header->line, column + 1,
					 "'%s' stands where %s%s%s; give the columns in "
					 "the order of the config, each key once",
					 name, wanted == NULL ? "no key" : "'",
					 wanted == NULL ? "" : wanted,
					 wanted == NULL ? " is left" : "' is next");
		}
	}
	if (index == mfg->keys->len)
		return TRUE;
	return csv_fails(error, ESP_ERROR_INVALID, header->line, 0,
			 "there is no column '%s', which line %u of the config wants",
			 nvs_mfg_key(mfg, index)->key, nvs_mfg_key(mfg, index)->line);
}

static gboolean find_id(EspNvsMfgValues *values, const CsvRow *header, const char *id_column,
			GError **error)
{
	values->id_column = NO_COLUMN;
	if (id_column == NULL)
		return TRUE;
	for (guint column = 0; column < csv_row_length(header); column++)
		if (strcmp(csv_field(header, column, NULL), id_column) == 0) {
			values->id_column = column;
			return TRUE;
		}
	return csv_fails(error, ESP_ERROR_INVALID, header->line, 0,
			 "there is no column '%s' to take the devices' names from", id_column);
}

static gboolean read_header(EspNvsMfgValues *values, const char *id_column, GError **error)
{
	g_auto(CsvRow) header = {0};

	if (!csv_read_row(&values->reader, &header, error))
		return FALSE;
	if (csv_row_length(&header) == 0)
		return csv_fails(error, ESP_ERROR_INVALID, header.line, 0,
				 "the values are empty; the first line has the names of the keys");
	values->n_columns = csv_row_length(&header);
	values->columns = g_new(guint, values->mfg->keys->len);
	memset(values->columns, 0xFF, values->mfg->keys->len * sizeof(guint));
	return match_columns(values, &header, error) && find_id(values, &header, id_column, error);
}

EspNvsMfgValues *esp_nvs_mfg_values_new(const EspNvsMfg *mfg, const char *id_column,
					EspNvsMfgMore more, gpointer user_data, GError **error)
{
	g_autoptr(EspNvsMfgValues) values = g_new0(EspNvsMfgValues, 1);

	values->mfg = mfg;
	values->reader = (CsvReader){.max_columns = ESP_NVS_MFG_MAX_COLUMNS,
				     .max_row_bytes = ESP_NVS_MFG_ROW_MAX_BYTES,
				     .more = more,
				     .user_data = user_data};
	return read_header(values, id_column, error) ? g_steal_pointer(&values) : NULL;
}

void esp_nvs_mfg_values_free(EspNvsMfgValues *values)
{
	if (values == NULL)
		return;
	csv_reader_clear(&values->reader);
	csv_row_clear(&values->first);
	g_free(values->columns);
	g_free(values);
}

/* ---- Rows ---- */

EspNvsMfgRow *esp_nvs_mfg_row_new(void)
{
	return g_new0(EspNvsMfgRow, 1);
}

void esp_nvs_mfg_row_free(EspNvsMfgRow *row)
{
	if (row == NULL)
		return;
	csv_row_clear(&row->csv);
	g_free(row);
}

guint64 esp_nvs_mfg_row_number(const EspNvsMfgRow *row)
{
	return row->number;
}

guint esp_nvs_mfg_row_line(const EspNvsMfgRow *row)
{
	return row->csv.line;
}

gsize esp_nvs_mfg_row_bytes(const EspNvsMfgRow *row)
{
	return row->csv.text == NULL ? 0 : row->csv.text->len;
}

const char *esp_nvs_mfg_row_id(const EspNvsMfgRow *row)
{
	return row->id;
}

static void csv_row_copy(CsvRow *copy, const CsvRow *row)
{
	copy->text = g_string_new_len(row->text->str, (gssize)row->text->len);
	copy->starts = g_array_copy(row->starts);
	copy->line = row->line;
}

gboolean esp_nvs_mfg_next(EspNvsMfgValues *values, EspNvsMfgRow *row, GError **error)
{
	guint n_columns;

	row->number = 0;
	do {
		if (!csv_read_row(&values->reader, &row->csv, error))
			return FALSE;
		n_columns = csv_row_length(&row->csv);
		if (n_columns == 0)
			return TRUE;
	} while (n_columns < values->n_columns && csv_row_is_blank(&row->csv));
	if (n_columns != values->n_columns)
		return csv_fails(error, ESP_ERROR_INVALID, row->csv.line, 0,
				 "the row has %u columns, the header has %u", n_columns,
				 values->n_columns);
	row->number = ++values->n_rows;
	g_snprintf(row->number_text, sizeof row->number_text, "%" G_GUINT64_FORMAT, row->number);
	row->id = values->id_column == NO_COLUMN ? row->number_text
						 : csv_field(&row->csv, values->id_column, NULL);
	if (values->first.text == NULL)
		csv_row_copy(&values->first, &row->csv);
	return TRUE;
}

/* ---- Entries ---- */

/* The text of a key's value: of this row, or of the first one. */
static const char *value_text(const EspNvsMfgValues *values, const EspNvsMfgRow *row,
			      const NvsMfgKey *key, guint column, gsize *size_bytes, GError **error)
{
	const char *own = csv_field(&row->csv, column, size_bytes), *first;

	if (!key->repeats || row->number == 1)
		return own;
	first = csv_field(&values->first, column, size_bytes);
	if (*own == '\0' || strcmp(own, first) == 0)
		return first;
	csv_fails(error, ESP_ERROR_INVALID, row->csv.line, column + 1,
		  "key '%s.%s' is marked REPEAT and has another value than in the first "
		  "row; leave it empty, or take REPEAT from the config",
		  key->space, key->key);
	return NULL;
}

static gboolean decode(const NvsMfgKey *key, const char *text, gsize size_bytes, EspNvsCsvLoad load,
		       gpointer user_data, EspNvsEntry *entry, GPtrArray *memory, GError **error)
{
	g_autoptr(GBytes) file = NULL;
	const void *data = text;

	if (key->is_file) {
		if (load == NULL) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "key '%s.%s' is of type 'file', which is not read here",
				    key->space, key->key);
			return FALSE;
		}
		file = load(text, user_data, error);
		if (file == NULL)
			return FALSE;
		data = g_bytes_get_data(file, &size_bytes);
	}
	if (nvs_encoding_decode(&key->encoding, data, size_bytes, entry, memory, error))
		return esp_nvs_entry_check(entry, error);
	g_prefix_error(error, "key '%s.%s' ", key->space, key->key);
	return FALSE;
}

EspNvsContents *esp_nvs_mfg_entries(const EspNvsMfgValues *values, const EspNvsMfgRow *row,
				    EspNvsCsvLoad load, gpointer user_data, GError **error)
{
	guint n_keys = values->mfg->keys->len;
	g_autoptr(EspNvsContents) contents = esp_nvs_contents_new();

	contents->entries = g_new0(EspNvsEntry, n_keys);
	for (guint i = 0; i < n_keys; i++) {
		const NvsMfgKey *key = nvs_mfg_key(values->mfg, i);
		EspNvsEntry *entry = &contents->entries[contents->n_entries++];
		gsize size_bytes = 0;
		const char *text;

		entry->space = key->space;
		entry->key = key->key;
		entry->type = ESP_NVS_NAMESPACE;
		if (key->key == NULL)
			continue;
		text = value_text(values, row, key, values->columns[i], &size_bytes, error);
		if (text == NULL)
			return NULL;
		if (!decode(key, text, size_bytes, load, user_data, entry, contents->values,
			    error)) {
			g_prefix_error(error, "line %u, column %u: ", row->csv.line,
				       values->columns[i] + 1);
			return NULL;
		}
	}
	return g_steal_pointer(&contents);
}
