#include "esp/error.h"
#include "esp/nvs.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* One row a type; integers have a range. */
typedef struct {
	EspNvsType type;
	const char *name;
	gint64 min;
	guint64 max; /* 0 = not an integer */
} TypeRow;

static const TypeRow type_rows[] = {
	{ESP_NVS_U8, "u8", 0, G_MAXUINT8},    {ESP_NVS_I8, "i8", G_MININT8, G_MAXINT8},
	{ESP_NVS_U16, "u16", 0, G_MAXUINT16}, {ESP_NVS_I16, "i16", G_MININT16, G_MAXINT16},
	{ESP_NVS_U32, "u32", 0, G_MAXUINT32}, {ESP_NVS_I32, "i32", G_MININT32, G_MAXINT32},
	{ESP_NVS_U64, "u64", 0, G_MAXUINT64}, {ESP_NVS_I64, "i64", G_MININT64, G_MAXINT64},
	{ESP_NVS_STRING, "string", 0, 0},     {ESP_NVS_BLOB, "blob", 0, 0},
	{ESP_NVS_FLOAT, "float", 0, 0},       {ESP_NVS_DOUBLE, "double", 0, 0},
};

static const TypeRow *row_of(EspNvsType type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(type_rows); i++)
		if (type_rows[i].type == type)
			return &type_rows[i];
	return NULL;
}

static gboolean is_real(EspNvsType type)
{
	return type == ESP_NVS_FLOAT || type == ESP_NVS_DOUBLE;
}

EspNvsEntry esp_nvs_unsigned(const char *space, const char *key, EspNvsType type, guint64 value)
{
	return (EspNvsEntry){.space = space, .key = key, .type = type, .value.u = value};
}

EspNvsEntry esp_nvs_signed(const char *space, const char *key, EspNvsType type, gint64 value)
{
	return (EspNvsEntry){.space = space, .key = key, .type = type, .value.i = value};
}

EspNvsEntry esp_nvs_real(const char *space, const char *key, EspNvsType type, double value)
{
	return (EspNvsEntry){.space = space, .key = key, .type = type, .value.real = value};
}

EspNvsEntry esp_nvs_string(const char *space, const char *key, const char *text)
{
	return (EspNvsEntry){
		.space = space, .key = key, .type = ESP_NVS_STRING, .value.text = text};
}

EspNvsEntry esp_nvs_blob(const char *space, const char *key, const void *data, gsize size_bytes)
{
	return (EspNvsEntry){.space = space,
			     .key = key,
			     .type = ESP_NVS_BLOB,
			     .value.blob = {.data = data, .size_bytes = size_bytes}};
}

const char *esp_nvs_type_name(EspNvsType type)
{
	const TypeRow *row = row_of(type);

	return row == NULL ? NULL : row->name;
}

gboolean esp_nvs_type_from_name(const char *name, EspNvsType *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(type_rows); i++)
		if (strcmp(type_rows[i].name, name) == 0 && !is_real(type_rows[i].type)) {
			*type = type_rows[i].type;
			return TRUE;
		}
	return FALSE;
}

gboolean esp_nvs_type_range(EspNvsType type, gint64 *min, guint64 *max)
{
	const TypeRow *row = row_of(type);

	if (row == NULL || row->max == 0)
		return FALSE;
	*min = row->min;
	*max = row->max;
	return TRUE;
}

