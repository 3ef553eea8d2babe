/* esp/image.h — app and bootloader images (ESP-IDF, components/bootloader_support/include/
 * esp_app_format.h and src/esp_image_format.c): read, verified, and for host devices written. Pure;
 * any thread.
 *
 * An image is a header of 24 bytes, 1..16 segments (load address, length, data), a checksum at the
 * end of padding to 16 bytes, and mostly the SHA-256 of all that:
 *
 *     offset  size  content
 *     0       1     0xE9
 *     1       1     number of segments, 1..16
 *     2       1     SPI mode
 *     3       1     high nibble: flash size, low nibble: flash frequency
 *     4       4     entry address
 *     8       1     WP pin, 0xEE = disabled
 *     9       3     drive strengths, a nibble a pin: CLK Q, D CS, HD WP (the first is the low one)
 *     12      2     chip id
 *     14      1     minimum chip revision, old
 *     15      2     minimum chip revision
 *     17      2     maximum chip revision
 *     19      4     0
 *     23      1     1 if a SHA-256 is appended, else 0
 *     24            segments: load address (4), length (4), data
 *     …             zeros; the last byte before a multiple of 16 is 0xEF XOR all segments' data
 *     …       32    SHA-256 of all before, if appended
 *
 * The first segment begins with a description, at file offset 32: an app's has 256 bytes
 * (components/esp_app_format/include/esp_app_desc.h), a bootloader's 80 (components/
 * esp_bootloader_format/include/esp_bootloader_desc.h).
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
	ESP_IMAGE_SEGMENT_HEADER_BYTES = 8,
	ESP_IMAGE_SEGMENTS_MAX = 16,
	ESP_IMAGE_SEGMENT_MAX_BYTES = 16 * 1024 * 1024, /* exclusive */
	ESP_IMAGE_DESCRIPTION_OFFSET = 32,              /* in the file */
	ESP_IMAGE_DESCRIPTION_BYTES = 256,
	ESP_IMAGE_BOOTLOADER_DESCRIPTION_BYTES = 80,
	ESP_IMAGE_HASH_BYTES = 32,
	ESP_IMAGE_HOST_HEADER_BYTES = 16,
	ESP_IMAGE_HOST_PROGRAM_OFFSET = 304, /* in the file */
	ESP_IMAGE_WP_PIN_DISABLED = 0xEE,
	ESP_IMAGE_NO_REVISION_LIMIT = 0xFFFF,
	ESP_IMAGE_KEEP = -1, /* of a flash setting: as it is */
};

/* The app description (esp_app_desc_t). Texts are NUL-terminated here even if they fill their field
 * in the file; they come from outside and may hold any bytes. */
typedef struct {
	guint32 secure_version;
	char version[33];
	char project[33];
	char time[17];
	char date[17];
	char idf_version[33];
	guint8 elf_sha256[ESP_IMAGE_HASH_BYTES];
	guint16 min_efuse_block_revision; /* major * 100 + minor */
	guint16 max_efuse_block_revision; /* likewise; 0xFFFF or 0 = no limit */
	guint8 mmu_page_log2;             /* of the cache's page in bytes; 0 = the usual 64 KiB */
	guint8 spi_flash_mode;            /* ESP-IDF 6.1 and later; 0 before */
} EspAppDescription;

/* The bootloader description (esp_bootloader_desc_t, ESP-IDF 5.2 and later). */
typedef struct {
	guint8 secure_version;
	guint32 version;
	char idf_version[33];
	char date_time[25];
} EspBootloaderDescription;

typedef struct {
	guint32 load_address;
	guint32 size_bytes;
	gsize offset; /* of its data in the file */
} EspImageSegment;

/* Drive strengths of the pins to the SPI flash, 0 … 15. */
typedef struct {
	guint8 clk, q, d, cs, hd, wp;
} EspImageDrives;

/* What is known of a checksum or a hash. */
typedef enum {
	ESP_IMAGE_NOT_KNOWN, /* not read, or there is none */
	ESP_IMAGE_VALID,
	ESP_IMAGE_WRONG,
} EspImageValidity;

typedef struct {
	guint16 chip_id;
	guint8 spi_mode;    /* 0 QIO, 1 QOUT, 2 DIO, 3 DOUT, 4 FAST, 5 SLOW */
	guint8 flash_size;  /* nibble: 0 = 1 MB, 1 = 2 MB, … 7 = 128 MB */
	guint8 flash_speed; /* nibble, see EspChip */
	guint32 entry;
	guint8 wp_pin; /* 0xEE = disabled */
	EspImageDrives drives;
	guint8 min_revision_old; /* before ESP-IDF 5; nothing reads it any more */
	guint16 min_revision;    /* major * 100 + minor */
	guint16 max_revision;    /* 0xFFFF or 0 = no limit */
	guint8 reserved[4];      /* zeros */
	gsize n_segments;
	EspImageSegment segments[ESP_IMAGE_SEGMENTS_MAX];
	guint8 checksum;
	gboolean has_hash;                 /* SHA-256 appended, and checked */
	guint8 hash[ESP_IMAGE_HASH_BYTES]; /* that one; zeros without */
	gboolean has_description;
	EspAppDescription description; /* zeros without */
	gboolean has_bootloader_description;
	EspBootloaderDescription bootloader; /* zeros without */
	gsize size_bytes; /* of the whole image; bytes after it are not its own */

	/* Of an image that esp_image_examine found something wrong with. */
	gsize n_segments_said; /* by the header; `n_segments` have been read whole */
	gboolean has_header;   /* the fields above `n_segments` were read */
	gboolean has_end;      /* `size_bytes` and `checksum` were read */
	guint8 checksum_is;    /* what the bytes of the segments give */
	EspImageValidity checksum_validity;
	guint8 hash_is[ESP_IMAGE_HASH_BYTES]; /* what the bytes give */
	EspImageValidity hash_validity;
} EspImage;

/* Reads and verifies the image at the start of `data`: header, segments, checksum, appended hash.
 * What follows it (0xFF of a partition, a signature sector) is left alone. FALSE, `image`
 * untouched, with ESP_ERROR_INVALID, _TRUNCATED or _CORRUPT. */
gboolean esp_image_read(const guint8 *data, gsize size_bytes, EspImage *image, GError **error);

/* The same, but `image` is filled as far as it can be known, in any case; the error is that of the
 * first fault. A wrong checksum does not keep the hash from being looked at. */
gboolean esp_image_examine(const guint8 *data, gsize size_bytes, EspImage *image, GError **error);

/* SHA-256 of the image's file (its `size_bytes` bytes): the firmware's digest. `data` is what
 * `image` was read from. */
void esp_image_digest(const guint8 *data, const EspImage *image,
		      guint8 digest[ESP_AT_LEAST ESP_IMAGE_HASH_BYTES]);

/* Sets SPI mode, flash size and frequency (nibbles) in the header of the image at the start of
 * `data`, each unless it is ESP_IMAGE_KEEP, and makes the appended SHA-256 anew, as esptool does
 * with the bootloader while flashing. FALSE, `data` untouched, with the errors of esp_image_read: a
 * damaged image does not get a hash that hides it. */
gboolean esp_image_set_flash(guint8 *data, gsize size_bytes, int spi_mode, int flash_size,
			     int flash_speed, GError **error);

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
