#include "esp/image_parts.h"

#include "esp/bytes.h"

#include <string.h>

enum {
	BOOTLOADER_MAGIC = 0x50,
};

/* A text and the NUL that its field in the file, which it may fill, need not have. */
#define COPY_TEXT(text, field) copy_text(text, sizeof(text), field)

static void copy_text(char *text, gsize text_bytes, const guint8 *field)
{
	memcpy(text, field, text_bytes - 1);
	text[text_bytes - 1] = '\0';
}

static void read_app(const guint8 *at, EspImage *image)
{
	EspAppDescription *description = &image->description;

	image->has_description = TRUE;
	description->secure_version = esp_get_le32(at + 4);
	COPY_TEXT(description->version, at + 16);
	COPY_TEXT(description->project, at + 48);
	COPY_TEXT(description->time, at + 80);
	COPY_TEXT(description->date, at + 96);
	COPY_TEXT(description->idf_version, at + 112);
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
	COPY_TEXT(description->idf_version, at + 8);
	COPY_TEXT(description->date_time, at + 40);
}

void esp_image_read_descriptions(const guint8 *segment, gsize size_bytes, EspImage *image)
{
	if (size_bytes >= ESP_IMAGE_DESCRIPTION_BYTES &&
	    esp_get_le32(segment) == ESP_APP_DESCRIPTION_MAGIC)
		read_app(segment, image);
	else if (size_bytes >= ESP_IMAGE_BOOTLOADER_DESCRIPTION_BYTES && is_bootloader(segment))
		read_bootloader(segment, image);
}
