#include "esp/crc.h"
#include "esp/error.h"
#include "esp/nvs.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { SIZE = 0x3000, FIRST_ENTRY = 64 };

static void crc_follows_both_conventions(void **state)
{
	static const char digits[] = "123456789";

	(void)state;
	assert_int_equal(esp_crc_rom(digits, 9), 0xD202D277);
	assert_int_equal(esp_crc_std(digits, 9), 0xCBF43926);
	for (gsize split = 0; split <= 9; split++)
		assert_int_equal(esp_crc32(esp_crc_rom(digits, split), digits + split, 9 - split),
				 0xD202D277);
}

static GBytes *image_of(const EspNvsEntry *entries, gsize n, gsize size)
{
	g_autoptr(GError) error = NULL;
	GBytes *image = esp_nvs_image_new(entries, n, size, &error);

	if (image == NULL)
		fail_msg("%s", error->message);
	return image;
}

static const guint8 *bytes_of(GBytes *image)
{
	return g_bytes_get_data(image, NULL);
}

static void writes_the_entry_of_the_format_description(void **state)
{
	static const guint8 expected[32] = {0x00, 0x01, 0x01, 0xff, 0xe9, 0xc5, 0xfd, 0x7c,
					    0x64, 0x65, 0x76, 0x69, 0x63, 0x65, 0x00, 0x00,
					    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
					    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const EspNvsEntry entry = {.space = "device", .type = ESP_NVS_NAMESPACE};
	g_autoptr(GBytes) image = image_of(&entry, 1, SIZE);

	(void)state;
	assert_memory_equal(bytes_of(image) + FIRST_ENTRY, expected, sizeof expected);
}

static void numbers_pages_with_the_header_checksums_of_the_format(void **state)
{
	static const guint32 crcs[] = {0xB9BA2D84, 0x389F48A3, 0x6081E18B};
	static const guint8 blob[9000];
	const EspNvsEntry entry = esp_nvs_blob("a", "b", blob, sizeof blob);
	g_autoptr(GBytes) image = image_of(&entry, 1, 0x5000);
	const guint8 *data = bytes_of(image);

	(void)state;
	for (gsize page = 0; page < G_N_ELEMENTS(crcs); page++) {
		guint32 crc;

		memcpy(&crc, data + page * ESP_NVS_PAGE_BYTES + 28, sizeof crc);
		assert_int_equal(GUINT32_FROM_LE(crc), crcs[page]);
		assert_int_equal(data[page * ESP_NVS_PAGE_BYTES], page < 2 ? 0xFC : 0xFE);
	}
	for (gsize at = 3 * ESP_NVS_PAGE_BYTES; at < 0x5000; at++)
		assert_int_equal(data[at], 0xFF);
}

static void refuses_names_that_nvs_has_not_room_for(void **state)
{
	static const struct {
		const char *space, *key, *origin, *message;
	} rows[] = {
		{"wifi", "password-very-l1", "Secret 'greenhouse-wifi'",
		 "key 'wifi.password-very-l1' has 16 characters, NVS allows 15 "
		 "(from Secret 'greenhouse-wifi')"},
		{"a-namespace-of-16", "k", NULL,
		 "namespace 'a-namespace-of-16' has 17 characters, NVS allows 15"},
		{"", "k", NULL, "key 'k' has no namespace; NVS wants 1 to 15 characters"},
		{"a", "", NULL, "namespace 'a' has an empty key; NVS wants 1 to 15 characters"},
		{"a", "gr\xC3\xBCn", NULL,
		 "key 'a.gr\xC3\xBCn' has a character other than printable ASCII"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspNvsEntry entry = esp_nvs_unsigned(rows[i].space, rows[i].key, ESP_NVS_U8, 1);
		g_autoptr(GError) error = NULL;

		entry.origin = rows[i].origin;
		assert_null(esp_nvs_image_new(&entry, 1, SIZE, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message, rows[i].message);
	}
}

static void refuses_values_outside_their_type(void **state)
{
	g_autofree char *long_text = g_strnfill(4000, 'x');
	const struct {
		EspNvsEntry entry;
		int code;
		const char *message;
	} rows[] = {
		{esp_nvs_unsigned("a", "b", ESP_NVS_U8, 256), ESP_ERROR_INVALID,
		 "key 'a.b' is 256, which does not fit u8 (0 to 255)"},
		{esp_nvs_signed("a", "b", ESP_NVS_I16, -32769), ESP_ERROR_INVALID,
		 "key 'a.b' is -32769, which does not fit i16 (-32768 to 32767)"},
		{esp_nvs_string("a", "b", "\xFF"), ESP_ERROR_INVALID,
		 "key 'a.b' is a string that is not UTF-8; make it a blob"},
		{esp_nvs_string("a", "b", long_text), ESP_ERROR_TOO_LARGE,
		 "key 'a.b' is a string of 4000 bytes, NVS allows 3999; a blob may be longer"},
		{esp_nvs_blob("a", "b", "", ESP_NVS_BLOB_MAX + 1), ESP_ERROR_TOO_LARGE,
		 "key 'a.b' is a blob of 508001 bytes, NVS allows 508000"},
		{esp_nvs_unsigned("a", "b", (EspNvsType)0x22, 1), ESP_ERROR_INVALID,
		 "key 'a.b' has a type that NVS has not"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_nvs_image_new(&rows[i].entry, 1, SIZE, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
	}
}

static void refuses_a_key_given_twice(void **state)
{
	EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "one"),
		esp_nvs_string("mqtt", "ssid", "two"),
		esp_nvs_unsigned("wifi", "ssid", ESP_NVS_U8, 1),
	};
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(esp_nvs_image_new(entries, 3, SIZE, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_DUPLICATE_KEY));
	assert_string_equal(error->message, "key 'wifi.ssid' is given twice; remove one of them");
}

static void says_by_how_many_bytes_it_is_too_large_and_what_is_large(void **state)
{
	static guint8 blob[9000];
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "n", ESP_NVS_U8, 1),
		esp_nvs_string("a", "text", "hello"),
		esp_nvs_blob("a", "big", blob, sizeof blob),
		esp_nvs_blob("b", "small", blob, 100),
	};
	g_autoptr(GError) error = NULL;
	EspNvsUsage usage = {0};

	(void)state;
	assert_false(esp_nvs_layout(entries, 4, SIZE, &usage, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message,
			    "1440 bytes too many: the settings take 9504 bytes, a partition of "
			    "0x3000 bytes has 8064 for them; the largest keys are a.big (9000 "
			    "bytes), b.small (100 bytes), a.text (6 bytes)");
	assert_true(esp_nvs_layout(entries, 4, 0x4000, &usage, NULL));
	assert_int_equal(usage.used_bytes, 9504);
	assert_int_equal(usage.capacity_bytes, 3 * 126 * 32);
	assert_int_equal(usage.n_pages, 3);
	assert_int_equal(usage.n_namespaces, 2);
}

static void keeps_the_last_page_free_unless_the_partition_is_read_only(void **state)
{
	static const guint8 blob[3900];
	const EspNvsEntry entry = esp_nvs_blob("a", "b", blob, sizeof blob);
	const EspNvsEntry entries[] = {entry, esp_nvs_blob("a", "c", blob, sizeof blob)};
	const struct {
		gsize size, n;
		gboolean fits;
	} rows[] = {{0x1000, 1, TRUE}, {0x2000, 2, TRUE}, {0x1000, 2, FALSE}, {0x3000, 2, TRUE}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) image = esp_nvs_image_new(entries, rows[i].n, rows[i].size, NULL);

		assert_int_equal(image != NULL, rows[i].fits);
		if (rows[i].size != 0x3000 || image == NULL)
			continue;
		for (gsize at = 0x2000; at < 0x3000; at++)
			assert_int_equal(bytes_of(image)[at], 0xFF);
	}
}

static void refuses_sizes_that_are_no_partition(void **state)
{
	const gsize sizes[] = {0, 1, 0x1001, 0x4001000};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_nvs_image_new(NULL, 0, sizes[i], &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_non_null(strstr(error->message, "multiple of 0x1000"));
	}
}

static void refuses_the_255th_namespace(void **state)
{
	char names[255][8];
	EspNvsEntry entries[255];
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;

	(void)state;
	for (guint i = 0; i < 255; i++) {
		g_snprintf(names[i], sizeof names[i], "n%u", i);
		entries[i] = esp_nvs_unsigned(names[i], "k", ESP_NVS_U8, 1);
	}
	image = image_of(entries, 254, 0x10000);
	assert_null(esp_nvs_image_new(entries, 255, 0x10000, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message, "namespace 'n254' is one too many: NVS allows 254");
}

static void returns_to_an_earlier_namespace_without_defining_it_again(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "one", ESP_NVS_U8, 1),
		esp_nvs_unsigned("b", "two", ESP_NVS_U8, 2),
		esp_nvs_unsigned("a", "three", ESP_NVS_U8, 3),
	};
	g_autoptr(GBytes) image = image_of(entries, 3, SIZE);
	g_autoptr(EspNvsContents) contents = esp_nvs_read(bytes_of(image), SIZE, 0, NULL);

	(void)state;
	assert_int_equal(bytes_of(image)[FIRST_ENTRY + 4 * 32], 1);
	assert_int_equal(contents->n_entries, 3);
	assert_int_equal(esp_nvs_find(contents, "a", "three")->value.u, 3);
}

