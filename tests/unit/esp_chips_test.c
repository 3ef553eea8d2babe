#include "esp/chips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void knows_the_chips_of_the_api(void **state)
{
	static const struct {
		const char *name;
		guint id, boot_offset;
	} rows[] = {{"esp32", 0, 0x1000}, {"esp32s2", 2, 0x1000}, {"esp32s3", 9, 0},
		    {"esp32c3", 5, 0},    {"esp32c6", 13, 0},     {"esp32h2", 16, 0},
		    {"host", 0xF057, 0}};
	gsize n = 0, in_api = 0;
	const EspChip *chips = esp_chips(&n);

	(void)state;
	for (gsize i = 0; i < n; i++)
		in_api += chips[i].in_api ? 1 : 0;
	assert_int_equal(in_api, G_N_ELEMENTS(rows));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const EspChip *chip = esp_chip_find(rows[i].name);

		assert_non_null(chip);
		assert_ptr_equal(esp_chip_find_id(rows[i].id), chip);
		assert_int_equal(chip->boot_offset, rows[i].boot_offset);
	}
	assert_null(esp_chip_find("esp8266"));
	assert_null(esp_chip_find_id(0xFFFF));
}

static void reads_flash_settings_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		guint32 size;
	} sizes[] = {{"1MB", 1 << 20},    {"4mb", 4 << 20},
		     {"128M", 128 << 20}, {"3MB", 0},
		     {"256MB", 0},        {"4", 0},
		     {"-4MB", 0},         {"", 0},
		     {"4MBs", 0},         {"99999999999999999999MB", 0}};
	guint8 nibble = 0xEE;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		guint32 size = 0;

		assert_int_equal(esp_flash_size_parse(sizes[i].text, &size), sizes[i].size != 0);
		assert_int_equal(size, sizes[i].size);
	}
	assert_true(esp_flash_mode_parse("DIO", &nibble));
	assert_int_equal(nibble, 2);
	assert_false(esp_flash_mode_parse("opi", &nibble));
	assert_true(esp_flash_frequency_parse(esp_chip_find("esp32"), "80m", &nibble));
	assert_int_equal(nibble, 0xF);
	assert_true(esp_flash_frequency_parse(esp_chip_find("esp32c6"), "80M", &nibble));
	assert_int_equal(nibble, 0);
	assert_false(esp_flash_frequency_parse(esp_chip_find("esp32c6"), "26m", &nibble));
}

/* Ids and places of the bootloader: ESP-IDF's esp_app_format.h and bootloader Kconfig; pages and
 * HMAC: its soc_caps.h and Kconfig.mmu; families: the list of UF2's own repository. */
