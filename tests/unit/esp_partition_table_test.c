#include "base/digest.h"
#include "base/file.h"
#include "esp/error.h"
#include "esp/partition_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static EspPartitionTable *table_of(const char *csv)
{
	g_autoptr(GError) error = NULL;
	EspPartitionTable *table = esp_partition_table_from_csv(csv, strlen(csv), NULL, &error);

	if (table == NULL)
		fail_msg("%s", error->message);
	return table;
}

static void writes_the_md5_of_a_known_table(void **state)
{
	g_autoptr(EspPartitionTable) table = table_of("nvs,      data, nvs,     0x9000,  0x6000\n"
						      "phy_init, data, phy,     0xf000,  0x1000\n"
						      "factory,  app,  factory, 0x10000, 1M\n");
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	const guint8 *data = g_bytes_get_data(binary, NULL);
	g_autofree char *md5 = base_hex(data + 3 * 32 + 16, 16);

	(void)state;
	assert_int_equal(g_bytes_get_size(binary), 0xC00);
	assert_string_equal(md5, "f4ad4f4538564b5d7435b62c75b69524");
	assert_int_equal(data[3 * 32], 0xEB);
	for (gsize at = 4 * 32; at < 0xC00; at++)
		assert_int_equal(data[at], 0xFF);
}

static void goes_from_csv_to_binary_and_back(void **state)
{
	static const char csv[] = "# ESP-IDF Partition Table\n"
				  "# Name, Type, SubType, Offset, Size, Flags\n"
				  "nvs,data,nvs,0x9000,16K,\n"
				  "keys,data,nvs_keys,0xd000,4K,encrypted\n"
				  "small,data,nvs,0xe000,4K,encrypted:readonly\n"
				  "mine,64,153,0xf000,0x801,\n"
				  "app0,app,ota_0,0x10000,1M,\n"
				  "test,app,test,0x110000,64K,\n"
				  "a-name-of-16-chr,data,littlefs,0x120000,3M,\n";
	g_autoptr(EspPartitionTable) table = table_of(csv);
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	g_autoptr(EspPartitionTable) again = NULL;
	g_autofree char *written = NULL;

	(void)state;
	again = esp_partition_table_read(g_bytes_get_data(binary, NULL), g_bytes_get_size(binary),
					 NULL, NULL);
	assert_non_null(again);
	assert_true(again->has_md5);
	written = esp_partition_table_to_csv(again, NULL, NULL);
	assert_string_equal(written, csv);
}

static void writes_no_csv_that_would_read_differently(void **state)
{
	static const char *const labels[] = {"a,b",      "$A", "#a", " a", "a ", "a\xE2\x80\xA8z",
					     "a\xC2\x85"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(labels); i++) {
		EspPartition partition = {
			.type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000};
		const EspPartitionTable table = {&partition, 1, TRUE};
		g_autoptr(GError) error = NULL;

		(void)g_strlcpy(partition.label, labels[i], sizeof partition.label);
		assert_null(esp_partition_table_to_csv(&table, NULL, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message,
				    "the partition at 0x9000 has a name that CSV cannot hold: it "
				    "has a comma, a "
				    "'$', a control character, or white space or '#' at its ends");
	}
}

static void writes_a_table_without_md5_if_that_is_wanted(void **state)
{
	const EspPartitionTableOptions options = {.no_md5 = TRUE};
	static const char csv[] = "nvs,data,nvs,0x9000,0x6000\n";
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), &options, NULL);
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	const guint8 *data = g_bytes_get_data(binary, NULL);
	g_autoptr(EspPartitionTable) again = esp_partition_table_from_binary(data, 0xC00, NULL);

	(void)state;
	for (gsize at = 32; at < 0xC00; at++)
		assert_int_equal(data[at], 0xFF);
	assert_false(again->has_md5);
	assert_int_equal(again->n_partitions, 1);
}

static void reads_the_table_of_a_real_device(void **state)
{
	g_autoptr(GBytes) file = base_file_read(ESPALIER_SOURCE_DIR
						"/tests/data/esp32c3-otadata/partition-table.bin",
						1 << 16, NULL);
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(file, &size);
	g_autoptr(GError) error = NULL;
	g_autoptr(EspPartitionTable) table = esp_partition_table_read(data, size, NULL, &error);
	g_autoptr(GBytes) binary = NULL;

	(void)state;
	assert_null(error);
	binary = esp_partition_table_to_binary(table, NULL);
	assert_memory_equal(g_bytes_get_data(binary, NULL), data, size);
	assert_non_null(esp_partition_find_type(table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA));
	assert_int_equal(esp_partition_ota_slots(table), 2);
}

