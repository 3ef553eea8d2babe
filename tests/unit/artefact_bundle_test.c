#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "artefact/flasher_args.h"
#include "artefact/sums.h"
#include "artefact_fixture.h"
#include "base/json.h"

#include <sys/stat.h>

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

static char *text_of(GBytes *bytes)
{
	assert_non_null(bytes);
	return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void makes_a_bundle_for_a_host_device(void **state)
{
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1.4.2");
	g_autoptr(ArtefactBundle) same = fixture_host_bundle("1.4.2");
	g_autoptr(ArtefactBundle) other = fixture_host_bundle("1.4.3");
	g_autoptr(ArtefactBundle) again = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *args = NULL;

	(void)state;
	assert_string_equal(artefact_bundle_chip(bundle), "host");
	assert_string_equal(artefact_bundle_version(bundle), "1.4.2");
	assert_string_equal(artefact_bundle_project(bundle), "probe");
	assert_int_equal(artefact_bundle_flash_bytes(bundle), 4 * 1024 * 1024);
	assert_int_equal(artefact_bundle_slot_bytes(bundle), 0x190000);
	assert_int_equal(artefact_bundle_n_slots(bundle), 2);
	/* The same inputs give the same bytes. */
	assert_string_equal(artefact_bundle_sums_hash(bundle), artefact_bundle_sums_hash(same));
	assert_string_not_equal(artefact_bundle_sums_hash(bundle),
				artefact_bundle_sums_hash(other));
	again = artefact_bundle_from_files(artefact_bundle_files(bundle), &error);
	assert_non_null(again);
	assert_string_equal(artefact_bundle_digest(bundle), artefact_bundle_digest(again));
	args = text_of(artefact_bundle_file(bundle, ARTEFACT_ARGS));
	has(args, "\"chip\": \"host\"");
	has(args, "\"0x20000\": \"app.bin\"");
}

static void refuses_a_host_firmware_that_does_not_fit_its_slot(void **state)
{
	g_autofree guint8 *large = g_malloc0(0x190000);
	g_autoptr(GBytes) program = g_bytes_new(large, 0x190000);
	ArtefactHostFirmware firmware = {.program = program, .project = "p", .version = "1"};
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(artefact_bundle_for_host(&firmware, &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_OVERLAP));
	has(error->message, "too many for its place at 0x20000");
	g_clear_error(&error);
	firmware.partitions = "nvs,data,nvs,0x9000,0x4000\n";
	assert_null(artefact_bundle_for_host(&firmware, &error));
	has(error->message, "there is no partition for firmware");
}

static void makes_a_bundle_from_a_build_folder(void **state)
{
	static const char *const names[] = {
		"bootloader.bin", "partition-table.bin", "ota_data_initial.bin", "app.bin",
		"app.elf",        "flasher_args.json",   "manifest.json",        "flash.sh",
		"SHA256SUMS"};
	g_autofree char *folder = fixture_build_folder();
	g_autoptr(GError) error = NULL;
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_from_build(folder, "esp32c3", &error);
	g_autofree char *manifest = NULL;
	g_autofree char *args = NULL;

	(void)state;
	if (bundle == NULL)
		fail_msg("%s", error->message);
	assert_int_equal(artefact_bundle_files(bundle)->len, G_N_ELEMENTS(names));
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		assert_non_null(artefact_bundle_file(bundle, names[i]));
	assert_string_equal(artefact_bundle_version(bundle), "1.2.3");
	assert_string_equal(artefact_bundle_project(bundle), "blinky");
	manifest = text_of(artefact_bundle_file(bundle, ARTEFACT_MANIFEST));
	has(manifest, "\"chipFamily\": \"ESP32-C3\"");
	args = text_of(artefact_bundle_file(bundle, ARTEFACT_ARGS));
	has(args, "\"flash_mode\": \"dio\"");
	has(args, "\"--flash_freq\",\n        \"80m\"");
	has(args, "\"0x0\": \"bootloader.bin\"");
	base_tree_remove(folder, NULL);
}

static void reads_both_spellings_of_the_flash_settings(void **state)
{
	static const char *const rows[] = {
		"\"flash_settings\":{\"flash_mode\":\"dio\",\"flash_size\":\"4MB\",\"flash_freq\":"
		"\"80m\"}",
		"\"flash_settings\":{\"flash-mode\":\"dio\",\"flash-size\":\"4MB\",\"flash-freq\":"
		"\"80m\"}",
		"\"write_flash_args\":[\"--flash_mode\",\"dio\",\"--flash_size\",\"4MB\",\"--flash_"
		"freq\",\"80m\"]",
		"\"write_flash_args\":[\"--flash-mode\",\"dio\",\"--flash-size\",\"4MB\",\"--flash-"
		"freq\",\"80m\"]",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup_printf(
			"{%s,\"flash_files\":{\"0x10000\":\"a.bin\",\"32768\":\"t.bin\"},"
			"\"partition_table\":{\"offset\":\"0x8000\"},"
			"\"extra_esptool_args\":{\"chip\":\"esp32\",\"stub\":false}}",
			rows[i]);
		g_autoptr(GError) error = NULL;
		g_autoptr(ArtefactFlasherArgs) args =
			artefact_flasher_args_parse(text, strlen(text), &error);

		if (args == NULL)
			fail_msg("%s", error->message);
		assert_string_equal(args->mode, "dio");
		assert_string_equal(args->size, "4MB");
		assert_string_equal(args->frequency, "80m");
		assert_false(args->stub);
		assert_string_equal(args->table->path, "t.bin");
		assert_int_equal(args->table->offset_bytes, 0x8000);
	}
}

static void refuses_flasher_args_with_its_place_and_remedy(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"", "flasher_args.json: line 1"},
		{"[]", "is not a JSON object"},
		{"{}", "does not name the chip"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"}}", "build the project first"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0xZ\":\"a\"}}",
		 "'0xZ' is not an offset"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x100000000\":"
		 "\"a\"}}",
		 "'0x100000000' is not an offset"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"-1\":\"a\"}}",
		 "'-1' is not an offset"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x0\":"
		 "\"../../etc/passwd\"}}",
		 "is not a path within the build folder"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x0\":\"/etc/"
		 "passwd\"}}",
		 "is not a path within the build folder"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x0\":7}}",
		 "is not a path within the build folder"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x0\":\"a\"},"
		 "\"app\":{\"offset\":\"0x10\"}}",
		 "\"app\" at 0x10 is not among"},
		{"{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{\"0x0\":\"a\"},"
		 "\"app\":7}",
		 "\"app\" has no offset"},
	};
	GString *many =
		g_string_new("{\"extra_esptool_args\":{\"chip\":\"esp32\"},\"flash_files\":{");
	g_autoptr(GError) error = NULL;
	g_autofree char *huge = g_strnfill(ARTEFACT_ARGS_MAX_BYTES + 1, ' ');

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_clear_error(&error);
		assert_null(
			artefact_flasher_args_parse(rows[i].text, strlen(rows[i].text), &error));
		has(error->message, rows[i].message);
	}
	for (guint i = 0; i <= ARTEFACT_ARGS_MAX_FILES; i++)
		g_string_append_printf(many, "%s\"%u\":\"f%u\"", i > 0 ? "," : "", i, i);
	g_string_append(many, "}}");
	g_clear_error(&error);
	assert_null(artefact_flasher_args_parse(many->str, many->len, &error));
	has(error->message, "names more than 16 files");
	g_clear_error(&error);
	assert_null(artefact_flasher_args_parse(huge, strlen(huge), &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_TOO_LARGE));
	g_string_free(many, TRUE);
}

