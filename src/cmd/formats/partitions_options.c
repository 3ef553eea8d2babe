#include "cmd/formats/partitions_options.h"

#include "base/error.h"
#include "cmd/text.h"
#include "esp/chips.h"

#include <string.h>
#include <unistd.h>

CmdPartitionsWords cmd_partitions_words;

enum { INPUT_MAX_BYTES = ESP_PARTITION_CSV_MAX_BYTES };

/* ---- Options ---- */

void cmd_partitions_options_clear(CmdPartitionsOptions *options)
{
	g_clear_pointer(&options->extra_subtypes, g_free);
}

static const char *from_environment(const char *name, gpointer user_data)
{
	(void)user_data;
	return g_getenv(name);
}

/* An offset that was given. FALSE after a usage error. */
static gboolean read_offset(const char *name, const char *option, const char *text, guint32 *offset,
			    gboolean *given, CmdExit *exit)
{
	g_autoptr(GError) error = NULL;
	guint64 value = 0;

	if (text == NULL)
		return TRUE;
	if (!cmd_number_parse(option, text, 0, ESP_FLASH_MAX_BYTES, &value, &error)) {
		*exit = cmd_usage_error(name, "%s", error->message);
		return FALSE;
	}
	*offset = (guint32)value;
	*given = TRUE;
	return TRUE;
}

static gboolean read_table_offset(const char *name, EspPartitionTableOptions *table, CmdExit *exit)
{
	gboolean given = FALSE;

	if (!read_offset(name, "--offset", cmd_partitions_words.offset, &table->table_offset,
			 &given, exit))
		return FALSE;
	if (!given || (table->table_offset != 0 &&
		       table->table_offset % ESP_PARTITION_TABLE_SECTOR_BYTES == 0))
		return TRUE;
	*exit = cmd_usage_error(name, "--offset takes a multiple of 0x1000 above 0, not '%s'",
				cmd_partitions_words.offset);
	return FALSE;
}

static gboolean read_chip(const char *name, EspPartitionTableOptions *table, CmdExit *exit)
{
	const EspChip *chip;

	if (cmd_partitions_words.chip == NULL)
		return TRUE;
	chip = esp_chip_find(cmd_partitions_words.chip);
	if (chip == NULL) {
		*exit = cmd_usage_error(name,
					"--chip: no chip is called '%s'; they are called "
					"esp32, esp32c3, esp32s3 and so on",
					cmd_partitions_words.chip);
		return FALSE;
	}
	table->has_bootloader_offset = TRUE;
	table->bootloader_offset = chip->boot_offset;
	table->mapped_bytes = chip->mapped_flash_bytes;
	return TRUE;
}

static gboolean read_words(const char *name, EspPartitionTableOptions *table, CmdExit *exit)
{
	const char *secure = cmd_partitions_words.secure;
	guint32 flash_bytes = 0;

	table->no_md5 = cmd_partitions_words.no_md5;
	table->variable = from_environment;
	if (secure != NULL && g_ascii_strcasecmp(secure, "v1") != 0 &&
	    g_ascii_strcasecmp(secure, "v2") != 0) {
		*exit = cmd_usage_error(name, "--secure takes v1 or v2, not '%s'", secure);
		return FALSE;
	}
	table->secure_boot_v1 = secure != NULL && g_ascii_strcasecmp(secure, "v1") == 0;
	if (cmd_partitions_words.flash_size != NULL &&
	    !esp_flash_size_parse(cmd_partitions_words.flash_size, &flash_bytes)) {
		*exit = cmd_usage_error(
			name, "--flash-size takes 1MB, 2MB, 4MB and so on to 128MB, not '%s'",
			cmd_partitions_words.flash_size);
		return FALSE;
	}
	table->flash_bytes = flash_bytes;
	return TRUE;
}

static gboolean read_extra(const char *name, CmdPartitionsOptions *options, CmdExit *exit)
{
	char **texts = cmd_partitions_words.extra_subtypes;
	gsize n = texts == NULL ? 0 : g_strv_length(texts);

	options->extra_subtypes = g_new0(EspPartitionSubtype, n + 1);
	for (gsize i = 0; i < n; i++) {
		g_autoptr(GError) error = NULL;

		if (!esp_partition_subtype_parse(texts[i], &options->extra_subtypes[i], &error)) {
			*exit = cmd_usage_error(name, "%s", error->message);
			return FALSE;
		}
	}
	options->table.extra_subtypes = options->extra_subtypes;
	options->table.n_extra_subtypes = n;
	return TRUE;
}

gboolean cmd_partitions_options_read(const char *name, CmdPartitionsOptions *options, CmdExit *exit)
{
	EspPartitionTableOptions *table = &options->table;

	return read_words(name, table, exit) && read_table_offset(name, table, exit) &&
	       read_chip(name, table, exit) &&
	       read_offset(name, "--bootloader-offset", cmd_partitions_words.bootloader_offset,
			   &table->bootloader_offset, &table->has_bootloader_offset, exit) &&
	       read_offset(name, "--recovery-bootloader-offset",
			   cmd_partitions_words.recovery_offset, &table->recovery_offset,
			   &table->has_recovery_offset, exit) &&
	       read_extra(name, options, exit);
}

