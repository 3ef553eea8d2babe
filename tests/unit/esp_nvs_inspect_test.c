/* The damage report: each fault planted into a whole image, and what is said of it. */
#include "esp/nvs_inspect.h"

#include "base/file.h"
#include "esp_nvs_world.h"

#define DATA ESPALIER_SOURCE_DIR "/tests/data/nvs-device/"

enum { FILE_MAX_BYTES = 1 << 20 };

static const guint8 blob[5000] = {1, 2, 3};

/* 0 namespace, 1..3 text, 4 number; 5..125 and 0..35 of page 1 the blob's parts, 36 its index. */
static void whole_image(guint8 *image)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("a", "text", "a string of more than thirty-two bytes, surely"),
		esp_nvs_unsigned("a", "n", ESP_NVS_U8, 9),
		esp_nvs_blob("a", "blob", blob, sizeof blob),
	};

	lay_out(image, entries, G_N_ELEMENTS(entries));
}

static EspNvsInspection *inspect(const guint8 *image, gsize size)
{
	g_autoptr(GError) error = NULL;
	EspNvsInspection *inspection = esp_nvs_inspect(image, size, NULL, &error);

	assert_null(error);
	return inspection;
}

static void finds_nothing_in_a_whole_image(void **state)
{
	guint8 image[SIZE];
	g_autoptr(EspNvsInspection) inspection = NULL;
	const EspNvsPageSummary *pages;

	(void)state;
	whole_image(image);
	inspection = inspect(image, SIZE);
	assert_int_equal(inspection->n_findings, 0);
	assert_int_equal(inspection->n_faults + inspection->n_warnings + inspection->n_notes, 0);
	assert_int_equal(inspection->n_pages, 4);
	pages = inspection->pages;
	assert_string_equal(pages[0].state, "full");
	assert_int_equal(pages[0].n_written, 126);
	assert_int_equal(pages[0].format_version, 2);
	assert_string_equal(pages[1].state, "active");
	assert_int_equal(pages[1].offset, PAGE);
	assert_int_equal(pages[1].sequence, 1);
	assert_int_equal(pages[1].state_word, 0xFFFFFFFE);
	assert_int_equal(pages[1].n_written, 39);
	assert_int_equal(pages[1].n_empty, 126 - 39);
	assert_string_equal(pages[2].state, "unused");
	assert_int_equal(pages[2].n_empty, 0);
}

static void counts_the_states_of_a_pages_entries(void **state)
{
	guint8 image[SIZE];
	g_autoptr(EspNvsInspection) inspection = NULL;

	(void)state;
	whole_image(image);
	for (guint i = 1; i < 5; i++)
		set_state(image, i, ERASED);
	set_state(image + PAGE, 60, ILLEGAL);
	inspection = inspect(image, SIZE);
	assert_int_equal(inspection->pages[0].n_erased, 4);
	assert_int_equal(inspection->pages[0].n_written, 122);
	assert_int_equal(inspection->pages[1].n_illegal, 1);
	assert_int_equal(inspection->pages[1].n_empty, 126 - 39 - 1);
}

/* ---- One fault each ---- */

static void damage_state_word(guint8 *image)
{
	esp_put_le32(image, 0x12345678);
}

static void damage_state_word_of_an_empty_page(guint8 *image)
{
	esp_put_le32(image + 2 * PAGE, 0xFFFFFF00);
}

static void mark_corrupt(guint8 *image)
{
	esp_put_le32(image + 2 * PAGE, 0xFFFFFFF0);
}

static void put_a_byte_into_a_free_page(guint8 *image)
{
	image[3 * PAGE - 1] = 0;
}

static void erase_a_state_word(guint8 *image)
{
	esp_put_le32(image + PAGE, 0xFFFFFFFF);
}

static void damage_header(guint8 *image)
{
	image[PAGE + 9] = 0;
}

static void raise_version(guint8 *image)
{
	image[PAGE + 8] = 0xFD;
	sign_header(image + PAGE);
}

