/* esp/image.h — app images (ESP-IDF, components/bootloader_support/include/esp_app_format.h): read,
 * verified, and for host devices written. Pure; any thread.
 *
 * An image is a header of 24 bytes, 1..16 segments (load address, length, data), a checksum at the
 * end of padding to 16 bytes, and mostly the SHA-256 of all that. The first segment begins with the
 * app description (256 bytes, file offset 32).
 *
 * A host image carries a Linux program. It has chip id 0xF057, which esptool refuses, entry address
 * 0 and one segment with load address 0:
 *
 *     segment offset  size  content
 *     0               256   app description, as on any chip
 *     256             8     "ESPHOST1"
 *     264             4     length of the program in bytes, little-endian
 *     268             4     0
 *     272             n     the program (an ELF file; at file offset 304)
 *     272 + n         0..3  zeros, to a multiple of 4
 */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_IMAGE_MAGIC = 0xE9,
	ESP_IMAGE_HEADER_BYTES = 24,
	ESP_IMAGE_SEGMENTS_MAX = 16,
	ESP_IMAGE_SEGMENT_MAX_BYTES = 16 * 1024 * 1024, /* exclusive */
	ESP_IMAGE_DESCRIPTION_OFFSET = 32,              /* in the file */
	ESP_IMAGE_DESCRIPTION_BYTES = 256,
	ESP_IMAGE_HASH_BYTES = 32,
	ESP_IMAGE_HOST_HEADER_BYTES = 16,
	ESP_IMAGE_HOST_PROGRAM_OFFSET = 304, /* in the file */
};

/* The app description. Texts are NUL-terminated here even if they fill their field in the file. */
typedef struct {
	guint32 secure_version;
	char version[33];
	char project[33];
	char time[17];
	char date[17];
	char idf_version[33];
	guint8 elf_sha256[ESP_IMAGE_HASH_BYTES];
} EspAppDescription;

typedef struct {
	guint32 load_address;
	guint32 size_bytes;
	gsize offset; /* of its data in the file */
} EspImageSegment;

typedef struct {
	guint16 chip_id;
	guint8 spi_mode;    /* 0 QIO, 1 QOUT, 2 DIO, 3 DOUT, 4 FAST, 5 SLOW */
	guint8 flash_size;  /* nibble: 0 = 1 MB, 1 = 2 MB, … 7 = 128 MB */
	guint8 flash_speed; /* nibble, see EspChip */
	guint32 entry;
	guint16 min_revision; /* major * 100 + minor */
	guint16 max_revision; /* 0xFFFF or 0 = no limit */
	gsize n_segments;
	EspImageSegment segments[ESP_IMAGE_SEGMENTS_MAX];
	guint8 checksum;
	gboolean has_hash;                 /* SHA-256 appended, and checked */
	guint8 hash[ESP_IMAGE_HASH_BYTES]; /* that one; zeros without */
	gboolean has_description;
	EspAppDescription description; /* zeros without */
	gsize size_bytes;              /* of the whole image; bytes after it are not its own */
} EspImage;

/* Reads and verifies the image at the start of `data`: header, segments, checksum, appended hash.
 * What follows it (0xFF of a partition, a signature sector) is left alone. FALSE, `image`
 * untouched, with ESP_ERROR_INVALID, _TRUNCATED or _CORRUPT. */
gboolean esp_image_read(const guint8 *data, gsize size_bytes, EspImage *image, GError **error);

/* SHA-256 of the image's file (its `size_bytes` bytes): the firmware's digest. `data` is what
 * `image` was read from. */
void esp_image_digest(const guint8 *data, const EspImage *image,
		      guint8 digest[ESP_AT_LEAST ESP_IMAGE_HASH_BYTES]);

/* What a host image is made of. Texts longer than their field are refused. */
typedef struct {
	const guint8 *program;
	gsize program_bytes;
	const char *version;     /* at most 32 bytes */
	const char *project;     /* at most 32 bytes */
	const char *time;        /* at most 16 bytes; NULL = empty, for reproducible images */
	const char *date;        /* likewise */
	const char *idf_version; /* at most 32 bytes; NULL = empty */
	guint64 flash_bytes;     /* 1 MiB … 128 MiB, a power of two; 0 = 4 MiB */
} EspHostImage;

/* Makes the app image of a host device. The same input gives the same bytes. Yours, or NULL with
 * ESP_ERROR_INVALID, or ESP_ERROR_TOO_LARGE (the program does not fit a segment). */
GBytes *esp_image_host_new(const EspHostImage *host, GError **error);

/* The program inside a host image, borrowed from `data`, which `image` was read from. FALSE, the
 * out parameters untouched, with ESP_ERROR_NOT_SUPPORTED (another chip's image) or _INVALID. */
gboolean esp_image_host_program(const guint8 *data, const EspImage *image, const guint8 **program,
				gsize *program_bytes, GError **error);

G_END_DECLS