static void knows_each_chip(void **state)
{
	static const struct {
		const char *name;
		guint id, boot_offset, mapped_mb;
		gboolean has_hmac;
		guint32 uf2_family;
		guint page_min_kib, page_max_kib;
		const char *highest; /* frequency of nibble 0xF, or of 0 where there is none */
	} rows[] = {
		{"esp32", 0x00, 0x1000, 16, FALSE, 0x1C5F21B0, 64, 64, "80m"},
		{"esp32s2", 0x02, 0x1000, 16, TRUE, 0xBFDD4EEE, 64, 64, "80m"},
		{"esp32c3", 0x05, 0, 16, TRUE, 0xD42BA06C, 64, 64, "80m"},
		{"esp32s3", 0x09, 0, 128, TRUE, 0xC47E5767, 64, 64, "80m"},
		{"esp32c2", 0x0C, 0, 16, FALSE, 0x2B88D29C, 16, 64, "60m"},
		{"esp32c6", 0x0D, 0, 16, TRUE, 0x540DDF62, 8, 64, "80m"},
		{"esp32h2", 0x10, 0, 16, TRUE, 0x332726F6, 8, 64, "48m"},
		{"esp32p4", 0x12, 0x2000, 128, TRUE, 0x3D308E94, 64, 64, "80m"},
		{"esp32c61", 0x14, 0, 128, FALSE, 0x77D850C4, 8, 64, "80m"},
		{"esp32c5", 0x17, 0x2000, 128, TRUE, 0xF71C0343, 64, 64, "80m"},
		{"esp32h21", 0x19, 0, 16, TRUE, 0xB6DD00AF, 8, 64, "48m"},
		{"esp32h4", 0x1C, 0x2000, 128, TRUE, 0x9E0BAA8A, 8, 64, "48m"},
		{"esp32s31", 0x20, 0x2000, 128, TRUE, 0x3101F7C1, 16, 256, "80m"},
		{"host", 0xF057, 0, 128, FALSE, 0, 64, 64, "80m"},
	};
	gsize n_chips;

	(void)state;
	esp_chips(&n_chips);
	assert_int_equal(n_chips, G_N_ELEMENTS(rows));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const EspChip *chip = esp_chip_find(rows[i].name);
		const char *highest = esp_flash_frequency_name(chip, 0xF);

		assert_int_equal(chip->id, rows[i].id);
		assert_int_equal(chip->boot_offset, rows[i].boot_offset);
		assert_int_equal(chip->mapped_flash_bytes, rows[i].mapped_mb << 20);
		assert_int_equal(chip->has_hmac, rows[i].has_hmac);
		assert_int_equal(chip->uf2_family, rows[i].uf2_family);
		assert_int_equal(chip->mmu_page_min_bytes, rows[i].page_min_kib << 10);
		assert_int_equal(chip->mmu_page_max_bytes, rows[i].page_max_kib << 10);
		assert_string_equal(highest != NULL ? highest : esp_flash_frequency_name(chip, 0),
				    rows[i].highest);
	}
}