static void repeat_sequence(guint8 *image)
{
	esp_put_le32(image + PAGE + 4, 0);
	sign_header(image + PAGE);
}

static void leave_a_move(guint8 *image)
{
	esp_put_le32(image, 0xFFFFFFF8);
}

static void leave_two_moves(guint8 *image)
{
	esp_put_le32(image, 0xFFFFFFF8);
	esp_put_le32(image + PAGE, 0xFFFFFFF8);
}

static void activate_a_full_page(guint8 *image)
{
	esp_put_le32(image, 0xFFFFFFFE);
}

static void give_an_illegal_state(guint8 *image)
{
	set_state(image, 4, ILLEGAL);
}

static void write_behind_the_end(guint8 *image)
{
	set_state(image + PAGE, 50, WRITTEN);
	set_state(image + PAGE, 51, WRITTEN);
}

static void write_without_a_mark(guint8 *image)
{
	entry_at(image + PAGE, 39)[0] = 1;
	entry_at(image + PAGE, 40)[31] = 1;
}

static void cut_a_string(guint8 *image)
{
	set_state(image, 3, EMPTY);
}

static void damage_an_entry(guint8 *image)
{
	entry_at(image, 4)[10] ^= 1;
}

static void damage_a_string(guint8 *image)
{
	entry_at(image, 1)[0] ^= 1;
}

static void give_an_unknown_type(guint8 *image)
{
	entry_at(image, 4)[1] = 0x33;
	sign_entry(image, 4);
}

static void give_a_wrong_span(guint8 *image)
{
	entry_at(image, 1)[2] = 126;
	sign_entry(image, 1);
}

static void give_a_part_no_chunk(guint8 *image)
{
	entry_at(image, 5)[3] = 0xFF;
	sign_entry(image, 5);
}

static void damage_data(guint8 *image)
{
	entry_at(image, 2)[0] ^= 1;
}

static void lose_a_part(guint8 *image)
{
	for (guint i = 0; i < 38; i++)
		set_state(image + PAGE, i, ERASED);
}

static void lose_an_index(guint8 *image)
{
	set_state(image + PAGE, 38, ERASED);
}

static void resize_an_index(guint8 *image)
{
	esp_put_le32(entry_at(image + PAGE, 38) + 24, 5001);
	sign_entry(image + PAGE, 38);
}

static void make_an_old_blob(guint8 *image)
{
	entry_at(image, 1)[1] = 0x41;
	sign_entry(image, 1);
}

static void lose_the_namespace(guint8 *image)
{
	set_state(image, 0, ERASED);
}

static void give_a_namespace_no_index(guint8 *image)
{
	entry_at(image, 0)[24] = 255;
	sign_entry(image, 0);
}

static void repeat_a_key(guint8 *image)
{
	copy_entries(image + PAGE, 39, image, 4, 1);
}

static void repeat_a_key_between_others(guint8 *image)
{
	copy_entries(image + PAGE, 39, image, 4, 1);
	copy_entries(image + PAGE, 40, image, 0, 1);
	entry_at(image + PAGE, 40)[8] = 'z';
	entry_at(image + PAGE, 40)[24] = 9;
	sign_entry(image + PAGE, 40);
}

static void give_a_name_outside_ascii(guint8 *image)
{
	entry_at(image, 4)[8] = 0x07;
	sign_entry(image, 4);
}

static void purge(guint8 *image)
{
	set_state(image, 4, ERASED);
	memset(entry_at(image, 4), 0, ENTRY);
}

static void use_every_page(guint8 *image)
{
	for (gsize page = 2; page < 4; page++) {
		memcpy(image + page * PAGE, image + PAGE, HEADER);
		esp_put_le32(image + page * PAGE + 4, (guint32)page);
		esp_put_le32(image + page * PAGE, 0xFFFFFFFC);
		sign_header(image + page * PAGE);
	}
	esp_put_le32(image + PAGE, 0xFFFFFFFC);
}

