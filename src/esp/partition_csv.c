#include "esp/error.h"
#include "esp/partition_findings.h"
#include "esp/partition_names.h"
#include "esp/partition_table.h"
#include "esp/partition_text.h"

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
};

/* One row as it was written; `size_bytes` negative means "up to that address". */
typedef struct {
	EspPartition partition;
	gboolean has_offset;
	gint64 offset;
	gint64 size_bytes;
} CsvRow;

typedef struct {
	const EspPartitionTableOptions *options;
	gint64 table_offset;
	guint line;
	GPtrArray *findings;
} CsvReader;

static gboolean fails(const CsvReader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fails(const CsvReader *reader, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	partition_fault(reader->findings, reader->line, ESP_ERROR_INVALID, "Error at line %u: %s",
			reader->line, what);
	return FALSE;
}

/* ---- Fields ---- */

static gboolean parse_name(const CsvReader *reader, const char *text, EspPartition *partition)
{
	gsize length = strlen(text);

	if (length > ESP_PARTITION_LABEL_MAX)
		return fails(reader, "the name '%s' has %" G_GSIZE_FORMAT " bytes, %d are allowed",
			     text, length, ESP_PARTITION_LABEL_MAX);
	memcpy(partition->label, text, length + 1);
	return TRUE;
}

/* What is not empty and neither a keyword nor a number of a byte. `keywords` is yours, or NULL. */
static gboolean no_keyword(const CsvReader *reader, const char *text, char *keywords)
{
	g_autofree char *known = keywords;

	if (known == NULL)
		return fails(reader, "Invalid field value %s", text);
	return fails(reader, "Value '%s' is not valid. Known keywords: %s", text, known);
}

static gboolean check_byte(const CsvReader *reader, const char *what, const char *text,
			   gint64 number, guint8 *byte)
{
	if (number < 0 || number > G_MAXUINT8)
		return fails(reader, "Value '%s' is not valid: a %s is 0 to 255", text, what);
	*byte = (guint8)number;
	return TRUE;
}

static gboolean parse_type(const CsvReader *reader, const char *text, EspPartition *partition)
{
	gint64 number = 0;

	if (*text == '\0')
		return fails(reader, "Field 'type' can't be left empty.");
	if (partition_text_number(text, &number))
		return check_byte(reader, "type", text, number, &partition->type);
	return partition_type_by_name(text, &partition->type) ||
	       no_keyword(reader, text, partition_type_keywords());
}

static gboolean parse_subtype(const CsvReader *reader, const char *text, EspPartition *partition)
{
	guint type = partition->type;
	gint64 number = 0;

	if (*text == '\0') {
		if (type == ESP_PARTITION_APP)
			return fails(reader, "App partition cannot have an empty subtype");
		partition->subtype = ESP_PARTITION_DATA_UNDEFINED;
		return TRUE;
	}
	if (partition_text_number(text, &number))
		return check_byte(reader, "subtype", text, number, &partition->subtype);
	return partition_subtype_by_name(reader->options, type, text, &partition->subtype) ||
	       no_keyword(reader, text, partition_subtype_keywords(reader->options, type));
}

static gboolean parse_number(const CsvReader *reader, const char *text, gint64 *number)
{
	gint64 value = 0;

	if (!partition_text_number(text, &value))
		return fails(reader, "Invalid field value %s", text);
	if (value > G_MAXUINT32 || value < -(gint64)G_MAXUINT32 - 1)
		return fails(reader, "Invalid field value %s: it is beyond 4 GiB", text);
	*number = value;
	return TRUE;
}

/* The first bootloader, the recovery one and the table have their offset from the options. */
static gboolean parse_offset(const CsvReader *reader, const char *text, CsvRow *row)
{
	const EspPartitionTableOptions *options = reader->options;
	guint type = row->partition.type, subtype = row->partition.subtype;

	row->has_offset = TRUE;
	if (type == ESP_PARTITION_BOOTLOADER && subtype == ESP_PARTITION_PRIMARY) {
		row->offset = options->bootloader_offset;
		return options->has_bootloader_offset ||
		       fails(reader, "Primary bootloader offset is not defined. Please give it, "
				     "or the chip");
	}
	if (type == ESP_PARTITION_BOOTLOADER && subtype == ESP_PARTITION_BOOTLOADER_RECOVERY) {
		row->offset = options->recovery_offset;
		return options->has_recovery_offset ||
		       fails(reader, "Recovery bootloader offset is not defined. Please give it");
	}
	if (type == ESP_PARTITION_PARTITION_TABLE && subtype == ESP_PARTITION_PRIMARY) {
		row->offset = reader->table_offset;
		return TRUE;
	}
	row->has_offset = *text != '\0';
	return !row->has_offset || parse_number(reader, text, &row->offset);
}

/* Every bootloader is as large as the first, every table a sector. */
static gboolean parse_size(const CsvReader *reader, const char *text, CsvRow *row)
{
	const EspPartitionTableOptions *options = reader->options;

	if (row->partition.type == ESP_PARTITION_BOOTLOADER) {
		row->size_bytes = reader->table_offset - options->bootloader_offset;
		return options->has_bootloader_offset ||
		       fails(reader, "Primary bootloader offset is not defined. Please give it, "
				     "or the chip");
	}
	if (row->partition.type == ESP_PARTITION_PARTITION_TABLE) {
		row->size_bytes = ESP_PARTITION_TABLE_SECTOR_BYTES;
		return TRUE;
	}
	if (*text == '\0')
		return fails(reader, "Size field can't be empty");
	return parse_number(reader, text, &row->size_bytes);
}

/* ':' between names, which are case-sensitive. */
static gboolean parse_flags(const CsvReader *reader, char *text, EspPartition *partition)
{
	char *rest = text;

	while (rest != NULL) {
		const PartitionFlag *flag = partition_flags;
		char *name = rest;

		rest = strchr(rest, ':');
		if (rest != NULL)
			*rest++ = '\0';
		if (*name == '\0')
			continue;
		while (flag->name != NULL && strcmp(flag->name, name) != 0)
			flag++;
		if (flag->name == NULL)
			return fails(reader,
				     "CSV flag column contains unknown flag '%s'; known are "
				     "encrypted and readonly",
				     name);
		partition->flags |= flag->bit;
	}
	return TRUE;
}

/* ---- Rows ---- */

/* Takes the line apart in place; what comes behind the flags is dropped, as ESP-IDF does. */
static void split(char *line, char *nothing, char *fields[static FIELDS])
{
	for (guint i = 0; i < FIELDS; i++) {
		char *field = line == NULL ? nothing : line;

		line = strchr(field, ',');
		if (line != NULL)
			*line++ = '\0';
		fields[i] = partition_text_strip(field);
	}
}

static gboolean parse_row(const CsvReader *reader, char *line, CsvRow *row)
{
	char nothing[] = "";
	char *fields[FIELDS];

	split(line, nothing, fields);
	row->partition.line = reader->line;
	return parse_name(reader, fields[NAME], &row->partition) &&
	       parse_type(reader, fields[TYPE], &row->partition) &&
	       parse_subtype(reader, fields[SUBTYPE], &row->partition) &&
	       parse_offset(reader, fields[OFFSET], row) && parse_size(reader, fields[SIZE], row) &&
	       parse_flags(reader, fields[FLAGS], &row->partition);
}

/* Appends the row of a line that has one. FALSE after the last row that a table can have. */
static gboolean take_line(const CsvReader *reader, char *line, GArray *rows)
{
	g_autofree char *expanded = NULL, *unknown = NULL;
	CsvRow row = {0};

	line = partition_text_strip(line);
	if (*line == '#')
		return TRUE;
	if (strchr(line, '$') != NULL) {
		expanded = partition_text_expand(line, reader->options->variable,
						 reader->options->user_data, &unknown);
		if (expanded == NULL) {
			(void)fails(reader, "unknown variable '%s'", unknown);
			return TRUE;
		}
		line = partition_text_strip(expanded);
	}
	if (*line == '\0' || *line == '#')
		return TRUE;
	if (rows->len == ESP_PARTITIONS_MAX) {
		partition_fault(reader->findings, reader->line, ESP_ERROR_TOO_LARGE,
				"Error at line %u: Binary partition table length longer than max: "
				"a table has at most %d rows",
				reader->line, ESP_PARTITIONS_MAX);
		return FALSE;
	}
	if (parse_row(reader, line, &row))
		g_array_append_val(rows, row);
	return TRUE;
}

/* ---- Places ---- */

static void overlap(const CsvReader *reader, const CsvRow *row, gboolean first, gint64 last)
{
	const char *sign = row->offset < 0 ? "-" : "";
	guint64 offset = (guint64)ABS(row->offset);

	if (first)
		partition_fault(reader->findings, row->partition.line, ESP_ERROR_INVALID,
				"CSV Error at line %u: Partitions overlap. Partition sets offset "
				"%s0x%" G_GINT64_MODIFIER
				"x. But partition table occupies the whole "
				"sector 0x%x. Use a free offset 0x%x or higher.",
				row->partition.line, sign, offset, (guint)reader->table_offset,
				(guint)last);
	else
		partition_fault(reader->findings, row->partition.line, ESP_ERROR_INVALID,
				"CSV Error at line %u: Partitions overlap. Partition sets offset "
				"%s0x%" G_GINT64_MODIFIER
				"x. Previous partition ends 0x%x; give a higher "
				"offset or none",
				row->partition.line, sign, offset, (guint)last);
}

/* Gives a row its place behind `last`. FALSE with a fault if it has none. */
static gboolean place(const CsvReader *reader, CsvRow *row, gboolean first, gint64 *last)
{
	EspPartition *partition = &row->partition;
	gint64 alignment = partition->type == ESP_PARTITION_APP ? APP_ALIGNMENT : DATA_ALIGNMENT;
	gint64 size_bytes = row->size_bytes;
	gboolean fits = TRUE;

	if (!row->has_offset)
		row->offset = (*last + alignment - 1) / alignment * alignment;
	else if (row->offset < *last) {
		overlap(reader, row, first, *last);
		fits = FALSE;
	}
	if (size_bytes < 0)
		size_bytes = -size_bytes - row->offset;
	if (fits && (size_bytes < 0 || row->offset + size_bytes > G_MAXUINT32)) {
		partition_fault(reader->findings, partition->line, ESP_ERROR_INVALID,
				"CSV Error at line %u: '%s' has no room at 0x%" G_GINT64_MODIFIER
				"x: %s",
				partition->line, partition->label, (guint64)row->offset,
				size_bytes < 0 ? "it would end before it begins"
					       : "it would end beyond 4 GiB");
		fits = FALSE;
	}
	if (!fits)
		return FALSE;
	partition->offset = (guint32)row->offset;
	partition->size_bytes = (guint32)size_bytes;
	*last = MAX(*last, row->offset + size_bytes);
	return TRUE;
}

static EspPartitionTable *place_rows(const CsvReader *reader, GArray *rows)
{
	EspPartitionTable *table = g_new0(EspPartitionTable, 1);
	gint64 last = reader->table_offset + ESP_PARTITION_TABLE_SECTOR_BYTES;

	table->has_md5 = !reader->options->no_md5;
	table->partitions = g_new0(EspPartition, rows->len + 1);
	for (guint i = 0; i < rows->len; i++) {
		CsvRow *row = &g_array_index(rows, CsvRow, i);
		gint64 own = G_MININT64;

		if (place(reader, row, i == 0,
			  esp_partition_is_primary(&row->partition) ? &own : &last))
			table->partitions[table->n_partitions++] = row->partition;
	}
	return table;
}

static gboolean options_ok(const CsvReader *reader)
{
	const EspPartitionTableOptions *options = reader->options;

	if (!options->has_bootloader_offset || options->bootloader_offset < reader->table_offset)
		return TRUE;
	partition_fault(reader->findings, 0, ESP_ERROR_INVALID,
			"Unsupported configuration. Primary bootloader must be below partition "
			"table: it is at 0x%x, the table at 0x%x",
			options->bootloader_offset, (guint)reader->table_offset);
	return FALSE;
}

EspPartitionTable *partition_csv_read(const char *text, gsize size_bytes,
				      const EspPartitionTableOptions *options, GPtrArray *findings)
{
	CsvReader reader = {.options = options,
			    .table_offset = (gint64)partition_table_offset(options),
			    .findings = findings};
	g_autoptr(GArray) rows = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *utf8 = NULL;
	char *rest, *line;

	if (size_bytes > ESP_PARTITION_CSV_MAX_BYTES) {
		partition_fault(findings, 0, ESP_ERROR_TOO_LARGE,
				"partition table: the CSV has %" G_GSIZE_FORMAT
				" bytes, at most %d are read",
				size_bytes, ESP_PARTITION_CSV_MAX_BYTES);
		return NULL;
	}
	utf8 = partition_text_utf8(text, size_bytes, &error);
	if (utf8 == NULL)
		partition_fault(findings, 0, error->code, "%s", error->message);
	if (utf8 == NULL || !options_ok(&reader))
		return NULL;
	rows = g_array_new(FALSE, FALSE, sizeof(CsvRow));
	rest = utf8;
	while ((line = partition_text_line(&rest)) != NULL) {
		reader.line++;
		if (!take_line(&reader, line, rows))
			break;
	}
	return partition_has_faults(findings) ? NULL : place_rows(&reader, rows);
}
