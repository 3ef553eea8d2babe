#include "esp/nvs_mfg_config.h"

#include "esp/csv.h"
#include "esp/error.h"

#include <string.h>

enum {
	KEY,
	TYPE,
	ENCODING,
	REPEAT,
	COLUMNS,
};

typedef struct {
	EspNvsMfg *mfg;
	GHashTable *seen; /* "space\nkey" */
	const char *space;
} Reader;

static const char *text_of(const CsvRow *row, guint column)
{
	const char *field = csv_field(row, column, NULL);

	return field == NULL ? "" : field;
}

/* Names are checked as those of a number, whatever the key's type. */
static gboolean name_check(const NvsMfgKey *key, GError **error)
{
	EspNvsEntry entry = key->key == NULL
				    ? (EspNvsEntry){.space = key->space, .type = ESP_NVS_NAMESPACE}
				    : esp_nvs_unsigned(key->space, key->key, ESP_NVS_U8, 0);

	if (esp_nvs_entry_check(&entry, error))
		return TRUE;
	g_prefix_error(error, "line %u, column %d: ", key->line, KEY + 1);
	return FALSE;
}

static gboolean no_more_columns(const CsvRow *row, guint from, GError **error)
{
	for (guint column = from; column < csv_row_length(row); column++)
		if (*text_of(row, column) != '\0')
			return csv_fails(error, ESP_ERROR_INVALID, row->line, column + 1,
					 "'%s' is one column too many; a row is "
					 "key,type,encoding[,REPEAT]",
					 text_of(row, column));
	return TRUE;
}

static gboolean read_namespace(Reader *reader, const CsvRow *row, GError **error)
{
	NvsMfgKey key = {
		.space = g_string_chunk_insert_const(reader->mfg->names, text_of(row, KEY)),
		.line = row->line,
	};

	if (*key.space == '\0')
		return csv_fails(error, ESP_ERROR_INVALID, row->line, KEY + 1,
				 "the namespace has no name");
	if (!name_check(&key, error) || !no_more_columns(row, ENCODING, error))
		return FALSE;
	reader->space = key.space;
	g_array_append_val(reader->mfg->keys, key);
	return TRUE;
}

/* The column behind the encoding. */
static gboolean read_repeat(const CsvRow *row, NvsMfgKey *key, GError **error)
{
	const char *word = text_of(row, REPEAT);

	key->repeats = strcmp(word, "REPEAT") == 0;
	if (!key->repeats && *word != '\0')
		return csv_fails(error, ESP_ERROR_INVALID, row->line, REPEAT + 1,
				 "'%s' is not REPEAT; a row is key,type,encoding[,REPEAT]", word);
	return no_more_columns(row, COLUMNS, error);
}

static gboolean read_key(Reader *reader, const CsvRow *row, GError **error)
{
	NvsMfgKey key = {.space = reader->space, .line = row->line};

	if (reader->space == NULL)
		return csv_fails(error, ESP_ERROR_INVALID, row->line, TYPE + 1,
				 "there is no namespace yet; begin with a row 'name,namespace,'");
	key.key = g_string_chunk_insert_const(reader->mfg->names, text_of(row, KEY));
	key.is_file = strcmp(text_of(row, TYPE), "file") == 0;
	if (!name_check(&key, error))
		return FALSE;
	if (!nvs_encoding_parse(text_of(row, ENCODING), &key.encoding, error)) {
		g_prefix_error(error, "line %u, column %d: key '%s.%s' ", row->line, ENCODING + 1,
			       key.space, key.key);
		return FALSE;
	}
	if (!read_repeat(row, &key, error))
		return FALSE;
	if (!g_hash_table_add(reader->seen, g_strdup_printf("%s\n%s", key.space, key.key)))
		return csv_fails(error, ESP_ERROR_DUPLICATE_KEY, row->line, KEY + 1,
				 "key '%s.%s' is given twice; remove one of them", key.space,
				 key.key);
	g_array_append_val(reader->mfg->keys, key);
	return TRUE;
}

static gboolean read_row(Reader *reader, const CsvRow *row, GError **error)
{
	const char *type = text_of(row, TYPE);

	if (strcmp(type, "namespace") == 0)
		return read_namespace(reader, row, error);
	if (strcmp(type, "data") == 0 || strcmp(type, "file") == 0)
		return read_key(reader, row, error);
	if (strcmp(type, "type") == 0 && strcmp(text_of(row, KEY), "key") == 0)
		return csv_fails(error, ESP_ERROR_INVALID, row->line, KEY + 1,
				 "a config has no header; remove this line");
	return csv_fails(error, ESP_ERROR_INVALID, row->line, TYPE + 1,
			 "the type '%s' is none of namespace, data, file", type);
}

static gboolean read_all(Reader *reader, CsvReader *text, GError **error)
{
	g_auto(CsvRow) row = {0};

	for (;;) {
		if (!csv_read_row(text, &row, error))
			return FALSE;
		if (csv_row_length(&row) == 0)
			break;
		if (!csv_row_is_blank(&row) && !read_row(reader, &row, error))
			return FALSE;
	}
	if (reader->mfg->keys->len > 0)
		return TRUE;
	return csv_fails(error, ESP_ERROR_INVALID, row.line, 0,
			 "the config is empty; begin with a row 'name,namespace,'");
}

EspNvsMfg *esp_nvs_mfg_new(const char *config, gsize size_bytes, GError **error)
{
	g_auto(CsvReader) text = {.max_columns = ESP_NVS_CSV_MAX_COLUMNS,
				  .max_row_bytes = ESP_NVS_MFG_CONFIG_MAX_BYTES + 1,
				  .comments = TRUE,
				  .at = config,
				  .end = config + size_bytes};
	g_autoptr(EspNvsMfg) mfg = NULL;
	g_autoptr(GHashTable) seen = NULL;
	Reader reader = {0};

	if (size_bytes > ESP_NVS_MFG_CONFIG_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "the config has %" G_GSIZE_FORMAT " bytes, at most %d are read",
			    size_bytes, ESP_NVS_MFG_CONFIG_MAX_BYTES);
		return NULL;
	}
	mfg = g_new0(EspNvsMfg, 1);
	mfg->names = g_string_chunk_new(1024);
	mfg->keys = g_array_new(FALSE, FALSE, sizeof(NvsMfgKey));
	seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	reader = (Reader){.mfg = mfg, .seen = seen};
	return read_all(&reader, &text, error) ? g_steal_pointer(&mfg) : NULL;
}

void esp_nvs_mfg_free(EspNvsMfg *mfg)
{
	if (mfg == NULL)
		return;
	g_string_chunk_free(mfg->names);
	g_array_unref(mfg->keys);
	g_free(mfg);
}