typedef struct {
	void (*plant)(guint8 *image);
	EspNvsSeverity severity;
	EspNvsFindingKind kind;
	gssize page, entry;
	const char *text;
} Row;

static const Row rows[] = {
	{damage_state_word, ESP_NVS_FAULT, ESP_NVS_FINDING_PAGE_STATE, 0, -1,
	 "the page's state word 0x12345678 is none; the device takes it for free"},
	{damage_state_word_of_an_empty_page, ESP_NVS_WARNING, ESP_NVS_FINDING_PAGE_STATE, 2, -1,
	 "the page's state word 0xffffff00 is none; the device takes it for free"},
	{mark_corrupt, ESP_NVS_WARNING, ESP_NVS_FINDING_PAGE_STATE, 2, -1,
	 "the page was marked corrupt; the device takes it for free"},
	{put_a_byte_into_a_free_page, ESP_NVS_WARNING, ESP_NVS_FINDING_PAGE_NOT_EMPTY, 2, -1,
	 "the page is unused, but not empty: an erase was cut off, or its state word was erased; "
	 "the device takes it for free"},
	{erase_a_state_word, ESP_NVS_FAULT, ESP_NVS_FINDING_PAGE_NOT_EMPTY, 1, -1, NULL},
	{damage_header, ESP_NVS_FAULT, ESP_NVS_FINDING_HEADER_CRC, 1, -1,
	 "the page's header has a wrong CRC; the device takes it for free"},
	{raise_version, ESP_NVS_FAULT, ESP_NVS_FINDING_VERSION, 1, -1,
	 "the page has format version 0xfd, newer than 0xfe: the device refuses the partition "
	 "(error 0x1110)"},
	{repeat_sequence, ESP_NVS_FAULT, ESP_NVS_FINDING_SEQUENCE, 1, -1,
	 "the page has the sequence number 0 of page 0, too: which is newer is not known"},
	{leave_a_move, ESP_NVS_WARNING, ESP_NVS_FINDING_FREEING, 0, -1,
	 "the page was being moved when the power went; the next mount moves it again"},
	{leave_two_moves, ESP_NVS_FAULT, ESP_NVS_FINDING_FREEING, 1, -1,
	 "the page was being moved, as was page 0: a mount moves one, and loses what the next one "
	 "had copied"},
	{activate_a_full_page, ESP_NVS_FAULT, ESP_NVS_FINDING_TWO_ACTIVE, 0, -1,
	 "the page is active, but page 1 has a higher sequence number"},
	{give_an_illegal_state, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_STATE, 0, 4,
	 "the entry has the value 1 in the bitmap, which is no state"},
	{write_behind_the_end, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_STATE, 1, 50,
	 "2 entries are written behind entry 39, which is empty: the device does not look at them"},
	{write_without_a_mark, ESP_NVS_WARNING, ESP_NVS_FINDING_HALF_WRITTEN, 1, 39,
	 "2 entries hold bytes, but are not marked as written: a write was cut off"},
	{cut_a_string, ESP_NVS_WARNING, ESP_NVS_FINDING_HALF_WRITTEN, 0, 1,
	 "key 'a.text' was cut off: 2 of its 3 entries are written"},
	{damage_an_entry, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_CRC, 0, 4,
	 "1 written entry has a wrong CRC and is lost"},
	{damage_a_string, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_CRC, 0, 1,
	 "3 written entries have a wrong CRC and are lost"},
	{give_an_unknown_type, ESP_NVS_FAULT, ESP_NVS_FINDING_TYPE, 0, 4,
	 "key 'a.n' has the type 0x33, which is none"},
	{give_a_wrong_span, ESP_NVS_FAULT, ESP_NVS_FINDING_SPAN, 0, 1,
	 "key 'a.text' of type 0x21 has span 126, chunk 0xff and size 47, which do not fit each "
	 "other or the page"},
	{give_a_part_no_chunk, ESP_NVS_FAULT, ESP_NVS_FINDING_SPAN, 0, 5,
	 "key 'a.blob' of type 0x42 has span 121, chunk 0xff and size 3840, which do not fit each "
	 "other or the page"},
	{damage_data, ESP_NVS_FAULT, ESP_NVS_FINDING_DATA_CRC, 0, 1,
	 "key 'a.text': its 47 bytes have a wrong CRC, so it is not found"},
	{lose_a_part, ESP_NVS_FAULT, ESP_NVS_FINDING_BLOB_INDEX, 1, 38,
	 "key 'a.blob' wants 2 parts of 5000 bytes, 1 of 3840 bytes are there"},
	{lose_an_index, ESP_NVS_WARNING, ESP_NVS_FINDING_BLOB_PART, 0, 5,
	 "key 'a.blob': part 0x00 is in no blob; an update was cut off"},
	{resize_an_index, ESP_NVS_FAULT, ESP_NVS_FINDING_BLOB_INDEX, 1, 38,
	 "key 'a.blob' wants 2 parts of 5001 bytes, 2 of 5000 bytes are there"},
	{make_an_old_blob, ESP_NVS_NOTE, ESP_NVS_FINDING_OLD_BLOB, 0, 1,
	 "key 'a.text' is a blob of format version 1: found, but not listed"},
	{lose_the_namespace, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE, 0, 1,
	 "key 'text' of namespace 1: its namespace is not defined, so no name reaches it"},
	{give_a_namespace_no_index, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE, 0, 0,
	 "namespace 'a' has the index 255; 1 to 254 are allowed"},
	{repeat_a_key, ESP_NVS_WARNING, ESP_NVS_FINDING_DUPLICATE, 1, 39,
	 "key 'a.n' is also in page 0, entry 4, from which an update had not erased it yet"},
	{repeat_a_key_between_others, ESP_NVS_FAULT, ESP_NVS_FINDING_DUPLICATE, 1, 39,
	 "key 'a.n' is also in page 0, entry 4, where it is found first"},
	{give_a_name_outside_ascii, ESP_NVS_NOTE, ESP_NVS_FINDING_KEY, 0, 4,
	 "key 'a.?': its name is empty or not printable ASCII"},
	{purge, ESP_NVS_NOTE, ESP_NVS_FINDING_PURGED, 0, 4,
	 "1 erased entries of the page were purged"},
	{use_every_page, ESP_NVS_FAULT, ESP_NVS_FINDING_NO_FREE_PAGE, -1, -1,
	 "no page is free: a device mounts it read-only or not at all (error 0x110d); give it one "
	 "more page"},
};

