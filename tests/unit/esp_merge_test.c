#include "esp/error.h"
#include "esp/hash.h"
#include "esp/image.h"
#include "esp/merge.h"
#include "esp_image_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { PARTS_MAX = 4 };

/* A file of `size_bytes` bytes that count up. */
typedef struct {
	const char *name;
	guint32 offset;
	gsize size_bytes;
} File;

static GBytes *counting(gsize size_bytes)
{
	guint8 *data = g_malloc(size_bytes);

	for (gsize i = 0; i < size_bytes; i++)
		data[i] = (guint8)i;
	return g_bytes_new_take(data, size_bytes);
}

static EspMerge *merge_of(const char *chip, const File *files, gsize n_files, GError **error)
{
	EspMergePart parts[ESP_MERGE_PARTS_MAX + 1];
	EspMerge *merge;

	for (gsize i = 0; i < n_files; i++)
		parts[i] = (EspMergePart){files[i].name, files[i].offset,
					  counting(files[i].size_bytes)};
	merge = esp_merge_new(esp_chip_find(chip), parts, n_files, error);
	for (gsize i = 0; i < n_files; i++)
		g_bytes_unref(parts[i].bytes);
	return merge;
}

static void puts_files_in_order_with_FF_between(void **state)
{
	static const File files[] = {{"late", 0x3000, 2}, {"early", 0x1000, 3}};
	g_autoptr(EspMerge) merge = merge_of("esp32", files, 2, NULL);
	static const struct {
		guint32 from, pad_to;
		gsize size_bytes;
	} rows[] = {
		{0, 0, 0x3002},      {0x1000, 0, 0x2002},     {0xFFF, 0x3002, 0x2003},
		{0, 0x4000, 0x4000}, {0x800, 0x4000, 0x3800},
	};
	gsize n_parts;

	(void)state;
	assert_string_equal(esp_merge_parts(merge, &n_parts)[0].name, "early");
	assert_int_equal(n_parts, 2);
	assert_int_equal(esp_merge_start(merge), 0x1000);
	assert_int_equal(esp_merge_end(merge), 0x3002);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) raw = esp_merge_raw(merge, rows[i].from, rows[i].pad_to, NULL);
		gsize size_bytes;
		const guint8 *data = g_bytes_get_data(raw, &size_bytes);

		assert_int_equal(size_bytes, rows[i].size_bytes);
		for (gsize at = 0; at < size_bytes; at++) {
			gsize place = at + rows[i].from;
			guint8 wanted = 0xFF;

			if (place >= 0x1000 && place < 0x1003)
				wanted = (guint8)(place - 0x1000);
			if (place >= 0x3000 && place < 0x3002)
				wanted = (guint8)(place - 0x3000);
			assert_int_equal(data[at], wanted);
		}
	}
}

static void refuses_what_cannot_be_one_file(void **state)
{
	static const struct {
		File files[PARTS_MAX];
		gsize n_files;
		int code;
		const char *message;
	} rows[] = {
		{{{NULL, 0, 0}}, 0, ESP_ERROR_INVALID, "0 files to merge; 1 to 64 are allowed"},
		{{{"a.bin", 0, 0}}, 1, ESP_ERROR_INVALID, "a.bin is empty"},
		{{{"a.bin", 0x7FFFFFF, 2}},
		 1,
		 ESP_ERROR_TOO_LARGE,
		 "a.bin at 0x7ffffff ends at 0x8000001, behind the largest flash (0x8000000)"},
		{{{"a.bin", 0xFFFFFFFF, 2}},
		 1,
		 ESP_ERROR_TOO_LARGE,
		 "a.bin at 0xffffffff ends at 0x100000001, behind the largest flash (0x8000000)"},
		{{{"b.bin", 0x2000, 1}, {"a.bin", 0x1000, 0x1001}},
		 2,
		 ESP_ERROR_INVALID,
		 "b.bin at 0x2000 overlaps a.bin, which takes the flash from 0x1000 to 0x3000 "
		 "(whole sectors of 0x1000)"},
		{{{"a.bin", 0x1000, 0x10}, {"b.bin", 0x1800, 0x10}},
		 2,
		 ESP_ERROR_INVALID,
		 "b.bin at 0x1800 overlaps a.bin, which takes the flash from 0x1000 to 0x2000 "
		 "(whole sectors of 0x1000)"},
	};
	static const File touching[] = {{"a.bin", 0x1000, 0x1000}, {"b.bin", 0x2000, 1}};
	static const File last[] = {{"a.bin", 0x7FFFFFF, 1}};
	g_autoptr(EspMerge) touch = merge_of("esp32", touching, 2, NULL);
	g_autoptr(EspMerge) at_end = merge_of("esp32", last, 1, NULL);

	(void)state;
	assert_non_null(touch);
	assert_non_null(at_end);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(merge_of("esp32", rows[i].files, rows[i].n_files, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
	}
}

static void takes_64_files_and_no_more(void **state)
{
	File files[ESP_MERGE_PARTS_MAX + 1];
	g_autoptr(EspMerge) most = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(files); i++)
		files[i] = (File){"a", i * 0x1000, 1};
	most = merge_of("esp32", files, ESP_MERGE_PARTS_MAX, NULL);
	assert_non_null(most);
	assert_null(merge_of("esp32", files, ESP_MERGE_PARTS_MAX + 1, &error));
	assert_string_equal(error->message, "65 files to merge; 1 to 64 are allowed");
}

