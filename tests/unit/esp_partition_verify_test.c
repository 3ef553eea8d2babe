#include "esp/error.h"
#include "esp/partition_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { MB = 1024 * 1024 };

static void refuses_what_esp_idf_refuses(void **state)
{
	static const struct {
		const char *csv, *message;
	} rows[] = {
		{"", "partition table: it has no rows"},
		{"a,app,factory,0x11000,1M",
		 "line 1: Partition a invalid: Offset 0x11000 is not aligned to 0x10000"},
		{"a,data,fat,0x9800,0x1000",
		 "line 1: Partition a invalid: Offset 0x9800 is not aligned to 0x1000"},
		{"a,app,factory,,0x10800",
		 "line 1: Partition a invalid: Size 0x10800 is not aligned to 0x1000"},
		{"a,data,nvs,,0x3000\na,data,fat,,0x1000",
		 "line 2: Partition names must be unique: 'a' is the name of partitions at 0x9000 "
		 "and 0xc000"},
		{"a,data,ota,,0x1000",
		 "line 1: otadata partition must have size = 0x2000, not 0x1000 ('a')"},
		{"a,data,ota,,0x3000",
		 "line 1: otadata partition must have size = 0x2000, not 0x3000 ('a')"},
		{"a,data,tee_ota,,0x1000",
		 "line 1: TEE otadata partition must have size = 0x2000, not 0x1000 ('a')"},
		{"a,data,ota,,0x2000\nb,data,ota,,0x2000",
		 "line 2: Found multiple otadata partitions. Only one partition can be defined "
		 "with type=\"data\"(1) and "
		 "subtype=\"ota\"(0) ('a' and 'b')"},
		{"a,data,tee_ota,,0x2000\nb,data,tee_ota,,0x2000",
		 "line 2: Found multiple TEE otadata partitions. Only one partition can be defined "
		 "with "
		 "type=\"data\"(1) and subtype=\"tee_ota\"(0x90) ('a' and 'b')"},
		{"a,data,ota,,0x2000,readonly",
		 "line 1: Partition a invalid: 'a' partition of type 1 and subtype 0 is always "
		 "read-write and cannot be "
		 "read-only"},
		{"a,data,coredump,,0x10000,readonly",
		 "line 1: Partition a invalid: 'a' partition of type 1 and subtype 3 is always "
		 "read-write and cannot be "
		 "read-only"},
		{"a,data,nvs,,0x2fff",
		 "line 1: Partition a invalid: 'a' partition of type 1 and subtype 2 of this size "
		 "(0x2fff) must be "
		 "flagged as 'readonly' (the size of read/write NVS has to be at least 0x3000)"},
		{"a\x07,data,fat,,4K",
		 "line 1: Partition at 0x9000 invalid: its name has a control character"},
		{"a,app,factory,0x200000,0x210000",
		 "line 1: Partitions tables occupies 4.1MB of flash (4259840 bytes) which does not "
		 "fit in configured "
		 "flash size 4MB: 'a' ends 0x10000 bytes beyond"},
	};
	const EspPartitionTableOptions options = {.flash_bytes = 4 * MB};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		if (esp_partition_table_from_csv(rows[i].csv, strlen(rows[i].csv), &options,
						 &error) != NULL)
			fail_msg("accepted: %s", rows[i].csv);
		assert_string_equal(error->message, rows[i].message);
		assert_true(g_error_matches(error, ESP_ERROR,
					    strstr(error->message, "flash") ? ESP_ERROR_TOO_LARGE
									    : ESP_ERROR_INVALID) ||
			    strstr(error->message, "flagged") != NULL);
	}
}

static void takes_what_esp_idf_takes(void **state)
{
	static const char *const rows[] = {
		"a,data,nvs,,0x3000",
		"a,data,nvs,,0x1000,readonly",
		"a,data,ota,,0x2000\nb,data,tee_ota,,0x2000",
		"a,app,factory,,0x11000",
		"a,data,fat,,1",
		"a,data,fat,,0",
		",data,fat,,4K",
		"a,app,ota_15,,64K",
		"a,255,255,,4K",
		"a,0x20,1,,0x1000",
		"a,data,fat,,4K,readonly:encrypted",
		"a,app,factory,0x3f0000,64K",
	};
	const EspPartitionTableOptions options = {.flash_bytes = 4 * MB};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(EspPartitionTable) table =
			esp_partition_table_from_csv(rows[i], strlen(rows[i]), &options, &error);

		if (table == NULL)
			fail_msg("%s: %s", rows[i], error->message);
	}
}

