#include "cmd/formats/image_describe.h"

#include "base/hex.h"
#include "cmd/text.h"

#include <stdio.h>
#include <string.h>

enum {
	LABEL_WIDTH = 18,
};

static void line(const char *label, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void line(const char *label, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	printf("%-*s%s\n", LABEL_WIDTH, label, text);
}

/* What the file says must not move the cursor. */
static void line_text(const char *label, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *printable = cmd_text_printable(valid, FALSE);

	if (*text != '\0')
		line(label, "%s", printable);
}

static void line_hex(const char *label, const guint8 *bytes, gsize size_bytes, const char *behind)
{
	g_autofree char *text = base_hex(bytes, size_bytes);

	line(label, "%s%s", text, behind);
}

static void print_flash(const EspImage *image, const EspChip *chip)
{
	const char *mode = esp_flash_mode_name(image->spi_mode);
	const char *frequency =
		chip == NULL ? NULL : esp_flash_frequency_name(chip, image->flash_speed);
	guint32 megabytes = esp_flash_size_of(image->flash_size) / (1024 * 1024);
	g_autofree char *mode_number = g_strdup_printf("mode %u (unknown)", image->spi_mode);
	g_autofree char *frequency_number =
		g_strdup_printf("frequency %u (unknown)", image->flash_speed);
	g_autofree char *size = megabytes == 0
					? g_strdup_printf("size %u (unknown)", image->flash_size)
					: g_strdup_printf("%uMB", megabytes);

	line("Flash", "%s, %s, %s", mode != NULL ? mode : mode_number,
	     frequency != NULL ? frequency : frequency_number, size);
}

/* "v0.3 to v1.99", "v0.3 or later". Yours. */
static char *revisions(guint min, guint max)
{
	if (cmd_image_is_limit(max))
		return g_strdup_printf("v%u.%u to v%u.%u", min / 100, min % 100, max / 100,
				       max % 100);
	return g_strdup_printf("v%u.%u or later", min / 100, min % 100);
}

static void print_header(const EspImage *image, const EspChip *chip)
{
	const EspImageDrives *drives = &image->drives;
	g_autofree char *range = revisions(image->min_revision, image->max_revision);

	line("Chip", "%s (0x%04x)", chip == NULL ? "unknown" : chip->title, image->chip_id);
	line("Revision", "%s (old field: %u)", range, image->min_revision_old);
	line("Entry", "0x%08x", image->entry);
	print_flash(image, chip);
	line("WP pin", "0x%02x%s", image->wp_pin,
	     image->wp_pin == ESP_IMAGE_WP_PIN_DISABLED ? " (disabled)" : "");
	line("Drive strengths", "clk %u, q %u, d %u, cs %u, hd %u, wp %u", drives->clk, drives->q,
	     drives->d, drives->cs, drives->hd, drives->wp);
}

static void print_segments(const EspImage *image, const EspChip *chip)
{
	line("Segments",
	     image->n_segments == image->n_segments_said
		     ? "%" G_GSIZE_FORMAT
		     : "%" G_GSIZE_FORMAT ", of which %" G_GSIZE_FORMAT " are whole",
	     image->n_segments_said, image->n_segments);
	if (image->n_segments > 0)
		printf("  %2s  %-10s  %10s  %10s  %s\n", "#", "address", "bytes", "offset",
		       "memory");
	for (gsize i = 0; i < image->n_segments; i++) {
		const EspImageSegment *segment = &image->segments[i];
		const char *names[ESP_CHIP_MEMORIES_MAX + 1] = {NULL};
		g_autofree char *memory = NULL;

		names[esp_chip_memories(chip, segment->load_address, names)] = NULL;
		memory = g_strjoinv(", ", (char **)names);
		printf("  %2" G_GSIZE_FORMAT "  0x%08x  %10u  0x%08" G_GSIZE_MODIFIER "x  %s\n", i,
		       segment->load_address, segment->size_bytes, segment->offset, memory);
	}
}

static void print_end(const CmdImage *file)
{
	const EspImage *image = &file->report->image;

	if (image->checksum_validity == ESP_IMAGE_WRONG)
		line("Checksum", "0x%02x, WRONG: the segments give 0x%02x", image->checksum,
		     image->checksum_is);
	else
		line("Checksum", "0x%02x, valid", image->checksum);
	if (!image->has_hash)
		line("Hash", "none appended");
	else if (image->hash_validity == ESP_IMAGE_NOT_KNOWN)
		line("Hash", "MISSING: the file ends before it");
	else
		line_hex("Hash", image->hash, sizeof image->hash,
			 image->hash_validity == ESP_IMAGE_VALID ? ", valid" : ", WRONG");
	if (image->hash_validity == ESP_IMAGE_WRONG)
		line_hex("", image->hash_is, sizeof image->hash_is, " is what the bytes give");
	line("Image",
	     "%" G_GSIZE_FORMAT " bytes; with a signature sector it takes %" G_GUINT64_FORMAT,
	     image->size_bytes, esp_image_signed_bytes(image));
	if (file->is_signed)
		line("Signature", "a sector follows the image");
}

static void print_app(const EspAppDescription *app)
{
	g_autofree char *range =
		revisions(app->min_efuse_block_revision, app->max_efuse_block_revision);

	printf("\nApp description\n");
	line_text("Project", app->project);
	line_text("Version", app->version);
	line_text("Date", app->date);
	line_text("Time", app->time);
	line_text("ESP-IDF", app->idf_version);
	line_hex("ELF SHA-256", app->elf_sha256, sizeof app->elf_sha256, "");
	line("Secure version", "%u", app->secure_version);
	line("eFuse block", "%s", range);
	if (app->mmu_page_log2 > 0 && app->mmu_page_log2 <= 31)
		line("MMU page", "%u KiB", (1U << app->mmu_page_log2) / 1024);
	else
		line("MMU page", "not said");
	line("SPI flash mode", "%u", app->spi_flash_mode);
}

static void print_bootloader(const EspBootloaderDescription *bootloader)
{
	printf("\nBootloader description\n");
	line("Version", "%u", bootloader->version);
	line_text("ESP-IDF", bootloader->idf_version);
	line_text("Made", bootloader->date_time);
	line("Secure version", "%u", bootloader->secure_version);
}

static void print_kind(const EspImageReport *report)
{
	gboolean is_guess = report->kind == ESP_IMAGE_KIND_BOOTLOADER &&
			    !report->image.has_bootloader_description;

	line("Kind", "%s%s", cmd_image_kind_name(report->kind),
	     is_guess ? " (or a program for memory: it has no description)" : "");
}

void cmd_image_print(const CmdImage *file)
{
	const EspImage *image = &file->report->image;

	line("File", "%s, %" G_GSIZE_FORMAT " bytes", file->name, g_bytes_get_size(file->bytes));
	if (!image->has_header)
		return;
	print_kind(file->report);
	print_header(image, file->report->chip);
	print_segments(image, file->report->chip);
	if (image->has_end)
		print_end(file);
	if (image->has_description)
		print_app(&image->description);
	if (image->has_bootloader_description)
		print_bootloader(&image->bootloader);
}