static void counts_slots_from_the_first_without_a_gap_up_to_sixteen(void **state)
{
	static const char with_gap[] = "a,app,ota_0,,64K\nb,app,ota_2,,64K\n";
	g_autoptr(GString) csv = g_string_new(NULL);
	g_autoptr(EspPartitionTable) gap =
		esp_partition_table_from_csv(with_gap, sizeof with_gap - 1, NULL, NULL);

	(void)state;
	assert_int_equal(esp_partition_ota_slots(gap), 1);
	for (guint n = 1; n <= 17; n++) {
		g_autoptr(EspPartitionTable) table = NULL;

		/* The seventeenth row is no slot; the sixteenth is the last there can be. */
		if (n == 17)
			g_string_append(csv, "test,app,test,,64K\n");
		else
			g_string_append_printf(csv, "o%u,app,ota_%u,,64K\n", n - 1, n - 1);
		table = esp_partition_table_from_csv(csv->str, csv->len, NULL, NULL);
		assert_non_null(table);
		assert_int_equal(esp_partition_ota_slots(table), MIN(n, 16));
	}
}

static void fills_in_offsets_as_esp_idf_does(void **state)
{
	static const struct {
		const char *label;
		guint32 offset, size;
	} expected[] = {
		{"boot", 0x1000, 0x7000},     {"table", 0x8000, 0x1000},
		{"first", 0x9000, 0x6000},    {"app", 0x10000, 0x64000},
		{"second", 0x74000, 0x400},   {"third", 0x75000, 0x8b000},
		{"app2", 0x100000, 0x100000}, {"boot2", 0x200000, 0x7000},
		{"boot3", 0x207000, 0x7000},  {"table2", 0x20e000, 0x1000},
	};
	static const char csv[] = "boot,bootloader,primary,N/A,N/A\n"
				  "table,partition_table,primary,N/A,N/A\n"
				  "first,DATA,0x81,,24K\n"
				  "app,app,factory,,400K\n"
				  "second,data,,,1K\n"
				  "third,data,fat,,-0x100000\n"
				  "app2,app,test,,1M\n"
				  "boot2,bootloader,recovery,N/A,N/A\n"
				  "boot3,bootloader,ota,,N/A\n"
				  "table2,partition_table,ota,,\n";
	const EspPartitionTableOptions options = {.has_bootloader_offset = TRUE,
						  .bootloader_offset = 0x1000,
						  .has_recovery_offset = TRUE,
						  .recovery_offset = 0x200000};
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), &options, NULL);

	(void)state;
	assert_non_null(table);
	assert_int_equal(table->n_partitions, G_N_ELEMENTS(expected));
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		assert_string_equal(table->partitions[i].label, expected[i].label);
		assert_int_equal(table->partitions[i].offset, expected[i].offset);
		assert_int_equal(table->partitions[i].size_bytes, expected[i].size);
	}
	assert_int_equal(table->partitions[4].subtype, ESP_PARTITION_DATA_UNDEFINED);
}

