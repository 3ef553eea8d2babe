#include "esp/error.h"
#include "esp/partition_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void refuses(const char *csv, const EspPartitionTableOptions *options, int code,
		    const char *message)
{
	g_autoptr(GError) error = NULL;
	EspPartitionTable *table = esp_partition_table_from_csv(csv, strlen(csv), options, &error);

	if (table != NULL)
		fail_msg("accepted: %s", csv);
	assert_string_equal(error->message, message);
	assert_true(g_error_matches(error, ESP_ERROR, code));
}

#define APP_SUBTYPES                                                                               \
	"factory, test, ota_0, ota_1, ota_2, ota_3, ota_4, ota_5, ota_6, ota_7, ota_8, ota_9, "    \
	"ota_10, ota_11, ota_12, ota_13, ota_14, ota_15, tee_0, tee_1"

static void refuses_rows_that_esp_idf_cannot_read_and_says_where(void **state)
{
	static const struct {
		const char *csv, *message;
	} rows[] = {
		{"a,,nvs,,0x3000", "Error at line 1: Field 'type' can't be left empty."},
		{"a", "Error at line 1: Field 'type' can't be left empty."},
		{"# x\n\na,app,,,1M",
		 "Error at line 3: App partition cannot have an empty subtype"},
		{"a,app,factory,,", "Error at line 1: Size field can't be empty"},
		{"a,app,ota_16,,1M",
		 "Error at line 1: Value 'ota_16' is not valid. Known keywords: " APP_SUBTYPES},
		{"a,apps,factory,,1M", "Error at line 1: Value 'apps' is not valid. Known "
				       "keywords: bootloader, partition_table, app, data"},
		{"a,0x40,own,,1M", "Error at line 1: Invalid field value own"},
		{"a,256,0,,1M", "Error at line 1: Value '256' is not valid: a type is 0 to 255"},
		{"a,-1,0,,1M", "Error at line 1: Value '-1' is not valid: a type is 0 to 255"},
		{"a,data,1k,,1M",
		 "Error at line 1: Value '1k' is not valid: a subtype is 0 to 255"},
		{"a,data,nvs,,4G", "Error at line 1: Invalid field value 4G"},
		{"a,data,nvs,,4096M",
		 "Error at line 1: Invalid field value 4096M: it is beyond 4 GiB"},
		{"a,data,nvs,,99999999999999999999999",
		 "Error at line 1: Invalid field value 99999999999999999999999: it is beyond 4 "
		 "GiB"},
		{"a,data,nvs,x,0x3000", "Error at line 1: Invalid field value x"},
		{"a-name-of-17-byte,data,nvs,,0x3000",
		 "Error at line 1: the name 'a-name-of-17-byte' has 17 bytes, 16 are allowed"},
		{"a,data,nvs,,0x3000,secret", "Error at line 1: CSV flag column contains unknown "
					      "flag 'secret'; known are encrypted and readonly"},
		{"a,data,nvs,,0x3000,Encrypted",
		 "Error at line 1: CSV flag column contains unknown flag 'Encrypted'; known are "
		 "encrypted and readonly"},
		{"a,data,nvs,,0x3000,readonly: encrypted",
		 "Error at line 1: CSV flag column contains unknown flag ' encrypted'; known are "
		 "encrypted and readonly"},
		{"a,bootloader,primary,,", "Error at line 1: Primary bootloader offset is not "
					   "defined. Please give it, or the chip"},
		{"a,bootloader,ota,,", "Error at line 1: Primary bootloader offset is not defined. "
				       "Please give it, or the chip"},
		{"a,bootloader,recovery,,",
		 "Error at line 1: Recovery bootloader offset is not defined. Please give it"},
		{"a,data,nvs,,$SIZE", "Error at line 1: unknown variable 'SIZE'"},
		{"\n\n$ROW", "Error at line 3: unknown variable 'ROW'"},
		{"a,data,nvs,,${SIZE}", "Error at line 1: unknown variable 'SIZE'"},
		{"\xC3(,data,nvs,,0x3000",
		 "partition table: neither a binary table nor CSV in UTF-8"},
		{"\xFF\xFE"
		 "a",
		 "partition table: neither a binary table nor CSV in UTF-8"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		refuses(rows[i].csv, NULL, ESP_ERROR_INVALID, rows[i].message);
}

static void refuses_places_that_overlap_and_says_where(void **state)
{
	static const struct {
		const char *csv, *message;
	} rows[] = {
		{"a,data,fat,0x5000,0x1000",
		 "CSV Error at line 1: Partitions overlap. Partition sets offset 0x5000. But "
		 "partition table occupies "
		 "the whole sector 0x8000. Use a free offset 0x9000 or higher."},
		{"a,data,fat,-0x5000,0x1000",
		 "CSV Error at line 1: Partitions overlap. Partition sets offset -0x5000. But "
		 "partition table occupies "
		 "the whole sector 0x8000. Use a free offset 0x9000 or higher."},
		{"a,data,nvs,,0x3000\n\nb,data,fat,0xa000,0x1000",
		 "CSV Error at line 3: Partitions overlap. Partition sets offset 0xa000. Previous "
		 "partition ends 0xc000; "
		 "give a higher offset or none"},
		{"a,data,fat,,-0x8000",
		 "CSV Error at line 1: 'a' has no room at 0x9000: it would end before it begins"},
		{"a,data,fat,0xF0000000,-0xFFFFFFFF\nb,data,fat,,1",
		 "CSV Error at line 2: 'b' has no room at 0x100000000: it would end beyond 4 GiB"},
		{"a,data,fat,0xFFFFF000,0x1000",
		 "CSV Error at line 1: 'a' has no room at 0xfffff000: it would end beyond 4 GiB"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		refuses(rows[i].csv, NULL, ESP_ERROR_INVALID, rows[i].message);
}

static void takes_the_places_of_the_bootloader_and_the_table_from_the_options(void **state)
{
	const EspPartitionTableOptions above = {.has_bootloader_offset = TRUE,
						.bootloader_offset = 0x8000};
	const EspPartitionTableOptions moved = {.table_offset = 0x10000,
						.has_bootloader_offset = TRUE};
	static const char csv[] = "t,partition_table,primary,0x5000,7\nb,bootloader,primary,0x123,"
				  "0x456\nn,data,fat,,4K\n";
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), &moved, NULL);

	(void)state;
	refuses(csv, &above, ESP_ERROR_INVALID,
		"Unsupported configuration. Primary bootloader must be below partition table: it "
		"is at 0x8000, the "
		"table at 0x8000");
	assert_non_null(table);
	assert_int_equal(table->partitions[0].offset, 0x10000);
	assert_int_equal(table->partitions[0].size_bytes, 0x1000);
	assert_int_equal(table->partitions[1].offset, 0);
	assert_int_equal(table->partitions[1].size_bytes, 0x10000);
	assert_int_equal(table->partitions[2].offset, 0x11000);
}

static void reads_numbers_as_python_does(void **state)
{
	static const struct {
		const char *text;
		gint64 size; /* -1: none */
	} rows[] = {
		{"4096", 4096}, {"0x1000", 0x1000}, {"0X1F", 0x1F},   {"0o17", 15},
		{"0b101", 5},   {"1_000", 1000},    {"0x_ff", 0xff},  {"+16", 16},
		{"4k", 4096},   {"4K", 4096},       {"1m", 0x100000}, {"0x10K", 0x4000},
		{"1 K", 1024},  {"1kk", 0x100000},  {"00", 0},        {"0_0", 0},
		{"0M", 0},      {"010", -1},        {"1__0", -1},     {"_1", -1},
		{"1_", -1},     {"0x", -1},         {"0x1g", -1},     {"0b2", -1},
		{"0o8", -1},    {"1.5M", -1},       {"k", -1},        {"1KB", -1},
		{"1 0", -1},    {"+-1", -1},        {"0x_", -1},      {"\xD9\xA1", -1},
		{"0b", -1},     {"12a", -1},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *csv = g_strdup_printf("a,data,fat,,%s", rows[i].text);
		g_autoptr(EspPartitionTable) table =
			esp_partition_table_from_csv(csv, strlen(csv), NULL, NULL);

		if (table == NULL ? rows[i].size != -1
				  : table->partitions[0].size_bytes != rows[i].size)
			fail_msg("%s", rows[i].text);
	}
}

static void reads_lines_and_spaces_as_python_does(void **state)
{
	static const char *const texts[] = {
		"a,data,fat,,4K\nb,data,nvs,,12K",
		"a,data,fat,,4K\r\nb,data,nvs,,12K\r\n",
		"a,data,fat,,4K\rb,data,nvs,,12K\r",
		"a,data,fat,,4K\fb,data,nvs,,12K",
		"a,data,fat,,4K\xE2\x80\xA8"
		"b,data,nvs,,12K",
		" a ,\tdata, \xC2\xA0"
		"fat,,4K\n\n   # comment\n\xE3\x80\x80"
		"b,data,nvs,,12K,,more,fields",
		"a,DATA,Fat,,4K,\nb,data,NVS,,12K,:::",
		"#$X\na,1,129,,4K\nb,0x1,0x2,,12K",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(EspPartitionTable) table =
			esp_partition_table_from_csv(texts[i], strlen(texts[i]), NULL, &error);

		if (table == NULL)
			fail_msg("text %zu: %s", i, error->message);
		assert_int_equal(table->n_partitions, 2);
		assert_string_equal(table->partitions[0].label, "a");
		assert_string_equal(table->partitions[1].label, "b");
		assert_int_equal(table->partitions[0].subtype, 0x81);
		assert_int_equal(table->partitions[1].subtype, 2);
		assert_int_equal(table->partitions[1].size_bytes, 0x3000);
	}
}

static void numbers_lines_past_every_kind_of_line_end(void **state)
{
	(void)state;
	refuses("#\r\n#\r#\n\n\xC2\x85x", NULL, ESP_ERROR_INVALID,
		"Error at line 6: Field 'type' can't be left empty.");
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

static void a_variable_can_be_a_comment_or_nothing(void **state)
{
	const EspPartitionTableOptions comment = {.variable = variable, .user_data = "# x"};
	const EspPartitionTableOptions nothing = {.variable = variable, .user_data = "  "};
	const EspPartitionTableOptions broken = {.variable = variable, .user_data = "\xFF"};
	static const char csv[] = "a$,data,fat,,4K\n$SIZE\n";

	(void)state;
	for (int i = 0; i < 2; i++) {
		g_autoptr(EspPartitionTable) table = esp_partition_table_from_csv(
			csv, strlen(csv), i == 0 ? &comment : &nothing, NULL);

		assert_non_null(table);
		assert_int_equal(table->n_partitions, 1);
		assert_string_equal(table->partitions[0].label, "a$");
	}
	refuses(csv, &broken, ESP_ERROR_INVALID, "Error at line 2: unknown variable 'SIZE'");
}

static void knows_subtypes_that_a_build_adds(void **state)
{
	EspPartitionSubtype extra[2];
	const EspPartitionTableOptions options = {.extra_subtypes = extra, .n_extra_subtypes = 2};
	static const char csv[] = "a,app,my_app,,64K\nb,data,Disk,,4K\n";
	g_autoptr(EspPartitionTable) table = NULL;
	g_autofree char *written = NULL;

	(void)state;
	assert_true(esp_partition_subtype_parse("app, my_app,0x40", &extra[0], NULL));
	assert_true(esp_partition_subtype_parse(" DATA ,disk, 99 ", &extra[1], NULL));
	table = esp_partition_table_from_csv(csv, strlen(csv), &options, NULL);
	assert_non_null(table);
	assert_int_equal(table->partitions[0].subtype, 0x40);
	assert_int_equal(table->partitions[1].subtype, 0x99);
	written = esp_partition_table_to_csv(table, &options, NULL);
	assert_non_null(strstr(written, "\na,app,my_app,0x10000,64K,\nb,data,disk,0x20000,4K,\n"));
	refuses("a,app,nothing,,64K", &options, ESP_ERROR_INVALID,
		"Error at line 1: Value 'nothing' is not valid. Known keywords: " APP_SUBTYPES
		", my_app");
	refuses("a,data,my_app,,64K", &options, ESP_ERROR_INVALID,
		"Error at line 1: Value 'my_app' is not valid. Known keywords: ota, phy, nvs, "
		"coredump, nvs_keys, "
		"efuse, undefined, esphttpd, fat, spiffs, littlefs, tee_ota, disk");
}

static void refuses_extra_subtypes_that_are_none(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{"app,x", "it has not three fields"},
		{"app,x,1,2", "it has not three fields"},
		{"apps,x,0x40", "Invalid partition type"},
		{"app,,0x40", "its name has not 1 to 31 bytes"},
		{"app,x,0x100", "its number is not 0x00 to 0xff"},
		{"app,x,4g", "its number is not 0x00 to 0xff"},
		{"app,x,", "its number is not 0x00 to 0xff"},
		{"app,x,0x", "its number is not 0x00 to 0xff"},
		{"app,x,10", "Found duplicate value in partition subtype"},
		{"data,x,0x82", "Found duplicate value in partition subtype"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspPartitionSubtype extra = {.subtype = 7};
		g_autoptr(GError) error = NULL;
		g_autofree char *message = g_strdup_printf(
			"Error parsing custom subtypes: '%s': %s; write \"type, name, 0xNN\"",
			rows[i].text, rows[i].reason);

		assert_false(esp_partition_subtype_parse(rows[i].text, &extra, &error));
		assert_string_equal(error->message, message);
		assert_int_equal(extra.subtype, 7);
	}
}

static void lists_every_row_that_it_cannot_read(void **state)
{
	static const char csv[] = "a,data,fat,,4K\nb,dta,fat,,4K\nc,data,fat,,\nd,app,,,1M\n";
	static const guint lines[] = {2, 3, 4};
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();

	(void)state;
	assert_null(esp_partition_table_check((const guint8 *)csv, strlen(csv), NULL, findings));
	assert_int_equal(findings->len, 3);
	for (guint i = 0; i < 3; i++) {
		const EspPartitionFinding *finding = g_ptr_array_index(findings, i);

		assert_int_equal(finding->severity, ESP_PARTITION_FAULT);
		assert_int_equal(finding->line, lines[i]);
	}
}

static void lists_faults_of_the_others_when_one_has_no_place(void **state)
{
	static const char csv[] = "a,data,fat,0x9000,8K\nb,data,fat,0xa000,4K\nc,data,nvs,,4K\n";
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_check((const guint8 *)csv, strlen(csv), NULL, findings);

	(void)state;
	assert_int_equal(table->n_partitions, 2);
	assert_int_equal(findings->len, 2);
	assert_int_equal(((EspPartitionFinding *)g_ptr_array_index(findings, 0))->line, 2);
	assert_int_equal(((EspPartitionFinding *)g_ptr_array_index(findings, 1))->line, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_rows_that_esp_idf_cannot_read_and_says_where),
		cmocka_unit_test(refuses_places_that_overlap_and_says_where),
		cmocka_unit_test(takes_the_places_of_the_bootloader_and_the_table_from_the_options),
		cmocka_unit_test(reads_numbers_as_python_does),
		cmocka_unit_test(reads_lines_and_spaces_as_python_does),
		cmocka_unit_test(numbers_lines_past_every_kind_of_line_end),
		cmocka_unit_test(refuses_csv_beyond_its_limit),
		cmocka_unit_test(expands_variables_that_it_is_given),
		cmocka_unit_test(reads_csv_in_other_encodings_by_their_mark),
		cmocka_unit_test(a_variable_can_be_a_comment_or_nothing),
		cmocka_unit_test(knows_subtypes_that_a_build_adds),
		cmocka_unit_test(refuses_extra_subtypes_that_are_none),
		cmocka_unit_test(lists_every_row_that_it_cannot_read),
		cmocka_unit_test(lists_faults_of_the_others_when_one_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