/* Sets ESP_ERROR_INVALID or another code, followed by where the entry comes from. Always FALSE. */
static gboolean fails(GError **error, int code, const EspNvsEntry *entry, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

static gboolean fails(GError **error, int code, const EspNvsEntry *entry, const char *format, ...)
{
	g_autofree char *what = NULL, *origin = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	origin =
		entry->origin == NULL ? g_strdup("") : g_strdup_printf(" (from %s)", entry->origin);
	g_set_error(error, ESP_ERROR, code, "%s%s", what, origin);
	return FALSE;
}

static gboolean key_fails(GError **error, const EspNvsEntry *entry, const char *what)
{
	return fails(error, ESP_ERROR_INVALID, entry, "key '%s.%s' %s", entry->space, entry->key,
		     what);
}

static gboolean name_is_ascii(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return FALSE;
	return TRUE;
}

static gboolean space_check(const EspNvsEntry *entry, GError **error)
{
	gsize length = entry->space == NULL ? 0 : strlen(entry->space);

	if (length == 0)
		return fails(error, ESP_ERROR_INVALID, entry,
			     "key '%s' has no namespace; NVS wants 1 to %d characters",
			     entry->key == NULL ? "" : entry->key, ESP_NVS_NAME_MAX);
	if (length > ESP_NVS_NAME_MAX)
		return fails(error, ESP_ERROR_INVALID, entry,
			     "namespace '%s' has %" G_GSIZE_FORMAT " characters, NVS allows %d",
			     entry->space, length, ESP_NVS_NAME_MAX);
	if (!name_is_ascii(entry->space))
		return fails(error, ESP_ERROR_INVALID, entry,
			     "namespace '%s' has a character other than printable ASCII",
			     entry->space);
	return TRUE;
}

static gboolean key_check(const EspNvsEntry *entry, GError **error)
{
	gsize length = entry->key == NULL ? 0 : strlen(entry->key);

	if (length == 0)
		return fails(error, ESP_ERROR_INVALID, entry,
			     "namespace '%s' has an empty key; NVS wants 1 to %d characters",
			     entry->space, ESP_NVS_NAME_MAX);
	if (length > ESP_NVS_NAME_MAX)
		return fails(error, ESP_ERROR_INVALID, entry,
			     "key '%s.%s' has %" G_GSIZE_FORMAT " characters, NVS allows %d",
			     entry->space, entry->key, length, ESP_NVS_NAME_MAX);
	if (!name_is_ascii(entry->key))
		return key_fails(error, entry, "has a character other than printable ASCII");
	return TRUE;
}

static gboolean integer_check(const EspNvsEntry *entry, const TypeRow *row, GError **error)
{
	if (row->min < 0) {
		if (entry->value.i >= row->min && entry->value.i <= (gint64)row->max)
			return TRUE;
		return fails(
			error, ESP_ERROR_INVALID, entry,
			"key '%s.%s' is %" G_GINT64_FORMAT
			", which does not fit %s (%" G_GINT64_FORMAT " to %" G_GUINT64_FORMAT ")",
			entry->space, entry->key, entry->value.i, row->name, row->min, row->max);
	}
	if (entry->value.u <= row->max)
		return TRUE;
	return fails(error, ESP_ERROR_INVALID, entry,
		     "key '%s.%s' is %" G_GUINT64_FORMAT
		     ", which does not fit %s (0 to %" G_GUINT64_FORMAT ")",
		     entry->space, entry->key, entry->value.u, row->name, row->max);
}

/* A float must come back as it was given, or be infinite on purpose. */
static gboolean real_check(const EspNvsEntry *entry, const TypeRow *row, GError **error)
{
	double value = entry->value.real;

	if (isnan(value))
		return fails(error, ESP_ERROR_INVALID, entry,
			     "key '%s.%s' is a %s that is not a number, which NVS refuses",
			     entry->space, entry->key, row->name);
	if (entry->type == ESP_NVS_DOUBLE || isinf(value) || fabs(value) <= FLT_MAX)
		return TRUE;
	return fails(error, ESP_ERROR_INVALID, entry,
		     "key '%s.%s' is too large for a float; make it a double", entry->space,
		     entry->key);
}

static gboolean string_check(const EspNvsEntry *entry, GError **error)
{
	gsize length;

	if (entry->value.text == NULL)
		return key_fails(error, entry, "is a string without a value");
	length = strlen(entry->value.text);
	if (length >= ESP_NVS_STRING_MAX)
		return fails(error, ESP_ERROR_TOO_LARGE, entry,
			     "key '%s.%s' is a string of %" G_GSIZE_FORMAT
			     " bytes, NVS allows %d; a blob may be longer",
			     entry->space, entry->key, length, ESP_NVS_STRING_MAX - 1);
	if (!g_utf8_validate(entry->value.text, (gssize)length, NULL))
		return key_fails(error, entry, "is a string that is not UTF-8; make it a blob");
	return TRUE;
}

static gboolean blob_check(const EspNvsEntry *entry, GError **error)
{
	if (entry->value.blob.data == NULL && entry->value.blob.size_bytes > 0)
		return key_fails(error, entry, "is a blob without its bytes");
	if (entry->value.blob.size_bytes <= ESP_NVS_BLOB_MAX)
		return TRUE;
	return fails(error, ESP_ERROR_TOO_LARGE, entry,
		     "key '%s.%s' is a blob of %" G_GSIZE_FORMAT " bytes, NVS allows %d",
		     entry->space, entry->key, entry->value.blob.size_bytes, ESP_NVS_BLOB_MAX);
}

gboolean esp_nvs_entry_check(const EspNvsEntry *entry, GError **error)
{
	const TypeRow *row;

	if (!space_check(entry, error))
		return FALSE;
	if (entry->type == ESP_NVS_NAMESPACE)
		return TRUE;
	if (!key_check(entry, error))
		return FALSE;
	row = row_of(entry->type);
	if (row == NULL)
		return key_fails(error, entry, "has a type that NVS has not");
	if (row->max != 0)
		return integer_check(entry, row, error);
	if (is_real(entry->type))
		return real_check(entry, row, error);
	return entry->type == ESP_NVS_STRING ? string_check(entry, error)
					     : blob_check(entry, error);
}

int esp_nvs_entry_compare(const EspNvsEntry *a, const EspNvsEntry *b)
{
	int difference = strcmp(a->space, b->space);

	if (difference != 0 || a->key == b->key)
		return difference;
	return a->key == NULL ? -1 : b->key == NULL ? 1 : strcmp(a->key, b->key);
}