static const EspNvsFinding *find(const EspNvsInspection *inspection, const Row *row)
{
	for (gsize i = 0; i < inspection->n_findings; i++) {
		const EspNvsFinding *finding = &inspection->findings[i];

		if (finding->kind == row->kind && finding->page == row->page &&
		    finding->entry == row->entry)
			return finding;
	}
	return NULL;
}

static gsize offset_of(const Row *row)
{
	gsize page = row->page < 0 ? 0 : (gsize)row->page * PAGE;

	return row->entry < 0 ? page : page + ENTRIES + (gsize)row->entry * ENTRY;
}

static void says_where_and_what_each_fault_is(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 image[SIZE], before[SIZE];
		g_autoptr(EspNvsInspection) inspection = NULL;
		const EspNvsFinding *finding;

		whole_image(image);
		rows[i].plant(image);
		memcpy(before, image, SIZE);
		inspection = inspect(image, SIZE);
		assert_memory_equal(image, before, SIZE);
		finding = find(inspection, &rows[i]);
		if (finding == NULL)
			fail_msg("fault %zu is not found", i);
		if (finding->severity != rows[i].severity)
			fail_msg("fault %zu has severity %u", i, finding->severity);
		assert_int_equal(finding->offset, offset_of(&rows[i]));
		if (rows[i].text != NULL)
			assert_string_equal(finding->text, rows[i].text);
	}
}

