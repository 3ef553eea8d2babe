#include "esp/error.h"
#include "esp/image_check.h"
#include "esp_image_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const EspImageTarget anywhere = {.revision = ESP_IMAGE_ANY,
					.efuse_block_revision = ESP_IMAGE_ANY,
					.secure_version = ESP_IMAGE_ANY};

/* An app for a C3 as elf2image lays it out: DROM, memory, IROM. */
static FixtureImage app(void)
{
	return (FixtureImage){.chip_id = 5,
			      .mode = 2,
			      .size_and_frequency = 0x2F,
			      .is_app = TRUE,
			      .min_revision = 3,
			      .max_revision = 199,
			      .min_efuse = 1,
			      .max_efuse = 103,
			      .secure_version = 4,
			      .segments = {{0x3C000020, 512}, {0x3FC80000, 64}}};
}

static FixtureImage bootloader(void)
{
	return (FixtureImage){.chip_id = 5,
			      .mode = 2,
			      .size_and_frequency = 0x20,
			      .is_bootloader = TRUE,
			      .max_revision = 99,
			      .segments = {{0x3FCD5820, 128}, {0x403CC710, 256}}};
}

static EspImageReport *report_of(const FixtureImage *fixture, const EspImageTarget *target)
{
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(fixture, &size_bytes);

	return esp_image_report_new(data, size_bytes, target);
}

static const EspImageCheck *check_named(const EspImageReport *report, const char *name)
{
	for (gsize i = 0; i < report->n_checks; i++)
		if (strcmp(report->checks[i].name, name) == 0)
			return &report->checks[i];
	return NULL;
}

static void assert_check(const EspImageReport *report, const char *name, EspImageVerdict verdict,
			 const char *text)
{
	const EspImageCheck *check = check_named(report, name);

	if (check == NULL)
		fail_msg("there is no check '%s'", name);
	assert_string_equal(check->text, text);
	assert_int_equal(check->verdict, verdict);
}

static void starts_what_is_right_and_says_why(void **state)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{"form", "2 segments, 656 bytes"},
		{"chip", "0x0005 (ESP32-C3)"},
		{"minimum-revision", "v0.3, the chip has v0.3"},
		{"maximum-revision", "v1.99, the chip has v0.3"},
		{"minimum-efuse-block-revision", "v0.1, the chip has v1.3"},
		{"maximum-efuse-block-revision", "v1.3, the chip has v1.3"},
		{"secure-version", "4, the chip asks for 4"},
		{"description", "of an app"},
		{"alignment", "pages of 64 KiB"},
		{"hash", "SHA-256"},
		{"size", "656 bytes, 0 free"},
	};
	const FixtureImage fixture = app();
	const EspImageTarget target = {.chip = esp_chip_find("esp32c3"),
				       .partition_bytes = 656,
				       .revision = 3,
				       .efuse_block_revision = 103,
				       .secure_version = 4};
	g_autoptr(EspImageReport) report = report_of(&fixture, &target);

	(void)state;
	assert_true(report->would_start);
	assert_int_equal(report->kind, ESP_IMAGE_KIND_APP);
	assert_int_equal(report->n_checks, G_N_ELEMENTS(rows) + 1); /* and the checksum */
	assert_int_equal(check_named(report, "checksum")->verdict, ESP_IMAGE_CHECK_PASSED);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_check(report, rows[i].name, ESP_IMAGE_CHECK_PASSED, rows[i].text);
}

