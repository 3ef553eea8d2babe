/* Size reports: what is said to fit does fit, and one byte more does not. */
#include "esp_nvs_world.h"

enum { MOST_NUMBERS = 600 };

static char names[MOST_NUMBERS][8];
static guint8 blob_bytes[30000];

static void numbers(EspNvsEntry *entries, gsize n)
{
	for (gsize i = 0; i < n; i++) {
		g_snprintf(names[i], sizeof names[i], "k%zu", i);
		entries[i] = esp_nvs_unsigned("a", names[i], ESP_NVS_U32, 1);
	}
}

static EspNvsSizeReport *report_of(const EspNvsEntry *entries, gsize n, gsize size, guint version)
{
	const EspNvsWriteOptions options = {.format_version = version};
	g_autoptr(GError) error = NULL;
	EspNvsSizeReport *report = esp_nvs_size_report(entries, n, size, &options, &error);

	assert_null(error);
	return report;
}

static gboolean fits(const EspNvsEntry *entries, gsize n, gsize size, guint version)
{
	static guint8 image[0x8000];
	const EspNvsWriteOptions options = {.format_version = version};

	return esp_nvs_image_write_with(entries, n, &options, image, size, NULL, NULL);
}

/* Beside n numbers: the longest string and blob that are said to fit, and one byte more. */
static void assert_exact(EspNvsEntry *entries, gsize n, gsize size, guint version)
{
	g_autoptr(EspNvsSizeReport) report = report_of(entries, n, size, version);
	g_autofree char *text = g_strnfill(ESP_NVS_STRING_MAX + 1, 'x');
	const gssize string_limit = (version == 1 ? 1984 : 4000) - 1;
	const gssize blob_limit = version == 1 ? 1984 : ESP_NVS_BLOB_MAX;
	gssize length = report->string_max_bytes, blob = report->blob_max_bytes;

	if (length < string_limit) {
		text[length + 1] = '\0';
		entries[n] = esp_nvs_string("a", "text", text);
		assert_false(fits(entries, n + 1, size, version));
	}
	if (length >= 0) {
		text[length] = '\0';
		entries[n] = esp_nvs_string("a", "text", text);
		assert_true(fits(entries, n + 1, size, version));
	}
	if (blob < blob_limit) {
		entries[n] = esp_nvs_blob("a", "blob", blob_bytes, (gsize)(blob + 1));
		assert_false(fits(entries, n + 1, size, version));
	}
	if (blob >= 0) {
		entries[n] = esp_nvs_blob("a", "blob", blob_bytes, (gsize)blob);
		assert_true(fits(entries, n + 1, size, version));
	}
	numbers(entries, n + report->n_more_numbers + 1);
	assert_true(fits(entries, n + report->n_more_numbers, size, version));
	assert_false(fits(entries, n + report->n_more_numbers + 1, size, version));
}

static void what_is_said_to_fit_does_and_a_byte_more_does_not(void **state)
{
	static const gsize sizes[] = {0x1000, 0x2000, 0x3000, 0x4000};
	static EspNvsEntry entries[MOST_NUMBERS];

	(void)state;
	for (guint version = 1; version <= 2; version++)
		for (gsize s = 0; s < G_N_ELEMENTS(sizes); s++) {
			gsize pages = sizes[s] / PAGE - (sizes[s] >= 0x3000 ? 1 : 0);

			for (gsize n = 1; n < pages * 126; n += n % 126 < 100 ? 33 : 1) {
				numbers(entries, n);
				assert_exact(entries, n, sizes[s], version);
			}
		}
}

