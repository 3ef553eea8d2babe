/* Updates in place, with a power cut at every flash operation: the old or the new value is read. */
#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"
#include "esp/nvs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { SIZE = 0x3000, TIMES = 700, WORD_BYTES = 4 };

/* A flash that keeps what reached it and loses power within its `cut_at`th operation: of a write
 * the first `cut_words` words arrive, of an erase the first 64 times as many. */
typedef struct {
	guint8 *bytes;
	guint n_operations;
	guint cut_at;
	gsize cut_words;
	guint n_erases;
} Flash;

static gboolean power_lost(GError **error)
{
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_FLASH, "power lost");
	return FALSE;
}

static gboolean flash_write(gsize offset, const guint8 *data, gsize size_bytes, gpointer user_data,
			    GError **error)
{
	Flash *flash = user_data;
	gboolean cut = flash->n_operations++ == flash->cut_at;
	gsize n = cut ? MIN(size_bytes, flash->cut_words * WORD_BYTES) : size_bytes;

	assert_int_equal(size_bytes % WORD_BYTES, 0);
	for (gsize i = 0; i < n; i++)
		flash->bytes[offset + i] &= data[i];
	return cut ? power_lost(error) : TRUE;
}

static gboolean flash_erase(gsize offset, gpointer user_data, GError **error)
{
	Flash *flash = user_data;
	gboolean cut = flash->n_operations++ == flash->cut_at;
	gsize n = cut ? MIN((gsize)ESP_NVS_PAGE_BYTES, flash->cut_words * WORD_BYTES * 77)
		      : ESP_NVS_PAGE_BYTES;

	flash->n_erases++;
	if (flash->cut_words % 2 != 0)
		offset += ESP_NVS_PAGE_BYTES - n;
	memset(flash->bytes + offset, 0xFF, n);
	return cut ? power_lost(error) : TRUE;
}

static EspNvsFlash callbacks(Flash *flash)
{
	return (EspNvsFlash){.write = flash_write, .erase = flash_erase, .user_data = flash};
}

static void assert_value(const guint8 *image, const EspNvsEntry *expected)
{
	g_autoptr(EspNvsContents) contents = esp_nvs_read(image, SIZE, 0, NULL);
	const EspNvsEntry *entry;

	assert_non_null(contents);
	entry = esp_nvs_find(contents, expected->space, expected->key);
	assert_non_null(entry);
	assert_int_equal(entry->type, expected->type);
	if (expected->type == ESP_NVS_STRING)
		assert_string_equal(entry->value.text, expected->value.text);
	else if (expected->type == ESP_NVS_BLOB) {
		assert_int_equal(entry->value.blob.size_bytes, expected->value.blob.size_bytes);
		if (expected->value.blob.size_bytes > 0)
			assert_memory_equal(entry->value.blob.data, expected->value.blob.data,
					    expected->value.blob.size_bytes);
	} else {
		assert_int_equal(entry->value.u, expected->value.u);
	}
}

static gboolean has_value(const guint8 *image, const EspNvsEntry *expected)
{
	g_autoptr(EspNvsContents) contents = esp_nvs_read(image, SIZE, 0, NULL);
	const EspNvsEntry *entry = esp_nvs_find(contents, expected->space, expected->key);

	if (entry == NULL || entry->type != expected->type)
		return FALSE;
	if (expected->type == ESP_NVS_BLOB)
		return entry->value.blob.size_bytes == expected->value.blob.size_bytes &&
		       memcmp(entry->value.blob.data, expected->value.blob.data,
			      expected->value.blob.size_bytes) == 0;
	if (expected->type == ESP_NVS_STRING)
		return strcmp(entry->value.text, expected->value.text) == 0;
	return entry->value.u == expected->value.u;
}

