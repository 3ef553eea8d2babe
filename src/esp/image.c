#include "esp/image.h"

#include "esp/hash.h"
#include "esp/bytes.h"
#include "esp/chips.h"
#include "esp/error.h"

#include <string.h>

enum {
	SEGMENT_HEADER_BYTES = 8,
	DESCRIPTION_MAGIC_OFFSET = 0,
	CHECKSUM_START = 0xEF,
	HOST_TEXT_MAX = 32,
	HOST_STAMP_MAX = 16,
	HOST_FLASH_BYTES = 4 * 1024 * 1024,
	SPI_MODE_DIO = 2,
	WP_PIN_DISABLED = 0xEE,
	NO_REVISION_LIMIT = 0xFFFF,
};

#define DESCRIPTION_MAGIC 0xABCD5432U

static const char host_magic[8] = {'E', 'S', 'P', 'H', 'O', 'S', 'T', '1'};

/* ---- Reading ---- */

static gboolean truncated(GError **error, gsize size_bytes, gsize wanted, const char *what)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_TRUNCATED,
		    "app image: it ends after %" G_GSIZE_FORMAT
		    " bytes, %s ends at %" G_GSIZE_FORMAT,
		    size_bytes, what, wanted);
	return FALSE;
}

static gboolean read_header(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	if (size_bytes < ESP_IMAGE_HEADER_BYTES)
		return truncated(error, size_bytes, ESP_IMAGE_HEADER_BYTES, "the header");
	if (data[0] != ESP_IMAGE_MAGIC) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "app image: it begins with 0x%02x, not 0x%02x", data[0],
			    ESP_IMAGE_MAGIC);
		return FALSE;
	}
	if (data[1] < 1 || data[1] > ESP_IMAGE_SEGMENTS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "app image: it has %u segments, 1 to %d are allowed", data[1],
			    ESP_IMAGE_SEGMENTS_MAX);
		return FALSE;
	}
	image->n_segments = data[1];
	image->spi_mode = data[2];
	image->flash_size = data[3] >> 4;
	image->flash_speed = data[3] & 0x0F;
	image->entry = esp_get_le32(data + 4);
	image->chip_id = esp_get_le16(data + 12);
	image->min_revision = esp_get_le16(data + 15);
	image->max_revision = esp_get_le16(data + 17);
	if (data[23] > 1) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "app image: the mark of an appended hash is %u, neither 0 nor 1",
			    data[23]);
		return FALSE;
	}
	image->has_hash = data[23] == 1;
	return TRUE;
}

/* Fills in the segments; `end` becomes the position behind the last. */
static gboolean read_segments(const guint8 *data, gsize size_bytes, EspImage *image, gsize *end,
			      GError **error)
{
	gsize at = ESP_IMAGE_HEADER_BYTES;

	for (gsize i = 0; i < image->n_segments; i++) {
		EspImageSegment *segment = &image->segments[i];

		if (size_bytes - at < SEGMENT_HEADER_BYTES)
			return truncated(error, size_bytes, at + SEGMENT_HEADER_BYTES,
					 "a segment's header");
		segment->load_address = esp_get_le32(data + at);
		segment->size_bytes = esp_get_le32(data + at + 4);
		segment->offset = at + SEGMENT_HEADER_BYTES;
		if (segment->size_bytes % 4 != 0 ||
		    segment->size_bytes >= ESP_IMAGE_SEGMENT_MAX_BYTES) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "app image: segment %" G_GSIZE_FORMAT
				    " has %u bytes; a multiple of 4 below 16 MiB is allowed",
				    i, segment->size_bytes);
			return FALSE;
		}
		if (size_bytes - segment->offset < segment->size_bytes)
			return truncated(error, size_bytes, segment->offset + segment->size_bytes,
					 "a segment");
		at = segment->offset + segment->size_bytes;
	}
	*end = at;
	return TRUE;
}

static guint8 checksum_of(const guint8 *data, const EspImage *image)
{
	guint8 sum = CHECKSUM_START;

	for (gsize i = 0; i < image->n_segments; i++) {
		const guint8 *segment = data + image->segments[i].offset;

		for (gsize j = 0; j < image->segments[i].size_bytes; j++)
			sum ^= segment[j];
	}
	return sum;
}

static gsize checksum_end(gsize segments_end)
{
	return (segments_end + 16) & ~(gsize)15;
}

static gboolean check_checksum(const guint8 *data, gsize size_bytes, gsize end, EspImage *image,
			       GError **error)
{
	guint8 sum;

	if (size_bytes < end)
		return truncated(error, size_bytes, end, "the checksum");
	sum = checksum_of(data, image);
	image->checksum = data[end - 1];
	if (sum == image->checksum)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
		    "app image: the checksum is 0x%02x, but its bytes give 0x%02x: it is damaged",
		    image->checksum, sum);
	return FALSE;
}