static void refuses_what_the_bootloader_refuses(void **state)
{
	static const struct {
		const char *chip;
		guint64 partition_bytes;
		gint64 revision, efuse_block_revision, secure_version;
		const char *name, *text;
	} rows[] = {
		{"esp32s3", 0, -1, -1, -1, "chip",
		 "it is for chip 0x0005 (ESP32-C3), not for ESP32-S3; build it for that target"},
		{NULL, 0, 2, -1, -1, "minimum-revision",
		 "v0.3 is asked for, the chip has v0.2; build it for that revision"},
		{NULL, 0, 200, -1, -1, "maximum-revision",
		 "v1.99 is asked for, the chip has v2.0; build it for that revision"},
		{NULL, 0, -1, 0, -1, "minimum-efuse-block-revision",
		 "v0.1 is asked for, the chip has v0.0; build it for that revision"},
		{NULL, 0, -1, 104, -1, "maximum-efuse-block-revision",
		 "v1.3 is asked for, the chip has v1.4; build it for that revision"},
		{NULL, 0, -1, -1, 5, "secure-version",
		 "4, the chip asks for 5 and never goes back"},
		{NULL, 655, -1, -1, -1, "size", "656 bytes, 1 too many for the partition (655)"},
		{NULL, 16 * 1024 * 1024 + 1, -1, -1, -1, "size",
		 "the partition has 16777217 bytes; nothing is started from one of more than 16 "
		 "MiB"},
	};
	const FixtureImage fixture = app();

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const EspImageTarget target = {
			.chip = rows[i].chip == NULL ? NULL : esp_chip_find(rows[i].chip),
			.partition_bytes = rows[i].partition_bytes,
			.revision = rows[i].revision,
			.efuse_block_revision = rows[i].efuse_block_revision,
			.secure_version = rows[i].secure_version};
		g_autoptr(EspImageReport) report = report_of(&fixture, &target);

		assert_check(report, rows[i].name, ESP_IMAGE_CHECK_FAILED, rows[i].text);
		assert_false(report->would_start);
	}
}

static void takes_a_partition_of_16_MiB(void **state)
{
	const FixtureImage fixture = app();
	EspImageTarget target = anywhere;
	g_autoptr(EspImageReport) report = NULL;

	(void)state;
	target.partition_bytes = 16 * 1024 * 1024;
	report = report_of(&fixture, &target);
	assert_true(report->would_start);
}

static void zero_and_0xFFFF_are_no_limits(void **state)
{
	static const struct {
		guint16 min, max;
		EspImageVerdict min_verdict, max_verdict;
	} rows[] = {
		{0, 0, ESP_IMAGE_CHECK_PASSED, ESP_IMAGE_CHECK_PASSED},
		{0, 0xFFFF, ESP_IMAGE_CHECK_PASSED, ESP_IMAGE_CHECK_PASSED},
		{0, 0xFFFE, ESP_IMAGE_CHECK_PASSED, ESP_IMAGE_CHECK_PASSED},
		/* The lower bound of a chip has no such mark (bootloader_common_loader.c). */
		{0xFFFF, 0, ESP_IMAGE_CHECK_FAILED, ESP_IMAGE_CHECK_PASSED},
		{1, 1, ESP_IMAGE_CHECK_PASSED, ESP_IMAGE_CHECK_FAILED},
	};
	EspImageTarget target = anywhere;

	(void)state;
	target.revision = target.efuse_block_revision = 0x300;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		FixtureImage fixture = app();
		g_autoptr(EspImageReport) report = NULL;

		fixture.min_revision = fixture.min_efuse = rows[i].min;
		fixture.max_revision = fixture.max_efuse = rows[i].max;
		report = report_of(&fixture, &target);
		assert_int_equal(check_named(report, "minimum-revision")->verdict,
				 rows[i].min_verdict);
		assert_int_equal(check_named(report, "maximum-revision")->verdict,
				 rows[i].max_verdict);
		assert_int_equal(check_named(report, "maximum-efuse-block-revision")->verdict,
				 rows[i].max_verdict);
		assert_int_equal(check_named(report, "minimum-efuse-block-revision")->verdict,
				 ESP_IMAGE_CHECK_PASSED);
	}
}

static void the_least_limit_is_one(void **state)
{
	FixtureImage fixture = app();
	EspImageTarget target = anywhere;
	g_autoptr(EspImageReport) report = NULL;

	(void)state;
	fixture.min_revision = fixture.max_revision = 1;
	fixture.min_efuse = fixture.max_efuse = 1;
	target.revision = target.efuse_block_revision = 0;
	report = report_of(&fixture, &target);
	assert_int_equal(check_named(report, "minimum-revision")->verdict, ESP_IMAGE_CHECK_FAILED);
	assert_int_equal(check_named(report, "minimum-efuse-block-revision")->verdict,
			 ESP_IMAGE_CHECK_FAILED);
	assert_check(report, "maximum-revision", ESP_IMAGE_CHECK_PASSED, "v0.1, the chip has v0.0");
	assert_check(report, "maximum-efuse-block-revision", ESP_IMAGE_CHECK_PASSED,
		     "v0.1, the chip has v0.0");
}