static void wants_whole_64_kib_of_apps_signed_for_secure_boot_v1(void **state)
{
	const EspPartitionTableOptions v1 = {.secure_boot_v1 = TRUE};
	static const char csv[] = "a,app,factory,,0x11000\n",
			  whole[] = "a,app,factory,,128K\nb,data,fat,,4K\n";
	g_autoptr(EspPartitionTable) taken =
		esp_partition_table_from_csv(whole, strlen(whole), &v1, NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_non_null(taken);
	assert_null(esp_partition_table_from_csv(csv, strlen(csv), &v1, &error));
	assert_string_equal(
		error->message,
		"line 1: Partition a invalid: Size 0x11000 is not aligned to 0x10000 as "
		"secure boot v1 needs it");
}

static void refuses_binaries_whose_rows_are_well_formed_but_lie_wrongly(void **state)
{
	const struct {
		EspPartition partitions[3];
		const char *message;
	} rows[] = {
		{{{.label = "a", .type = 1, .subtype = 2, .offset = 0xa000, .size_bytes = 0x3000},
		  {.label = "b", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x2000},
		  {.label = "c", .type = 1, .subtype = 6, .offset = 0xd000, .size_bytes = 0x1000}},
		 "Partition at 0xa000 overlaps 0x9000-0xafff ('a' and 'b')"},
		{{{.label = "a", .type = 1, .subtype = 2, .offset = 0x8000, .size_bytes = 0x3000},
		  {.label = "b", .type = 1, .subtype = 6, .offset = 0xb000, .size_bytes = 0x1000},
		  {.label = "c", .type = 1, .subtype = 6, .offset = 0xd000, .size_bytes = 0x1000}},
		 "Partition offset 0x8000 is below 0x9000, the end of the partition table ('a')"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "b", .type = 2, .subtype = 1, .offset = 0x8000, .size_bytes = 0x1000},
		  {.label = "c", .type = 1, .subtype = 6, .offset = 0xd000, .size_bytes = 0x1000}},
		 "Partition offset 0x8000 is below 0x9000, the end of the partition table ('b')"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "b",
		   .type = 1,
		   .subtype = 6,
		   .offset = 0xfffff000,
		   .size_bytes = 0x2000},
		  {.label = "c", .type = 1, .subtype = 6, .offset = 0xd000, .size_bytes = 0x1000}},
		 "Partition b invalid: it ends beyond 4 GiB"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x1000},
		  {.label = "\xFF", .type = 1, .subtype = 6, .offset = 0xa000, .size_bytes = 1},
		  {.label = "c", .type = 1, .subtype = 6, .offset = 0xd000, .size_bytes = 0x1000}},
		 "Partition at 0xa000 invalid: its name is not UTF-8"},
		{{{.label = "a", .type = 1, .subtype = 6, .offset = 0x9000, .size_bytes = 0x9000},
		  {.label = "b", .type = 3, .subtype = 0, .offset = 0x8000, .size_bytes = 0x1000},
		  {.label = "c", .type = 2, .subtype = 0, .offset = 0x1000, .size_bytes = 0x7001}},
		 "Partition at 0x8000 overlaps 0x1000-0x8000 ('b' and 'c')"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspPartition partitions[3] = {rows[i].partitions[0], rows[i].partitions[1],
					      rows[i].partitions[2]};
		const EspPartitionTable table = {partitions, 3, TRUE};
		g_autoptr(GBytes) binary = esp_partition_table_to_binary(&table, NULL);
		g_autoptr(GError) error = NULL;

		assert_null(esp_partition_table_read(g_bytes_get_data(binary, NULL), 0xC00, NULL,
						     &error));
		assert_string_equal(error->message, rows[i].message);
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
	}
}

static GPtrArray *findings_of(const char *csv, const EspPartitionTableOptions *options)
{
	GPtrArray *findings = esp_partition_findings_new();
	EspPartitionTable *table =
		esp_partition_table_check((const guint8 *)csv, strlen(csv), options, findings);

	esp_partition_table_free(table);
	return findings;
}

