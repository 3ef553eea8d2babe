#include "base/digest.h"
#include "esp/chips.h"
#include "esp/error.h"
#include "esp/image.h"

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
	assert_true(g_str_has_prefix(error->message, "app image: the checksum is 0x"));
}

static void says_what_is_wrong_with_an_image(void **state)
{
	static const struct {
		gsize at;
		guint8 byte;
		int code;
		const char *message;
	} rows[] = {
		{0, 0x7F, ESP_ERROR_INVALID, "app image: it begins with 0x7f, not 0xe9"},
		{1, 0, ESP_ERROR_INVALID, "app image: it has 0 segments, 1 to 16 are allowed"},
		{1, 17, ESP_ERROR_INVALID, "app image: it has 17 segments, 1 to 16 are allowed"},
		{23, 2, ESP_ERROR_INVALID,
		 "app image: the mark of an appended hash is 2, neither 0 nor 1"},
		{28, 0x21, ESP_ERROR_INVALID,
		 "app image: segment 0 has 289 bytes; a multiple of 4 below 16 MiB is allowed"},
		{31, 0x01, ESP_ERROR_INVALID,
		 "app image: segment 0 has 16777504 bytes; a multiple of 4 below 16 MiB is "
		 "allowed"},
		{310, 0, ESP_ERROR_CORRUPT, NULL},
		{8, 0, ESP_ERROR_CORRUPT,
		 "app image: the appended SHA-256 is not that of its bytes: it is damaged"},
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
		 "app image: it is for chip 0x0005 (ESP32-C3), not for a host device"},
		{0x1234, 'E', 16, ESP_ERROR_NOT_SUPPORTED,
		 "app image: it is for chip 0x1234 (unknown), not for a host device"},
		{0xF057, 'X', 16, ESP_ERROR_INVALID,
		 "app image: it is for host devices, but carries no program"},
		{0xF057, 'E', 17, ESP_ERROR_INVALID,
		 "app image: its program is said to have 17 bytes, the segment has 16"},
		{0xF057, 'E', 0, ESP_ERROR_INVALID,
		 "app image: its program is said to have 0 bytes, the segment has 16"},
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
		{0, "1", 0, ESP_ERROR_INVALID, "app image: the program is empty"},
		{ESP_IMAGE_SEGMENT_MAX_BYTES, "1", 0, ESP_ERROR_TOO_LARGE,
		 "app image: the program is 276 bytes too large, a segment carries 16776940; strip "
		 "it"},
		{16, "a-version-that-has-exactly-33-char", 0, ESP_ERROR_INVALID,
		 "app description: the version 'a-version-that-has-exactly-33-char' has 34 bytes, "
		 "32 are allowed"},
		{16, "1", 3 << 20, ESP_ERROR_INVALID,
		 "app image: a flash of 3145728 bytes is none of 1 MB, 2 MB, 4 MB … 128 MB"},
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
	EspImage image = {0};

	(void)state;
	host.version = "12345678901234567890123456789012";
	bytes = esp_image_host_new(&host, NULL);
	assert_true(esp_image_read(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &image,
				   NULL));
	assert_string_equal(image.description.version, host.version);
}

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
		cmocka_unit_test(knows_the_chips_of_the_api),
		cmocka_unit_test(reads_flash_settings_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
