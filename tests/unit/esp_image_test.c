#include "base/digest.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/image.h"
#include "esp_image_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const guint8 program[] = "\177ELF is how a program begins, and this one has 59 bytes.";

static EspHostImage host_of(gsize program_bytes)
{
	return (EspHostImage){.program = program,
			      .program_bytes = program_bytes,
			      .version = "1.4.2",
			      .project = "soil-probe"};
}

static GBytes *image_of(gsize program_bytes)
{
	const EspHostImage host = host_of(program_bytes);
	g_autoptr(GError) error = NULL;
	GBytes *bytes = esp_image_host_new(&host, &error);

	assert_null(error);
	return bytes;
}

static void carries_a_host_program_and_gives_it_back(void **state)
{
	(void)state;
	for (gsize n = 1; n < sizeof program; n++) {
		g_autoptr(GBytes) bytes = image_of(n);
		gsize size = 0, length = 0;
		const guint8 *data = g_bytes_get_data(bytes, &size), *found = NULL;
		EspImage image = {0};

		assert_true(esp_image_read(data, size, &image, NULL));
		assert_int_equal(image.size_bytes, size);
		assert_int_equal(image.chip_id, 0xF057);
		assert_int_equal(image.n_segments, 1);
		assert_int_equal(image.segments[0].load_address, 0);
		assert_true(image.has_hash);
		assert_string_equal(image.description.version, "1.4.2");
		assert_string_equal(image.description.project, "soil-probe");
		assert_true(esp_image_host_program(data, &image, &found, &length, NULL));
		assert_int_equal(length, n);
		assert_ptr_equal(found, data + ESP_IMAGE_HOST_PROGRAM_OFFSET);
		assert_memory_equal(found, program, n);
	}
}

static void digest_is_that_of_the_file_whatever_follows_it_in_the_slot(void **state)
{
	g_autoptr(GBytes) bytes = image_of(40);
	gsize size = g_bytes_get_size(bytes);
	g_autofree guint8 *slot = g_malloc(size + 100);
	g_autofree char *expected = base_sha256_hex_of_bytes(bytes), *hex = NULL;
	guint8 digest[32];
	EspImage image = {0};

	(void)state;
	memset(slot, 0xFF, size + 100);
	memcpy(slot, g_bytes_get_data(bytes, NULL), size);
	assert_true(esp_image_read(slot, size + 100, &image, NULL));
	esp_image_digest(slot, &image, digest);
	hex = base_hex(digest, sizeof digest);
	assert_string_equal(hex, expected);
}

static void notices_every_flipped_bit_and_every_missing_byte(void **state)
{
	g_autoptr(GBytes) bytes = image_of(20);
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(bytes, &size);
	EspImage image = {0};

	(void)state;
	for (gsize at = 0; at < size; at++)
		for (guint bit = 0; bit < 8; bit++) {
			g_autofree guint8 *copy = g_memdup2(data, size);
			gboolean hash_mark =
				at == 23; /* without it nothing but the checksum is left */

			copy[at] ^= (guint8)(1U << bit);
			if (esp_image_read(copy, size, &image, NULL) && !hash_mark)
				fail_msg("bit %u of byte %zu is not noticed", bit, at);
		}
	for (gsize n = 0; n < size; n++) {
		g_autofree guint8 *copy = g_memdup2(data, n);
		g_autoptr(GError) error = NULL;

		assert_false(esp_image_read(copy, n, &image, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TRUNCATED));
	}
}

