/* esp/chips.h — the chips, one row each. Adding a chip is adding a row. Pure; any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_CHIP_HOST_ID = 0xF057,      /* a host device: no chip of Espressif's */
	ESP_FLASH_MIN_BYTES = 0x100000, /* 1 MB … 128 MB is what the image header can say */
	ESP_FLASH_MAX_BYTES = 0x8000000,
};

/* A flash frequency and its nibble in the image header. */
typedef struct {
	const char *name; /* "40m" */
	guint8 nibble;
} EspFlashFrequency;

typedef struct {
	const char *name;    /* as the API writes it: "esp32c3", "host" */
	const char *title;   /* as people write it: "ESP32-C3" */
	guint16 id;          /* in image headers and from GET_SECURITY_INFO */
	guint32 boot_offset; /* of the second-stage bootloader in flash */
	guint32 max_flash_bytes;
	gboolean in_api;                      /* a value of DeviceClass.spec.chip */
	gboolean has_hmac;                    /* the HMAC peripheral, for NVS encryption by it */
	const EspFlashFrequency *frequencies; /* ended by a NULL name */
} EspChip;

/* The table. Borrowed. */
const EspChip *esp_chips(gsize *n_chips);

/* The row of that name or id; borrowed, or NULL. */
const EspChip *esp_chip_find(const char *name);
const EspChip *esp_chip_find_id(guint id);

/* "4MB" (also "4mb", "4M") in bytes. FALSE, `size_bytes` untouched, unless a power of two within
 * ESP_FLASH_MIN_BYTES…MAX. */
gboolean esp_flash_size_parse(const char *text, guint32 *size_bytes);

/* The header's nibble for a flash size. FALSE if it has none. */
gboolean esp_flash_size_nibble(guint64 size_bytes, guint8 *nibble);

/* "qio", "qout", "dio", "dout" (any case) as the header's SPI mode. FALSE otherwise. */
gboolean esp_flash_mode_parse(const char *text, guint8 *mode);

/* "40m" (any case) as the header's nibble for that chip. FALSE if the chip has no such frequency.
 */
gboolean esp_flash_frequency_parse(const EspChip *chip, const char *text, guint8 *nibble);

G_END_DECLS