static void a_namespace_may_be_named_again(void **state)
{
	const EspNvsEntry entries[] = {
		{.space = "a", .type = ESP_NVS_NAMESPACE},
		esp_nvs_unsigned("a", "one", ESP_NVS_U8, 1),
		{.space = "a", .type = ESP_NVS_NAMESPACE},
		{.space = "b", .type = ESP_NVS_NAMESPACE},
		{.space = "a", .type = ESP_NVS_NAMESPACE},
	};
	EspNvsUsage usage = {0};

	(void)state;
	assert_true(esp_nvs_layout(entries, G_N_ELEMENTS(entries), SIZE, &usage, NULL));
	assert_int_equal(usage.n_namespaces, 2);
	assert_int_equal(usage.used_bytes, 3 * 32);
}

static void writes_into_the_callers_buffer_what_it_returns_as_bytes(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "garden"),
		esp_nvs_signed("x", "y", ESP_NVS_I64, G_MININT64),
	};
	g_autoptr(GBytes) image = image_of(entries, 2, SIZE);
	guint8 buffer[SIZE] = {0};
	EspNvsUsage usage = {0};

	(void)state;
	assert_true(esp_nvs_image_write(entries, 2, buffer, SIZE, &usage, NULL));
	assert_memory_equal(buffer, bytes_of(image), SIZE);
	assert_int_equal(usage.used_bytes, 5 * 32);
}

