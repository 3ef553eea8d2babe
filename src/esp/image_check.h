/* esp/image_check.h — what a chip would say to an image before it runs it, check by check (ESP-IDF,
 * components/bootloader_support: esp_image_format.c and bootloader_common_loader.c). Pure; any
 * thread.
 *
 * All checks are made, not only those up to the first that fails, as far as the bytes are there. */
#pragma once

#include "esp/chips.h"
#include "esp/image.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_IMAGE_CHECKS_MAX = 16,
	ESP_IMAGE_ANY = -1, /* of a number of the target: not known, so not checked */
	ESP_IMAGE_PARTITION_MAX_BYTES = 16 * 1024 * 1024,
};

typedef enum {
	ESP_IMAGE_KIND_UNKNOWN,
	ESP_IMAGE_KIND_APP,
	ESP_IMAGE_KIND_BOOTLOADER,
} EspImageKind;

/* By its description; without one an image with a segment that is mapped from flash is an app, and
 * any other a bootloader (or a program for memory, which starts like one). UNKNOWN if no segment
 * was read. */
EspImageKind esp_image_kind(const EspImage *image);

/* Where the image is to run. All ESP_IMAGE_ANY, zero and NULL: anywhere. */
typedef struct {
	const EspChip *chip;         /* NULL: the one that the header names */
	EspImageKind kind;           /* UNKNOWN: what it looks like */
	guint64 partition_bytes;     /* 0: not known */
	gint64 revision;             /* of the chip, major * 100 + minor */
	gint64 efuse_block_revision; /* likewise */
	gint64 secure_version;       /* the counter in the eFuses: an app may not be below it */
} EspImageTarget;

typedef enum {
	ESP_IMAGE_CHECK_PASSED,
	ESP_IMAGE_CHECK_FAILED,
	ESP_IMAGE_CHECK_SKIPPED, /* nothing to check it against, or the bytes end before it */
} EspImageVerdict;

typedef struct {
	const char *name; /* "chip", "minimum-revision", …; static */
	EspImageVerdict verdict;
	char *text; /* what was found; why it fails, and the remedy */
} EspImageCheck;

typedef struct {
	EspImage image; /* as far as it could be read */
	EspImageKind kind;
	const EspChip *chip; /* that of the target, or of the header; NULL: unknown */
	gsize n_checks;
	EspImageCheck checks[ESP_IMAGE_CHECKS_MAX];
	gboolean would_start; /* no check failed, and all bytes were there */
} EspImageReport;

/* Makes all checks. */
EspImageReport *esp_image_report_new(const guint8 *data, gsize size_bytes,
				     const EspImageTarget *target);
void esp_image_report_free(EspImageReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspImageReport, esp_image_report_free)

/* Bytes of flash that the image takes with the signature sector of secure boot v2 behind it. */
guint64 esp_image_signed_bytes(const EspImage *image);

/* TRUE if such a sector follows the image within `size_bytes`. */
gboolean esp_image_is_signed(const guint8 *data, gsize size_bytes, const EspImage *image);

G_END_DECLS
