/* partition_tool — reads partition tables and otadata as they come, for partition_peer_test.py.
 *
 * A case a line on standard input, its words separated by spaces:
 *     table HEX OFFSET BOOTLOADER RECOVERY FLASH SECURE MD5
 *         a CSV or binary table; offsets and sizes are decimal, '-' is none; SECURE 1 is v1; MD5 0
 * leaves it out otadata HEX SLOTS FACTORY SLOT STATE an otadata partition, and the slot (-1:
 * factory) and state to select in it An answer a line on standard output: ok HEX-OF-BINARY
 * HEX-OF-CSV | error HEX-OF-MESSAGE ok SLOT RECORD HEX-OF-CHANGED-OTADATA | error HEX-OF-MESSAGE */
#include "base/digest.h"
#include "esp/otadata.h"
#include "esp/partition_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 8 };

/* Yours; NULL if it is no hexadecimal text. "-" is empty. */
static GByteArray *bytes_of(const char *hex)
{
	GByteArray *bytes = g_byte_array_new();

	for (; strcmp(hex, "-") != 0 && hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		guint8 byte =
			(guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(bytes, &byte, 1);
	}
	return bytes;
}

static guint32 number_of(const char *word)
{
	return (guint32)g_ascii_strtoull(word, NULL, 10);
}

static void answer_error(const GError *error)
{
	g_autofree char *hex = base_hex((const guint8 *)error->message, strlen(error->message));

	printf("error %s\n", hex);
}

static void answer_table(char *const *words)
{
	const EspPartitionTableOptions options = {
		.table_offset = number_of(words[2]),
		.has_bootloader_offset = *words[3] != '-',
		.bootloader_offset = number_of(words[3]),
		.has_recovery_offset = *words[4] != '-',
		.recovery_offset = number_of(words[4]),
		.flash_bytes = number_of(words[5]),
		.secure_boot_v1 = *words[6] == '1',
		.no_md5 = *words[7] == '0',
	};
	g_autoptr(GByteArray) bytes = bytes_of(words[1]);
	g_autoptr(EspPartitionTable) table = NULL;
	g_autoptr(GBytes) binary = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *csv = NULL, *binary_hex = NULL, *csv_hex = NULL;

	table = esp_partition_table_read(bytes->data, bytes->len, &options, &error);
	if (table != NULL)
		binary = esp_partition_table_to_binary(table, &error);
	if (binary == NULL) {
		answer_error(error);
		return;
	}
	csv = esp_partition_table_to_csv(table, &options, NULL);
	binary_hex = base_hex(g_bytes_get_data(binary, NULL), g_bytes_get_size(binary));
	csv_hex = csv == NULL ? g_strdup("-") : base_hex((const guint8 *)csv, strlen(csv));
	printf("ok %s %s\n", binary_hex, csv_hex);
}

static void answer_otadata(char *const *words)
{
	g_autoptr(GByteArray) bytes = bytes_of(words[1]);
	g_autoptr(GError) error = NULL;
	g_autofree char *hex = NULL;
	guint n_slots = number_of(words[2]);
	EspOtaBoot boot = {0};

	if (!esp_otadata_choose(bytes->data, bytes->len, n_slots, *words[3] == '1', &boot,
				&error) ||
	    !esp_otadata_select(bytes->data, bytes->len, n_slots,
				(int)g_ascii_strtoll(words[4], NULL, 10), number_of(words[5]), NULL,
				&error)) {
		answer_error(error);
		return;
	}
	hex = base_hex(bytes->data, bytes->len);
	printf("ok %d %d %s\n", boot.slot, boot.record, hex);
}

int main(void)
{
	g_autofree char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", WORDS_MAX);
		guint n = g_strv_length(words);

		if (n == 8 && strcmp(words[0], "table") == 0)
			answer_table(words);
		else if (n == 6 && strcmp(words[0], "otadata") == 0)
			answer_otadata(words);
		else
			puts("what?");
		fflush(stdout);
	}
	return 0;
}