static void reads_back_the_longest_string_and_blob_at_every_place(void **state)
{
	static guint8 blob[8000];
	g_autofree char *text = g_strnfill(3999, 't');

	(void)state;
	memset(blob, 0xA5, sizeof blob);
	for (guint before = 0; before < 130; before++) {
		g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(EspNvsEntry));
		char keys[130][8];
		EspNvsEntry entry;
		g_autoptr(GBytes) image = NULL;
		g_autoptr(EspNvsContents) contents = NULL;

		for (guint i = 0; i < before; i++) {
			g_snprintf(keys[i], sizeof keys[i], "k%u", i);
			entry = esp_nvs_unsigned("a", keys[i], ESP_NVS_U32, i);
			g_array_append_val(entries, entry);
		}
		entry = esp_nvs_string("a", "text", text);
		g_array_append_val(entries, entry);
		entry = esp_nvs_blob("a", "blob", blob, sizeof blob);
		g_array_append_val(entries, entry);
		image = image_of((const EspNvsEntry *)(void *)entries->data, entries->len, 0x8000);
		contents = esp_nvs_read(bytes_of(image), 0x8000, 0, NULL);
		assert_int_equal(contents->n_entries, before + 2);
		assert_int_equal(contents->n_damaged, 0);
		assert_string_equal(esp_nvs_find(contents, "a", "text")->value.text, text);
		assert_memory_equal(esp_nvs_find(contents, "a", "blob")->value.blob.data, blob,
				    sizeof blob);
	}
}