/* ---- Files ---- */

void cmd_partitions_file_clear(CmdPartitionsFile *file)
{
	g_clear_pointer(&file->bytes, g_bytes_unref);
	g_clear_pointer(&file->table, esp_partition_table_free);
	g_clear_pointer(&file->findings, g_ptr_array_unref);
}

gboolean cmd_partitions_file_read(const char *path, const CmdPartitionsOptions *options,
				  CmdPartitionsFile *file, GError **error)
{
	const guint8 *data;
	gsize size_bytes = 0;

	file->bytes = cmd_input_read(path, INPUT_MAX_BYTES, error);
	if (file->bytes == NULL)
		return FALSE;
	data = g_bytes_get_data(file->bytes, &size_bytes);
	file->findings = esp_partition_findings_new();
	file->is_binary = esp_partition_table_is_binary(data, size_bytes);
	file->table = esp_partition_table_check(data, size_bytes, &options->table, file->findings);
	return TRUE;
}

gboolean cmd_partitions_file_has_faults(const CmdPartitionsFile *file)
{
	return !esp_partition_findings_ok(file->findings, NULL);
}

EspPartitionTable *cmd_partitions_table_load(const char *path, GError **error)
{
	const EspPartitionTableOptions options = {.variable = from_environment,
						  .has_bootloader_offset = TRUE,
						  .has_recovery_offset = TRUE};
	g_autoptr(GBytes) bytes = cmd_input_read(path, INPUT_MAX_BYTES, error);
	EspPartitionTable *table;

	if (bytes == NULL)
		return NULL;
	table = esp_partition_table_read(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
					 &options, error);
	if (table == NULL)
		g_prefix_error(error, "%s: ", cmd_input_name(path));
	return table;
}

/* ---- Findings ---- */

/* ESP-IDF's own words may say that it is one. */
static gboolean says_error(const char *text)
{
	return g_str_has_prefix(text, "Error ") || g_str_has_prefix(text, "CSV Error ");
}

void cmd_partitions_findings_print(const CmdPartitionsFile *file, const char *prefix, FILE *out)
{
	gboolean colour = isatty(fileno(out)) != 0;

	for (guint i = 0; i < file->findings->len; i++) {
		const EspPartitionFinding *finding = g_ptr_array_index(file->findings, i);
		gboolean fault = finding->severity == ESP_PARTITION_FAULT;
		const char *word = !fault                      ? "warning: "
				   : says_error(finding->text) ? ""
							       : "error: ";
		g_autofree char *valid = g_utf8_make_valid(finding->text, -1);
		g_autofree char *text = cmd_text_printable(valid, FALSE);

		fputs(prefix, out);
		if (colour)
			fputs(fault ? "\033[31m" : "\033[33m", out);
		fprintf(out, "%s%s%s\n", word, text, colour ? "\033[0m" : "");
	}
}

json_t *cmd_partitions_findings_json(const CmdPartitionsFile *file)
{
	json_t *list = json_array();

	for (guint i = 0; i < file->findings->len; i++) {
		const EspPartitionFinding *finding = g_ptr_array_index(file->findings, i);
		g_autofree char *text = g_utf8_make_valid(finding->text, -1);
		json_t *object =
			json_pack("{s:s, s:s}", "severity",
				  finding->severity == ESP_PARTITION_FAULT ? "error" : "warning",
				  "text", text);

		if (finding->line != 0)
			json_object_set_new(object, "line", json_integer(finding->line));
		json_array_append_new(list, object);
	}
	return list;
}

/* ---- Rows ---- */

char *cmd_partitions_label(const EspPartition *partition)
{
	return g_utf8_make_valid(partition->label, -1);
}

static json_t *row_json(const EspPartition *partition, const EspPartitionTableOptions *options)
{
	g_autofree char *label = cmd_partitions_label(partition);
	char type[8], subtype[8];

	return json_pack("{s:s, s:s, s:i, s:s, s:i, s:I, s:I, s:b, s:b, s:b, s:I}", "name", label,
			 "type", esp_partition_type_name(partition->type, type), "typeNumber",
			 (int)partition->type, "subtype",
			 esp_partition_subtype_name_with(options, partition->type,
							 partition->subtype, subtype),
			 "subtypeNumber", (int)partition->subtype, "offset",
			 (json_int_t)partition->offset, "sizeBytes",
			 (json_int_t)partition->size_bytes, "encrypted",
			 (partition->flags & ESP_PARTITION_ENCRYPTED) != 0, "alwaysEncrypted",
			 esp_partition_always_encrypted(partition), "readonly",
			 (partition->flags & ESP_PARTITION_READONLY) != 0, "flags",
			 (json_int_t)partition->flags);
}

json_t *cmd_partitions_rows_json(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options)
{
	json_t *list = json_array();

	for (gsize i = 0; table != NULL && i < table->n_partitions; i++)
		json_array_append_new(list, row_json(&table->partitions[i], options));
	return list;
}