static void an_image_without_a_hash_is_held_by_its_checksum(void **state)
{
	g_autoptr(GBytes) bytes = image_of(20);
	gsize size = g_bytes_get_size(bytes) - ESP_IMAGE_HASH_BYTES;
	g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size);
	g_autoptr(GError) error = NULL;
	EspImage image = {0};

	(void)state;
	copy[23] = 0;
	assert_true(esp_image_read(copy, size, &image, NULL));
	assert_false(image.has_hash);
	assert_int_equal(image.size_bytes, size);
	copy[ESP_IMAGE_HOST_PROGRAM_OFFSET] ^= 0x10;
	assert_false(esp_image_read(copy, size, &image, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_true(g_str_has_prefix(error->message, "image: the checksum is 0x"));
}

static void says_what_is_wrong_with_an_image(void **state)
{
	static const struct {
		gsize at;
		guint8 byte;
		int code;
		const char *message;
	} rows[] = {
		{0, 0x7F, ESP_ERROR_INVALID, "image: it begins with 0x7f, not 0xe9"},
		{1, 0, ESP_ERROR_INVALID, "image: it has 0 segments, 1 to 16 are allowed"},
		{1, 17, ESP_ERROR_INVALID, "image: it has 17 segments, 1 to 16 are allowed"},
		{23, 2, ESP_ERROR_INVALID,
		 "image: the mark of an appended hash is 2, neither 0 nor 1"},
		{28, 0x21, ESP_ERROR_INVALID,
		 "image: segment 0 has 289 bytes; a multiple of 4 below 16 MiB is allowed"},
		{31, 0x01, ESP_ERROR_INVALID,
		 "image: segment 0 has 16777504 bytes; a multiple of 4 below 16 MiB is "
		 "allowed"},
		{310, 0, ESP_ERROR_CORRUPT, NULL},
		{8, 0, ESP_ERROR_CORRUPT,
		 "image: the appended SHA-256 is not that of its bytes: it is damaged"},
	};
	g_autoptr(GBytes) bytes = image_of(16);
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(bytes, &size);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree guint8 *copy = g_memdup2(data, size);
		g_autoptr(GError) error = NULL;
		EspImage image = {.n_segments = 99};

		copy[rows[i].at] = rows[i].byte;
		assert_false(esp_image_read(copy, size, &image, &error));
		assert_int_equal(error->code, rows[i].code);
		if (rows[i].message != NULL)
			assert_string_equal(error->message, rows[i].message);
		else
			assert_non_null(strstr(error->message, "it is damaged"));
		assert_int_equal(image.n_segments, 99);
	}
}

