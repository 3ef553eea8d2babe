/* The reader against partitions that ESP-IDF's own library wrote and read back. */
#include "base/digest.h"
#include "base/file.h"
#include "esp/error.h"
#include "esp/nvs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define DATA ESPALIER_SOURCE_DIR "/tests/data/"

enum { FILE_MAX_BYTES = 1 << 20, IMAGES = 20 };

static GBytes *load(const char *path)
{
	g_autoptr(GError) error = NULL;
	GBytes *bytes = base_file_read(path, FILE_MAX_BYTES, &error);

	assert_null(error);
	return bytes;
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

static char *listing_of(GBytes *image)
{
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(image, &size);
	g_autoptr(GError) error = NULL;
	g_autoptr(EspNvsContents) contents = esp_nvs_read(data, size, ESP_NVS_READ_DEFAULT, &error);
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
	const char *name;
	int images = 0;

	(void)state;
	assert_non_null(folder);
	while ((name = g_dir_read_name(folder)) != NULL) {
		g_autofree char *path = g_strconcat(DATA "nvs-device/", name, NULL);
		g_autofree char *expected_path = NULL, *listing = NULL;
		g_autoptr(GBytes) image = NULL, expected = NULL;

		if (!g_str_has_suffix(name, ".bin"))
			continue;
		images++;
		memcpy(strrchr(path, '.'), ".tsv", 4);
		expected_path = g_steal_pointer(&path);
		path = g_strconcat(DATA "nvs-device/", name, NULL);
		image = load(path);
		expected = load(expected_path);
		listing = listing_of(image);
		if (strlen(listing) != g_bytes_get_size(expected) ||
		    memcmp(listing, g_bytes_get_data(expected, NULL), strlen(listing)) != 0)
			fail_msg("%s reads otherwise than on the device", name);
	}
	assert_int_equal(images, IMAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_device_reads_from_the_images_it_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