static void a_raw_file_holds_all_parts_or_is_not_made(void **state)
{
	static const File files[] = {{"a.bin", 0x1000, 0x10}, {"b.bin", 0x3000, 0x10}};
	static const struct {
		guint32 from, pad_to;
		int code;
		const char *message;
	} rows[] = {
		{0x1001, 0, ESP_ERROR_INVALID,
		 "a.bin lies at 0x1000, the file is to begin with 0x1001"},
		{0, 0x300F, ESP_ERROR_TOO_LARGE,
		 "b.bin ends at 0x3010, 0x1 bytes behind the 0x300f to pad to"},
	};
	g_autoptr(EspMerge) merge = merge_of("esp32", files, 2, NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_merge_raw(merge, rows[i].from, rows[i].pad_to, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
	}
}

/* The examples of the format: records of 16, an address for what lies above 64 KiB, the end. */
static void writes_Intel_HEX(void **state)
{
	static const struct {
		File files[PARTS_MAX];
		gsize n_files;
		const char *text;
	} rows[] = {
		{{{"a", 0x1000, 3}}, 1, ":03100000000102EA\n:00000001FF\n"},
		{{{"a", 0, 17}},
		 1,
		 ":10000000000102030405060708090A0B0C0D0E0F78\n:0100100010DF\n:00000001FF\n"},
		/* the last byte of the first segment needs no address, the one behind it does */
		{{{"a", 0xFFFE, 2}}, 1, ":02FFFE00000100\n:00000001FF\n"},
		{{{"a", 0xFFFE, 3}},
		 1,
		 ":020000040000FA\n:02FFFE00000100\n:020000040001F9\n:0100000002FD\n:00000001FF\n"},
		{{{"a", 0x1000, 1}, {"b", 0x123000, 1}},
		 2,
		 ":020000040000FA\n:0110000000EF\n:020000040012E8\n:0130000000CF\n:00000001FF\n"},
		{{{"a", 0x10000, 1}}, 1, ":020000040001F9\n:0100000000FF\n:00000001FF\n"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(EspMerge) merge = merge_of("esp32", rows[i].files, rows[i].n_files, NULL);
		g_autoptr(GBytes) hex = esp_merge_hex(merge);
		g_autofree char *text =
			g_strndup(g_bytes_get_data(hex, NULL), g_bytes_get_size(hex));

		assert_string_equal(text, rows[i].text);
	}
}

/* A record goes on into the next part where they touch. */
static void Intel_HEX_goes_on_where_parts_touch(void **state)
{
	static const File files[] = {{"a", 0xFF8, 8}, {"b", 0x1000, 4}};
	g_autoptr(EspMerge) merge = merge_of("esp32", files, 2, NULL);
	g_autoptr(GBytes) hex = esp_merge_hex(merge);

	(void)state;
	assert_memory_equal(g_bytes_get_data(hex, NULL), ":0C0FF8000001020304050607", 25);
}

static guint32 word(const guint8 *at)
{
	return (guint32)at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 | (guint32)at[3] << 24;
}

static void writes_UF2_blocks(void **state)
{
	static const File files[] = {{"a", 0x1000, 500}, {"b", 0x3000, 8}};
	static const struct {
		guint chunk_bytes;
		gboolean with_md5;
		guint n_blocks, first_length, flags;
	} rows[] = {
		{0, TRUE, 3, 452, 0x6000},    {0, FALSE, 3, 476, 0x2000},
		{256, TRUE, 3, 256, 0x6000},  {256, FALSE, 3, 256, 0x2000},
		{476, FALSE, 3, 476, 0x2000}, {4, TRUE, 127, 4, 0x6000},
	};
	g_autoptr(EspMerge) merge = merge_of("esp32c6", files, 2, NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) uf2 =
			esp_merge_uf2(merge, rows[i].chunk_bytes, rows[i].with_md5, NULL);
		const guint8 *block = g_bytes_get_data(uf2, NULL), *second = block + 512;
		guint length = rows[i].first_length;
		guint8 md5[ESP_MD5_BYTES];

		assert_int_equal(g_bytes_get_size(uf2), rows[i].n_blocks * 512);
		assert_int_equal(word(block), 0x0A324655);
		assert_int_equal(word(block + 4), 0x9E5D5157);
		assert_int_equal(word(block + 8), rows[i].flags);
		assert_int_equal(word(block + 12), 0x1000);
		assert_int_equal(word(block + 16), length);
		assert_int_equal(word(block + 20), 0);
		assert_int_equal(word(block + 24), (500 + length - 1) / length);
		assert_int_equal(word(block + 28), 0x540DDF62);
		assert_int_equal(block[32 + length - 1], (guint8)(length - 1));
		assert_int_equal(word(block + 508), 0x0AB16F30);
		esp_md5(block + 32, length, md5);
		assert_int_equal(memcmp(block + 32 + length + 8, md5, sizeof md5) == 0,
				 rows[i].with_md5);
		assert_int_equal(word(second + 12), 0x1000 + length);
		assert_int_equal(word(second + 20), 1);
	}
}

static void refuses_UF2_that_cannot_be(void **state)
{
	static const File files[] = {{"a", 0x1000, 500}};
	static const struct {
		const char *chip;
		guint chunk_bytes;
		gboolean with_md5;
		const char *message;
	} rows[] = {
		{"host", 0, TRUE, "host device has no UF2 family"},
		{"esp32", 456, TRUE,
		 "a UF2 block with an MD5 carries a multiple of 4 up to 452 bytes, not 456"},
		{"esp32", 480, FALSE,
		 "a UF2 block carries a multiple of 4 up to 476 bytes, not 480"},
		{"esp32", 250, TRUE,
		 "a UF2 block with an MD5 carries a multiple of 4 up to 452 bytes, not 250"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(EspMerge) merge = merge_of(rows[i].chip, files, 1, NULL);
		g_autoptr(GError) error = NULL;

		assert_null(esp_merge_uf2(merge, rows[i].chunk_bytes, rows[i].with_md5, &error));
		assert_string_equal(error->message, rows[i].message);
	}
}

/* ---- Flash settings ---- */

static GBytes *bootloader(guint16 chip_id)
{
	const FixtureImage fixture = {.chip_id = chip_id,
				      .mode = 2,
				      .size_and_frequency = 0x10,
				      .is_bootloader = TRUE,
				      .segments = {{0x3FCD5820, 128}}};
	gsize size_bytes;
	guint8 *data = fixture_image(&fixture, &size_bytes);

	return g_bytes_new_take(data, size_bytes);
}

static EspMerge *with_bootloader(const char *chip, guint32 offset, GBytes *bytes)
{
	const EspMergePart part = {"bootloader.bin", offset, bytes};

	return esp_merge_new(esp_chip_find(chip), &part, 1, NULL);
}

static void writes_flash_settings_into_the_bootloader(void **state)
{
	static const struct {
		EspMergeFlash flash;
		guint8 mode, size_and_frequency;
	} rows[] = {
		{{NULL, NULL, NULL}, 2, 0x10},       {{"keep", "keep", "keep"}, 2, 0x10},
		{{"qio", "keep", NULL}, 0, 0x10},    {{"dout", NULL, NULL}, 3, 0x10},
		{{NULL, "16MB", NULL}, 2, 0x40},     {{NULL, NULL, "80m"}, 2, 0x1F},
		{{"qout", "128MB", "26m"}, 1, 0x71},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) bytes = bootloader(5), raw = NULL;
		g_autoptr(EspMerge) merge = with_bootloader("esp32c3", 0, bytes);
		g_autofree char *note = NULL;
		EspImage image;

		assert_true(esp_merge_set_flash(merge, &rows[i].flash, &note, NULL));
		assert_null(note);
		raw = esp_merge_raw(merge, 0, 0, NULL);
		assert_true(esp_image_read(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw),
					   &image, NULL));
		assert_int_equal(image.spi_mode, rows[i].mode);
		assert_int_equal(image.flash_size << 4 | image.flash_speed,
				 rows[i].size_and_frequency);
		assert_int_equal(g_bytes_get_size(raw), g_bytes_get_size(bytes));
	}
}