static void an_ESP32_and_a_bootloader_are_not_asked_for_an_eFuse_block(void **state)
{
	FixtureImage fixture = app();
	EspImageTarget target = anywhere;
	g_autoptr(EspImageReport) as_bootloader = NULL, esp32 = NULL;

	(void)state;
	target.efuse_block_revision = 0;
	target.kind = ESP_IMAGE_KIND_BOOTLOADER;
	target.secure_version = 99;
	as_bootloader = report_of(&fixture, &target);
	assert_true(as_bootloader->would_start);
	assert_null(check_named(as_bootloader, "minimum-efuse-block-revision"));
	assert_null(check_named(as_bootloader, "secure-version"));
	target.kind = ESP_IMAGE_KIND_UNKNOWN;
	fixture.chip_id = 0;
	esp32 = report_of(&fixture, &target);
	assert_null(check_named(esp32, "minimum-efuse-block-revision"));
	assert_null(check_named(esp32, "maximum-efuse-block-revision"));
	assert_int_equal(check_named(esp32, "secure-version")->verdict, ESP_IMAGE_CHECK_FAILED);
}

static void leaves_out_what_there_is_nothing_to_check_against(void **state)
{
	const FixtureImage fixture = app();
	g_autoptr(EspImageReport) report = report_of(&fixture, &anywhere);

	(void)state;
	assert_true(report->would_start);
	assert_check(report, "minimum-revision", ESP_IMAGE_CHECK_SKIPPED,
		     "v0.3; which one the chip has was not said");
	assert_null(check_named(report, "size"));
	assert_null(check_named(report, "secure-version"));
}

static void a_bootloader_starts_on_later_chips(void **state)
{
	const FixtureImage fixture = bootloader();
	EspImageTarget target = anywhere;
	g_autoptr(EspImageReport) report = NULL, as_app = NULL;

	(void)state;
	target.revision = 200;
	report = report_of(&fixture, &target);
	assert_int_equal(report->kind, ESP_IMAGE_KIND_BOOTLOADER);
	assert_true(report->would_start);
	assert_check(report, "maximum-revision", ESP_IMAGE_CHECK_SKIPPED,
		     "not looked at in a bootloader");
	assert_null(check_named(report, "description"));
	target.kind = ESP_IMAGE_KIND_APP;
	as_app = report_of(&fixture, &target);
	assert_false(as_app->would_start);
	assert_check(as_app, "description", ESP_IMAGE_CHECK_FAILED,
		     "the first segment has 128 bytes, too few for an app description (256)");
}

static void tells_an_app_from_a_bootloader(void **state)
{
	static const struct {
		gboolean is_app, is_bootloader;
		guint32 address;
		EspImageKind kind;
	} rows[] = {
		{TRUE, FALSE, 0x3FC80000, ESP_IMAGE_KIND_APP},
		{FALSE, TRUE, 0x3C000020, ESP_IMAGE_KIND_BOOTLOADER},
		{FALSE, FALSE, 0x3C000020, ESP_IMAGE_KIND_APP},
		{FALSE, FALSE, 0x42000020, ESP_IMAGE_KIND_APP},
		{FALSE, FALSE, 0x3FC80000, ESP_IMAGE_KIND_BOOTLOADER},
		{FALSE, FALSE, 0x3C800000, ESP_IMAGE_KIND_BOOTLOADER}, /* behind DROM */
		{FALSE, FALSE, 0x3BFFFFFC, ESP_IMAGE_KIND_BOOTLOADER}, /* before it */
	};
	const EspImage unread = {.chip_id = 5};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FixtureImage fixture = {.chip_id = 5,
					      .is_app = rows[i].is_app,
					      .is_bootloader = rows[i].is_bootloader,
					      .segments = {{rows[i].address, 256}}};
		g_autoptr(EspImageReport) report = report_of(&fixture, &anywhere);

		assert_int_equal(report->kind, rows[i].kind);
	}
	assert_int_equal(esp_image_kind(&unread), ESP_IMAGE_KIND_UNKNOWN);
}