static void counts_boots_through_many_pages(void **state)
{
	guint8 image[SIZE];
	Flash flash = {.cut_at = G_MAXUINT};
	guint8 mirror[SIZE];
	EspNvsFlash port = callbacks(&flash);
	const EspNvsEntry name = esp_nvs_string("espalier", "name", "probe-1");

	(void)state;
	memset(image, 0xFF, SIZE);
	memset(mirror, 0xFF, SIZE);
	flash.bytes = mirror;
	assert_true(esp_nvs_set(image, SIZE, NULL, &name, &port, NULL));
	for (guint i = 1; i <= TIMES; i++) {
		EspNvsEntry boots = esp_nvs_unsigned("espalier", "boots", ESP_NVS_U32, i);
		g_autoptr(GError) error = NULL;

		if (!esp_nvs_set(image, SIZE, NULL, &boots, &port, &error))
			fail_msg("boot %u: %s", i, error->message);
		assert_value(image, &boots);
		assert_memory_equal(image, mirror, SIZE);
	}
	assert_value(image, &name);
	assert_true(flash.n_erases >= 3);
}

static void writes_nothing_for_an_equal_value(void **state)
{
	guint8 image[SIZE];
	Flash flash = {.cut_at = G_MAXUINT, .bytes = (guint8[SIZE]){0}};
	EspNvsFlash port = callbacks(&flash);
	const EspNvsEntry entry = esp_nvs_unsigned("a", "b", ESP_NVS_U32, 7);

	(void)state;
	memset(image, 0xFF, SIZE);
	assert_true(esp_nvs_set(image, SIZE, NULL, &entry, NULL, NULL));
	assert_true(esp_nvs_set(image, SIZE, NULL, &entry, &port, NULL));
	assert_int_equal(flash.n_operations, 0);
}

/* Brings the partition to where the next set has to move a page. */
static void fill(guint8 *image, guint times, const EspNvsEntry *first, const EspNvsEntry *last)
{
	memset(image, 0xFF, SIZE);
	if (first != NULL)
		assert_true(esp_nvs_set(image, SIZE, NULL, first, NULL, NULL));
	for (guint i = 0; i < times; i++) {
		EspNvsEntry entry = esp_nvs_unsigned("a", "n", ESP_NVS_U32, 1000 + i);

		assert_true(esp_nvs_set(image, SIZE, NULL, &entry, NULL, NULL));
	}
	if (last != NULL)
		assert_true(esp_nvs_set(image, SIZE, NULL, last, NULL, NULL));
}

static guint cut_erases; /* so that the test sees that pages were moved, too */

static void set_and_cut(const guint8 *before, const EspNvsEntry *old, const EspNvsEntry *fresh,
			const EspNvsEntry *other)
{
	static const gsize words[] = {0, 1, 2, 5, 8, 13, 1000};
	gboolean finished = FALSE;

	for (guint cut = 0; !finished; cut++)
		for (gsize w = 0; w < G_N_ELEMENTS(words) && !finished; w++) {
			guint8 memory[SIZE], mirror[SIZE];
			Flash flash = {.bytes = mirror, .cut_at = cut, .cut_words = words[w]};
			EspNvsFlash port = callbacks(&flash);

			memcpy(memory, before, SIZE);
			memcpy(mirror, before, SIZE);
			finished = esp_nvs_set(memory, SIZE, NULL, fresh, &port, NULL);
			cut_erases += flash.n_erases;
			if (!has_value(mirror, fresh) && !has_value(mirror, old))
				fail_msg("cut at operation %u after %zu words: neither the old "
					 "nor the new value is there",
					 cut, words[w]);
			if (finished)
				assert_true(has_value(mirror, fresh));
			assert_value(mirror, other);
			/* The next boot sets it again. */
			if (!finished) {
				memcpy(memory, mirror, SIZE);
				assert_true(esp_nvs_set(memory, SIZE, NULL, fresh, NULL, NULL));
				assert_value(memory, fresh);
				assert_value(memory, other);
			}
		}
}

