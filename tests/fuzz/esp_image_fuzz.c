/* App and bootloader images: what is accepted lies within its bytes; what is told of damaged ones
 * is told without reading past them; new flash settings leave a right image right. */
#include "esp/image_check.h"

#include <stdint.h>
#include <string.h>

enum {
	MOST_BYTES = 4096, /* what is longer says nothing new, and takes longer */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses what the image is held against. */
static void check_report(uint8_t choice, const guint8 *data, gsize size_bytes)
{
	gsize n_chips;
	const EspChip *chips = esp_chips(&n_chips);
	const EspImageTarget target = {
		.chip = choice % 16 < n_chips ? &chips[choice % 16] : NULL,
		.kind = (EspImageKind)(choice >> 4 & 1),
		.partition_bytes = choice & 0x20 ? 1024 : 0,
		.revision = choice & 0x40 ? 101 : ESP_IMAGE_ANY,
		.efuse_block_revision = choice & 0x80 ? 1 : ESP_IMAGE_ANY,
		.secure_version = choice & 0x80 ? 1 : ESP_IMAGE_ANY,
	};
	g_autoptr(EspImageReport) report = esp_image_report_new(data, size_bytes, &target);
	const EspImage *image = &report->image;

	g_assert(image->n_segments <= ESP_IMAGE_SEGMENTS_MAX);
	for (gsize i = 0; i < image->n_segments; i++)
		g_assert(image->segments[i].offset + image->segments[i].size_bytes <= size_bytes);
	esp_image_is_signed(data, size_bytes, image);
	if (report->would_start)
		g_assert(esp_image_read(data, size_bytes, &report->image, NULL));
}

static void check_flash_settings(const guint8 *data, gsize size_bytes)
{
	guint8 copy[MOST_BYTES];
	EspImage image;

	memcpy(copy, data, size_bytes);
	if (esp_image_set_flash(copy, size_bytes, 0, 7, 0xF, NULL))
		g_assert(esp_image_read(copy, size_bytes, &image, NULL) && image.spi_mode == 0 &&
			 image.flash_size == 7 && image.flash_speed == 0xF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint8 digest[ESP_IMAGE_HASH_BYTES];
	const guint8 *program = NULL;
	gsize program_bytes = 0;
	EspImage image;

	if (size < 1 || size > MOST_BYTES)
		return 0;
	check_report(data[0], data + 1, size - 1);
	if (!esp_image_read(data + 1, size - 1, &image, NULL))
		return 0;
	g_assert(image.size_bytes <= size - 1);
	esp_image_digest(data + 1, &image, digest);
	if (esp_image_host_program(data + 1, &image, &program, &program_bytes, NULL))
		g_assert(program + program_bytes <= data + size);
	check_flash_settings(data + 1, size - 1);
	return 0;
}