static void refuses_a_build_that_does_not_fit_together(void **state)
{
	static const struct {
		const char *replace, *by; /* in flasher_args.json */
		int code;
		const char *message;
	} rows[] = {
		{"esp32c3", "esp32s3", ARTEFACT_ERROR_WRONG_CHIP,
		 "the firmware is built for esp32s3, the class is for esp32c3; build it with "
		 "`idf.py set-target esp32c3`"},
		{"esp32c3", "esp99", ARTEFACT_ERROR_INVALID, "chip 'esp99' is not known here"},
		{"0x20000", "0x30000", ARTEFACT_ERROR_OVERLAP, "where no partition begins"},
		{"0x20000", "0xf000", ARTEFACT_ERROR_OVERLAP,
		 "app.bin would be written into partition 'cfg_0', which is each device's own"},
		{"0x20000", "0x9000", ARTEFACT_ERROR_OVERLAP, "into partition 'nvs'"},
		{"0x20000", "0x340000", ARTEFACT_ERROR_OVERLAP, "which is not for firmware"},
		{"0xd000", "0x340000", ARTEFACT_ERROR_OVERLAP, "partition 'otadata' at 0xd000"},
		{"\"0x0\"", "\"0x1000\"", ARTEFACT_ERROR_OVERLAP, "ESP32-C3 starts it at 0x0"},
		{"4MB", "2MB", ARTEFACT_ERROR_INVALID, "partition-table.bin: "},
		{"\"file\":\"blinky.bin\"", "\"f\":1", -1, NULL},
		{"\"app\":", "\"x\":", ARTEFACT_ERROR_INVALID, "has no firmware"},
		{"\"bootloader\":{", "\"y\":{", ARTEFACT_ERROR_INVALID, "has no bootloader"},
		{"\"partition-table\":", "\"z\":", ARTEFACT_ERROR_INVALID, "no partition table"},
		{"\"blinky.bin\"", "\"absent.bin\"", ARTEFACT_ERROR_NOT_FOUND,
		 "build the project first (idf.py build)"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *folder = fixture_build_folder();
		GString *args = g_string_new(FIXTURE_ARGS_5);
		g_autoptr(GError) error = NULL;
		g_autoptr(ArtefactBundle) bundle = NULL;

		g_string_replace(args, rows[i].replace, rows[i].by, 0);
		fixture_write_text(folder, "flasher_args.json", args->str);
		bundle = artefact_bundle_from_build(folder, "esp32c3", &error);
		assert_int_equal(bundle != NULL, rows[i].message == NULL);
		if (rows[i].message != NULL) {
			has(error->message, rows[i].message);
			assert_int_equal(error->code, rows[i].code);
		}
		g_string_free(args, TRUE);
		base_tree_remove(folder, NULL);
	}
}

static void refuses_a_build_whose_image_is_for_another_chip_or_damaged(void **state)
{
	g_autofree char *folder = fixture_build_folder();
	g_autoptr(GBytes) s3 = fixture_image(esp_chip_find("esp32s3")->id, 100);
	g_autoptr(GError) error = NULL;

	(void)state;
	fixture_write(folder, "blinky.bin", s3);
	assert_null(artefact_bundle_from_build(folder, NULL, &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP));
	has(error->message, "app.bin is an image for ESP32-S3, the bundle is for ESP32-C3");
	g_clear_error(&error);
	fixture_write_text(folder, "blinky.bin", "nonsense");
	assert_null(artefact_bundle_from_build(folder, NULL, &error));
	has(error->message, "app.bin: ");
	g_clear_error(&error);
	base_tree_remove(folder, NULL);
	assert_null(artefact_bundle_from_build(folder, NULL, &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND));
}

/* A copy of the bundle's files with one of them damaged, dropped or added. */
static GPtrArray *tampered(const ArtefactBundle *bundle, const char *name, const char *action)
{
	const GPtrArray *files = artefact_bundle_files(bundle);
	GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)artefact_file_free);

	for (guint i = 0; i < files->len; i++) {
		const ArtefactFile *file = files->pdata[i];
		gsize size = g_bytes_get_size(file->bytes);
		g_autofree guint8 *data = g_memdup2(g_bytes_get_data(file->bytes, NULL), size);
		g_autoptr(GBytes) bytes = NULL;

		if (strcmp(file->name, name) == 0 && strcmp(action, "drop") == 0)
			continue;
		if (strcmp(file->name, name) == 0)
			data[size / 2] ^= 1;
		bytes = g_bytes_new(data, size);
		g_ptr_array_add(copy, artefact_file_new(file->name, bytes));
	}
	return copy;
}

