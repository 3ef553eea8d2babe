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
	static const char csv[] = "# Name, Type, SubType, Offset, Size, Flags\n"
				  "nvs,data,nvs,0x9000,0x4000\n"
				  "keys,data,nvs_keys,0xd000,0x1000,encrypted\n"
				  "small,data,nvs,0xe000,0x1000,encrypted:readonly\n"
				  "mine,0x40,0x99,0xf000,0x1000\n"
				  "app0,app,ota_0,0x10000,0x100000\n"
				  "test,app,test,0x110000,0x10000\n";
	g_autoptr(EspPartitionTable) table = table_of(csv);
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	g_autoptr(EspPartitionTable) again = NULL;
	g_autofree char *written = NULL;

	(void)state;
	again = esp_partition_table_read(g_bytes_get_data(binary, NULL), g_bytes_get_size(binary),
					 NULL, NULL);
	assert_non_null(again);
	assert_true(again->has_md5);
	written = esp_partition_table_to_csv(again);
	assert_string_equal(written, csv);
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

static void fills_in_offsets_as_esp_idf_does(void **state)
{
	static const struct {
		const char *label;
		guint32 offset, size;
	} expected[] = {
		{"boot", 0x1000, 0x7000},     {"table", 0x8000, 0x1000},
		{"first", 0x9000, 0x6000},    {"app", 0x10000, 0x64000},
		{"second", 0x74000, 0x400},   {"third", 0x75000, 0x8b000},
		{"app2", 0x100000, 0x100000},
	};
	static const char csv[] = "boot,bootloader,primary,N/A,N/A\n"
				  "table,partition_table,primary,N/A,N/A\n"
				  "first,DATA,0x81,,24K\n"
				  "app,app,factory,,400K\n"
				  "second,data,,,1K\n"
				  "third,data,fat,,-0x100000\n"
				  "app2,app,test,,1M\n";
	const EspPartitionTableOptions options = {.bootloader_offset = 0x1000};
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

static void refuses_what_esp_idf_refuses_and_says_where(void **state)
{
	static const struct {
		const char *csv, *message;
	} rows[] = {
		{"", "partition table: it has 0 rows, 1 to 94 are allowed"},
		{"a,,nvs,,0x3000", "line 1: the type of 'a' is missing"},
		{"# x\n\na,app,,,1M", "line 3: the subtype of app partition 'a' is missing"},
		{"a,app,factory,,", "line 1: the size of 'a' is missing"},
		{"a,app,ota_16,,1M", "line 1: 'ota_16' is no subtype of a partition"},
		{"a,apps,factory,,1M", "line 1: 'apps' is no type of a partition"},
		{"a,data,nvs,,3G", "line 1: '3G' is no size"},
		{"a,data,nvs,-1,0x3000", "line 1: '-1' is no offset"},
		{"a-name-of-16-chr,data,nvs,,0x3000",
		 "line 1: the name 'a-name-of-16-chr' has 16 bytes, 15 are allowed"},
		{"a,data,nvs,,0x3000,secret",
		 "line 1: the flag 'secret' is none of encrypted, readonly"},
		{"a,data,nvs,,0x3000\nb,data,fat,0xa000,0x1000",
		 "line 2: 'b' at 0xa000 overlaps what ends at 0xc000; give a higher offset or "
		 "none"},
		{"a,app,factory,0x11000,1M",
		 "partition 'a': offset 0x11000 is not a multiple of 0x10000"},
		{"a,data,fat,0x9800,0x1000",
		 "partition 'a': offset 0x9800 is not a multiple of 0x1000"},
		{"a,app,factory,,0x10800",
		 "partition 'a': size 0x10800 is not a multiple of 0x1000"},
		{"a,data,nvs,,0x3000\na,data,fat,,0x1000", "partition 'a': the name is used twice"},
		{"a,data,ota,,0x1000", "partition 'a': its size must be 0x2000, not 0x1000"},
		{"a,data,ota,,0x2000\nb,data,ota,,0x2000",
		 "partition 'b': there is otadata already, in 'a'"},
		{"a,data,ota,,0x2000,readonly", "partition 'a': otadata cannot be readonly"},
		{"a,data,coredump,,0x10000,readonly",
		 "partition 'a': a coredump partition cannot be readonly"},
		{"a,data,nvs,,0x2000",
		 "partition 'a': NVS of 0x2000 bytes must be flagged readonly; 0x3000 can be "
		 "written to"},
		{"a,0x20,1,,0x1000",
		 "partition 'a': type 0x20 is reserved; own types are 0x40 to 0xfe"},
		{"a,data,nvs,,$SIZE", "line 1: the variable 'SIZE' is not known here"},
		{"\xC3(,data,nvs,,0x3000",
		 "partition table: neither a binary table nor CSV in UTF-8"},
		{",data,nvs,,0x3000", "partition '': a partition needs a name"},
		{"a,data,fat,0x5000,0x1000",
		 "line 1: 'a' at 0x5000 overlaps what ends at 0x9000; give a higher offset or "
		 "none"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_partition_table_from_csv(rows[i].csv, strlen(rows[i].csv), NULL,
							 &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message, rows[i].message);
	}
}

static void refuses_a_table_that_the_flash_cannot_hold(void **state)
{
	const EspPartitionTableOptions options = {.flash_bytes = 0x200000};
	static const char csv[] = "a,app,factory,0x100000,0x110000\n";
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(esp_partition_table_from_csv(csv, strlen(csv), &options, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message, "partition 'a': it ends at 0x210000, 0x10000 bytes "
					    "beyond the flash of 0x200000 bytes");
}

static void refuses_binaries_whose_rows_are_well_formed_but_lie_wrongly(void **state)
{
	const struct {
		EspPartition partitions[2];
		const char *message;
	} rows[] = {
		{{{.label = "a", .type = 1, .subtype = 2, .offset = 0xa000, .size_bytes = 0x3000},
		  {.label = "b", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x2000}},
		 "partition 'a': offset 0xa000 lies within 'b', which ends at 0xb000"},
		{{{.label = "a", .type = 1, .subtype = 2, .offset = 0x8000, .size_bytes = 0x3000},
		  {.label = "b", .type = 1, .subtype = 6, .offset = 0xb000, .size_bytes = 0x1000}},
		 "partition 'a': offset 0x8000 lies below the end of the partition table at "
		 "0x9000"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "b",
		   .type = 1,
		   .subtype = 6,
		   .offset = 0xfffff000,
		   .size_bytes = 0x2000}},
		 "partition 'b': it ends beyond 4 GiB"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "b", .type = 1, .subtype = 6, .offset = 0xa000, .size_bytes = 0}},
		 "partition 'b': it has no size"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "b\x07", .type = 1, .subtype = 6, .offset = 0xa000, .size_bytes = 1}},
		 "partition 'b\x07': its name has a control character"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspPartition partitions[2] = {rows[i].partitions[0], rows[i].partitions[1]};
		const EspPartitionTable table = {.partitions = partitions, .n_partitions = 2};
		g_autoptr(GBytes) binary = esp_partition_table_to_binary(&table, NULL);
		g_autoptr(GError) error = NULL;

		assert_null(esp_partition_table_read(g_bytes_get_data(binary, NULL), 0xC00, NULL,
						     &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message, rows[i].message);
	}
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
	assert_string_equal(error->message, "partition table: it has two MD5 rows");
}

