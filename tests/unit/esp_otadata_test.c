#include "base/file.h"
#include "esp/error.h"
#include "esp/otadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* A record as it is in flash; the checksums of sequences 1 to 4 are those of the format. */
typedef struct {
	guint32 sequence, state;
	gboolean damaged;
} Record;

#define EMPTY                                                                                      \
	{                                                                                          \
		0xFFFFFFFFU, 0xFFFFFFFFU, FALSE                                                    \
	}

static const guint32 crcs[] = {0, 0x4743989A, 0x55F63774, 0xED4A5011, 0x709D68A8};

static void put(guint8 *at, guint32 value)
{
	value = GUINT32_TO_LE(value);
	memcpy(at, &value, sizeof value);
}

static void fill(guint8 data[ESP_OTADATA_BYTES], const Record records[2])
{
	memset(data, 0xFF, ESP_OTADATA_BYTES);
	for (int i = 0; i < 2; i++) {
		guint8 *at = data + i * ESP_OTADATA_SECTOR_BYTES;

		if (records[i].sequence == 0xFFFFFFFFU)
			continue;
		put(at, records[i].sequence);
		put(at + 24, records[i].state);
		put(at + 28, crcs[records[i].sequence] ^ (records[i].damaged ? 1U : 0U));
	}
}

static void starts_what_the_bootloader_would_start(void **state)
{
	static const struct {
		Record records[2];
		guint n_slots;
		gboolean has_factory;
		int slot, record;
		EspOtaBootReason reason;
		gboolean initialise;
	} rows[] = {
		{{EMPTY, EMPTY}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, TRUE},
		{{EMPTY, EMPTY}, 2, TRUE, -1, -1, ESP_OTA_BOOT_FIRST, FALSE},
		{{{1, 2, FALSE}, EMPTY}, 2, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 2, FALSE}, {2, 2, FALSE}}, 2, FALSE, 1, 1, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{3, 2, FALSE}, {2, 2, FALSE}}, 2, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{2, 2, FALSE}, {2, 2, FALSE}}, 3, FALSE, 1, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 2, FALSE}, {2, 4, FALSE}}, 2, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 2, FALSE}, {2, 3, FALSE}}, 2, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 2, FALSE}, {2, 2, TRUE}}, 2, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 3, FALSE}, {2, 4, FALSE}}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, FALSE},
		{{{1, 3, FALSE}, EMPTY}, 2, TRUE, -1, -1, ESP_OTA_BOOT_FIRST, FALSE},
		{{{1, 3, FALSE}, EMPTY}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, FALSE},
		{{EMPTY, {2, 4, FALSE}}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, FALSE},
		{{{1, 3, TRUE}, EMPTY}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, TRUE},
		{{EMPTY, {2, 4, TRUE}}, 2, FALSE, 0, -1, ESP_OTA_BOOT_FIRST, TRUE},
		{{{1, 2, TRUE}, {2, 2, TRUE}}, 2, TRUE, -1, -1, ESP_OTA_BOOT_DAMAGED, FALSE},
		{{{1, 2, TRUE}, EMPTY}, 2, FALSE, 0, -1, ESP_OTA_BOOT_DAMAGED, FALSE},
		{{{4, 0xFFFFFFFFU, FALSE}, EMPTY}, 3, FALSE, 0, 0, ESP_OTA_BOOT_ACTIVE, FALSE},
		{{{1, 2, FALSE}, EMPTY}, 0, TRUE, -1, -1, ESP_OTA_BOOT_NO_SLOTS, FALSE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 data[ESP_OTADATA_BYTES];
		EspOtaBoot boot = {0};

		fill(data, rows[i].records);
		assert_true(esp_otadata_choose(data, sizeof data, rows[i].n_slots,
					       rows[i].has_factory, &boot, NULL));
		if (boot.slot != rows[i].slot || boot.record != rows[i].record ||
		    boot.reason != rows[i].reason || boot.initialise != rows[i].initialise)
			fail_msg("row %zu: slot %d, record %d, %s", i, boot.slot, boot.record,
				 esp_ota_boot_reason_text(boot.reason));
	}
}

static void starts_without_otadata_and_not_without_any_app(void **state)
{
	EspOtaBoot boot = {0};
	g_autoptr(GError) error = NULL, short_error = NULL;
	const guint8 few[16] = {0};

	(void)state;
	assert_true(esp_otadata_choose(NULL, 0, 2, TRUE, &boot, NULL));
	assert_int_equal(boot.slot, ESP_OTADATA_FACTORY_SLOT);
	assert_int_equal(boot.reason, ESP_OTA_BOOT_NO_OTADATA);
	assert_false(esp_otadata_choose(NULL, 0, 0, FALSE, &boot, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_NOT_FOUND));
	assert_string_equal(error->message,
			    "the partition table has neither an OTA slot nor a factory app");
	assert_false(esp_otadata_choose(few, sizeof few, 2, FALSE, &boot, &short_error));
	assert_string_equal(short_error->message, "otadata: it has 0x10 bytes, 0x2000 are needed");
}

