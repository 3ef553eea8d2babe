/* esp/chips.h — the chips, one row each. Adding a chip is adding a row. Pure; any thread.
 *
 * Ids are those of esp_chip_id_t (ESP-IDF, components/bootloader_support/include/esp_app_format.h);
 * mapped ranges, page sizes and peripherals those of components/soc/<chip>/include/soc. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_CHIP_ESP32_ID = 0x0000,
	ESP_CHIP_HOST_ID = 0xF057,      /* a host device: no chip of Espressif's */
	ESP_FLASH_MIN_BYTES = 0x100000, /* 1 MB … 128 MB is what the image header can say */
	ESP_FLASH_MAX_BYTES = 0x8000000,
	ESP_FLASH_SECTOR_BYTES = 0x1000, /* the least that is erased */
	ESP_CHIP_MAPPED_RANGES = 2,
	ESP_CHIP_MEMORIES_MAX = 6, /* kinds that one address has at most */
};

/* A flash frequency and its nibble in the image header. */
typedef struct {
	const char *name; /* "40m" */
	guint8 nibble;
} EspFlashFrequency;

/* What secure boot version 2 and flash encryption are on a chip (SOC_SECURE_BOOT_V2_*,
 * SOC_FLASH_ENCRYPTION_XTS_AES_*). Encryption is XTS-AES-128 unless another is named. */
typedef enum {
	ESP_CHIP_SIGNED_RSA = 1 << 0,
	ESP_CHIP_SIGNED_ECDSA = 1 << 1,
	ESP_CHIP_SIGNED_ONCE = 1 << 2,   /* only the first signature block is looked at */
	ESP_CHIP_AES_TWEAK = 1 << 3,     /* the ESP32's own flash encryption, no XTS */
	ESP_CHIP_XTS_256 = 1 << 4,       /* XTS-AES-256, too */
	ESP_CHIP_XTS_SHORT_KEY = 1 << 5, /* also a key of 16 bytes in half an eFuse block */
} EspChipSecurity;

/* Addresses from `low` to below `high`, and what lies there: "DROM", "IRAM", "RTC_DATA" … */
typedef struct {
	guint32 low;
	guint32 high;
	const char *name;
} EspMemoryRange;

/* Addresses from `low` to below `high`. */
typedef struct {
	guint32 low;
	guint32 high;
} EspAddressRange;

typedef struct {
	const char *name;    /* as the API writes it: "esp32c3", "host" */
	const char *title;   /* as people write it: "ESP32-C3" */
	guint16 id;          /* in image headers and from GET_SECURITY_INFO */
	guint32 boot_offset; /* of the second-stage bootloader in flash */
	/* Flash that the cache maps, so where firmware may lie; with more, the rest holds data
	 * (SOC_SPI_MEM_SUPPORT_CACHE_32BIT_ADDR_MAP). */
	guint32 mapped_flash_bytes;
	gboolean in_api;            /* a value of DeviceClass.spec.chip */
	gboolean has_hmac;          /* the HMAC peripheral, for NVS encryption by it */
	guint security;             /* of EspChipSecurity; 0: neither signatures nor encryption */
	guint32 uf2_family;         /* in UF2 files; 0: none */
	guint32 mmu_page_min_bytes; /* a page of the cache; both the same where it is … */
	guint32 mmu_page_max_bytes; /* … not configurable */
	const EspFlashFrequency *frequencies; /* ended by a NULL name */
	const EspMemoryRange *memory;         /* ended by a NULL name; esp_chip_memories reads it */
	/* What the bootloader maps from flash instead of copying it to memory; unused ones are
	 * empty. */
	EspAddressRange mapped[ESP_CHIP_MAPPED_RANGES];
} EspChip;

/* The table. Borrowed. */
const EspChip *esp_chips(gsize *n_chips);

/* The row of that name or id; borrowed, or NULL. */
const EspChip *esp_chip_find(const char *name);
const EspChip *esp_chip_find_id(guint id);

/* The kinds of memory at an address, "PADDING" for what is not loaded at all; `names` is filled
 * with borrowed texts. Returns how many. `chip` NULL (unknown): only padding is known. */
gsize esp_chip_memories(const EspChip *chip, guint32 address,
			const char *names[ESP_CHIP_MEMORIES_MAX]);

/* TRUE if the bootloader maps a segment for this address instead of copying it. */
gboolean esp_chip_is_mapped(const EspChip *chip, guint32 address);

/* The size in bytes of the chip's cache pages that an app description asks for by its logarithm to
 * base 2; 64 KiB where it says nothing or what the chip does not have. */
guint32 esp_chip_mmu_page(const EspChip *chip, guint8 log2_bytes);

/* "4MB" (also "4mb", "4M") in bytes. FALSE, `size_bytes` untouched, unless a power of two within
 * ESP_FLASH_MIN_BYTES…MAX. */
gboolean esp_flash_size_parse(const char *text, guint32 *size_bytes);

/* The header's nibble for a flash size. FALSE if it has none. */
gboolean esp_flash_size_nibble(guint64 size_bytes, guint8 *nibble);

/* The flash size in bytes that a nibble says; 0 for 8 … 15, which say nothing. */
guint32 esp_flash_size_of(guint8 nibble);

/* "qio", "qout", "dio", "dout" (any case) as the header's SPI mode. FALSE otherwise. */
gboolean esp_flash_mode_parse(const char *text, guint8 *mode);

/* "qio" …; NULL for a number that is none. Borrowed. */
const char *esp_flash_mode_name(guint8 mode);

/* "40m" (any case) as the header's nibble for that chip. FALSE if the chip has no such frequency.
 */
gboolean esp_flash_frequency_parse(const EspChip *chip, const char *text, guint8 *nibble);

/* "40m" …: the highest one that a nibble stands for on that chip; NULL for one that stands for
 * none. Borrowed. */
const char *esp_flash_frequency_name(const EspChip *chip, guint8 nibble);

G_END_DECLS