static gboolean check_hash(const guint8 *data, gsize size_bytes, gsize end, EspImage *image,
			   GError **error)
{
	guint8 hash[ESP_SHA256_BYTES];

	image->size_bytes = end;
	if (!image->has_hash)
		return TRUE;
	if (size_bytes - end < ESP_IMAGE_HASH_BYTES)
		return truncated(error, size_bytes, end + ESP_IMAGE_HASH_BYTES,
				 "the appended hash");
	esp_sha256(data, end, hash);
	if (memcmp(hash, data + end, ESP_IMAGE_HASH_BYTES) != 0) {
		g_set_error_literal(
			error, ESP_ERROR, ESP_ERROR_CORRUPT,
			"app image: the appended SHA-256 is not that of its bytes: it is damaged");
		return FALSE;
	}
	memcpy(image->hash, hash, ESP_IMAGE_HASH_BYTES);
	image->size_bytes = end + ESP_IMAGE_HASH_BYTES;
	return TRUE;
}

/* Texts may fill their field without a NUL. */
static void copy_text(char *text, const guint8 *field, gsize field_bytes)
{
	memcpy(text, field, field_bytes);
	text[field_bytes] = '\0';
}

static void read_description(const guint8 *data, EspImage *image)
{
	const guint8 *at = data + image->segments[0].offset;
	EspAppDescription *description = &image->description;

	if (image->segments[0].size_bytes < ESP_IMAGE_DESCRIPTION_BYTES ||
	    esp_get_le32(at + DESCRIPTION_MAGIC_OFFSET) != DESCRIPTION_MAGIC)
		return;
	image->has_description = TRUE;
	description->secure_version = esp_get_le32(at + 4);
	copy_text(description->version, at + 16, 32);
	copy_text(description->project, at + 48, 32);
	copy_text(description->time, at + 80, 16);
	copy_text(description->date, at + 96, 16);
	copy_text(description->idf_version, at + 112, 32);
	memcpy(description->elf_sha256, at + 144, ESP_IMAGE_HASH_BYTES);
}

gboolean esp_image_read(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	EspImage found = {0};
	gsize segments_end = 0, end;

	if (!read_header(data, size_bytes, &found, error) ||
	    !read_segments(data, size_bytes, &found, &segments_end, error))
		return FALSE;
	end = checksum_end(segments_end);
	if (!check_checksum(data, size_bytes, end, &found, error) ||
	    !check_hash(data, size_bytes, end, &found, error))
		return FALSE;
	read_description(data, &found);
	*image = found;
	return TRUE;
}

void esp_image_digest(const guint8 *data, const EspImage *image,
		      guint8 digest[static ESP_IMAGE_HASH_BYTES])
{
	G_STATIC_ASSERT((int)ESP_IMAGE_HASH_BYTES == (int)ESP_SHA256_BYTES);
	esp_sha256(data, image->size_bytes, digest);
}

/* ---- Host images ---- */

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
	esp_put_le32(at, DESCRIPTION_MAGIC);
	esp_sha256(host->program, host->program_bytes, at + 144);
	esp_put_le16(at + 178, NO_REVISION_LIMIT);
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
			    "app image: a flash of %" G_GUINT64_FORMAT
			    " bytes is none of 1 MB, 2 MB, 4 MB … 128 MB",
			    flash_bytes);
		return FALSE;
	}
	data[0] = ESP_IMAGE_MAGIC;
	data[1] = 1;
	data[2] = SPI_MODE_DIO;
	data[3] = (guint8)(nibble << 4);
	data[8] = WP_PIN_DISABLED;
	esp_put_le16(data + 12, ESP_CHIP_HOST_ID);
	esp_put_le16(data + 17, NO_REVISION_LIMIT);
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
				    "app image: the program is empty");
		return FALSE;
	}
	if (host->program_bytes <= most)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
		    "app image: the program is %" G_GSIZE_FORMAT
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
	end = checksum_end(ESP_IMAGE_DESCRIPTION_OFFSET + segment_bytes);
	if (!put_head(head, host, segment_bytes, error))
		return NULL;

	data = g_malloc0(end + ESP_IMAGE_HASH_BYTES);
	memcpy(data, head, sizeof head);
	memcpy(data + ESP_IMAGE_HOST_PROGRAM_OFFSET, host->program, host->program_bytes);
	image.segments[0] = (EspImageSegment){.size_bytes = (guint32)segment_bytes,
					      .offset = ESP_IMAGE_DESCRIPTION_OFFSET};
	data[end - 1] = checksum_of(data, &image);
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
			    "app image: it is for chip 0x%04x (%s), not for a host device",
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
				    "app image: it is for host devices, but carries no program");
		return FALSE;
	}
	length = esp_get_le32(header + sizeof host_magic);
	room = image->segments[0].size_bytes - ESP_IMAGE_DESCRIPTION_BYTES -
	       ESP_IMAGE_HOST_HEADER_BYTES;
	if (length == 0 || length > room) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "app image: its program is said to have %u bytes, the segment has %u",
			    length, room);
		return FALSE;
	}
	*program = data + ESP_IMAGE_HOST_PROGRAM_OFFSET;
	*program_bytes = length;
	return TRUE;
}