static void selects_slots_in_turn_and_keeps_the_active_record(void **state)
{
	static const struct {
		int slot, record;
		guint32 sequence;
	} rows[] = {{0, 0, 1}, {1, 1, 2}, {0, 0, 3}, {0, 0, 3}, {2, 1, 3}, {1, 0, 5}, {2, 1, 6}};
	g_autoptr(GBytes) factory = esp_otadata_factory_new();
	guint8 data[ESP_OTADATA_BYTES];

	(void)state;
	/* Two slots first, then three. */
	memcpy(data, g_bytes_get_data(factory, NULL), sizeof data);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint n_slots = i < 4 ? 2 : 3;
		guint8 before[ESP_OTADATA_BYTES];
		EspOtaRecord records[2];
		EspOtaBoot boot;
		int record = 9;

		if (i == 4)
			fill(data, (const Record[2]){{1, 2, FALSE}, EMPTY});
		memcpy(before, data, sizeof data);
		assert_true(esp_otadata_select(data, sizeof data, n_slots, rows[i].slot,
					       ESP_OTA_NEW, &record, NULL));
		assert_int_equal(record, rows[i].record);
		assert_true(esp_otadata_read(data, sizeof data, records, NULL));
		assert_int_equal(records[record].sequence, rows[i].sequence);
		assert_int_equal(records[record].state, ESP_OTA_NEW);
		assert_memory_equal(data + (1 - record) * 0x1000, before + (1 - record) * 0x1000,
				    0x1000);
		assert_true(esp_otadata_choose(data, sizeof data, n_slots, FALSE, &boot, NULL));
		assert_int_equal(boot.slot, rows[i].slot);
	}
	assert_true(
		esp_otadata_select(data, sizeof data, 3, ESP_OTADATA_FACTORY_SLOT, 0, NULL, NULL));
	assert_memory_equal(data, g_bytes_get_data(factory, NULL), sizeof data);
}