static void writes_blobs_of_version_1_in_one_piece(void **state)
{
	static const guint8 blob[1984] = {7};
	const EspNvsEntry entries[] = {
		esp_nvs_blob("a", "b", blob, sizeof blob),
		esp_nvs_blob("a", "c", blob, sizeof blob),
		esp_nvs_blob("a", "empty", NULL, 0),
	};
	const EspNvsWriteOptions options = {.format_version = 1};
	guint8 image[SIZE];
	g_autoptr(EspNvsContents) listed = NULL, contents = NULL;
	guint32 crc;

	(void)state;
	assert_true(esp_nvs_image_write_with(entries, 3, &options, image, SIZE, NULL, NULL));
	memcpy(&crc, image + 28, sizeof crc);
	assert_int_equal(GUINT32_FROM_LE(crc), 0xDCDD16C2);
	assert_int_equal(image[8], 0xFF);
	assert_int_equal(image[FIRST_ENTRY + 32 + 1], 0x41);
	assert_int_equal(image[FIRST_ENTRY + 32 + 2], 63);
	assert_int_equal(image[FIRST_ENTRY + 32 + 3], 0xFF);
	/* The second one would end on the last entry of the page: it begins the next one. */
	assert_int_equal(image[0], 0xFC);
	assert_int_equal(image[ESP_NVS_PAGE_BYTES + FIRST_ENTRY + 1], 0x41);
	listed = esp_nvs_read(image, SIZE, ESP_NVS_READ_DEFAULT, NULL);
	assert_int_equal(listed->n_entries, 0);
	contents = esp_nvs_read(image, SIZE, ESP_NVS_READ_OLD_BLOBS, NULL);
	assert_int_equal(contents->n_entries, 3);
	assert_memory_equal(esp_nvs_find(contents, "a", "c")->value.blob.data, blob, sizeof blob);
	assert_int_equal(esp_nvs_find(contents, "a", "empty")->value.blob.size_bytes, 0);
}

static void version_1_refuses_what_is_longer_than_its_limit(void **state)
{
	static const guint8 blob[1985];
	g_autofree char *text = g_strnfill(1984, 'x');
	const EspNvsEntry entries[] = {esp_nvs_string("a", "b", text),
				       esp_nvs_blob("a", "b", blob, sizeof blob)};
	const EspNvsWriteOptions options = {.format_version = 1};
	guint8 image[SIZE];

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(esp_nvs_image_write_with(&entries[i], 1, &options, image, SIZE, NULL,
						      &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
		assert_string_equal(
			error->message,
			"key 'a.b' has 1985 bytes, format version 1 allows 1984; use version 2");
	}
	text[1983] = '\0';
	assert_true(esp_nvs_image_write_with(entries, 1, &options, image, SIZE, NULL, NULL));
}

static void writes_and_reads_floats_and_doubles(void **state)
{
	static const guint8 single[8] = {0x00, 0x00, 0xC0, 0xBF, 0xFF, 0xFF, 0xFF, 0xFF};
	static const guint8 twice[8] = {0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F};
	const EspNvsEntry entries[] = {
		esp_nvs_real("a", "single", ESP_NVS_FLOAT, -1.5),
		esp_nvs_real("a", "twice", ESP_NVS_DOUBLE, 0.1),
		esp_nvs_real("a", "endless", ESP_NVS_FLOAT, HUGE_VAL),
		esp_nvs_real("a", "largest", ESP_NVS_FLOAT, FLT_MAX),
	};
	g_autoptr(GBytes) image = image_of(entries, 4, SIZE);
	g_autoptr(EspNvsContents) contents = esp_nvs_read(bytes_of(image), SIZE, 0, NULL);

	(void)state;
	assert_int_equal(bytes_of(image)[FIRST_ENTRY + 32 + 1], 0x24);
	assert_memory_equal(bytes_of(image) + FIRST_ENTRY + 32 + 24, single, 8);
	assert_int_equal(bytes_of(image)[FIRST_ENTRY + 64 + 1], 0x28);
	assert_memory_equal(bytes_of(image) + FIRST_ENTRY + 64 + 24, twice, 8);
	assert_int_equal(contents->n_entries, 4);
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
		const EspNvsEntry *found = esp_nvs_find(contents, "a", entries[i].key);

		assert_int_equal(found->type, entries[i].type);
		assert_true(found->value.real == entries[i].value.real);
	}
}