static void refuses_csv_beyond_its_limit(void **state)
{
	g_autofree char *text = g_strnfill(ESP_PARTITION_CSV_MAX_BYTES + 1, '\n');
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(esp_partition_table_from_csv(text, strlen(text), NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
}

static const char *variable(const char *name, gpointer user_data)
{
	return strcmp(name, "SIZE") == 0 ? user_data : NULL;
}

static void expands_variables_that_it_is_given(void **state)
{
	const EspPartitionTableOptions options = {.variable = variable, .user_data = "0x5000"};
	static const char csv[] = "a,data,nvs,,${SIZE}\nb,data,fat,,$SIZE\n";
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), &options, NULL);

	(void)state;
	assert_int_equal(table->partitions[1].size_bytes, 0x5000);
}

static void reads_csv_in_other_encodings_by_their_mark(void **state)
{
	static const char csv[] = "nvs,data,nvs,0x9000,0x4000\n";
	static const struct {
		const char *encoding, *mark;
		gsize mark_bytes;
	} rows[] = {{"UTF-8", "\xEF\xBB\xBF", 3},
		    {"UTF-16LE", "\xFF\xFE", 2},
		    {"UTF-16BE", "\xFE\xFF", 2},
		    {"UTF-32LE", "\xFF\xFE\0\0", 4},
		    {"UTF-32BE", "\0\0\xFE\xFF", 4}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gsize n = 0;
		g_autofree char *text =
			g_convert(csv, -1, rows[i].encoding, "UTF-8", NULL, &n, NULL);
		g_autofree char *marked = g_malloc(n + 4);
		g_autoptr(EspPartitionTable) table = NULL;

		memcpy(marked, rows[i].mark, rows[i].mark_bytes);
		memcpy(marked + rows[i].mark_bytes, text, n);
		table = esp_partition_table_from_csv(marked, n + rows[i].mark_bytes, NULL, NULL);
		assert_non_null(table);
		assert_int_equal(table->partitions[0].size_bytes, 0x4000);
	}
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
		 "partition table: the MD5 is not that of its rows: it is damaged"},
		{0, 0xC00, 0xFF, ESP_ERROR_INVALID,
		 "partition table: row 0 begins with 0x50ff, not with 0x50aa"},
		{64, 0xC00, 0x00, ESP_ERROR_INVALID,
		 "partition table: row 2 begins with 0xff00, not with 0x50aa"},
		{100, 64, 0x00, ESP_ERROR_TRUNCATED,
		 "partition table: 64 bytes end without an end row"},
		{100, 70, 0x00, ESP_ERROR_TRUNCATED,
		 "partition table: 70 bytes end without an end row"},
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
	g_autoptr(GString) csv = g_string_new(NULL);
	g_autoptr(EspPartitionTable) table = NULL;
	g_autoptr(GBytes) binary = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int i = 0; i < 94; i++)
		g_string_append_printf(csv, "p%d,data,fat,,0x1000\n", i);
	table = table_of(csv->str);
	binary = esp_partition_table_to_binary(table, NULL);
	assert_non_null(binary);
	g_string_append(csv, "last,data,fat,,0x1000\n");
	assert_null(esp_partition_table_from_csv(csv->str, csv->len, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message, "line 95: there are more than 94 partitions");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_md5_of_a_known_table),
		cmocka_unit_test(goes_from_csv_to_binary_and_back),
		cmocka_unit_test(reads_the_table_of_a_real_device),
		cmocka_unit_test(fills_in_offsets_as_esp_idf_does),
		cmocka_unit_test(refuses_what_esp_idf_refuses_and_says_where),
		cmocka_unit_test(refuses_a_table_that_the_flash_cannot_hold),
		cmocka_unit_test(refuses_binaries_whose_rows_are_well_formed_but_lie_wrongly),
		cmocka_unit_test(refuses_a_second_md5_row),
		cmocka_unit_test(refuses_csv_beyond_its_limit),
		cmocka_unit_test(expands_variables_that_it_is_given),
		cmocka_unit_test(reads_csv_in_other_encodings_by_their_mark),
		cmocka_unit_test(refuses_damaged_binaries),
		cmocka_unit_test(refuses_more_rows_than_a_table_holds),
		cmocka_unit_test(has_a_default_table_with_two_slots_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
