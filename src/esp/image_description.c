#include "esp/image_parts.h"

#include "esp/bytes.h"

#include <string.h>

enum {
	BOOTLOADER_MAGIC = 0x50,
	VERSION_TEXT = 32,
	STAMP_TEXT = 16,
	BOOTLOADER_STAMP_TEXT = 24,
};

/* Texts may fill their field without a NUL. */
static void copy_text(char *text, const guint8 *field, gsize field_bytes)
{
	memcpy(text, field, field_bytes);
	text[field_bytes] = '\0';
}

static void read_app(const guint8 *at, EspImage *image)
{
	EspAppDescription *description = &image->description;

	image->has_description = TRUE;
	description->secure_version = esp_get_le32(at + 4);
	copy_text(description->version, at + 16, VERSION_TEXT);
	copy_text(description->project, at + 48, VERSION_TEXT);
	copy_text(description->time, at + 80, STAMP_TEXT);
	copy_text(description->date, at + 96, STAMP_TEXT);
	copy_text(description->idf_version, at + 112, VERSION_TEXT);
	memcpy(description->elf_sha256, at + 144, ESP_IMAGE_HASH_BYTES);
	description->min_efuse_block_revision = esp_get_le16(at + 176);
	description->max_efuse_block_revision = esp_get_le16(at + 178);
	description->mmu_page_log2 = at[180];
	description->spi_flash_mode = at[181];
}

/* Its magic is one byte only, so the bytes that are reserved must be zero, too: an app without a
 * description may well begin with 0x50. */
static gboolean is_bootloader(const guint8 *at)
{
	return at[0] == BOOTLOADER_MAGIC && at[1] == 0 && at[2] == 0;
}

static void read_bootloader(const guint8 *at, EspImage *image)
{
	EspBootloaderDescription *description = &image->bootloader;

	image->has_bootloader_description = TRUE;
	description->secure_version = at[3];
	description->version = esp_get_le32(at + 4);
	copy_text(description->idf_version, at + 8, VERSION_TEXT);
	copy_text(description->date_time, at + 40, BOOTLOADER_STAMP_TEXT);
}

void esp_image_read_descriptions(const guint8 *segment, gsize size_bytes, EspImage *image)
{
	if (size_bytes >= ESP_IMAGE_DESCRIPTION_BYTES &&
	    esp_get_le32(segment) == ESP_APP_DESCRIPTION_MAGIC)
		read_app(segment, image);
	else if (size_bytes >= ESP_IMAGE_BOOTLOADER_DESCRIPTION_BYTES && is_bootloader(segment))
		read_bootloader(segment, image);
}