static void survives_a_power_cut_at_every_operation(void **state)
{
	static guint8 blob_a[1500], blob_b[2100];
	const EspNvsEntry other = esp_nvs_string("a", "other", "stays");
	/* How often a counter was set before: at the start, before the end of a page, before a
	 * page has to be moved. */
	static const guint fills[] = {1, 60, 119, 120, 121, 122, 123, 124, 244, 245, 246, 247, 248};
	const struct {
		EspNvsEntry old, fresh;
	} rows[] = {
		{esp_nvs_unsigned("a", "k", ESP_NVS_U32, 1),
		 esp_nvs_unsigned("a", "k", ESP_NVS_U32, 2)},
		{esp_nvs_string("a", "k", "a text of more than one entry, for sure"),
		 esp_nvs_string("a", "k", "another text of more than one entry, surely; really")},
		{esp_nvs_blob("a", "k", blob_a, sizeof blob_a),
		 esp_nvs_blob("a", "k", blob_b, sizeof blob_b)},
		{esp_nvs_unsigned("a", "k", ESP_NVS_U8, 1), esp_nvs_string("a", "k", "other type")},
	};

	(void)state;
	memset(blob_a, 0x11, sizeof blob_a);
	memset(blob_b, 0x22, sizeof blob_b);
	for (gsize f = 0; f < G_N_ELEMENTS(fills); f++)
		for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
			guint8 image[SIZE];

			fill(image, fills[f], NULL, &other);
			assert_true(esp_nvs_set(image, SIZE, NULL, &rows[i].old, NULL, NULL));
			set_and_cut(image, &rows[i].old, &rows[i].fresh, &other);
			fill(image, fills[f], &other, &rows[i].old);
			set_and_cut(image, &rows[i].old, &rows[i].fresh, &other);
		}
	assert_true(cut_erases > 100);
}

