#include "esp/image_parts.h"

#include "esp/bytes.h"
#include "esp/chips.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <string.h>

enum {
	CHECKSUM_START = 0xEF,
};

static gboolean truncated(GError **error, gsize size_bytes, guint64 wanted, const char *what)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_TRUNCATED,
		    "image: it ends after %" G_GSIZE_FORMAT " bytes, %s ends at %" G_GUINT64_FORMAT,
		    size_bytes, what, wanted);
	return FALSE;
}

static guint8 low(guint8 byte)
{
	return byte & 0x0F;
}

static guint8 high(guint8 byte)
{
	return byte >> 4;
}

static void read_header_fields(const guint8 *data, EspImage *image)
{
	image->has_header = TRUE;
	image->n_segments_said = data[1];
	image->spi_mode = data[2];
	image->flash_size = high(data[3]);
	image->flash_speed = low(data[3]);
	image->entry = esp_get_le32(data + 4);
	image->wp_pin = data[8];
	image->drives = (EspImageDrives){.clk = low(data[9]),
					 .q = high(data[9]),
					 .d = low(data[10]),
					 .cs = high(data[10]),
					 .hd = low(data[11]),
					 .wp = high(data[11])};
	image->chip_id = esp_get_le16(data + 12);
	image->min_revision_old = data[14];
	image->min_revision = esp_get_le16(data + 15);
	image->max_revision = esp_get_le16(data + 17);
	memcpy(image->reserved, data + 19, sizeof image->reserved);
	image->has_hash = data[23] == 1;
}

static gboolean read_header(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	if (size_bytes < ESP_IMAGE_HEADER_BYTES)
		return truncated(error, size_bytes, ESP_IMAGE_HEADER_BYTES, "the header");
	if (data[0] != ESP_IMAGE_MAGIC) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: it begins with 0x%02x, not 0x%02x", data[0], ESP_IMAGE_MAGIC);
		return FALSE;
	}
	read_header_fields(data, image);
	if (data[1] < 1 || data[1] > ESP_IMAGE_SEGMENTS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: it has %u segments, 1 to %d are allowed", data[1],
			    ESP_IMAGE_SEGMENTS_MAX);
		return FALSE;
	}
	if (data[23] > 1) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: the mark of an appended hash is %u, neither 0 nor 1", data[23]);
		return FALSE;
	}
	return TRUE;
}

/* One segment whose header lies at `at`. What the description needs of a first one that is cut
 * short is read all the same. */
static gboolean read_segment(const guint8 *data, gsize size_bytes, gsize at, EspImage *image,
			     GError **error)
{
	EspImageSegment segment = {.offset = at + ESP_IMAGE_SEGMENT_HEADER_BYTES};
	gboolean is_whole;

	if (size_bytes - at < ESP_IMAGE_SEGMENT_HEADER_BYTES)
		return truncated(error, size_bytes, segment.offset, "a segment's header");
	segment.load_address = esp_get_le32(data + at);
	segment.size_bytes = esp_get_le32(data + at + 4);
	if (segment.size_bytes % 4 != 0 || segment.size_bytes >= ESP_IMAGE_SEGMENT_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "image: segment %" G_GSIZE_FORMAT
			    " has %u bytes; a multiple of 4 below 16 MiB is allowed",
			    image->n_segments, segment.size_bytes);
		return FALSE;
	}
	is_whole = segment.size_bytes <= size_bytes - segment.offset;
	if (image->n_segments == 0)
		esp_image_read_descriptions(data + segment.offset,
					    MIN(segment.size_bytes, size_bytes - segment.offset),
					    image);
	if (!is_whole)
		return truncated(error, size_bytes, (guint64)segment.offset + segment.size_bytes,
				 "a segment");
	image->segments[image->n_segments++] = segment;
	return TRUE;
}

/* Reads the segments; `end` becomes the position behind the last. */
static gboolean read_segments(const guint8 *data, gsize size_bytes, EspImage *image, gsize *end,
			      GError **error)
{
	gsize at = ESP_IMAGE_HEADER_BYTES;

	while (image->n_segments < image->n_segments_said) {
		const EspImageSegment *segment = &image->segments[image->n_segments];

		if (!read_segment(data, size_bytes, at, image, error))
			return FALSE;
		at = segment->offset + segment->size_bytes;
	}
	*end = at;
	return TRUE;
}

