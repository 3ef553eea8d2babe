/* The reader against partitions that ESP-IDF's own library wrote and read back. */
#include "base/digest.h"
#include "base/file.h"
#include "esp_nvs_world.h"

#define DATA ESPALIER_SOURCE_DIR "/tests/data/"

enum { FILE_MAX_BYTES = 1 << 20, IMAGES = 24 };

static GBytes *load(const char *path)
{
	g_autoptr(GError) error = NULL;
	GBytes *bytes = base_file_read(path, FILE_MAX_BYTES, &error);

	assert_null(error);
	return bytes;
}

static void load_keys(EspNvsKeys *keys)
{
	g_autoptr(GBytes) file = load(DATA "nvs-device/keys.bin");
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(file, &size);

	assert_true(esp_nvs_keys_read(data, size, keys, NULL));
}

/* One line of the .tsv, made from an entry. */
static char *line_of(const EspNvsEntry *entry)
{
	g_autofree char *value = NULL;
	const char *getter = esp_nvs_type_name(entry->type);

	switch (entry->type) {
	case ESP_NVS_STRING:
		getter = "str";
		value = base_hex(entry->value.text, strlen(entry->value.text) + 1);
		break;
	case ESP_NVS_BLOB:
		value = base_hex(entry->value.blob.data, entry->value.blob.size_bytes);
		break;
	default:
		value = ((guint)entry->type & 0x10) != 0
				? g_strdup_printf("%" G_GINT64_FORMAT, entry->value.i)
				: g_strdup_printf("%" G_GUINT64_FORMAT, entry->value.u);
	}
	return g_strdup_printf("%s\t%s\tnvs_get_%s\t%s", entry->space, entry->key, getter, value);
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *listing_of(GBytes *image, const EspNvsKeys *keys)
{
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(image, &size);
	g_autoptr(GError) error = NULL;
	g_autoptr(EspNvsContents) contents =
		esp_nvs_read_encrypted(data, size, keys, ESP_NVS_READ_DEFAULT, &error);
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	GString *text = g_string_new(NULL);

	assert_null(error);
	for (gsize i = 0; i < contents->n_entries; i++)
		g_ptr_array_add(lines, line_of(&contents->entries[i]));
	g_ptr_array_sort(lines, compare_lines);
	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(text, "%s\n", (const char *)g_ptr_array_index(lines, i));
	return g_string_free(text, FALSE);
}

static void reads_what_a_device_reads_from_the_images_it_wrote(void **state)
{
	g_autoptr(GDir) folder = g_dir_open(DATA "nvs-device", 0, NULL);
	g_auto(EspNvsKeys) keys = {0};
	const char *name;
	int images = 0;

	(void)state;
	assert_non_null(folder);
	load_keys(&keys);
	while ((name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *path = g_strconcat(DATA "nvs-device/", name, NULL);
		g_autofree char *expected_path = NULL, *listing = NULL;
		g_autoptr(GBytes) image = NULL, expected = NULL;

		if (!g_str_has_prefix(name, "dev-") || !g_str_has_suffix(name, ".bin"))
			continue;
		images++;
		memcpy(strrchr(path, '.'), ".tsv", 4);
		expected_path = g_steal_pointer(&path);
		path = g_strconcat(DATA "nvs-device/", name, NULL);
		image = load(path);
		expected = load(expected_path);
		listing = listing_of(image, strstr(name, "-xts") == NULL ? NULL : &keys);
		if (strlen(listing) != g_bytes_get_size(expected) ||
		    memcmp(listing, g_bytes_get_data(expected, NULL), strlen(listing)) != 0)
			fail_msg("%s reads otherwise than on the device", name);
	}
	assert_int_equal(images, IMAGES);
}

/* ---- Crafted partitions: parts of images put together as power cuts leave them ---- */

static void the_later_of_two_wins_within_the_active_page(void **state)
{
	guint8 image[SIZE], other[SIZE];
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	one_key(image, 1);
	one_key(other, 2);
	copy_entries(image, 2, other, 1, 1);
	contents = read_all(image);
	assert_int_equal(contents->n_entries, 1);
	assert_int_equal(esp_nvs_find(contents, "a", "k")->value.u, 2);
}

static void the_older_of_two_wins_between_full_pages(void **state)
{
	guint8 image[SIZE], other[SIZE];
	const EspNvsEntry entries[] = {esp_nvs_unsigned("a", "k", ESP_NVS_U8, 2),
				       esp_nvs_unsigned("a", "last", ESP_NVS_U8, 3)};
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	one_key(image, 1);
	image[0] = 0xFC;
	lay_out(other, entries, 2);
	/* The second page: same header but for the sequence number of page 1. */
	memcpy(image + PAGE, other, PAGE);
	esp_nvs_image_write((const EspNvsEntry[]){esp_nvs_blob("x", "y", image, 5000)}, 1, other,
			    SIZE, NULL, NULL);
	memcpy(image + PAGE, other + PAGE, 32);
	contents = read_all(image);
	assert_int_equal(contents->n_entries, 2);
	assert_int_equal(esp_nvs_find(contents, "a", "k")->value.u, 1);
	assert_int_equal(esp_nvs_find(contents, "a", "last")->value.u, 3);
}

static void pages_are_read_by_their_number_not_their_place(void **state)
{
	static guint8 blob[5000];
	const EspNvsEntry entry = esp_nvs_blob("a", "b", blob, sizeof blob);
	guint8 image[SIZE], swapped[SIZE];
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	memset(blob, 0x5A, sizeof blob);
	lay_out(image, &entry, 1);
	memset(swapped, 0xFF, SIZE);
	memcpy(swapped, image + PAGE, PAGE);
	memcpy(swapped + 3 * PAGE, image, PAGE);
	contents = read_all(swapped);
	assert_int_equal(contents->n_entries, 1);
	assert_memory_equal(esp_nvs_find(contents, "a", "b")->value.blob.data, blob, sizeof blob);
}

static void what_is_damaged_is_not_there_and_the_rest_is(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("a", "text", "a string of more than thirty-two bytes, surely"),
		esp_nvs_blob("a", "blob", "blob", 4),
		esp_nvs_unsigned("a", "n", ESP_NVS_U8, 9),
	};
	/* 0 namespace, 1..3 text, 4..5 chunk, 6 index, 7 number */
	static const struct {
		guint index, offset;
		const char *gone;
	} rows[] = {{1, 9, "text"}, {3, 0, "text"},  {5, 1, "blob"},
		    {4, 2, "blob"}, {6, 24, "blob"}, {7, 24, "n"}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 image[SIZE];
		g_autoptr(EspNvsContents) contents = NULL;

		lay_out(image, entries, 3);
		entry_at(image, rows[i].index)[rows[i].offset] ^= 0x01;
		contents = read_all(image);
		assert_int_equal(contents->n_entries, 2);
		assert_null(esp_nvs_find(contents, "a", rows[i].gone));
		assert_true(contents->n_damaged > 0);
	}
}

static void a_half_written_item_is_not_there(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "n", ESP_NVS_U8, 9),
		esp_nvs_string("a", "text", "a string of more than thirty-two bytes, surely"),
	};

	(void)state;
	/* 0 namespace, 1 number, 2..4 text: the bitmap is behind by one, two, three entries. */
	for (guint behind = 1; behind <= 3; behind++) {
		guint8 image[SIZE];
		g_autoptr(EspNvsContents) contents = NULL;

		lay_out(image, entries, 2);
		for (guint i = 0; i < behind; i++)
			set_state(image, 4 - i, 3);
		contents = read_all(image);
		assert_int_equal(contents->n_entries, 1);
		assert_int_equal(esp_nvs_find(contents, "a", "n")->value.u, 9);
	}
}