static void says_that_it_is_full_and_keeps_what_was(void **state)
{
	static guint8 blob[3600];
	guint8 image[SIZE];
	const EspNvsEntry first = esp_nvs_blob("a", "one", blob, sizeof blob);
	const EspNvsEntry second = esp_nvs_blob("a", "two", blob, sizeof blob);
	const EspNvsEntry third = esp_nvs_blob("a", "three", blob, sizeof blob);
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(image, 0xFF, SIZE);
	assert_true(esp_nvs_set(image, SIZE, NULL, &first, NULL, NULL));
	assert_true(esp_nvs_set(image, SIZE, NULL, &second, NULL, NULL));
	assert_false(esp_nvs_set(image, SIZE, NULL, &third, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message,
			    "the NVS partition is full; erase keys or give it more pages");
	assert_value(image, &first);
	assert_value(image, &second);
	assert_true(esp_nvs_erase(image, SIZE, NULL, "a", "one", NULL, NULL));
	assert_true(esp_nvs_set(image, SIZE, NULL, &third, NULL, NULL));
	assert_value(image, &second);
	assert_value(image, &third);
}

/* What moving a page gains may be too little. */
static void says_that_it_is_full_when_a_move_gains_too_little(void **state)
{
	static char names[251][8];
	static EspNvsEntry entries[251];
	const EspNvsEntry text = esp_nvs_string("a", "text", "more than one entry of thirty-two");
	const EspNvsEntry number = esp_nvs_unsigned("a", "number", ESP_NVS_U8, 7);
	g_autoptr(GError) error = NULL;
	guint8 image[SIZE];

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(entries); i++) {
		g_snprintf(names[i], sizeof names[i], "k%u", i);
		entries[i] = esp_nvs_unsigned("a", names[i], ESP_NVS_U8, 1);
	}
	assert_true(esp_nvs_image_write(entries, G_N_ELEMENTS(entries), image, SIZE, NULL, NULL));
	assert_true(esp_nvs_erase(image, SIZE, NULL, "a", "k9", NULL, NULL));
	assert_false(esp_nvs_set(image, SIZE, NULL, &text, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_value(image, &entries[0]);
	assert_value(image, &entries[250]);
	assert_true(esp_nvs_set(image, SIZE, NULL, &number, NULL, NULL));
	assert_value(image, &number);
}

static void an_empty_blob_finds_room_at_every_place_of_a_page(void **state)
{
	static char names[130][8];
	const EspNvsEntry empty = esp_nvs_blob("a", "empty", NULL, 0);
	guint8 image[SIZE], filled[SIZE];

	(void)state;
	memset(filled, 0xFF, SIZE);
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		EspNvsEntry number;

		g_snprintf(names[i], sizeof names[i], "k%u", i);
		number = esp_nvs_unsigned("a", names[i], ESP_NVS_U8, 1);
		assert_true(esp_nvs_set(filled, SIZE, NULL, &number, NULL, NULL));
		memcpy(image, filled, SIZE);
		assert_true(esp_nvs_set(image, SIZE, NULL, &empty, NULL, NULL));
		assert_value(image, &empty);
		assert_value(image, &number);
	}
}

static void erases_a_key_and_says_when_there_is_none(void **state)
{
	guint8 image[SIZE];
	const EspNvsEntry entry = esp_nvs_unsigned("a", "b", ESP_NVS_U8, 1);
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(image, 0xFF, SIZE);
	assert_true(esp_nvs_set(image, SIZE, NULL, &entry, NULL, NULL));
	assert_true(esp_nvs_erase(image, SIZE, NULL, "a", "b", NULL, NULL));
	contents = esp_nvs_read(image, SIZE, 0, NULL);
	assert_int_equal(contents->n_entries, 0);
	assert_false(esp_nvs_erase(image, SIZE, NULL, "a", "b", NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_NOT_FOUND));
	assert_string_equal(error->message, "there is no key 'a.b'");
}

/* The mount drops the index, and the part that is there. */
static void a_blob_that_lacks_a_part_is_no_key_to_erase(void **state)
{
	static const guint8 blob[5000] = {1};
	const EspNvsEntry entries[] = {esp_nvs_blob("a", "b", blob, sizeof blob),
				       esp_nvs_unsigned("a", "n", ESP_NVS_U8, 1)};
	g_autoptr(GError) error = NULL;
	guint8 image[2 * SIZE];

	(void)state;
	assert_true(esp_nvs_image_write(entries, 2, image, sizeof image, NULL, NULL));
	/* The second part, at the beginning of the second page, and its data. */
	for (guint i = 0; i < 34; i++)
		image[ESP_NVS_PAGE_BYTES + 32 + i / 4] &= (guint8) ~(3U << (2 * (i % 4)));
	assert_false(esp_nvs_erase(image, sizeof image, NULL, "a", "b", NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_NOT_FOUND));
	assert_true(esp_nvs_erase(image, sizeof image, NULL, "a", "n", NULL, NULL));
}

static void does_not_write_to_a_read_only_partition(void **state)
{
	guint8 image[0x2000];
	const EspNvsEntry entry = esp_nvs_unsigned("a", "b", ESP_NVS_U8, 1);
	g_autoptr(GError) error = NULL;

	(void)state;
	memset(image, 0xFF, sizeof image);
	assert_false(esp_nvs_set(image, sizeof image, NULL, &entry, NULL, &error));
	assert_string_equal(error->message,
			    "an NVS partition of 0x2000 bytes is read-only; writing needs 0x3000");
}

static void updates_what_the_generator_lays_out(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "garden"),
		esp_nvs_blob("x", "blob", "abc", 3),
	};
	const EspNvsEntry fresh[] = {
		esp_nvs_blob("x", "blob", "defgh", 5),
		esp_nvs_unsigned("y", "n", ESP_NVS_U16, 9),
	};
	guint8 image[SIZE];

	(void)state;
	assert_true(esp_nvs_image_write(entries, 2, image, SIZE, NULL, NULL));
	assert_true(esp_nvs_set(image, SIZE, NULL, &fresh[0], NULL, NULL));
	assert_true(esp_nvs_set(image, SIZE, NULL, &fresh[1], NULL, NULL));
	assert_value(image, &entries[0]);
	assert_value(image, &fresh[0]);
	assert_value(image, &fresh[1]);
}