static void refuses_a_slot_that_is_not_there(void **state)
{
	static const int slots[] = {-2, 2, 16};
	guint8 data[ESP_OTADATA_BYTES];

	(void)state;
	memset(data, 0xFF, sizeof data);
	for (gsize i = 0; i < G_N_ELEMENTS(slots); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(esp_otadata_select(data, sizeof data, 2, slots[i], 0, NULL, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_non_null(strstr(error->message, "the table has 2"));
	}
}

static void an_update_that_never_confirms_is_returned(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	gboolean changed = FALSE;
	EspOtaBoot boot;

	(void)state;
	fill(data, (const Record[2]){{1, ESP_OTA_VALID, FALSE}, EMPTY});
	assert_true(esp_otadata_select(data, sizeof data, 2, 1, ESP_OTA_NEW, NULL, NULL));
	assert_true(esp_otadata_roll(data, sizeof data, &changed, NULL));
	assert_true(changed);
	assert_true(esp_otadata_choose(data, sizeof data, 2, FALSE, &boot, NULL));
	assert_int_equal(boot.slot, 1);
	assert_int_equal(boot.records[1].state, ESP_OTA_PENDING_VERIFY);
	/* Not confirmed before the next start. */
	assert_true(esp_otadata_roll(data, sizeof data, &changed, NULL));
	assert_true(esp_otadata_choose(data, sizeof data, 2, FALSE, &boot, NULL));
	assert_int_equal(boot.slot, 0);
	assert_int_equal(boot.records[1].state, ESP_OTA_ABORTED);
	assert_true(esp_otadata_roll(data, sizeof data, &changed, NULL));
	assert_false(changed);
}

static void an_update_that_confirms_itself_stays(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	gboolean changed = TRUE;
	EspOtaBoot boot;
	int record = 9;

	(void)state;
	fill(data, (const Record[2]){{1, ESP_OTA_VALID, FALSE}, EMPTY});
	assert_true(esp_otadata_select(data, sizeof data, 2, 1, ESP_OTA_NEW, NULL, NULL));
	assert_true(esp_otadata_roll(data, sizeof data, NULL, NULL));
	assert_true(esp_otadata_mark(data, sizeof data, ESP_OTA_VALID, &record, NULL));
	assert_int_equal(record, 1);
	assert_true(esp_otadata_roll(data, sizeof data, &changed, NULL));
	assert_false(changed);
	assert_true(esp_otadata_choose(data, sizeof data, 2, FALSE, &boot, NULL));
	assert_int_equal(boot.slot, 1);
}

static void marks_nothing_where_nothing_is_active(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(data, 0xFF, sizeof data);
	assert_false(esp_otadata_mark(data, sizeof data, ESP_OTA_VALID, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_NOT_FOUND));
}

static void tries_lower_slots_then_factory_then_higher_ones_then_the_test_app(void **state)
{
	static const struct {
		int first;
		guint n_slots;
		gboolean has_factory, has_test;
		int order[ESP_OTADATA_ORDER_MAX];
		gsize n;
	} rows[] = {
		{2, 4, TRUE, FALSE, {2, 1, 0, -1, 3}, 5},
		{0, 2, FALSE, TRUE, {0, 1, -2}, 3},
		{-1, 2, TRUE, FALSE, {-1, 0, 1}, 3},
		{-1, 0, TRUE, FALSE, {-1}, 1},
		{15,
		 16,
		 TRUE,
		 TRUE,
		 {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2},
		 18},
	};
	int order[ESP_OTADATA_ORDER_MAX];

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_int_equal(esp_otadata_fallbacks(rows[i].first, rows[i].n_slots,
						       rows[i].has_factory, rows[i].has_test,
						       order),
				 rows[i].n);
		for (gsize j = 0; j < rows[i].n; j++)
			assert_int_equal(order[j], rows[i].order[j]);
	}
}

static void a_record_that_was_never_confirmed_is_aborted_even_if_damaged(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	gboolean changed = FALSE;
	EspOtaRecord records[2];

	(void)state;
	fill(data, (const Record[2]){{1, ESP_OTA_PENDING_VERIFY, TRUE}, {2, ESP_OTA_VALID, FALSE}});
	assert_true(esp_otadata_roll(data, sizeof data, &changed, NULL));
	assert_true(changed);
	assert_true(esp_otadata_read(data, sizeof data, records, NULL));
	assert_int_equal(records[0].state, ESP_OTA_ABORTED);
	assert_int_equal(records[0].sequence, 1);
	assert_int_equal(records[0].crc, crcs[1] ^ 1U);
	assert_int_equal(records[1].state, ESP_OTA_VALID);
}

static void a_sector_keeps_the_label_of_its_record_and_nothing_else(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	EspOtaRecord records[2];

	(void)state;
	fill(data, (const Record[2]){{1, ESP_OTA_NEW, FALSE}, {2, ESP_OTA_VALID, FALSE}});
	memcpy(data + 4, "twenty bytes of label", 20);
	data[100] = 0;
	assert_true(esp_otadata_select(data, sizeof data, 2, 0, ESP_OTA_NEW, NULL, NULL));
	assert_true(esp_otadata_read(data, sizeof data, records, NULL));
	assert_int_equal(records[0].sequence, 3);
	assert_memory_equal(records[0].label, "twenty bytes of label", 20);
	assert_int_equal(data[100], 0xFF);
	assert_true(esp_otadata_roll(data, sizeof data, NULL, NULL));
	assert_memory_equal(data + 4, "twenty bytes of label", 20);
}

static void says_where_an_app_that_rejects_itself_would_go(void **state)
{
	static const struct {
		Record records[2];
		guint n_slots;
		gboolean has_factory;
		int slot;
	} rows[] = {
		{{{1, 2, FALSE}, {2, 1, FALSE}}, 2, FALSE, 0},
		{{{3, 2, FALSE}, {2, 1, FALSE}}, 2, TRUE, 1},
		{{{1, 3, FALSE}, {2, 1, FALSE}}, 2, TRUE, ESP_OTADATA_FACTORY_SLOT},
		{{{1, 2, TRUE}, {2, 1, FALSE}}, 2, FALSE, ESP_OTADATA_NO_SLOT},
		{{EMPTY, {2, 1, FALSE}}, 2, TRUE, ESP_OTADATA_FACTORY_SLOT},
		{{EMPTY, EMPTY}, 2, TRUE, ESP_OTADATA_NO_SLOT},
		{{{1, 2, FALSE}, {2, 1, FALSE}}, 0, TRUE, ESP_OTADATA_NO_SLOT},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 data[ESP_OTADATA_BYTES];
		EspOtaRecord records[2];

		fill(data, rows[i].records);
		assert_true(esp_otadata_read(data, sizeof data, records, NULL));
		assert_int_equal(
			esp_otadata_rollback_slot(records, rows[i].n_slots, rows[i].has_factory),
			rows[i].slot);
	}
}

static void writes_down_the_slot_that_started_first(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	g_autoptr(GError) error = NULL;
	EspOtaBoot boot;

	(void)state;
	fill(data, (const Record[2]){EMPTY, EMPTY});
	memset(data + 4, 'x', 20);
	assert_true(esp_otadata_initialise(data, sizeof data, 1, NULL));
	assert_true(esp_otadata_choose(data, sizeof data, 2, FALSE, &boot, NULL));
	assert_int_equal(boot.slot, 1);
	assert_int_equal(boot.record, 0);
	assert_int_equal(boot.records[0].state, ESP_OTA_VALID);
	assert_int_equal(boot.records[0].label[0], 0xFF);
	assert_false(esp_otadata_initialise(data, sizeof data, 16, &error));
	assert_string_equal(error->message, "otadata: 16 is no slot; they are 0 to 15");
	assert_false(esp_otadata_initialise(data, sizeof data, -1, NULL));
	assert_false(esp_otadata_initialise(data, 0x1fff, 1, NULL));
}

static void refuses_to_run_out_of_sequence_numbers(void **state)
{
	guint8 data[ESP_OTADATA_BYTES];
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(data, 0xFF, sizeof data);
	put(data, 0xFFFFFFFEU);
	put(data + 28, 0x99F8B879U);
	assert_false(esp_otadata_select(data, sizeof data, 2, 0, ESP_OTA_NEW, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
	assert_string_equal(
		error->message,
		"otadata: no sequence number is left; erase it (select the factory app) "
		"first");
	assert_true(esp_otadata_select(data, sizeof data, 2, 1, ESP_OTA_NEW, NULL, NULL));
}

static void counts_on_from_nought_to_the_right_slot(void **state)
{
	(void)state;
	for (int slot = 0; slot < 6; slot++) {
		guint8 data[ESP_OTADATA_BYTES];
		EspOtaBoot boot;

		memset(data, 0xFF, sizeof data);
		put(data, 0);
		assert_true(esp_otadata_choose(data, sizeof data, 6, FALSE, &boot, NULL));
		assert_int_equal(boot.slot, 3); /* 0xFFFFFFFF modulo 6 */
		assert_true(
			esp_otadata_select(data, sizeof data, 6, slot, ESP_OTA_NEW, NULL, NULL));
		assert_true(esp_otadata_choose(data, sizeof data, 6, FALSE, &boot, NULL));
		assert_int_equal(boot.slot, slot);
	}
}

static void knows_states_by_their_names(void **state)
{
	static const guint32 states[] = {0, 1, 2, 3, 4, ESP_OTA_UNDEFINED};
	guint32 number = 77;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
		g_autofree char *small = g_ascii_strdown(esp_ota_state_name(states[i]), -1);

		assert_true(esp_ota_state_parse(small, &number));
		assert_int_equal(number, states[i]);
	}
	assert_false(esp_ota_state_parse("happy", &number));
	assert_int_equal(number, ESP_OTA_UNDEFINED);
	assert_null(esp_ota_state_name(5));
}

static void reads_what_a_real_bootloader_left_after_a_rollback(void **state)
{
	g_autoptr(GBytes) file = base_file_read(
		ESPALIER_SOURCE_DIR "/tests/data/esp32c3-otadata/otadata-after-rollback.bin",
		1 << 16, NULL);
	EspOtaBoot boot;

	(void)state;
	assert_true(esp_otadata_choose(g_bytes_get_data(file, NULL), g_bytes_get_size(file), 2,
				       FALSE, &boot, NULL));
	assert_int_equal(boot.slot, 0);
	assert_int_equal(boot.records[0].sequence, 1);
	assert_string_equal(esp_ota_state_name(boot.records[0].state), "VALID");
	assert_int_equal(boot.records[1].sequence, 2);
	assert_true(boot.records[1].crc_ok);
	assert_string_equal(esp_ota_state_name(boot.records[1].state), "ABORTED");
	assert_string_equal(esp_ota_boot_reason_text(boot.reason), "otadata selects it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_what_the_bootloader_would_start),
		cmocka_unit_test(starts_without_otadata_and_not_without_any_app),
		cmocka_unit_test(selects_slots_in_turn_and_keeps_the_active_record),
		cmocka_unit_test(refuses_a_slot_that_is_not_there),
		cmocka_unit_test(an_update_that_never_confirms_is_returned),
		cmocka_unit_test(an_update_that_confirms_itself_stays),
		cmocka_unit_test(marks_nothing_where_nothing_is_active),
		cmocka_unit_test(tries_lower_slots_then_factory_then_higher_ones_then_the_test_app),
		cmocka_unit_test(a_record_that_was_never_confirmed_is_aborted_even_if_damaged),
		cmocka_unit_test(a_sector_keeps_the_label_of_its_record_and_nothing_else),
		cmocka_unit_test(says_where_an_app_that_rejects_itself_would_go),
		cmocka_unit_test(writes_down_the_slot_that_started_first),
		cmocka_unit_test(refuses_to_run_out_of_sequence_numbers),
		cmocka_unit_test(counts_on_from_nought_to_the_right_slot),
		cmocka_unit_test(knows_states_by_their_names),
		cmocka_unit_test(reads_what_a_real_bootloader_left_after_a_rollback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
