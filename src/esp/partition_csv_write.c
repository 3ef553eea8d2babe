#include "esp/error.h"
#include "esp/partition_names.h"
#include "esp/partition_table.h"
#include "esp/partition_text.h"

#include <string.h>

enum { KIBIBYTE = 0x400, MEBIBYTE = 0x100000 };

/* CSV has no quoting: a name must survive being read, which trims it, ends it at a comma and
 * replaces variables; and a row that begins with '#' is a comment. */
static gboolean label_is_writable(const char *label)
{
	g_autofree char *copy = NULL;

	if (!g_utf8_validate(label, -1, NULL) || *label == '#' || strpbrk(label, ",$") != NULL)
		return FALSE;
	for (const char *c = label; *c != '\0'; c = g_utf8_next_char(c))
		if (g_unichar_iscntrl(g_utf8_get_char(c)) ||
		    g_unichar_break_type(g_utf8_get_char(c)) == G_UNICODE_BREAK_MANDATORY)
			return FALSE;
	copy = g_strdup(label);
	return strcmp(partition_text_strip(copy), label) == 0;
}

/* Whole mebibytes or kibibytes as such, as gen_esp32part.py does; also 0 ("0M"). */
static void append_size(GString *csv, guint32 size_bytes)
{
	if (size_bytes % MEBIBYTE == 0)
		g_string_append_printf(csv, "%uM", size_bytes / MEBIBYTE);
	else if (size_bytes % KIBIBYTE == 0)
		g_string_append_printf(csv, "%uK", size_bytes / KIBIBYTE);
	else
		g_string_append_printf(csv, "0x%x", size_bytes);
}

/* A name, or the number in decimal: what has none is "0x…" in `name`. */
static void append_name(GString *csv, const char *name, const char *buffer, guint number)
{
	g_string_append_c(csv, ',');
	if (name == buffer)
		g_string_append_printf(csv, "%u", number);
	else
		g_string_append(csv, name);
}

static void append_row(GString *csv, const EspPartition *partition,
		       const EspPartitionTableOptions *options)
{
	char buffer[8];
	const char *separator = "";

	g_string_append(csv, partition->label);
	append_name(csv, esp_partition_type_name(partition->type, buffer), buffer, partition->type);
	append_name(csv,
		    esp_partition_subtype_name_with(options, partition->type, partition->subtype,
						    buffer),
		    buffer, partition->subtype);
	g_string_append_printf(csv, ",0x%x,", partition->offset);
	append_size(csv, partition->size_bytes);
	g_string_append_c(csv, ',');
	for (const PartitionFlag *flag = partition_flags; flag->name != NULL; flag++)
		if ((partition->flags & flag->bit) != 0) {
			g_string_append_printf(csv, "%s%s", separator, flag->name);
			separator = ":";
		}
	g_string_append_c(csv, '\n');
}

char *esp_partition_table_to_csv(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options, GError **error)
{
	g_autoptr(GString) csv = g_string_new("# ESP-IDF Partition Table\n"
					      "# Name, Type, SubType, Offset, Size, Flags\n");

	for (gsize i = 0; i < table->n_partitions; i++) {
		if (!label_is_writable(table->partitions[i].label)) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "the partition at 0x%x has a name that CSV cannot hold: it has "
				    "a comma, a '$', a control character, or white space or '#' at "
				    "its ends",
				    table->partitions[i].offset);
			return NULL;
		}
		append_row(csv, &table->partitions[i], options);
	}
	return g_string_free(g_steal_pointer(&csv), FALSE);
}