static void says_which_flash_settings_there_are(void **state)
{
	static const struct {
		EspMergeFlash flash;
		const char *message;
	} rows[] = {
		{{"opi", NULL, NULL}, "flash mode 'opi' is none of qio, qout, dio, dout, keep"},
		{{NULL, "3MB", NULL}, "flash size '3MB' is none of 1MB, 2MB, 4MB … 128MB, keep"},
		{{NULL, NULL, "26m"},
		 "flash frequency '26m' is none of 80m, 40m, 20m, keep, which ESP32-C6 has"},
	};
	g_autoptr(GBytes) bytes = bootloader(13);
	g_autoptr(EspMerge) merge = with_bootloader("esp32c6", 0, bytes);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(esp_merge_set_flash(merge, &rows[i].flash, NULL, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message, rows[i].message);
	}
}

static void leaves_what_is_no_bootloader_as_it_is(void **state)
{
	const EspMergeFlash flash = {.mode = "qio"};
	g_autoptr(GBytes) good = bootloader(5), raw = NULL;
	g_autoptr(GBytes) cut = g_bytes_new_from_bytes(good, 0, 100);
	g_autoptr(EspMerge) elsewhere = with_bootloader("esp32c3", 0x1000, good);
	g_autoptr(EspMerge) unreadable = with_bootloader("esp32c3", 0, cut);
	g_autofree char *note = NULL, *cut_note = NULL;

	(void)state;
	assert_true(esp_merge_set_flash(elsewhere, &flash, &note, NULL));
	assert_string_equal(note, "nothing lies at 0x0, where ESP32-C3 has its bootloader: there "
				  "is no header to write flash settings into");
	raw = esp_merge_raw(elsewhere, 0x1000, 0, NULL);
	assert_true(g_bytes_equal(raw, good));
	assert_true(esp_merge_set_flash(unreadable, &flash, &cut_note, NULL));
	assert_string_equal(cut_note,
			    "bootloader.bin at 0x0 is no image, its flash settings are left as "
			    "they are (image: it ends after 100 bytes, a segment ends at 160)");
	g_bytes_unref(raw);
	raw = esp_merge_raw(unreadable, 0, 0, NULL);
	assert_true(g_bytes_equal(raw, cut));
}