static void says_no_more_than_the_fault_that_is_there(void **state)
{
	/* Those that hide nothing but themselves. */
	static void (*const alone[])(guint8 *) = {mark_corrupt,
						  put_a_byte_into_a_free_page,
						  leave_a_move,
						  write_without_a_mark,
						  cut_a_string,
						  damage_an_entry,
						  damage_a_string,
						  damage_data,
						  purge,
						  repeat_a_key,
						  make_an_old_blob,
						  use_every_page};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(alone); i++) {
		guint8 image[SIZE];
		g_autoptr(EspNvsInspection) inspection = NULL;

		whole_image(image);
		alone[i](image);
		inspection = inspect(image, SIZE);
		for (gsize f = 0; f < inspection->n_findings && inspection->n_findings != 1; f++)
			print_message("  %s\n", inspection->findings[f].text);
		assert_int_equal(inspection->n_findings, 1);
		assert_int_equal(inspection->n_more, 0);
	}
}

static void says_what_is_wrong_with_the_size(void **state)
{
	static const struct {
		gsize size, pages;
		EspNvsSeverity severity;
		const char *text;
	} sizes[] = {
		{0, 0, ESP_NVS_FAULT, "the image ends after 0x0 bytes, before its first page does"},
		{0xFFF, 0, ESP_NVS_FAULT,
		 "the image ends after 0xfff bytes, before its first page does"},
		{0x3801, 3, ESP_NVS_FAULT,
		 "the image has 0x3801 bytes, no multiple of 0x1000: it was cut or grew; the last "
		 "0x801 are not looked at"},
		{0x2000, 2, ESP_NVS_NOTE,
		 "with 0x2000 bytes the partition can only be read; writing needs 0x3000"},
	};
	guint8 image[SIZE];

	(void)state;
	whole_image(image);
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(EspNvsInspection) inspection = inspect(image, sizes[i].size);

		assert_int_equal(inspection->n_pages, sizes[i].pages);
		assert_int_equal(inspection->n_findings, 1);
		assert_int_equal(inspection->findings[0].kind, ESP_NVS_FINDING_SIZE);
		assert_int_equal(inspection->findings[0].severity, sizes[i].severity);
		assert_int_equal(inspection->findings[0].page, -1);
		assert_string_equal(inspection->findings[0].text, sizes[i].text);
	}
}