static void finds_all_overlaps_with_what_spans_them(void **state)
{
	EspPartition partitions[] = {
		{.label = "a", .type = 1, .subtype = 6, .offset = 0x10000, .size_bytes = 0x10000},
		{.label = "b", .type = 1, .subtype = 6, .offset = 0x11000, .size_bytes = 0x1000},
		{.label = "c", .type = 1, .subtype = 6, .offset = 0x13000, .size_bytes = 0x1000},
		{.label = "d", .type = 1, .subtype = 6, .offset = 0x20000, .size_bytes = 0x1000},
	};
	const EspPartitionTable table = {partitions, 4, TRUE};
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();

	(void)state;
	esp_partition_table_find_faults(&table, NULL, findings);
	assert_int_equal(findings->len, 2);
	assert_string_equal(((EspPartitionFinding *)g_ptr_array_index(findings, 1))->text,
			    "Partition at 0x13000 overlaps 0x10000-0x1ffff ('c' and 'a')");
}

static void warns_of_what_is_likely_a_mistake(void **state)
{
	static const struct {
		const char *csv, *text;
	} rows[] = {
		{",data,fat,,4K", "line 1: the partition at 0x9000 has no name"},
		{"a-name-of-16-chr,data,fat,,4K",
		 "line 1: the name 'a-name-of-16-chr' has 16 bytes; ESP-IDF documents at most 15"},
		{"app,data,fat,,4K", "line 1: Partition has name 'app' which is a partition type, "
				     "but does not match this partition's type "
				     "(0x1). Mistake in partition table?"},
		{"nvs,data,fat,,4K", "line 1: Partition has name 'nvs' which is a partition "
				     "subtype, but this partition has non-matching type "
				     "0x1 and subtype 0x81. Mistake in partition table?"},
		{"a,4,1,,4K",
		 "line 1: 'a': type 0x04 is reserved for ESP-IDF; own types are 0x40 to 0xfe"},
		{"a,0x3f,1,,4K",
		 "line 1: 'a': type 0x3f is reserved for ESP-IDF; own types are 0x40 to 0xfe"},
		{"a,0xff,1,,4K",
		 "line 1: 'a': type 0xff means any type to ESP-IDF and is never found"},
		{"a,data,fat,,0", "line 1: 'a' has no size"},
		{"a,data,fat,,0x1800", "line 1: 'a': size 0x1800 is no multiple of 0x1000: its "
				       "last sector cannot be erased"},
		{"a,data,nvs,,12K,encrypted", "line 1: 'a': NVS must not be flagged encrypted, the "
					      "device refuses it; it has its own encryption, with "
					      "a partition of subtype nvs_keys"},
		{"a,app,test,,64K\nb,app,test,,64K",
		 "line 2: 'b' has the subtype of 'a': only one of them can start"},
		{"o,data,ota,,8K\na,app,ota_0,,64K\nb,app,ota_2,,64K",
		 "2 partitions of subtype ota_N, 1 of them from ota_0 on without a gap: the "
		 "bootloader and the app would "
		 "count slots differently"},
		{"a,app,ota_0,,64K", "there are OTA slots, but no otadata partition (data, ota) to "
				     "say which one starts"},
		{"a,data,ota,,8K", "there is an otadata partition, but no OTA slot (app, ota_0)"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) findings = findings_of(rows[i].csv, NULL);
		const EspPartitionFinding *finding;

		if (findings->len != 1)
			fail_msg("%s: %u findings", rows[i].csv, findings->len);
		finding = g_ptr_array_index(findings, 0);
		assert_string_equal(finding->text, rows[i].text);
		assert_int_equal(finding->severity, ESP_PARTITION_WARNING);
		assert_true(esp_partition_findings_ok(findings, NULL));
	}
}

static void warns_of_an_app_where_the_chip_runs_none(void **state)
{
	const EspPartitionTableOptions options = {.mapped_bytes = 16 * MB};
	static const char fits[] = "a,app,factory,0xf00000,1M",
			  beyond[] = "a,app,factory,0xf10000,1M", data[] = "a,data,fat,16M,1M";
	g_autoptr(GPtrArray) none = findings_of(fits, &options);
	g_autoptr(GPtrArray) one = findings_of(beyond, &options);
	g_autoptr(GPtrArray) other = findings_of(data, &options);
	g_autoptr(GPtrArray) unknown = findings_of(beyond, NULL);

	(void)state;
	assert_int_equal(none->len + other->len + unknown->len, 0);
	assert_int_equal(one->len, 1);
	assert_string_equal(((EspPartitionFinding *)g_ptr_array_index(one, 0))->text,
			    "line 1: 'a' ends at 0x1010000, but the chip runs apps only from the "
			    "first 0x1000000 "
			    "bytes of flash");
}