static void a_blob_without_its_index_or_a_chunk_is_not_there(void **state)
{
	static guint8 blob[5000];
	const EspNvsEntry entry = esp_nvs_blob("a", "b", blob, sizeof blob);
	static const struct {
		gsize page;
		guint index;
	} rows[] = {{0, 1}, {PAGE, 0}, {PAGE, 33}};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 image[SIZE];
		g_autoptr(EspNvsContents) contents = NULL;

		lay_out(image, &entry, 1);
		set_state(image + rows[i].page, rows[i].index, 0);
		contents = read_all(image);
		assert_int_equal(contents->n_entries, 0);
	}
}

static void refuses_a_newer_format_and_odd_sizes(void **state)
{
	guint8 image[SIZE];
	g_autoptr(GError) newer = NULL, odd = NULL, none = NULL;
	static const guint8 header[] = {0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFD};
	guint32 crc;

	(void)state;
	one_key(image, 1);
	memcpy(image, header, sizeof header);
	crc = GUINT32_TO_LE(esp_crc_rom(image + 4, 24));
	memcpy(image + 28, &crc, sizeof crc);
	assert_null(esp_nvs_read(image, SIZE, 0, &newer));
	assert_true(g_error_matches(newer, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED));
	assert_string_equal(newer->message,
			    "NVS page with sequence number 0 has format version 0xfd, newer than "
			    "0xfe: the device refuses the partition, too");
	assert_null(esp_nvs_read(image, SIZE - 1, 0, &odd));
	assert_true(g_error_matches(odd, ESP_ERROR, ESP_ERROR_INVALID));
	assert_null(esp_nvs_read(image, 0, 0, &none));
	assert_true(g_error_matches(none, ESP_ERROR, ESP_ERROR_INVALID));
}