static void a_damaged_bootloader_gets_no_new_hash(void **state)
{
	const EspMergeFlash flash = {.mode = "qio"};
	g_autoptr(GBytes) good = bootloader(5), bad = NULL;
	gsize size_bytes;
	guint8 *data = g_bytes_unref_to_data(g_steal_pointer(&good), &size_bytes);
	g_autoptr(EspMerge) merge = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	data[4] ^= 1; /* the entry: what only the hash shows */
	bad = g_bytes_new_take(data, size_bytes);
	merge = with_bootloader("esp32c3", 0, bad);
	assert_false(esp_merge_set_flash(merge, &flash, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_string_equal(error->message, "bootloader.bin: image: the appended SHA-256 is "
					    "not that of its bytes: it is damaged");
}

/* ---- What is the device's own ---- */

static GBytes *table_bytes(const char *csv)
{
	const EspPartitionTableOptions options = {0};
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), &options, NULL);

	return esp_partition_table_to_binary(table, NULL);
}

static const char own_csv[] = "nvs,data,nvs,0x9000,0x4000\n"
			      "otadata,data,ota,0xd000,0x2000\n"
			      "phy_init,data,phy,0xf000,0x1000\n"
			      "ota_0,app,ota_0,0x10000,0x100000\n"
			      "keys,data,nvs_keys,0x110000,0x1000\n"
			      "mine,0x40,0x1,0x111000,0x1000\n"
			      "files,data,spiffs,0x120000,0x10000\n";

