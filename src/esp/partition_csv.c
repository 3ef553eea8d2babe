#include "esp/error.h"
#include "esp/partition_names.h"
#include "esp/partition_table.h"

#include <string.h>

enum {
	NAME,
	TYPE,
	SUBTYPE,
	OFFSET,
	SIZE,
	FLAGS,
	FIELDS,
	APP_ALIGNMENT = 0x10000,
	DATA_ALIGNMENT = 0x1000,
	VARIABLE_MAX = 64,
};

/* One row as it was written; `size_bytes` negative means "up to that address". */
typedef struct {
	EspPartition partition;
	gboolean has_offset;
	gint64 size_bytes;
	guint line;
} CsvRow;

typedef struct {
	const EspPartitionTableOptions *options;
	guint32 table_offset;
	guint line;
} CsvReader;

static gboolean fails(GError **error, guint line, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fails(GError **error, guint line, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "line %u: %s", line, what);
	return FALSE;
}

/* ---- Text ---- */

/* UTF-8 without its mark; UTF-16 and UTF-32 only with one. Yours, or NULL. */
static char *to_utf8(const char *text, gsize size_bytes, GError **error)
{
	static const struct {
		const char *mark;
		gsize mark_bytes;
		const char *encoding;
	} marks[] = {
		{"\xEF\xBB\xBF", 3, NULL},       {"\xFF\xFE\0\0", 4, "UTF-32LE"},
		{"\0\0\xFE\xFF", 4, "UTF-32BE"}, {"\xFF\xFE", 2, "UTF-16LE"},
		{"\xFE\xFF", 2, "UTF-16BE"},
	};
	const char *encoding = NULL;
	g_autofree char *utf8 = NULL;
	gsize written = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
		if (size_bytes >= marks[i].mark_bytes &&
		    memcmp(text, marks[i].mark, marks[i].mark_bytes) == 0) {
			encoding = marks[i].encoding;
			text += marks[i].mark_bytes;
			size_bytes -= marks[i].mark_bytes;
			break;
		}
	if (encoding != NULL)
		utf8 = g_convert(text, (gssize)size_bytes, "UTF-8", encoding, NULL, &written, NULL);
	else if (g_utf8_validate(text, (gssize)size_bytes, NULL))
		utf8 = g_strndup(text, written = size_bytes);
	if (utf8 != NULL && strlen(utf8) == written)
		return g_steal_pointer(&utf8);
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "partition table: neither a binary table nor CSV in UTF-8");
	return NULL;
}