/* Eight bytes at a time, so that it costs next to nothing beside the hash. */
guint8 esp_image_checksum_of(const guint8 *data, const EspImage *image)
{
	guint64 sums = 0;
	guint8 sum = CHECKSUM_START;

	for (gsize i = 0; i < image->n_segments; i++) {
		const guint8 *at = data + image->segments[i].offset;
		const guint8 *end = at + image->segments[i].size_bytes;

		for (; end - at >= (gssize)sizeof sums; at += sizeof sums) {
			guint64 bytes;

			memcpy(&bytes, at, sizeof bytes);
			sums ^= bytes;
		}
		for (; at < end; at++)
			sum ^= *at;
	}
	for (; sums != 0; sums >>= 8)
		sum ^= (guint8)(sums & 0xFF);
	return sum;
}

gsize esp_image_checksum_end(gsize segments_end)
{
	return (segments_end + 16) & ~(gsize)15;
}

static gboolean check_checksum(const guint8 *data, gsize size_bytes, gsize end, EspImage *image,
			       GError **error)
{
	image->checksum_is = esp_image_checksum_of(data, image);
	if (size_bytes < end)
		return truncated(error, size_bytes, end, "the checksum");
	image->checksum = data[end - 1];
	image->has_end = TRUE;
	image->size_bytes = end;
	if (image->checksum_is == image->checksum) {
		image->checksum_validity = ESP_IMAGE_VALID;
		return TRUE;
	}
	image->checksum_validity = ESP_IMAGE_WRONG;
	g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
		    "image: the checksum is 0x%02x, but its bytes give 0x%02x: it is damaged",
		    image->checksum, image->checksum_is);
	return FALSE;
}

static gboolean check_hash(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	gsize end = image->size_bytes;

	if (!image->has_hash)
		return TRUE;
	image->size_bytes = end + ESP_IMAGE_HASH_BYTES;
	esp_sha256(data, end, image->hash_is);
	if (size_bytes - end < ESP_IMAGE_HASH_BYTES)
		return truncated(error, size_bytes, image->size_bytes, "the appended hash");
	memcpy(image->hash, data + end, ESP_IMAGE_HASH_BYTES);
	if (memcmp(image->hash, image->hash_is, ESP_IMAGE_HASH_BYTES) == 0) {
		image->hash_validity = ESP_IMAGE_VALID;
		return TRUE;
	}
	image->hash_validity = ESP_IMAGE_WRONG;
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_CORRUPT,
			    "image: the appended SHA-256 is not that of its bytes: it is damaged");
	return FALSE;
}

gboolean esp_image_examine(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	gsize segments_end = 0;
	gboolean is_right;

	*image = (EspImage){0};
	if (!read_header(data, size_bytes, image, error) ||
	    !read_segments(data, size_bytes, image, &segments_end, error))
		return FALSE;
	is_right = check_checksum(data, size_bytes, esp_image_checksum_end(segments_end), image,
				  error);
	if (!image->has_end)
		return FALSE;
	return check_hash(data, size_bytes, image, is_right ? error : NULL) && is_right;
}

gboolean esp_image_read(const guint8 *data, gsize size_bytes, EspImage *image, GError **error)
{
	EspImage found;

	if (!esp_image_examine(data, size_bytes, &found, error))
		return FALSE;
	*image = found;
	return TRUE;
}

void esp_image_digest(const guint8 *data, const EspImage *image,
		      guint8 digest[static ESP_IMAGE_HASH_BYTES])
{
	G_STATIC_ASSERT((int)ESP_IMAGE_HASH_BYTES == (int)ESP_SHA256_BYTES);
	esp_sha256(data, image->size_bytes, digest);
}

gboolean esp_image_set_flash(guint8 *data, gsize size_bytes, int spi_mode, int flash_size,
			     int flash_speed, GError **error)
{
	EspImage image;
	gsize hashed;

	if (!esp_image_read(data, size_bytes, &image, error))
		return FALSE;
	if (spi_mode == ESP_IMAGE_KEEP)
		spi_mode = image.spi_mode;
	if (flash_size == ESP_IMAGE_KEEP)
		flash_size = image.flash_size;
	if (flash_speed == ESP_IMAGE_KEEP)
		flash_speed = image.flash_speed;
	data[2] = (guint8)spi_mode;
	data[3] = (guint8)(flash_size << 4 | flash_speed);
	hashed = image.size_bytes - ESP_IMAGE_HASH_BYTES;
	if (image.has_hash)
		esp_sha256(data, hashed, data + hashed);
	return TRUE;
}