static void refuses_what_is_no_number_and_what_no_float_holds(void **state)
{
	const struct {
		EspNvsEntry entry;
		const char *message;
	} rows[] = {
		{esp_nvs_real("a", "b", ESP_NVS_FLOAT, NAN),
		 "key 'a.b' is a float that is not a number, which NVS refuses"},
		{esp_nvs_real("a", "b", ESP_NVS_DOUBLE, NAN),
		 "key 'a.b' is a double that is not a number, which NVS refuses"},
		{esp_nvs_real("a", "b", ESP_NVS_FLOAT, 1e39),
		 "key 'a.b' is too large for a float; make it a double"},
		{esp_nvs_real("a", "b", ESP_NVS_FLOAT, -1e39),
		 "key 'a.b' is too large for a float; make it a double"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_nvs_image_new(&rows[i].entry, 1, SIZE, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_string_equal(error->message, rows[i].message);
	}
}

static void names_its_types(void **state)
{
	static const char *const names[] = {"u8",  "i8",  "u16", "i16",    "u32",
					    "i32", "u64", "i64", "string", "blob"};
	EspNvsType type;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		assert_true(esp_nvs_type_from_name(names[i], &type));
		assert_string_equal(esp_nvs_type_name(type), names[i]);
	}
	assert_false(esp_nvs_type_from_name("float", &type));
	assert_string_equal(esp_nvs_type_name(ESP_NVS_FLOAT), "float");
	assert_string_equal(esp_nvs_type_name(ESP_NVS_DOUBLE), "double");
	assert_null(esp_nvs_type_name(ESP_NVS_NAMESPACE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_follows_both_conventions),
		cmocka_unit_test(writes_the_entry_of_the_format_description),
		cmocka_unit_test(numbers_pages_with_the_header_checksums_of_the_format),
		cmocka_unit_test(refuses_names_that_nvs_has_not_room_for),
		cmocka_unit_test(refuses_values_outside_their_type),
		cmocka_unit_test(refuses_a_key_given_twice),
		cmocka_unit_test(says_by_how_many_bytes_it_is_too_large_and_what_is_large),
		cmocka_unit_test(keeps_the_last_page_free_unless_the_partition_is_read_only),
		cmocka_unit_test(refuses_sizes_that_are_no_partition),
		cmocka_unit_test(refuses_the_255th_namespace),
		cmocka_unit_test(returns_to_an_earlier_namespace_without_defining_it_again),
		cmocka_unit_test(a_namespace_may_be_named_again),
		cmocka_unit_test(writes_into_the_callers_buffer_what_it_returns_as_bytes),
		cmocka_unit_test(reads_back_the_longest_string_and_blob_at_every_place),
		cmocka_unit_test(writes_blobs_of_version_1_in_one_piece),
		cmocka_unit_test(version_1_refuses_what_is_longer_than_its_limit),
		cmocka_unit_test(writes_and_reads_floats_and_doubles),
		cmocka_unit_test(refuses_what_is_no_number_and_what_no_float_holds),
		cmocka_unit_test(names_its_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