static void counts_what_each_key_takes_largest_first(void **state)
{
	const EspNvsEntry entries[] = {
		{.space = "a", .type = ESP_NVS_NAMESPACE},
		esp_nvs_signed("a", "n", ESP_NVS_I16, 1),
		esp_nvs_string("a", "text", "hello"),
		esp_nvs_blob("a", "big", blob_bytes, 9000),
		esp_nvs_blob("b", "small", blob_bytes, 100),
		esp_nvs_unsigned("b", "one", ESP_NVS_U8, 1),
		esp_nvs_real("b", "real", ESP_NVS_DOUBLE, 1.5),
		esp_nvs_unsigned("b", "four", ESP_NVS_U32, 1),
		esp_nvs_signed("b", "eight", ESP_NVS_I64, 1),
	};
	static const struct {
		const char *key;
		gsize value_bytes, taken_bytes;
	} rows[] = {
		{"big", 9000, 9000 / 32 * 32 + 32 + 4 * 32},
		{"small", 100, 6 * 32},
		{"text", 6, 2 * 32},
		{"eight", 8, 32},
		{"real", 8, 32},
		{"four", 4, 32},
		{"n", 2, 32},
		{"one", 1, 32},
	};
	g_autoptr(EspNvsSizeReport) report = report_of(entries, G_N_ELEMENTS(entries), SIZE, 2);

	(void)state;
	assert_true(report->fits);
	assert_int_equal(report->missing_bytes, 0);
	assert_int_equal(report->n_keys, G_N_ELEMENTS(rows));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_string_equal(report->keys[i].entry->key, rows[i].key);
		assert_int_equal(report->keys[i].value_bytes, rows[i].value_bytes);
		assert_int_equal(report->keys[i].taken_bytes, rows[i].taken_bytes);
	}
	assert_int_equal(report->usage.n_namespaces, 2);
	assert_int_equal(report->usage.n_pages, 3);
	assert_int_equal(report->free_bytes,
			 report->usage.capacity_bytes - report->usage.used_bytes);
	assert_int_equal(report->smallest_bytes, 0x4000);
}

static void says_by_how_much_it_does_not_fit_and_what_would_do(void **state)
{
	const EspNvsEntry entry = esp_nvs_blob("a", "big", blob_bytes, 9000);
	g_autoptr(EspNvsSizeReport) report = report_of(&entry, 1, 0x3000, 2);
	g_autoptr(EspNvsSizeReport) enough = report_of(&entry, 1, report->smallest_bytes, 2);

	(void)state;
	assert_false(report->fits);
	assert_int_equal(report->missing_bytes,
			 report->usage.used_bytes - report->usage.capacity_bytes);
	assert_int_equal(report->free_bytes, 0);
	assert_int_equal(report->string_max_bytes, -1);
	assert_int_equal(report->blob_max_bytes, -1);
	assert_int_equal(report->n_more_numbers, 0);
	assert_int_equal(report->smallest_bytes, 0x4000);
	assert_true(enough->fits);
}

static void fails_for_what_no_size_would_help(void **state)
{
	const EspNvsEntry twice[] = {esp_nvs_string("a", "k", "x"), esp_nvs_string("a", "k", "y")};
	const EspNvsWriteOptions newer = {.format_version = 3}, old = {.format_version = 1};
	const EspNvsEntry large = esp_nvs_blob("a", "k", blob_bytes, 1985);
	g_autoptr(GError) duplicate = NULL, version = NULL, too_large = NULL;

	(void)state;
	assert_null(esp_nvs_size_report(twice, 2, SIZE, NULL, &duplicate));
	assert_true(g_error_matches(duplicate, ESP_ERROR, ESP_ERROR_DUPLICATE_KEY));
	assert_null(esp_nvs_size_report(twice, 1, SIZE, &newer, &version));
	assert_true(g_error_matches(version, ESP_ERROR, ESP_ERROR_INVALID));
	assert_string_equal(version->message, "NVS has format versions 1 and 2, not 3");
	assert_null(esp_nvs_size_report(&large, 1, SIZE, &old, &too_large));
	assert_true(g_error_matches(too_large, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(
		too_large->message,
		"key 'a.k' has 1985 bytes, format version 1 allows 1984; use version 2");
	esp_nvs_size_report_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_to_fit_does_and_a_byte_more_does_not),
		cmocka_unit_test(counts_what_each_key_takes_largest_first),
		cmocka_unit_test(says_by_how_much_it_does_not_fit_and_what_would_do),
		cmocka_unit_test(fails_for_what_no_size_would_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