static void warns_of_nothing_in_a_table_as_it_should_be(void **state)
{
	static const char *const rows[] = {
		"nvs,data,nvs,,16K\notadata,data,ota,,8K\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,"
		"1M\nfactory,app,factory,,1M",
		"a,0x40,1,,4K\nb,0xfe,2,,4K\ndata,data,fat,,4K\nfixed,data,fat,,0x800,readonly",
		"keys,data,nvs_keys,,4K,encrypted\nfifteen-bytes-x,data,fat,,4K\no,data,ota,,8K\na,"
		"app,ota_0,,64K",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) findings = findings_of(rows[i], NULL);

		if (findings->len != 0)
			fail_msg("%s",
				 ((EspPartitionFinding *)g_ptr_array_index(findings, 0))->text);
	}
}

static void warns_of_unknown_flags_and_a_missing_md5_and_keeps_the_flags(void **state)
{
	EspPartition partition = {.label = "a",
				  .type = 1,
				  .subtype = 6,
				  .offset = 0x9000,
				  .size_bytes = 0x1000,
				  .flags = 0x80000005};
	const EspPartitionTable table = {&partition, 1, FALSE};
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(&table, NULL);
	g_autoptr(GPtrArray) findings = esp_partition_findings_new();
	g_autoptr(EspPartitionTable) read =
		esp_partition_table_check(g_bytes_get_data(binary, NULL), 0xC00, NULL, findings);
	g_autofree char *csv = esp_partition_table_to_csv(read, NULL, NULL);

	(void)state;
	assert_int_equal(findings->len, 2);
	assert_string_equal(
		((EspPartitionFinding *)g_ptr_array_index(findings, 0))->text,
		"'a': Partition definition had unknown flag(s) 0x80000004. Newer binary format?");
	assert_string_equal(((EspPartitionFinding *)g_ptr_array_index(findings, 1))->text,
			    "there is no MD5 row: apps of ESP-IDF refuse the table unless they "
			    "were built without "
			    "CONFIG_PARTITION_TABLE_MD5");
	assert_int_equal(read->partitions[0].flags, 0x80000005);
	assert_non_null(strstr(csv, "\na,data,undefined,0x9000,4K,encrypted\n"));
}

static void finds_the_gaps(void **state)
{
	const EspPartitionTableOptions options = {.flash_bytes = 4 * MB},
				       unknown = {.table_offset = 0xA000};
	EspPartition partitions[] = {
		{.label = "c", .type = 1, .offset = 0x20000, .size_bytes = 0x10000},
		{.label = "a", .type = 1, .offset = 0xc000, .size_bytes = 0x4000},
		{.label = "b", .type = 1, .offset = 0x10000, .size_bytes = 0x1000},
		{.label = "p", .type = 3, .offset = 0x8000, .size_bytes = 0x1000},
	};
	const EspPartitionTable table = {partitions, 4, TRUE};
	const EspPartitionGap expected[] = {
		{0x9000, 0x3000}, {0x11000, 0xf000}, {0x30000, 4 * MB - 0x30000}};
	g_autoptr(GArray) gaps = esp_partition_table_gaps(&table, &options);
	g_autoptr(GArray) without = esp_partition_table_gaps(&table, &unknown);

	(void)state;
	assert_int_equal(gaps->len, 3);
	assert_memory_equal(gaps->data, expected, sizeof expected);
	assert_int_equal(without->len, 2);
	assert_int_equal(g_array_index(without, EspPartitionGap, 0).offset, 0xb000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_esp_idf_refuses),
		cmocka_unit_test(takes_what_esp_idf_takes),
		cmocka_unit_test(wants_whole_64_kib_of_apps_signed_for_secure_boot_v1),
		cmocka_unit_test(refuses_binaries_whose_rows_are_well_formed_but_lie_wrongly),
		cmocka_unit_test(finds_all_overlaps_with_what_spans_them),
		cmocka_unit_test(warns_of_what_is_likely_a_mistake),
		cmocka_unit_test(warns_of_an_app_where_the_chip_runs_none),
		cmocka_unit_test(warns_of_nothing_in_a_table_as_it_should_be),
		cmocka_unit_test(warns_of_unknown_flags_and_a_missing_md5_and_keeps_the_flags),
		cmocka_unit_test(finds_the_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