/* As long as nothing is replaced and no blob meets the end of a page, both write the same bytes. */
static void writes_the_bytes_that_the_generator_writes(void **state)
{
	static const guint8 blob[100] = {1, 2};
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "garden"),
		esp_nvs_unsigned("wifi", "channel", ESP_NVS_U8, 11),
		esp_nvs_string("wifi", "pass", "a password of more than thirty-two bytes"),
		esp_nvs_blob("x", "blob", blob, sizeof blob),
		esp_nvs_signed("x", "n", ESP_NVS_I64, -3),
	};
	guint8 image[SIZE], expected[SIZE];

	(void)state;
	memset(image, 0xFF, SIZE);
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++)
		assert_true(esp_nvs_set(image, SIZE, NULL, &entries[i], NULL, NULL));
	assert_true(
		esp_nvs_image_write(entries, G_N_ELEMENTS(entries), expected, SIZE, NULL, NULL));
	assert_memory_equal(image, expected, SIZE);
}

/* 0 would make further namespaces of its keys, 255 is the wildcard. */
static void takes_no_namespace_with_an_index_that_none_can_have(void **state)
{
	static const guint8 indices[] = {0, 255};

	(void)state;
	for (gsize i = 0; i < sizeof indices; i++) {
		const EspNvsEntry before = esp_nvs_unsigned("a", "k", ESP_NVS_U8, 1);
		const EspNvsEntry entry = esp_nvs_unsigned("a", "k", ESP_NVS_U8, 2);
		guint8 image[SIZE], *space = image + 64;

		assert_true(esp_nvs_image_write(&before, 1, image, SIZE, NULL, NULL));
		space[24] = indices[i];
		esp_put_le32(space + 4, esp_crc32(esp_crc_rom(space, 4), space + 8, 24));
		assert_true(esp_nvs_set(image, SIZE, NULL, &entry, NULL, NULL));
		assert_value(image, &entry);
		assert_int_equal(image[64 + 2 * 32 + 24], 1);
		assert_int_equal(image[64 + 3 * 32], 1);
	}
}

static void writes_nothing_more_into_a_page_that_is_damaged_behind_its_items(void **state)
{
	const EspNvsEntry first = esp_nvs_unsigned("a", "n", ESP_NVS_U8, 1);
	const EspNvsEntry fresh =
		esp_nvs_string("a", "k", "a text of more than one entry, for sure");
	guint8 image[SIZE];

	(void)state;
	memset(image, 0xFF, SIZE);
	assert_true(esp_nvs_set(image, SIZE, NULL, &first, NULL, NULL));
	image[64 + 32 * 3 + 5] = 0x00;
	assert_true(esp_nvs_set(image, SIZE, NULL, &fresh, NULL, NULL));
	assert_value(image, &first);
	assert_value(image, &fresh);
}

/* A device would erase every entry. */
static void touches_nothing_that_other_keys_encrypt(void **state)
{
	const EspNvsEntry entries[] = {esp_nvs_string("wifi", "ssid", "garden"),
				       esp_nvs_unsigned("wifi", "n", ESP_NVS_U8, 1)};
	Flash flash = {.cut_at = G_MAXUINT};
	EspNvsFlash port = callbacks(&flash);
	EspNvsKeys keys = {{1}, {2}}, other = {{1}, {3}};
	const EspNvsKeys *const wrong[] = {NULL, &other};
	guint8 image[SIZE], before[SIZE];

	(void)state;
	assert_true(esp_nvs_image_write(entries, 2, image, SIZE, NULL, NULL));
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	memcpy(before, image, SIZE);
	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) set_error = NULL, erase_error = NULL;

		assert_false(esp_nvs_set(image, SIZE, wrong[i], &entries[1], &port, &set_error));
		assert_true(g_error_matches(set_error, ESP_ERROR, ESP_ERROR_CORRUPT));
		assert_string_equal(set_error->message,
				    "not one entry of the NVS partition has a right CRC: it is "
				    "encrypted, or with other keys; a device would erase them all, "
				    "so nothing is written");
		assert_false(
			esp_nvs_erase(image, SIZE, wrong[i], "wifi", "n", &port, &erase_error));
		assert_true(g_error_matches(erase_error, ESP_ERROR, ESP_ERROR_CORRUPT));
		assert_memory_equal(image, before, SIZE);
	}
	assert_int_equal(flash.n_operations, 0);
	assert_true(esp_nvs_erase(image, SIZE, &keys, "wifi", "n", NULL, NULL));
}

