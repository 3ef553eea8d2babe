#include "esp/image_parts.h"

#include "esp/bytes.h"
#include "esp/chips.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <string.h>

enum {
	HOST_TEXT_MAX = 32,
	HOST_STAMP_MAX = 16,
	HOST_FLASH_BYTES = 4 * 1024 * 1024,
	SPI_MODE_DIO = 2,
};

static const char host_magic[8] = {'E', 'S', 'P', 'H', 'O', 'S', 'T', '1'};

static gboolean put_text(guint8 *field, gsize field_bytes, const char *name, const char *text,
			 GError **error)
{
	gsize length = text == NULL ? 0 : strlen(text);

	if (length > field_bytes) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "app description: the %s '%s' has %" G_GSIZE_FORMAT
			    " bytes, %" G_GSIZE_FORMAT " are allowed",
			    name, text, length, field_bytes);
		return FALSE;
	}
	for (gsize i = 0; i < length; i++)
		field[i] = (guint8)text[i];
	return TRUE;
}

static gboolean put_description(guint8 *at, const EspHostImage *host, GError **error)
{
	esp_put_le32(at, ESP_APP_DESCRIPTION_MAGIC);
	esp_sha256(host->program, host->program_bytes, at + 144);
	esp_put_le16(at + 178, ESP_IMAGE_NO_REVISION_LIMIT);
	return put_text(at + 16, HOST_TEXT_MAX, "version", host->version, error) &&
	       put_text(at + 48, HOST_TEXT_MAX, "project", host->project, error) &&
	       put_text(at + 80, HOST_STAMP_MAX, "time", host->time, error) &&
	       put_text(at + 96, HOST_STAMP_MAX, "date", host->date, error) &&
	       put_text(at + 112, HOST_TEXT_MAX, "idf version", host->idf_version, error);
}

static gboolean put_header(guint8 *data, guint64 flash_bytes, guint32 segment_bytes, GError **error)
{
	guint8 nibble = 0;

	if (!esp_flash_size_nibble(flash_bytes == 0 ? HOST_FLASH_BYTES : flash_bytes, &nibble)) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: a flash of %" G_GUINT64_FORMAT
			    " bytes is none of 1 MB, 2 MB, 4 MB … 128 MB",
			    flash_bytes);
		return FALSE;
	}
	data[0] = ESP_IMAGE_MAGIC;
	data[1] = 1;
	data[2] = SPI_MODE_DIO;
	data[3] = (guint8)(nibble << 4);
	data[8] = ESP_IMAGE_WP_PIN_DISABLED;
	esp_put_le16(data + 12, ESP_CHIP_HOST_ID);
	esp_put_le16(data + 17, ESP_IMAGE_NO_REVISION_LIMIT);
	data[23] = 1;
	esp_put_le32(data + ESP_IMAGE_HEADER_BYTES + 4, segment_bytes);
	return TRUE;
}

static gboolean program_check(const EspHostImage *host, GError **error)
{
	const gsize most = ESP_IMAGE_SEGMENT_MAX_BYTES - ESP_IMAGE_DESCRIPTION_BYTES -
			   ESP_IMAGE_HOST_HEADER_BYTES - 4;

	if (host->program_bytes == 0) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "image: the program is empty");
		return FALSE;
	}
	if (host->program_bytes <= most)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
		    "image: the program is %" G_GSIZE_FORMAT
		    " bytes too large, a segment carries %" G_GSIZE_FORMAT "; strip it",
		    host->program_bytes - most, most);
	return FALSE;
}

/* All that lies before the program. */
static gboolean put_head(guint8 head[static ESP_IMAGE_HOST_PROGRAM_OFFSET],
			 const EspHostImage *host, gsize segment_bytes, GError **error)
{
	guint8 *description = head + ESP_IMAGE_DESCRIPTION_OFFSET;
	guint8 *program_header = description + ESP_IMAGE_DESCRIPTION_BYTES;

	if (!put_header(head, host->flash_bytes, (guint32)segment_bytes, error) ||
	    !put_description(description, host, error))
		return FALSE;
	memcpy(program_header, host_magic, sizeof host_magic);
	esp_put_le32(program_header + sizeof host_magic, (guint32)host->program_bytes);
	return TRUE;
}

GBytes *esp_image_host_new(const EspHostImage *host, GError **error)
{
	guint8 head[ESP_IMAGE_HOST_PROGRAM_OFFSET] = {0};
	EspImage image = {.n_segments = 1};
	gsize segment_bytes, end;
	guint8 *data;

	if (!program_check(host, error))
		return NULL;
	segment_bytes = ESP_IMAGE_DESCRIPTION_BYTES + ESP_IMAGE_HOST_HEADER_BYTES +
			((host->program_bytes + 3) & ~(gsize)3);
	end = esp_image_checksum_end(ESP_IMAGE_DESCRIPTION_OFFSET + segment_bytes);
	if (!put_head(head, host, segment_bytes, error))
		return NULL;

	data = g_malloc0(end + ESP_IMAGE_HASH_BYTES);
	memcpy(data, head, sizeof head);
	memcpy(data + ESP_IMAGE_HOST_PROGRAM_OFFSET, host->program, host->program_bytes);
	image.segments[0] = (EspImageSegment){.size_bytes = (guint32)segment_bytes,
					      .offset = ESP_IMAGE_DESCRIPTION_OFFSET};
	data[end - 1] = esp_image_checksum_of(data, &image);
	esp_sha256(data, end, data + end);
	return g_bytes_new_take(data, end + ESP_IMAGE_HASH_BYTES);
}

gboolean esp_image_host_program(const guint8 *data, const EspImage *image, const guint8 **program,
				gsize *program_bytes, GError **error)
{
	const guint8 *header;
	guint32 length, room;

	if (image->chip_id != ESP_CHIP_HOST_ID) {
		const EspChip *chip = esp_chip_find_id(image->chip_id);

		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			    "image: it is for chip 0x%04x (%s), not for a host device",
			    image->chip_id, chip == NULL ? "unknown" : chip->title);
		return FALSE;
	}
	header = data + ESP_IMAGE_DESCRIPTION_OFFSET + ESP_IMAGE_DESCRIPTION_BYTES;
	if (image->n_segments != 1 || image->segments[0].load_address != 0 ||
	    !image->has_description ||
	    image->segments[0].size_bytes <
		    ESP_IMAGE_DESCRIPTION_BYTES + ESP_IMAGE_HOST_HEADER_BYTES ||
	    memcmp(header, host_magic, sizeof host_magic) != 0) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "image: it is for host devices, but carries no program");
		return FALSE;
	}
	length = esp_get_le32(header + sizeof host_magic);
	room = image->segments[0].size_bytes - ESP_IMAGE_DESCRIPTION_BYTES -
	       ESP_IMAGE_HOST_HEADER_BYTES;
	if (length == 0 || length > room) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: its program is said to have %u bytes, the segment has %u",
			    length, room);
		return FALSE;
	}
	*program = data + ESP_IMAGE_HOST_PROGRAM_OFFSET;
	*program_bytes = length;
	return TRUE;
}