static void salvages_what_a_device_would_refuse(void **state)
{
	static const guint8 blob[4032 - 96] = {9};
	const EspNvsEntry entries[] = {esp_nvs_unsigned("a", "n", ESP_NVS_U8, 9),
				       esp_nvs_blob("a", "b", blob, sizeof blob)};
	guint8 image[SIZE];
	g_autoptr(EspNvsContents) newer = NULL, cut = NULL;

	(void)state;
	lay_out(image, entries, 2);
	assert_int_equal(image[PAGE], 0xFE);
	image[PAGE + 8] = 0xFD;
	sign_header(image + PAGE);
	assert_null(esp_nvs_read(image, SIZE, ESP_NVS_READ_DEFAULT, NULL));
	newer = esp_nvs_read(image, SIZE, ESP_NVS_READ_SALVAGE, NULL);
	assert_int_equal(newer->n_entries, 1);
	assert_int_equal(esp_nvs_find(newer, "a", "n")->value.u, 9);
	assert_null(esp_nvs_read(image, PAGE + 7, ESP_NVS_READ_DEFAULT, NULL));
	cut = esp_nvs_read(image, PAGE + 7, ESP_NVS_READ_SALVAGE, NULL);
	assert_int_equal(cut->n_entries, 1);
	assert_null(esp_nvs_read(image, PAGE - 1, ESP_NVS_READ_SALVAGE, NULL));
}

/* Page 0 was being moved: its copy has got as far as the namespace, and another key was there
 * first. */
static void a_move_is_done_again_only_where_the_device_can_write(void **state)
{
	static const struct {
		gsize size;
		gboolean finds_other;
	} rows[] = {{2 * PAGE, TRUE}, {3 * PAGE, FALSE}};
	guint8 image[SIZE], other[SIZE];
	const EspNvsEntry entry = esp_nvs_unsigned("a", "other", ESP_NVS_U8, 2);

	(void)state;
	one_key(image, 1);
	lay_out(other, &entry, 1);
	memcpy(image + PAGE, other, PAGE);
	esp_put_le32(image, 0xFFFFFFF8);
	esp_put_le32(image + PAGE + 4, 1);
	sign_header(image + PAGE);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(EspNvsContents) contents =
			esp_nvs_read(image, rows[i].size, ESP_NVS_READ_DEFAULT, NULL);

		assert_int_equal(esp_nvs_find(contents, "a", "k")->value.u, 1);
		assert_int_equal(esp_nvs_find(contents, "a", "other") != NULL, rows[i].finds_other);
	}
}

/* The chunk of a number means nothing, and so no order. */
static void the_older_of_two_wins_whatever_their_chunks(void **state)
{
	guint8 image[SIZE], other[SIZE];
	const EspNvsEntry entries[] = {esp_nvs_unsigned("a", "k", ESP_NVS_U8, 2),
				       esp_nvs_unsigned("a", "last", ESP_NVS_U8, 3)};
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	one_key(image, 1);
	lay_out(other, entries, 2);
	entry_at(other, 1)[3] = 5;
	sign_entry(other, 1);
	memcpy(image + PAGE, other, PAGE);
	esp_put_le32(image, 0xFFFFFFFC);
	esp_put_le32(image + PAGE + 4, 1);
	sign_header(image + PAGE);
	contents = read_all(image);
	assert_int_equal(esp_nvs_find(contents, "a", "k")->value.u, 1);
}

static void an_index_has_the_first_name_and_a_name_the_first_index(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "k", ESP_NVS_U8, 1),
		esp_nvs_unsigned("b", "k", ESP_NVS_U8, 2),
		esp_nvs_unsigned("c", "k", ESP_NVS_U8, 3),
	};
	guint8 image[SIZE];
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	lay_out(image, entries, 3);
	/* In a full page nothing is taken for what a cut update left. */
	esp_put_le32(image, 0xFFFFFFFC);
	entry_at(image, 2)[24] = 1; /* "b" is 1, too: its keys, of 2, have no name */
	sign_entry(image, 2);
	entry_at(image, 4)[8] = 'a'; /* 3 is "a", too: a name is looked up once */
	sign_entry(image, 4);
	contents = read_all(image);
	assert_int_equal(contents->n_entries, 1);
	assert_string_equal(contents->entries[0].space, "a");
	assert_int_equal(contents->entries[0].value.u, 1);
}