static void an_encrypted_update_leaves_what_decrypts_to_the_plain_one(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "garden"),
		esp_nvs_blob("x", "blob", "abc", 3),
		esp_nvs_blob("x", "blob", "defgh", 5),
		esp_nvs_real("y", "n", ESP_NVS_DOUBLE, 9),
	};
	EspNvsKeys keys = {{1}, {2}};
	guint8 plain[SIZE], encrypted[SIZE];

	(void)state;
	memset(plain, 0xFF, SIZE);
	memset(encrypted, 0xFF, SIZE);
	for (guint i = 0; i < 2 * TIMES; i++) {
		EspNvsEntry boots = esp_nvs_unsigned("espalier", "boots", ESP_NVS_U32, i);
		const EspNvsEntry *entry = i < G_N_ELEMENTS(entries) ? &entries[i] : &boots;

		assert_true(esp_nvs_set(plain, SIZE, NULL, entry, NULL, NULL));
		assert_true(esp_nvs_set(encrypted, SIZE, &keys, entry, NULL, NULL));
	}
	/* Erased entries keep their bytes, which differ: written ones and all around them do not.
	 */
	assert_true(esp_nvs_decrypt(encrypted, SIZE, &keys, NULL));
	for (gsize page = 0; page < SIZE; page += ESP_NVS_PAGE_BYTES) {
		assert_memory_equal(plain + page, encrypted + page, 64);
		for (guint i = 0; i < ESP_NVS_PAGE_ENTRIES; i++)
			if ((plain[page + 32 + i / 4] >> (2 * (i % 4)) & 3) != 0)
				assert_memory_equal(plain + page + 64 + i * 32,
						    encrypted + page + 64 + i * 32, 32);
	}
}

static void does_not_go_beyond_the_last_sequence_number(void **state)
{
	const EspNvsEntry entry = esp_nvs_unsigned("a", "n", ESP_NVS_U8, 1);
	const EspNvsEntry fresh = esp_nvs_unsigned("a", "n", ESP_NVS_U8, 2);
	g_autoptr(GError) error = NULL;
	guint8 image[SIZE];

	(void)state;
	assert_true(esp_nvs_image_write(&entry, 1, image, SIZE, NULL, NULL));
	esp_put_le32(image + 4, 0xFFFFFFFF);
	esp_put_le32(image + 28, esp_crc_rom(image + 4, 24));
	assert_false(esp_nvs_set(image, SIZE, NULL, &fresh, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
	assert_string_equal(error->message,
			    "NVS page at 0x0 has the last sequence number there is, no page can "
			    "follow it; erase the partition");
	assert_value(image, &entry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_boots_through_many_pages),
		cmocka_unit_test(writes_nothing_for_an_equal_value),
		cmocka_unit_test(survives_a_power_cut_at_every_operation),
		cmocka_unit_test(says_that_it_is_full_and_keeps_what_was),
		cmocka_unit_test(says_that_it_is_full_when_a_move_gains_too_little),
		cmocka_unit_test(an_empty_blob_finds_room_at_every_place_of_a_page),
		cmocka_unit_test(erases_a_key_and_says_when_there_is_none),
		cmocka_unit_test(a_blob_that_lacks_a_part_is_no_key_to_erase),
		cmocka_unit_test(does_not_write_to_a_read_only_partition),
		cmocka_unit_test(updates_what_the_generator_lays_out),
		cmocka_unit_test(touches_nothing_that_other_keys_encrypt),
		cmocka_unit_test(an_encrypted_update_leaves_what_decrypts_to_the_plain_one),
		cmocka_unit_test(writes_the_bytes_that_the_generator_writes),
		cmocka_unit_test(takes_no_namespace_with_an_index_that_none_can_have),
		cmocka_unit_test(writes_nothing_more_into_a_page_that_is_damaged_behind_its_items),
		cmocka_unit_test(does_not_go_beyond_the_last_sequence_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