static void gives_no_program_out_of_another_chips_image(void **state)
{
	g_autoptr(GBytes) bytes = image_of(16);
	const guint8 *data = g_bytes_get_data(bytes, NULL), *found = NULL;
	gsize length = 0;
	const struct {
		guint16 chip;
		guint8 magic;
		guint8 length;
		int code;
		const char *message;
	} rows[] = {
		{5, 'E', 16, ESP_ERROR_NOT_SUPPORTED,
		 "image: it is for chip 0x0005 (ESP32-C3), not for a host device"},
		{0x1234, 'E', 16, ESP_ERROR_NOT_SUPPORTED,
		 "image: it is for chip 0x1234 (unknown), not for a host device"},
		{0xF057, 'X', 16, ESP_ERROR_INVALID,
		 "image: it is for host devices, but carries no program"},
		{0xF057, 'E', 17, ESP_ERROR_INVALID,
		 "image: its program is said to have 17 bytes, the segment has 16"},
		{0xF057, 'E', 0, ESP_ERROR_INVALID,
		 "image: its program is said to have 0 bytes, the segment has 16"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree guint8 *copy = g_memdup2(data, g_bytes_get_size(bytes));
		g_autoptr(GError) error = NULL;
		EspImage image = {0};

		assert_true(esp_image_read(data, g_bytes_get_size(bytes), &image, NULL));
		image.chip_id = rows[i].chip;
		copy[288] = rows[i].magic;
		copy[296] = rows[i].length;
		assert_false(esp_image_host_program(copy, &image, &found, &length, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
		assert_null(found);
	}
}

static void refuses_what_a_host_image_cannot_hold(void **state)
{
	g_autofree guint8 *large = g_malloc0(ESP_IMAGE_SEGMENT_MAX_BYTES);
	EspHostImage host = host_of(16);
	const struct {
		gsize n;
		const char *version;
		guint64 flash;
		int code;
		const char *message;
	} rows[] = {
		{0, "1", 0, ESP_ERROR_INVALID, "image: the program is empty"},
		{ESP_IMAGE_SEGMENT_MAX_BYTES, "1", 0, ESP_ERROR_TOO_LARGE,
		 "image: the program is 276 bytes too large, a segment carries 16776940; strip "
		 "it"},
		{16, "a-version-that-has-exactly-33-char", 0, ESP_ERROR_INVALID,
		 "app description: the version 'a-version-that-has-exactly-33-char' has 34 bytes, "
		 "32 are allowed"},
		{16, "1", 3 << 20, ESP_ERROR_INVALID,
		 "image: a flash of 3145728 bytes is none of 1 MB, 2 MB, 4 MB … 128 MB"},
	};

	(void)state;
	host.program = large;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		host.program_bytes = rows[i].n;
		host.version = rows[i].version;
		host.flash_bytes = rows[i].flash;
		assert_null(esp_image_host_new(&host, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
	}
}

static void keeps_texts_that_fill_their_field(void **state)
{
	EspHostImage host = host_of(8);
	g_autoptr(GBytes) bytes = NULL;
	guint8 digest[ESP_SHA256_BYTES];
	EspImage image = {0};

	(void)state;
	host.version = "12345678901234567890123456789012";
	host.project = "abcdefghijklmnopqrstuvwxyzabcdef";
	host.time = "12:34:56.7890123";
	host.date = "Mar  3 2026 Tues";
	host.idf_version = "v6.1-beta1-123-gabcdef0-dirty-12";
	bytes = esp_image_host_new(&host, NULL);
	assert_true(esp_image_read(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &image,
				   NULL));
	assert_string_equal(image.description.version, host.version);
	assert_string_equal(image.description.project, host.project);
	assert_string_equal(image.description.time, host.time);
	assert_string_equal(image.description.date, host.date);
	assert_string_equal(image.description.idf_version, host.idf_version);
	esp_sha256(program, 8, digest);
	assert_memory_equal(image.description.elf_sha256, digest, sizeof digest);
	assert_int_equal(image.description.max_efuse_block_revision, 0xFFFF);
}

/* ---- Images of chips ---- */

/* Every field at a value of its own. */
static FixtureImage of_a_chip(void)
{
	return (FixtureImage){.chip_id = 0x1234,
			      .mode = 5,
			      .size_and_frequency = 0x73,
			      .min_revision = 0x0102,
			      .max_revision = 0x0304,
			      .is_app = TRUE,
			      .page_log2 = 15,
			      .secure_version = 0x01020304,
			      .min_efuse = 0x0506,
			      .max_efuse = 0x0708,
			      .segments = {{0x3C000020, 260}, {0x3FC80000, 12}, {0, 4}}};
}

static void reads_every_field_of_the_header(void **state)
{
	const FixtureImage fixture = of_a_chip();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	EspImage image;

	(void)state;
	memcpy(data + 19, "abcd", 4);
	esp_image_examine(data, size_bytes, &image, NULL);
	assert_int_equal(image.chip_id, 0x1234);
	assert_int_equal(image.spi_mode, 5);
	assert_int_equal(image.flash_size, 7);
	assert_int_equal(image.flash_speed, 3);
	assert_int_equal(image.entry, 0x40081234);
	assert_int_equal(image.wp_pin, 0xEE);
	assert_int_equal(image.drives.clk, 1);
	assert_int_equal(image.drives.q, 2);
	assert_int_equal(image.drives.d, 3);
	assert_int_equal(image.drives.cs, 4);
	assert_int_equal(image.drives.hd, 5);
	assert_int_equal(image.drives.wp, 6);
	assert_int_equal(image.min_revision_old, 7);
	assert_int_equal(image.min_revision, 0x0102);
	assert_int_equal(image.max_revision, 0x0304);
	assert_memory_equal(image.reserved, "abcd", 4);
	assert_int_equal(image.n_segments, 3);
	assert_int_equal(image.n_segments_said, 3);
	assert_int_equal(image.segments[1].load_address, 0x3FC80000);
	assert_int_equal(image.segments[1].size_bytes, 12);
	assert_int_equal(image.segments[1].offset, 32 + 260 + 8);
	assert_int_equal(image.segments[2].offset, 32 + 260 + 8 + 12 + 8);
	assert_true(image.has_hash);
}

static void reads_every_field_of_the_app_description(void **state)
{
	const FixtureImage fixture = of_a_chip();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	guint8 elf[32];
	EspImage image;

	(void)state;
	memset(elf, 0xE1, sizeof elf);
	assert_true(esp_image_read(data, size_bytes, &image, NULL));
	assert_true(image.has_description);
	assert_false(image.has_bootloader_description);
	assert_int_equal(image.description.secure_version, 0x01020304);
	assert_string_equal(image.description.version, "1.2.3");
	assert_string_equal(image.description.project, "soil-probe");
	assert_string_equal(image.description.time, "12:34:56");
	assert_string_equal(image.description.date, "Mar  3 2026");
	assert_string_equal(image.description.idf_version, "v6.0");
	assert_memory_equal(image.description.elf_sha256, elf, sizeof elf);
	assert_int_equal(image.description.min_efuse_block_revision, 0x0506);
	assert_int_equal(image.description.max_efuse_block_revision, 0x0708);
	assert_int_equal(image.description.mmu_page_log2, 15);
	assert_int_equal(image.description.spi_flash_mode, 2);
}

static void reads_every_field_of_the_bootloader_description(void **state)
{
	const FixtureImage fixture = {.is_bootloader = TRUE, .segments = {{0x3FFF0000, 80}}};
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	EspImage image;

	(void)state;
	assert_true(esp_image_read(data, size_bytes, &image, NULL));
	assert_true(image.has_bootloader_description);
	assert_false(image.has_description);
	assert_int_equal(image.bootloader.secure_version, 9);
	assert_int_equal(image.bootloader.version, 77);
	assert_string_equal(image.bootloader.idf_version, "v5.5-bootloader-with-32-bytes-ab");
	assert_string_equal(image.bootloader.date_time, "Mar  3 2026 12:34:56 UTC");
}

/* What is too short for a description, or has another mark, has none. */
static void takes_nothing_else_for_a_description(void **state)
{
	static const struct {
		gboolean is_app, is_bootloader;
		guint32 size_bytes;
		gsize flip;
		gboolean found;
	} rows[] = {
		{TRUE, FALSE, 256, 0, TRUE},   {TRUE, FALSE, 256, 32, FALSE},
		{TRUE, FALSE, 256, 35, FALSE}, {FALSE, TRUE, 80, 0, TRUE},
		{FALSE, TRUE, 80, 32, FALSE},  {FALSE, TRUE, 80, 33, FALSE},
		{FALSE, TRUE, 80, 34, FALSE},  {FALSE, TRUE, 80, 35, TRUE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FixtureImage fixture = {.is_app = rows[i].is_app,
					      .is_bootloader = rows[i].is_bootloader,
					      .segments = {{0x3FFF0000, rows[i].size_bytes}}};
		gsize size_bytes;
		g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
		EspImage image;

		if (rows[i].flip > 0)
			data[rows[i].flip] ^= 1;
		esp_image_examine(data, size_bytes, &image, NULL);
		assert_int_equal(image.has_description || image.has_bootloader_description,
				 rows[i].found);
		fixture_put32(data + 28, rows[i].size_bytes - 4);
		esp_image_examine(data, size_bytes, &image, NULL);
		assert_false(image.has_description || image.has_bootloader_description);
	}
}

static void tells_both_what_is_and_what_should_be(void **state)
{
	const FixtureImage fixture = of_a_chip();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	guint8 right = data[size_bytes - 33], hash[32];
	g_autoptr(GError) error = NULL;
	EspImage image;

	(void)state;
	assert_true(esp_image_examine(data, size_bytes, &image, NULL));
	assert_int_equal(image.checksum_validity, ESP_IMAGE_VALID);
	assert_int_equal(image.hash_validity, ESP_IMAGE_VALID);
	assert_int_equal(image.checksum_is, right);
	memcpy(hash, data + size_bytes - 32, 32);
	data[size_bytes - 33] ^= 0x10;
	data[size_bytes - 1] ^= 0x01;
	assert_false(esp_image_examine(data, size_bytes, &image, &error));
	assert_true(g_str_has_prefix(error->message, "image: the checksum is 0x"));
	assert_int_equal(image.checksum, right ^ 0x10);
	assert_int_equal(image.checksum_is, right);
	assert_int_equal(image.checksum_validity, ESP_IMAGE_WRONG);
	assert_int_equal(image.hash_validity, ESP_IMAGE_WRONG);
	assert_int_equal(image.hash[31], hash[31] ^ 1);
	assert_memory_not_equal(image.hash_is, image.hash, 32);
	assert_int_equal(image.size_bytes, size_bytes);
	data[size_bytes - 33] ^= 0x10;
	assert_false(esp_image_examine(data, size_bytes, &image, NULL));
	assert_int_equal(image.checksum_validity, ESP_IMAGE_VALID);
	assert_memory_equal(image.hash_is, hash, 32);
}

/* The checksum is the last byte of a tail of 1 to 16. */
static void pads_the_checksum_to_sixteen(void **state)
{
	(void)state;
	for (guint32 n = 4; n <= 64; n += 4) {
		const FixtureImage fixture = {.no_hash = TRUE, .segments = {{0x3FFF0000, n}}};
		gsize size_bytes;
		g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
		EspImage image;

		assert_true(esp_image_read(data, size_bytes, &image, NULL));
		assert_int_equal(image.size_bytes, size_bytes);
		assert_int_equal(size_bytes % 16, 0);
	}
}

static void takes_sixteen_segments_of_any_length(void **state)
{
	FixtureImage fixture = {0};
	EspImage image;
	gsize size_bytes;
	g_autofree guint8 *data = NULL, *more = NULL;

	(void)state;
	for (guint i = 0; i < 16; i++)
		fixture.segments[i] = (FixtureSegment){0x3FFF0000 + i * 256, 4 * (i + 1)};
	data = fixture_image(&fixture, &size_bytes);
	assert_true(esp_image_read(data, size_bytes, &image, NULL));
	assert_int_equal(image.n_segments, 16);
	assert_int_equal(image.segments[15].size_bytes, 64);
	fixture.segments[16] = (FixtureSegment){0x3FFF8000, 4};
	more = fixture_image(&fixture, &size_bytes);
	assert_false(esp_image_read(more, size_bytes, &image, NULL));
}

static void sets_flash_settings_and_the_hash_with_them(void **state)
{
	static const struct {
		int mode, size, speed;
		guint8 mode_is, size_and_speed_is;
	} rows[] = {
		{ESP_IMAGE_KEEP, ESP_IMAGE_KEEP, ESP_IMAGE_KEEP, 5, 0x73},
		{0, ESP_IMAGE_KEEP, ESP_IMAGE_KEEP, 0, 0x73},
		{ESP_IMAGE_KEEP, 2, ESP_IMAGE_KEEP, 5, 0x23},
		{ESP_IMAGE_KEEP, ESP_IMAGE_KEEP, 0xF, 5, 0x7F},
		{3, 0, 0, 3, 0x00},
	};

	(void)state;
	for (gsize i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
		FixtureImage fixture = of_a_chip();
		gsize row = i / 2, size_bytes;
		g_autofree guint8 *data = NULL, *expected = NULL;

		fixture.no_hash = i % 2 == 1;
		data = fixture_image(&fixture, &size_bytes);
		assert_true(esp_image_set_flash(data, size_bytes, rows[row].mode, rows[row].size,
						rows[row].speed, NULL));
		fixture.mode = rows[row].mode_is;
		fixture.size_and_frequency = rows[row].size_and_speed_is;
		expected = fixture_image(&fixture, &size_bytes);
		assert_memory_equal(data, expected, size_bytes);
	}
}

static void sets_nothing_in_a_damaged_image(void **state)
{
	const FixtureImage fixture = of_a_chip();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	g_autofree guint8 *before = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	data[8] ^= 1;
	before = g_memdup2(data, size_bytes);
	assert_false(esp_image_set_flash(data, size_bytes, 0, 0, 0, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_memory_equal(data, before, size_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_a_host_program_and_gives_it_back),
		cmocka_unit_test(digest_is_that_of_the_file_whatever_follows_it_in_the_slot),
		cmocka_unit_test(notices_every_flipped_bit_and_every_missing_byte),
		cmocka_unit_test(an_image_without_a_hash_is_held_by_its_checksum),
		cmocka_unit_test(says_what_is_wrong_with_an_image),
		cmocka_unit_test(gives_no_program_out_of_another_chips_image),
		cmocka_unit_test(refuses_what_a_host_image_cannot_hold),
		cmocka_unit_test(keeps_texts_that_fill_their_field),
		cmocka_unit_test(reads_every_field_of_the_header),
		cmocka_unit_test(reads_every_field_of_the_app_description),
		cmocka_unit_test(reads_every_field_of_the_bootloader_description),
		cmocka_unit_test(takes_nothing_else_for_a_description),
		cmocka_unit_test(tells_both_what_is_and_what_should_be),
		cmocka_unit_test(pads_the_checksum_to_sixteen),
		cmocka_unit_test(takes_sixteen_segments_of_any_length),
		cmocka_unit_test(sets_flash_settings_and_the_hash_with_them),
		cmocka_unit_test(sets_nothing_in_a_damaged_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