static void names_frequencies_sizes_and_modes(void **state)
{
	static const struct {
		const char *chip;
		guint8 nibble;
		const char *name;
	} rows[] = {
		{"esp32", 0, "40m"},   {"esp32", 1, "26m"},    {"esp32", 2, "20m"},
		{"esp32", 3, NULL},    {"esp32c2", 0, "30m"},  {"esp32c2", 1, "20m"},
		{"esp32c2", 2, "15m"}, {"esp32h2", 0, "24m"},  {"esp32h2", 1, "16m"},
		{"esp32h2", 2, "12m"}, {"esp32c6", 0xF, NULL}, {"esp32c6", 2, "20m"},
		{"esp32c5", 0, "40m"}, {"esp32c5", 1, NULL},   {"esp32c5", 2, "20m"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *name =
			esp_flash_frequency_name(esp_chip_find(rows[i].chip), rows[i].nibble);

		if (rows[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, rows[i].name);
	}
	assert_string_equal(esp_flash_mode_name(0), "qio");
	assert_string_equal(esp_flash_mode_name(3), "dout");
	assert_null(esp_flash_mode_name(4));
	assert_int_equal(esp_flash_size_of(0), 1 << 20);
	assert_int_equal(esp_flash_size_of(7), 128 << 20);
	assert_int_equal(esp_flash_size_of(8), 0);
}

static void names_the_memory_at_an_address(void **state)
{
	static const struct {
		const char *chip;
		guint32 address;
		const char *names;
	} rows[] = {
		{"esp32", 0x0, "PADDING"},
		{"esp32", 0xFFFF, "PADDING"},
		{"esp32", 0x10000, ""},
		{"esp32", 0x3F400000, "DROM"},
		{"esp32", 0x3F7FFFFF, "DROM"},
		{"esp32", 0x3F800000, "EXTRAM_DATA"},
		{"esp32", 0x3FFF0000, "BYTE_ACCESSIBLE DRAM DIRAM_DRAM"},
		{"esp32", 0x40080000, "IRAM"},
		{"esp32", 0x50000000, "RTC_DATA"},
		{"esp32c3", 0x50001FFF, "RTC_IRAM RTC_DRAM"},
		{"esp32c3", 0x50002000, ""},
		{"esp32c6", 0x42000020, "DROM IROM"},
		{"esp32h2", 0x40800000, "DRAM BYTE_ACCESSIBLE IRAM"},
		{"esp32p4", 0x4FF00000, "DRAM BYTE_ACCESSIBLE IRAM"},
		{"esp32s31", 0x53FFFFFF, "DROM IROM"},
		{"host", 0, "PADDING"},
		{NULL, 0, "PADDING"},
		{NULL, 0x40080000, ""},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const EspChip *chip = rows[i].chip == NULL ? NULL : esp_chip_find(rows[i].chip);
		const char *names[ESP_CHIP_MEMORIES_MAX + 1] = {NULL};
		g_autofree char *text = NULL;

		names[esp_chip_memories(chip, rows[i].address, names)] = NULL;
		text = g_strjoinv(" ", (char **)names);
		assert_string_equal(text, rows[i].names);
	}
}

/* However the maps overlap, no address has more kinds than there is room for. */
static void no_address_has_more_kinds_than_room(void **state)
{
	gsize n_chips;
	const EspChip *chips = esp_chips(&n_chips);

	(void)state;
	for (gsize i = 0; i < n_chips; i++)
		for (const EspMemoryRange *at = chips[i].memory; at->name != NULL; at++) {
			guint kinds = 0;

			assert_true(at->low < at->high);
			for (const EspMemoryRange *other = chips[i].memory; other->name != NULL;
			     other++)
				kinds += at->low >= other->low && at->low < other->high;
			assert_true(kinds < ESP_CHIP_MEMORIES_MAX);
		}
}

static void knows_what_the_cache_maps_and_in_which_pages(void **state)
{
	static const struct {
		const char *chip;
		guint32 low, high;
	} ranges[] = {
		{"esp32", 0x400D0000, 0x40400000},    {"esp32", 0x3F400000, 0x3F800000},
		{"esp32s2", 0x40080000, 0x40800000},  {"esp32s2", 0x3F000000, 0x3FF80000},
		{"esp32c3", 0x42000000, 0x42800000},  {"esp32c3", 0x3C000000, 0x3C800000},
		{"esp32s3", 0x42000000, 0x44000000},  {"esp32s3", 0x3C000000, 0x3E000000},
		{"esp32c2", 0x42000000, 0x42400000},  {"esp32c2", 0x3C000000, 0x3C400000},
		{"esp32c6", 0x42000000, 0x43000000},  {"esp32h2", 0x42000000, 0x43000000},
		{"esp32p4", 0x40000000, 0x44000000},  {"esp32p4", 0x48000000, 0x4C000000},
		{"esp32c61", 0x42000000, 0x44000000}, {"esp32c5", 0x42000000, 0x44000000},
		{"esp32h21", 0x42000000, 0x43000000}, {"esp32h4", 0x42000000, 0x44000000},
		{"esp32s31", 0x40000000, 0x44000000}, {"esp32s31", 0x50000000, 0x54000000},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
		const EspChip *chip = esp_chip_find(ranges[i].chip);

		assert_false(esp_chip_is_mapped(chip, ranges[i].low - 1));
		assert_true(esp_chip_is_mapped(chip, ranges[i].low));
		assert_true(esp_chip_is_mapped(chip, ranges[i].high - 1));
		assert_false(esp_chip_is_mapped(chip, ranges[i].high));
	}
	assert_false(esp_chip_is_mapped(esp_chip_find("host"), 0));
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32"), 14), 0x10000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32c6"), 13), 0x2000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32c6"), 12), 0x10000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32c6"), 17), 0x10000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32s31"), 18), 0x40000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32s31"), 0), 0x10000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32s31"), 50), 0x10000);
	assert_int_equal(esp_chip_mmu_page(esp_chip_find("esp32s31"), 255), 0x10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_chips_of_the_api),
		cmocka_unit_test(reads_flash_settings_as_people_write_them),
		cmocka_unit_test(knows_each_chip),
		cmocka_unit_test(names_frequencies_sizes_and_modes),
		cmocka_unit_test(names_the_memory_at_an_address),
		cmocka_unit_test(no_address_has_more_kinds_than_room),
		cmocka_unit_test(knows_what_the_cache_maps_and_in_which_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