/* segment_data_offs % page == load_addr % page, of what is mapped only. */
static void mapped_segments_lie_in_flash_as_in_memory(void **state)
{
	static const struct {
		guint16 chip_id;
		guint8 page_log2;
		guint32 address;
		EspImageVerdict verdict;
		const char *text;
	} rows[] = {
		{5, 0, 0x3C010020, ESP_IMAGE_CHECK_PASSED, "pages of 64 KiB"},
		{5, 0, 0x3C000024, ESP_IMAGE_CHECK_FAILED,
		 "segment 0 lies at 0x20 and is mapped to 0x3c000024: these differ within a page "
		 "of 64 KiB"},
		{5, 0, 0x42008020, ESP_IMAGE_CHECK_FAILED,
		 "segment 0 lies at 0x20 and is mapped to 0x42008020: these differ within a page "
		 "of 64 KiB"},
		{5, 15, 0x42008020, ESP_IMAGE_CHECK_FAILED, /* no other pages on this chip */
		 "segment 0 lies at 0x20 and is mapped to 0x42008020: these differ within a page "
		 "of 64 KiB"},
		{13, 15, 0x42008020, ESP_IMAGE_CHECK_PASSED, "pages of 32 KiB"},
		{13, 13, 0x42002020, ESP_IMAGE_CHECK_PASSED, "pages of 8 KiB"},
		{13, 12, 0x42002020, ESP_IMAGE_CHECK_FAILED, /* too small for it: the usual */
		 "segment 0 lies at 0x20 and is mapped to 0x42002020: these differ within a page "
		 "of 64 KiB"},
		{12, 14, 0x42004020, ESP_IMAGE_CHECK_PASSED, "pages of 16 KiB"},
		{32, 18, 0x40040020, ESP_IMAGE_CHECK_PASSED, "pages of 256 KiB"},
		{32, 18, 0x40010020, ESP_IMAGE_CHECK_FAILED,
		 "segment 0 lies at 0x20 and is mapped to 0x40010020: these differ within a page "
		 "of 256 KiB"},
		{32, 18, 0x50010020, ESP_IMAGE_CHECK_FAILED, /* external memory is mapped, too */
		 "segment 0 lies at 0x20 and is mapped to 0x50010020: these differ within a page "
		 "of 256 KiB"},
		{5, 0, 0x3FC80004, ESP_IMAGE_CHECK_PASSED, "pages of 64 KiB"},
		{0xAB, 0, 0x3C000024, ESP_IMAGE_CHECK_SKIPPED, "the chip is not known"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const FixtureImage fixture = {.chip_id = rows[i].chip_id,
					      .is_app = TRUE,
					      .page_log2 = rows[i].page_log2,
					      .segments = {{rows[i].address, 256}}};
		g_autoptr(EspImageReport) report = report_of(&fixture, &anywhere);

		assert_check(report, "alignment", rows[i].verdict, rows[i].text);
	}
}

static void an_app_without_description_runs_only_where_pages_are_of_one_size(void **state)
{
	FixtureImage fixture = {.chip_id = 5, .segments = {{0x42000020, 256}}};
	g_autoptr(EspImageReport) one = report_of(&fixture, &anywhere), several = NULL;

	(void)state;
	assert_true(one->would_start);
	assert_check(one, "description", ESP_IMAGE_CHECK_SKIPPED,
		     "there is none; ESP32-C3 starts without");
	fixture.chip_id = 13;
	several = report_of(&fixture, &anywhere);
	assert_check(several, "description", ESP_IMAGE_CHECK_FAILED,
		     "the first segment does not begin with an app description, which ESP32-C6 "
		     "reads the size of a page from");
}

static void an_unknown_chip_is_no_chip_to_start_on(void **state)
{
	FixtureImage fixture = app();
	g_autoptr(EspImageReport) report = NULL;

	(void)state;
	fixture.chip_id = 0x1234;
	report = report_of(&fixture, &anywhere);
	assert_check(report, "chip", ESP_IMAGE_CHECK_FAILED,
		     "0x1234 is no chip that is known here");
}

static void looks_at_all_that_is_damaged(void **state)
{
	const FixtureImage fixture = app();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	g_autofree char *text = NULL;
	g_autoptr(EspImageReport) report = NULL;

	(void)state;
	data[400] ^= 0x55;
	report = esp_image_report_new(data, size_bytes, &anywhere);
	text = g_strdup_printf("it is 0x%02x, the segments give 0x%02x: the image is damaged; "
			       "build or fetch it again",
			       data[size_bytes - 33], data[size_bytes - 33] ^ 0x55);
	assert_check(report, "checksum", ESP_IMAGE_CHECK_FAILED, text);
	assert_check(report, "hash", ESP_IMAGE_CHECK_FAILED,
		     "the appended SHA-256 is not that of the bytes: the image is damaged; build "
		     "or fetch it again");
	assert_int_equal(check_named(report, "form")->verdict, ESP_IMAGE_CHECK_PASSED);
	assert_int_equal(report->image.hash_validity, ESP_IMAGE_WRONG);
	assert_string_equal(report->image.description.project, "soil-probe");
	assert_false(report->would_start);
}

/* However much of an image there is: no check is lost, none passes that cannot. */
static void reads_as_far_as_the_bytes_go(void **state)
{
	const FixtureImage fixture = app();
	gsize size_bytes;
	g_autofree guint8 *data = fixture_image(&fixture, &size_bytes);
	EspImageTarget target = anywhere;

	(void)state;
	target.partition_bytes = 1 << 20;
	for (gsize n = 0; n < size_bytes; n++) {
		g_autofree guint8 *cut = g_memdup2(data, n);
		g_autoptr(EspImageReport) report = esp_image_report_new(cut, n, &target);
		const EspImage *image = &report->image;
		gboolean has_checksum = n >= size_bytes - 32;

		assert_false(report->would_start);
		assert_int_equal(report->checks[0].verdict, ESP_IMAGE_CHECK_FAILED);
		assert_int_equal(image->has_header, n >= 24);
		assert_int_equal(image->n_segments, n >= 616 ? 2 : n >= 544 ? 1 : 0);
		assert_int_equal(image->has_description, n >= 32 + 256);
		assert_int_equal(image->has_end, has_checksum);
		if (n < 24)
			continue;
		assert_check(report, "chip", ESP_IMAGE_CHECK_PASSED, "0x0005 (ESP32-C3)");
		assert_check(report, "hash", ESP_IMAGE_CHECK_SKIPPED, "the bytes end before it");
		assert_int_equal(check_named(report, "checksum")->verdict,
				 has_checksum ? ESP_IMAGE_CHECK_PASSED : ESP_IMAGE_CHECK_SKIPPED);
		if (!has_checksum)
			assert_check(report, "size", ESP_IMAGE_CHECK_SKIPPED,
				     "where it ends is not known");
	}
}

static void counts_the_signature_sector_that_follows(void **state)
{
	const FixtureImage fixture = app();
	gsize size_bytes;
	g_autofree guint8 *image = fixture_image(&fixture, &size_bytes);
	g_autofree guint8 *data = g_malloc(3 * 4096);
	EspImageTarget target = anywhere;
	g_autoptr(EspImageReport) tight = NULL, roomy = NULL;

	(void)state;
	memset(data, 0xFF, (gsize)3 * 4096);
	memcpy(data, image, size_bytes);
	data[4096] = 0xE7;
	target.partition_bytes = 8191;
	tight = esp_image_report_new(data, 8192, &target);
	assert_true(esp_image_is_signed(data, 8192, &tight->image));
	assert_false(esp_image_is_signed(data, 8191, &tight->image));
	assert_int_equal(esp_image_signed_bytes(&tight->image), 8192);
	assert_check(tight, "size", ESP_IMAGE_CHECK_FAILED,
		     "8192 bytes with its signature, 1 too many for the partition (8191)");
	target.partition_bytes = 8192;
	roomy = esp_image_report_new(data, 8192, &target);
	assert_check(roomy, "size", ESP_IMAGE_CHECK_PASSED,
		     "8192 bytes with its signature, 0 free");
	data[4096] = 0xFF;
	assert_false(esp_image_is_signed(data, 8192, &tight->image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_what_is_right_and_says_why),
		cmocka_unit_test(refuses_what_the_bootloader_refuses),
		cmocka_unit_test(takes_a_partition_of_16_MiB),
		cmocka_unit_test(zero_and_0xFFFF_are_no_limits),
		cmocka_unit_test(the_least_limit_is_one),
		cmocka_unit_test(an_ESP32_and_a_bootloader_are_not_asked_for_an_eFuse_block),
		cmocka_unit_test(leaves_out_what_there_is_nothing_to_check_against),
		cmocka_unit_test(a_bootloader_starts_on_later_chips),
		cmocka_unit_test(tells_an_app_from_a_bootloader),
		cmocka_unit_test(mapped_segments_lie_in_flash_as_in_memory),
		cmocka_unit_test(an_app_without_description_runs_only_where_pages_are_of_one_size),
		cmocka_unit_test(an_unknown_chip_is_no_chip_to_start_on),
		cmocka_unit_test(looks_at_all_that_is_damaged),
		cmocka_unit_test(reads_as_far_as_the_bytes_go),
		cmocka_unit_test(counts_the_signature_sector_that_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