static void refuses_what_is_larger_than_any_partition(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(
		esp_nvs_inspect((const guint8 *)"", (gsize)ESP_NVS_MAX_BYTES + 1, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
}

static void suspects_the_keys_when_every_entry_fails(void **state)
{
	EspNvsKeys keys = vector_keys(), other = vector_keys();
	guint8 image[SIZE];
	g_autoptr(EspNvsInspection) without = NULL, with = NULL, wrong = NULL;

	(void)state;
	other.data[5] ^= 1;
	whole_image(image);
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	without = inspect(image, SIZE);
	assert_true(without->looks_encrypted);
	assert_int_equal(without->n_findings, 1);
	assert_string_equal(without->findings[0].text,
			    "not one written entry has a right CRC: the image is encrypted, or "
			    "damaged from end to end");
	with = esp_nvs_inspect(image, SIZE, &keys, NULL);
	assert_false(with->looks_encrypted);
	assert_int_equal(with->n_findings, 0);
	wrong = esp_nvs_inspect(image, SIZE, &other, NULL);
	assert_true(wrong->looks_encrypted);
	assert_string_equal(wrong->findings[0].text,
			    "not one written entry has a right CRC: the keys are not those of the "
			    "image, or it is not encrypted");
}

static void keeps_no_more_findings_than_its_limit_and_counts_the_rest(void **state)
{
	guint8 image[SIZE];
	g_autoptr(EspNvsInspection) inspection = NULL;

	(void)state;
	memset(image, 0xFF, SIZE);
	for (gsize page = 0; page < 3; page++) {
		memcpy(image + page * PAGE, (const guint8[]){0xFC, 0xFF, 0xFF, 0xFF}, 4);
		esp_put_le32(image + page * PAGE + 4, (guint32)page);
		sign_header(image + page * PAGE);
		for (guint i = 0; i < 126; i++)
			set_state(image + page * PAGE, i, ILLEGAL);
	}
	inspection = inspect(image, SIZE);
	assert_int_equal(inspection->n_findings, ESP_NVS_FINDINGS_MAX);
	assert_int_equal(inspection->n_more, 3 * 126 - ESP_NVS_FINDINGS_MAX);
	assert_int_equal(inspection->n_faults, 3 * 126);
	assert_int_equal(inspection->pages[2].n_illegal, 126);
}

static void findings_come_by_place(void **state)
{
	guint8 image[SIZE];
	g_autoptr(EspNvsInspection) inspection = NULL;

	(void)state;
	whole_image(image);
	lose_a_part(image);
	damage_data(image);
	damage_an_entry(image);
	use_every_page(image);
	inspection = inspect(image, SIZE);
	assert_true(inspection->n_findings >= 4);
	for (gsize i = 1; i < inspection->n_findings; i++) {
		const EspNvsFinding *a = &inspection->findings[i - 1], *b = a + 1;

		assert_true(a->page < b->page || (a->page == b->page && a->entry <= b->entry));
	}
}

static void names_its_findings(void **state)
{
	(void)state;
	for (int kind = ESP_NVS_FINDING_SIZE; kind <= ESP_NVS_FINDING_PURGED; kind++)
		assert_true(strlen(esp_nvs_finding_name((EspNvsFindingKind)kind)) > 2);
	assert_string_equal(esp_nvs_finding_name(ESP_NVS_FINDING_DATA_CRC), "dataCrc");
}

/* A device's own images have what a cut leaves, and nothing that is damaged. */
static void finds_no_fault_in_what_a_device_wrote(void **state)
{
	g_autoptr(GDir) folder = g_dir_open(DATA, 0, NULL);
	g_autoptr(GBytes) key_file = base_file_read(DATA "keys.bin", FILE_MAX_BYTES, NULL);
	g_auto(EspNvsKeys) keys = {0};
	const char *name;
	guint n_images = 0;

	(void)state;
	assert_true(esp_nvs_keys_read(g_bytes_get_data(key_file, NULL), g_bytes_get_size(key_file),
				      &keys, NULL));
	while ((name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *path = g_strconcat(DATA, name, NULL);
		g_autoptr(GBytes) file = base_file_read(path, FILE_MAX_BYTES, NULL);
		g_autoptr(EspNvsInspection) inspection = NULL;

		if (!g_str_has_prefix(name, "dev-") || !g_str_has_suffix(name, ".bin"))
			continue;
		n_images++;
		inspection = esp_nvs_inspect(g_bytes_get_data(file, NULL), g_bytes_get_size(file),
					     strstr(name, "-xts") == NULL ? NULL : &keys, NULL);
		for (gsize i = 0; i < inspection->n_findings; i++)
			if (inspection->findings[i].severity == ESP_NVS_FAULT)
				fail_msg("%s: page %zd, entry %zd: %s", name,
					 inspection->findings[i].page,
					 inspection->findings[i].entry,
					 inspection->findings[i].text);
		if (strstr(name, "-cut") == NULL)
			assert_int_equal(inspection->n_warnings, 0);
	}
	assert_int_equal(n_images, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_nothing_in_a_whole_image),
		cmocka_unit_test(counts_the_states_of_a_pages_entries),
		cmocka_unit_test(says_where_and_what_each_fault_is),
		cmocka_unit_test(says_no_more_than_the_fault_that_is_there),
		cmocka_unit_test(says_what_is_wrong_with_the_size),
		cmocka_unit_test(refuses_what_is_larger_than_any_partition),
		cmocka_unit_test(suspects_the_keys_when_every_entry_fails),
		cmocka_unit_test(keeps_no_more_findings_than_its_limit_and_counts_the_rest),
		cmocka_unit_test(findings_come_by_place),
		cmocka_unit_test(names_its_findings),
		cmocka_unit_test(finds_no_fault_in_what_a_device_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