static void verifies_a_bundle_before_it_is_used(void **state)
{
	static const struct {
		const char *name, *action, *message;
	} rows[] = {
		{"app.bin", "flip", "the bundle is damaged: app.bin does not match SHA256SUMS"},
		{"flash.sh", "flip", "flash.sh does not match"},
		{"partition-table.bin", "drop", "partition-table.bin is missing; fetch or push"},
		{"SHA256SUMS", "drop", "SHA256SUMS is missing"},
		{"app.elf", "drop", NULL},
		{"app.elf", "flip", "app.elf does not match"},
		{"none", "", NULL},
	};
	g_autofree char *folder = fixture_build_folder();
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_from_build(folder, NULL, NULL);
	g_autoptr(GBytes) extra = g_bytes_new_static("x", 1);
	g_autoptr(GPtrArray) files = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) copy = tampered(bundle, rows[i].name, rows[i].action);
		g_autoptr(ArtefactBundle) read = NULL;

		g_clear_error(&error);
		read = artefact_bundle_from_files(copy, &error);
		assert_int_equal(read != NULL, rows[i].message == NULL);
		if (read == NULL)
			has(error->message, rows[i].message);
	}
	files = tampered(bundle, "none", "");
	g_ptr_array_add(files, artefact_file_new("extra.bin", extra));
	g_clear_error(&error);
	assert_null(artefact_bundle_from_files(files, &error));
	has(error->message, "extra.bin is not named by SHA256SUMS");
	base_tree_remove(folder, NULL);
}