static void tells_which_of_the_devices_own_goes(void **state)
{
	static const struct {
		guint32 from;
		guint64 to;
		const char *labels; /* written ones with a mark */
	} rows[] = {
		{0, 0x200000, "nvs otadata! keys mine files"},
		{0, 0, "otadata!"},
		{0xD000, 0x111000, "otadata! keys"},
		{0xCFFF, 0x111001, "nvs otadata! keys mine"},
		{0x112000, 0x120000, "otadata!"},
	};
	g_autoptr(GBytes) table = table_bytes(own_csv), otadata = counting(0x2000),
			  app = counting(100);
	const EspMergePart parts[] = {
		{"app", 0x10000, app}, {"otadata", 0xD000, otadata}, {"table", 0x8000, table}};
	g_autoptr(EspMerge) merge =
		esp_merge_new(esp_chip_find("esp32c3"), parts, G_N_ELEMENTS(parts), NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspMergeOwned owned[ESP_PARTITIONS_MAX];
		gboolean has_table = FALSE;
		gsize n = esp_merge_owned(merge, rows[i].from, rows[i].to, owned, &has_table);
		g_autoptr(GString) labels = g_string_new(NULL);

		for (gsize j = 0; j < n; j++)
			g_string_append_printf(labels, "%s%s%s", j > 0 ? " " : "",
					       owned[j].partition.label,
					       owned[j].is_written ? "!" : "");
		assert_string_equal(labels->str, rows[i].labels);
		assert_true(has_table);
	}
}

static void finds_the_table_within_a_whole_flash(void **state)
{
	g_autoptr(GBytes) table = table_bytes(own_csv);
	EspMergeOwned owned[ESP_PARTITIONS_MAX];
	gboolean has_table = FALSE;

	(void)state;
	for (guint32 offset = 0; offset <= 0x9000; offset += 0x1000) {
		gsize size_bytes = 0x8000 - MIN(offset, 0x8000U) + 0xC00;
		guint8 *data = g_malloc(size_bytes);
		g_autoptr(GBytes) flash = NULL;
		g_autoptr(EspMerge) merge = NULL;
		EspMergePart part;

		memset(data, 0x11, size_bytes);
		memcpy(data + size_bytes - 0xC00, g_bytes_get_data(table, NULL), 0xC00);
		flash = g_bytes_new_take(data, size_bytes);
		part = (EspMergePart){"flash", offset, flash};
		merge = esp_merge_new(esp_chip_find("esp32c3"), &part, 1, NULL);
		esp_merge_owned(merge, 0, 0, owned, &has_table);
		assert_true(has_table);
	}
}

static void without_a_table_nothing_is_known_of_it(void **state)
{
	static const File files[] = {{"a", 0, 0x20}, {"b", 0x7000, 0x1000}, {"c", 0x8000, 0x20}};
	g_autoptr(EspMerge) merge = merge_of("esp32", files, 3, NULL);
	EspMergeOwned owned[ESP_PARTITIONS_MAX];
	gboolean has_table = TRUE;

	(void)state;
	assert_int_equal(esp_merge_owned(merge, 0, 0x100000, owned, &has_table), 0);
	assert_false(has_table);
	assert_int_equal(esp_merge_owned(merge, 0, 0x100000, owned, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_files_in_order_with_FF_between),
		cmocka_unit_test(refuses_what_cannot_be_one_file),
		cmocka_unit_test(takes_64_files_and_no_more),
		cmocka_unit_test(a_raw_file_holds_all_parts_or_is_not_made),
		cmocka_unit_test(writes_Intel_HEX),
		cmocka_unit_test(Intel_HEX_goes_on_where_parts_touch),
		cmocka_unit_test(writes_UF2_blocks),
		cmocka_unit_test(refuses_UF2_that_cannot_be),
		cmocka_unit_test(writes_flash_settings_into_the_bootloader),
		cmocka_unit_test(says_which_flash_settings_there_are),
		cmocka_unit_test(leaves_what_is_no_bootloader_as_it_is),
		cmocka_unit_test(a_damaged_bootloader_gets_no_new_hash),
		cmocka_unit_test(tells_which_of_the_devices_own_goes),
		cmocka_unit_test(finds_the_table_within_a_whole_flash),
		cmocka_unit_test(without_a_table_nothing_is_known_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