static void what_follows_a_names_end_is_nothing(void **state)
{
	guint8 image[SIZE];
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	one_key(image, 5);
	entry_at(image, 1)[8 + 3] = 'x';
	sign_entry(image, 1);
	contents = read_all(image);
	assert_int_equal(contents->n_entries, 1);
	assert_int_equal(esp_nvs_find(contents, "a", "k")->value.u, 5);
}

static void keys_come_by_namespace_and_then_by_name(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("b", "b", ESP_NVS_U8, 1),
		esp_nvs_unsigned("b", "ab", ESP_NVS_U8, 2),
		esp_nvs_unsigned("c", "x", ESP_NVS_U8, 3),
		esp_nvs_unsigned("a", "z", ESP_NVS_U8, 4),
		esp_nvs_unsigned("a", "12345678b", ESP_NVS_U8, 5),
		esp_nvs_unsigned("a", "12345678a", ESP_NVS_U8, 6),
	};
	static const guint8 order[] = {6, 5, 4, 2, 1, 3};
	guint8 image[SIZE];
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	lay_out(image, entries, G_N_ELEMENTS(entries));
	contents = read_all(image);
	assert_int_equal(contents->n_entries, sizeof order);
	for (gsize i = 0; i < sizeof order; i++)
		assert_int_equal(contents->entries[i].value.u, order[i]);
}

static void an_erased_or_meaningless_partition_is_empty(void **state)
{
	static const guint8 fills[] = {0xFF, 0x00, 0xA5};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(fills); i++) {
		guint8 image[SIZE];
		g_autoptr(EspNvsContents) contents = NULL;

		memset(image, fills[i], SIZE);
		contents = read_all(image);
		assert_int_equal(contents->n_entries, 0);
		assert_null(esp_nvs_find(contents, "a", "k"));
	}
}

static void old_blobs_are_read_only_when_asked_for(void **state)
{
	guint8 image[SIZE];
	const EspNvsEntry entry = esp_nvs_string("a", "k", "abc");
	g_autoptr(EspNvsContents) contents = NULL, old = NULL;
	guint8 *at;
	guint8 covered[28];
	guint32 crc;

	(void)state;
	lay_out(image, &entry, 1);
	at = entry_at(image, 1);
	at[1] = 0x41;
	memcpy(covered, at, 4);
	memcpy(covered + 4, at + 8, 24);
	crc = GUINT32_TO_LE(esp_crc_rom(covered, sizeof covered));
	memcpy(at + 4, &crc, sizeof crc);
	contents = read_all(image);
	assert_int_equal(contents->n_entries, 0);
	old = esp_nvs_read(image, SIZE, ESP_NVS_READ_OLD_BLOBS, NULL);
	assert_int_equal(old->n_entries, 1);
	assert_int_equal(old->entries[0].type, ESP_NVS_BLOB);
	assert_int_equal(old->entries[0].value.blob.size_bytes, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_device_reads_from_the_images_it_wrote),
		cmocka_unit_test(the_later_of_two_wins_within_the_active_page),
		cmocka_unit_test(the_older_of_two_wins_between_full_pages),
		cmocka_unit_test(pages_are_read_by_their_number_not_their_place),
		cmocka_unit_test(what_is_damaged_is_not_there_and_the_rest_is),
		cmocka_unit_test(a_half_written_item_is_not_there),
		cmocka_unit_test(a_blob_without_its_index_or_a_chunk_is_not_there),
		cmocka_unit_test(refuses_a_newer_format_and_odd_sizes),
		cmocka_unit_test(salvages_what_a_device_would_refuse),
		cmocka_unit_test(a_move_is_done_again_only_where_the_device_can_write),
		cmocka_unit_test(the_older_of_two_wins_whatever_their_chunks),
		cmocka_unit_test(an_index_has_the_first_name_and_a_name_the_first_index),
		cmocka_unit_test(what_follows_a_names_end_is_nothing),
		cmocka_unit_test(keys_come_by_namespace_and_then_by_name),
		cmocka_unit_test(an_erased_or_meaningless_partition_is_empty),
		cmocka_unit_test(old_blobs_are_read_only_when_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