static gboolean is_name_char(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

/* Appends the value of the variable that `dollar` begins; returns the end of its name, or NULL. */
static const char *append_variable(const CsvReader *reader, GString *out, const char *dollar,
				   GError **error)
{
	gboolean braced = dollar[1] == '{';
	const char *start = dollar + (braced ? 2 : 1), *end = start;
	g_autofree char *name = NULL;
	const char *value = NULL;

	while (is_name_char(*end))
		end++;
	if (end == start || end - start > VARIABLE_MAX || (braced && *end != '}')) {
		(void)fails(error, reader->line, "a '$' begins no name of a variable");
		return NULL;
	}
	name = g_strndup(start, (gsize)(end - start));
	if (reader->options->variable != NULL)
		value = reader->options->variable(name, reader->options->user_data);
	if (value == NULL) {
		(void)fails(error, reader->line, "the variable '%s' is not known here", name);
		return NULL;
	}
	g_string_append(out, value);
	return braced ? end + 1 : end;
}

static char *expand(const CsvReader *reader, const char *line, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	while (*line != '\0') {
		if (*line != '$') {
			g_string_append_c(out, *line++);
			continue;
		}
		line = append_variable(reader, out, line, error);
		if (line == NULL)
			return NULL;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- Numbers ---- */

/* Decimal or 0x…, with a suffix k or M. */
static gboolean parse_number(const char *text, gint64 *number)
{
	gboolean negative = *text == '-';
	gboolean hex;
	guint64 value, factor = 1;
	char *end = NULL;

	if (negative)
		text++;
	hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	if (hex)
		text += 2;
	if (!(hex ? g_ascii_isxdigit(*text) : g_ascii_isdigit(*text)))
		return FALSE;
	value = g_ascii_strtoull(text, &end, hex ? 16 : 10);
	if (*end == 'k' || *end == 'K')
		factor = 1024;
	else if (*end == 'm' || *end == 'M')
		factor = 1024 * 1024;
	if (factor > 1)
		end++;
	if (*end != '\0' || value > G_MAXUINT32 || value * factor > G_MAXUINT32)
		return FALSE;
	*number = negative ? -(gint64)(value * factor) : (gint64)(value * factor);
	return TRUE;
}

static gboolean parse_byte(const CsvReader *reader, const char *what, const char *text,
			   guint8 *byte, GError **error)
{
	gint64 number = 0;

	if (!parse_number(text, &number) || number < 0 || number > G_MAXUINT8)
		return fails(error, reader->line, "'%s' is no %s of a partition", text, what);
	*byte = (guint8)number;
	return TRUE;
}

/* ---- Rows ---- */

static gboolean parse_name(const CsvReader *reader, const char *text, EspPartition *partition,
			   GError **error)
{
	gsize length = strlen(text);

	if (length > ESP_PARTITION_LABEL_MAX)
		return fails(error, reader->line,
			     "the name '%s' has %" G_GSIZE_FORMAT " bytes, %d are allowed", text,
			     length, ESP_PARTITION_LABEL_MAX);
	memcpy(partition->label, text, length);
	return TRUE;
}

static gboolean parse_types(const CsvReader *reader, char *const *fields, EspPartition *partition,
			    GError **error)
{
	if (*fields[TYPE] == '\0')
		return fails(error, reader->line, "the type of '%s' is missing", partition->label);
	if (!partition_type_by_name(fields[TYPE], &partition->type) &&
	    !parse_byte(reader, "type", fields[TYPE], &partition->type, error))
		return FALSE;
	if (*fields[SUBTYPE] == '\0') {
		if (partition->type == ESP_PARTITION_APP)
			return fails(error, reader->line,
				     "the subtype of app partition '%s' is missing",
				     partition->label);
		partition->subtype = ESP_PARTITION_DATA_UNDEFINED;
		return TRUE;
	}
	return partition_subtype_by_name(partition->type, fields[SUBTYPE], &partition->subtype) ||
	       parse_byte(reader, "subtype", fields[SUBTYPE], &partition->subtype, error);
}

static gboolean parse_flags(const CsvReader *reader, const char *text, EspPartition *partition,
			    GError **error)
{
	g_auto(GStrv) names = g_strsplit(text, ":", 0);

	for (char **name = names; *name != NULL; name++) {
		const PartitionFlag *flag = partition_flags;

		g_strstrip(*name);
		if (**name == '\0')
			continue;
		while (flag->name != NULL && g_ascii_strcasecmp(flag->name, *name) != 0)
			flag++;
		if (flag->name == NULL)
			return fails(error, reader->line,
				     "the flag '%s' is none of encrypted, readonly", *name);
		partition->flags |= flag->bit;
	}
	return TRUE;
}

/* The bootloader's and the table's own rows have their place from the options, whatever is written.
 */
static gboolean place_primary(const CsvReader *reader, CsvRow *row)
{
	EspPartition *partition = &row->partition;

	if (partition->subtype != 0)
		return FALSE;
	if (partition->type == ESP_PARTITION_BOOTLOADER) {
		partition->offset = reader->options->bootloader_offset;
		row->size_bytes = (gint64)reader->table_offset - partition->offset;
	} else if (partition->type == ESP_PARTITION_PARTITION_TABLE) {
		partition->offset = reader->table_offset;
		row->size_bytes = ESP_PARTITION_TABLE_SECTOR_BYTES;
	} else {
		return FALSE;
	}
	row->has_offset = TRUE;
	return TRUE;
}

static gboolean parse_place(const CsvReader *reader, char *const *fields, CsvRow *row,
			    GError **error)
{
	gint64 offset = 0;

	if (place_primary(reader, row))
		return TRUE;
	if (*fields[OFFSET] != '\0') {
		if (!parse_number(fields[OFFSET], &offset) || offset < 0)
			return fails(error, reader->line, "'%s' is no offset", fields[OFFSET]);
		row->has_offset = TRUE;
		row->partition.offset = (guint32)offset;
	}
	if (*fields[SIZE] == '\0')
		return fails(error, reader->line, "the size of '%s' is missing",
			     row->partition.label);
	if (!parse_number(fields[SIZE], &row->size_bytes))
		return fails(error, reader->line, "'%s' is no size", fields[SIZE]);
	return TRUE;
}

static gboolean parse_row(const CsvReader *reader, const char *line, CsvRow *row, GError **error)
{
	g_autofree char *expanded = expand(reader, line, error);
	g_auto(GStrv) split = NULL;
	char *fields[FIELDS];
	char nothing[] = "";

	if (expanded == NULL)
		return FALSE;
	split = g_strsplit(expanded, ",", 0);
	for (guint i = 0; i < FIELDS; i++)
		fields[i] = i < g_strv_length(split) ? g_strstrip(split[i]) : nothing;
	row->line = reader->line;
	return parse_name(reader, fields[NAME], &row->partition, error) &&
	       parse_types(reader, fields, &row->partition, error) &&
	       parse_place(reader, fields, row, error) &&
	       parse_flags(reader, fields[FLAGS], &row->partition, error);
}

static gboolean parse_rows(CsvReader *reader, const char *text, GArray *rows, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	for (char **line = lines; *line != NULL; line++) {
		CsvRow row = {0};

		reader->line++;
		g_strstrip(*line);
		if (**line == '\0' || **line == '#')
			continue;
		if (rows->len == ESP_PARTITIONS_MAX) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
				    "line %u: there are more than %d partitions", reader->line,
				    ESP_PARTITIONS_MAX);
			return FALSE;
		}
		if (!parse_row(reader, *line, &row, error))
			return FALSE;
		g_array_append_val(rows, row);
	}
	return TRUE;
}

/* ---- Places ---- */

static gboolean place(CsvRow *row, gint64 *last, GError **error)
{
	EspPartition *partition = &row->partition;
	gint64 alignment = partition->type == ESP_PARTITION_APP ? APP_ALIGNMENT : DATA_ALIGNMENT;
	gint64 offset = partition->offset, size_bytes = row->size_bytes;

	if (!row->has_offset)
		offset = (*last + alignment - 1) / alignment * alignment;
	else if (offset < *last)
		return fails(error, row->line,
			     "'%s' at 0x%x overlaps what ends at 0x%x; give a higher offset or "
			     "none",
			     partition->label, partition->offset, (guint)*last);
	if (size_bytes < 0)
		size_bytes = -size_bytes - offset;
	if (size_bytes <= 0 || offset + size_bytes > G_MAXUINT32)
		return fails(error, row->line, "'%s' has no room at 0x%x", partition->label,
			     (guint)offset);
	partition->offset = (guint32)offset;
	partition->size_bytes = (guint32)size_bytes;
	*last = offset + size_bytes;
	return TRUE;
}

static gboolean is_primary(const EspPartition *partition)
{
	return partition->subtype == 0 && (partition->type == ESP_PARTITION_BOOTLOADER ||
					   partition->type == ESP_PARTITION_PARTITION_TABLE);
}

static EspPartitionTable *place_rows(const CsvReader *reader, GArray *rows, GError **error)
{
	g_autoptr(EspPartitionTable) table = g_new0(EspPartitionTable, 1);
	gint64 last = (gint64)reader->table_offset + ESP_PARTITION_TABLE_SECTOR_BYTES;

	table->has_md5 = TRUE;
	table->partitions = g_new0(EspPartition, rows->len + 1);
	for (guint i = 0; i < rows->len; i++) {
		CsvRow *row = &g_array_index(rows, CsvRow, i);
		gint64 none = 0;

		if (!place(row, is_primary(&row->partition) ? &none : &last, error))
			return NULL;
		table->partitions[table->n_partitions++] = row->partition;
	}
	return g_steal_pointer(&table);
}

EspPartitionTable *esp_partition_table_from_csv(const char *text, gsize size_bytes,
						const EspPartitionTableOptions *options,
						GError **error)
{
	static const EspPartitionTableOptions defaults;
	CsvReader reader = {.options = options == NULL ? &defaults : options};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(CsvRow));
	g_autoptr(EspPartitionTable) table = NULL;
	g_autofree char *utf8 = NULL;

	reader.table_offset = reader.options->table_offset == 0 ? ESP_PARTITION_TABLE_OFFSET
								: reader.options->table_offset;
	if (size_bytes > ESP_PARTITION_CSV_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "partition table: the CSV has %" G_GSIZE_FORMAT
			    " bytes, at most %d are read",
			    size_bytes, ESP_PARTITION_CSV_MAX_BYTES);
		return NULL;
	}
	utf8 = to_utf8(text, size_bytes, error);
	if (utf8 == NULL || !parse_rows(&reader, utf8, rows, error))
		return NULL;
	table = place_rows(&reader, rows, error);
	if (table == NULL || !esp_partition_table_verify(table, reader.options, error))
		return NULL;
	return g_steal_pointer(&table);
}

/* ---- Writing ---- */

char *esp_partition_table_to_csv(const EspPartitionTable *table)
{
	GString *csv = g_string_new("# Name, Type, SubType, Offset, Size, Flags\n");

	for (gsize i = 0; i < table->n_partitions; i++) {
		const EspPartition *partition = &table->partitions[i];
		char type[8], subtype[8];
		const char *separator = ",";

		g_string_append_printf(
			csv, "%s,%s,%s,0x%x,0x%x", partition->label,
			esp_partition_type_name(partition->type, type),
			esp_partition_subtype_name(partition->type, partition->subtype, subtype),
			partition->offset, partition->size_bytes);
		for (const PartitionFlag *flag = partition_flags; flag->name != NULL; flag++)
			if ((partition->flags & flag->bit) != 0) {
				g_string_append_printf(csv, "%s%s", separator, flag->name);
				separator = ":";
			}
		g_string_append_c(csv, '\n');
	}
	return g_string_free(csv, FALSE);
}