static void refuses_a_second_md5_row(void **state)
{
	g_autoptr(EspPartitionTable) table = table_of("nvs,data,nvs,0x9000,0x6000\n");
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(binary, NULL), 0xC00);
	g_autoptr(GChecksum) md5 = g_checksum_new(G_CHECKSUM_MD5);
	g_autoptr(GError) error = NULL;
	gsize digest_bytes = 16;

	(void)state;
	memcpy(copy + 64, copy + 32, 16);
	g_checksum_update(md5, copy, 64);
	g_checksum_get_digest(md5, copy + 64 + 16, &digest_bytes);
	assert_null(esp_partition_table_from_binary(copy, 0xC00, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
	assert_string_equal(error->message,
			    "partition table: row 2 stands behind the MD5 row; only the end may");
}

static void refuses_damaged_binaries(void **state)
{
	g_autoptr(EspPartitionTable) table = table_of("nvs,data,nvs,0x9000,0x6000\n");
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	const struct {
		gsize at, size;
		guint8 byte;
		int code;
		const char *message;
	} rows[] = {
		{8, 0xC00, 0x01, ESP_ERROR_CORRUPT,
		 "partition table: MD5 checksums don't match: row 1 has not that of the rows "
		 "before it; they are damaged"},
		{0, 0xC00, 0xFF, ESP_ERROR_INVALID,
		 "partition table: row 0 has invalid magic number 0x50ff, not 0x50aa"},
		{64, 0xC00, 0x00, ESP_ERROR_INVALID,
		 "partition table: row 2 has invalid magic number 0xff00, not 0x50aa"},
		{48, 0xC00, 0x00, ESP_ERROR_CORRUPT,
		 "partition table: MD5 checksums don't match: row 1 has not that of the rows "
		 "before it; they are damaged"},
		{100, 64, 0x00, ESP_ERROR_TRUNCATED,
		 "partition table: it is missing an end-of-table marker in its 64 bytes"},
		{100, 70, 0x00, ESP_ERROR_TRUNCATED,
		 "partition table: it is missing an end-of-table marker in its 70 bytes"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(binary, NULL), 0xC00);
		g_autoptr(GError) error = NULL;

		copy[rows[i].at] = rows[i].byte;
		assert_null(esp_partition_table_from_binary(copy, rows[i].size, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
	}
}

static void refuses_more_rows_than_a_table_holds(void **state)
{
	static const struct {
		gboolean no_md5;
		int rows;
		const char *message;
	} cases[] = {
		{FALSE, 94, NULL},
		{FALSE, 95,
		 "Binary partition table length (3072) longer than max: 94 rows are possible "
		 "beside the MD5 row"},
		{TRUE, 95, NULL},
		{TRUE, 96,
		 "Error at line 96: Binary partition table length longer than max: a table has at "
		 "most 95 rows"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const EspPartitionTableOptions options = {.no_md5 = cases[i].no_md5};
		g_autoptr(GString) csv = g_string_new(NULL);
		g_autoptr(EspPartitionTable) table = NULL, again = NULL;
		g_autoptr(GBytes) binary = NULL;
		g_autoptr(GError) error = NULL;

		for (int row = 0; row < cases[i].rows; row++)
			g_string_append_printf(csv, "p%d,data,fat,,0x1000\n", row);
		table = esp_partition_table_from_csv(csv->str, csv->len, &options, &error);
		if (cases[i].message != NULL) {
			assert_null(table);
			assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
			assert_string_equal(error->message, cases[i].message);
			continue;
		}
		binary = esp_partition_table_to_binary(table, NULL);
		again = esp_partition_table_from_binary(g_bytes_get_data(binary, NULL), 0xC00,
							NULL);
		assert_int_equal(again->n_partitions, cases[i].rows);
		table->has_md5 = TRUE;
		if (cases[i].rows == 95)
			assert_null(esp_partition_table_to_binary(table, NULL));
	}
}

static void every_byte_that_a_device_looks_at_matters(void **state)
{
	g_autoptr(EspPartitionTable) table =
		table_of("nvs,data,nvs,0x9000,0x6000\nb,data,fat,,1M\n");
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);

	(void)state;
	for (gsize at = 0; at < 100; at++) {
		g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(binary, NULL), 0xC00);
		g_autoptr(EspPartitionTable) read = NULL;

		copy[at] ^= 0x04;
		read = esp_partition_table_from_binary(copy, 0xC00, NULL);
		/* Between the MD5 row's magic and the MD5 nothing is looked at. */
		if ((read != NULL) != (at >= 66 && at < 80))
			fail_msg("byte %zu", at);
	}
}

static void has_a_default_table_with_two_slots_of_each(void **state)
{
	const EspPartitionTableOptions options = {.flash_bytes = 4 * 1024 * 1024};
	g_autoptr(EspPartitionTable) table = esp_partition_table_from_csv(
		esp_partition_table_default_csv, strlen(esp_partition_table_default_csv), &options,
		NULL);

	(void)state;
	assert_non_null(table);
	assert_int_equal(table->n_partitions, 8);
	assert_int_equal(esp_partition_ota_slots(table), 2);
	assert_int_equal(esp_partition_find(table, "cfg_0")->offset, 0xf000);
	assert_int_equal(esp_partition_find(table, "cfg_1")->size_bytes, 0x3000);
	assert_null(esp_partition_find(table, "cfg_2"));
	assert_true(esp_partition_always_encrypted(esp_partition_find(table, "ota_1")));
	assert_true(esp_partition_always_encrypted(esp_partition_find(table, "nvs_keys")));
	assert_false(esp_partition_always_encrypted(esp_partition_find(table, "cfg_0")));
}

static void knows_what_flash_encryption_always_encrypts(void **state)
{
	static const struct {
		guint8 type, subtype;
		gboolean always;
	} rows[] = {{0, 0x10, TRUE}, {0, 0x20, TRUE}, {1, 0, TRUE},     {1, 4, TRUE},
		    {1, 0x90, TRUE}, {2, 2, TRUE},    {3, 1, TRUE},     {1, 1, FALSE},
		    {1, 2, FALSE},   {1, 3, FALSE},   {1, 0x82, FALSE}, {0x40, 0, FALSE}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const EspPartition partition = {.type = rows[i].type, .subtype = rows[i].subtype};

		assert_int_equal(esp_partition_always_encrypted(&partition), rows[i].always);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_md5_of_a_known_table),
		cmocka_unit_test(goes_from_csv_to_binary_and_back),
		cmocka_unit_test(writes_no_csv_that_would_read_differently),
		cmocka_unit_test(writes_a_table_without_md5_if_that_is_wanted),
		cmocka_unit_test(reads_the_table_of_a_real_device),
		cmocka_unit_test(counts_slots_from_the_first_without_a_gap_up_to_sixteen),
		cmocka_unit_test(fills_in_offsets_as_esp_idf_does),
		cmocka_unit_test(refuses_a_second_md5_row),
		cmocka_unit_test(refuses_damaged_binaries),
		cmocka_unit_test(every_byte_that_a_device_looks_at_matters),
		cmocka_unit_test(refuses_more_rows_than_a_table_holds),
		cmocka_unit_test(has_a_default_table_with_two_slots_of_each),
		cmocka_unit_test(knows_what_flash_encryption_always_encrypts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