static void reads_sums(void **state)
{
#define HASH "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
	static const struct {
		const char *text, *message;
	} rows[] = {
		{HASH "  a.bin\n" HASH " *b.bin", NULL},
		{"", "is empty"},
		{"\n", "line 1: is not"},
		{HASH " a.bin\n", "line 1: is not"},
		{HASH "  ../a\n", "line 1: is no file name"},
		{HASH "  \n", "line 1: is not"},
		{HASH "  SHA256SUMS\n", "line 1: is no file name"},
		{HASH "  a\n" HASH "  a\n", "line 2: names a file a second time"},
		{"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  a\n",
		 "line 1: the sum is not 64 hex digits"},
	};
	GString *many = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) sums = NULL;

		g_clear_error(&error);
		sums = artefact_sums_parse(rows[i].text, strlen(rows[i].text), &error);
		assert_int_equal(sums != NULL, rows[i].message == NULL);
		if (sums == NULL)
			has(error->message, rows[i].message);
		else
			assert_true(g_ascii_islower(artefact_sums_find(sums, "b.bin")->hash[30]));
	}
	for (guint i = 0; i <= ARTEFACT_MAX_FILES; i++)
		g_string_append_printf(many, HASH "  f%u\n", i);
	g_clear_error(&error);
	assert_null(artefact_sums_parse(many->str, many->len, &error));
	has(error->message, "more files than a bundle may have");
	g_string_free(many, TRUE);
}

static void hashes_all_inputs(void **state)
{
	static const char *const list[] = {"A=1", NULL};
	ArtefactInputs inputs = {.chip = "host", .version = "1"};
	g_autofree char *first = artefact_inputs_hash(&inputs);
	g_autofree char *second = artefact_inputs_hash(&inputs);
	g_autofree char *third = NULL;
	g_autofree char *fourth = NULL;

	(void)state;
	assert_string_equal(first, second);
	inputs.environment = list;
	third = artefact_inputs_hash(&inputs);
	inputs.environment = NULL;
	inputs.sdkconfig = list;
	fourth = artefact_inputs_hash(&inputs);
	assert_string_not_equal(first, third);
	assert_string_not_equal(third, fourth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_bundle_for_a_host_device),
		cmocka_unit_test(refuses_a_host_firmware_that_does_not_fit_its_slot),
		cmocka_unit_test(makes_a_bundle_from_a_build_folder),
		cmocka_unit_test(reads_both_spellings_of_the_flash_settings),
		cmocka_unit_test(refuses_flasher_args_with_its_place_and_remedy),
		cmocka_unit_test(refuses_a_build_that_does_not_fit_together),
		cmocka_unit_test(refuses_a_build_whose_image_is_for_another_chip_or_damaged),
		cmocka_unit_test(verifies_a_bundle_before_it_is_used),
		cmocka_unit_test(reads_sums),
		cmocka_unit_test(hashes_all_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
