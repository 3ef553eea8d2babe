#include "esp/chips.h"

#include "esp/chip_memory.h"

#include <string.h>

enum {
	KB = 1024,
	MB = 1024 * 1024,
	PADDING_END = 0x10000, /* a segment loaded below is filling (image-info calls it PADDING) */
	MMU_PAGE_DEFAULT_BYTES = 64 * KB,
	MMU_PAGE_MAX_LOG2 = 31,
	FLASH_SIZE_NIBBLE_MAX = 7,
};

static const EspFlashFrequency frequencies_80[] = {
	{"80m", 0xF}, {"40m", 0x0}, {"26m", 0x1}, {"20m", 0x2}, {NULL, 0}};
static const EspFlashFrequency frequencies_60[] = {
	{"60m", 0xF}, {"30m", 0x0}, {"20m", 0x1}, {"15m", 0x2}, {NULL, 0}};
static const EspFlashFrequency frequencies_c6[] = {
	{"80m", 0x0}, {"40m", 0x0}, {"20m", 0x2}, {NULL, 0}};
static const EspFlashFrequency frequencies_48[] = {
	{"48m", 0xF}, {"24m", 0x0}, {"16m", 0x1}, {"12m", 0x2}, {NULL, 0}};
static const EspFlashFrequency frequencies_80_20[] = {
	{"80m", 0xF}, {"40m", 0x0}, {"20m", 0x2}, {NULL, 0}};

#define FLASH(megabytes, boot) .boot_offset = (boot), .mapped_flash_bytes = (megabytes)*MB
#define PAGES(min_kib, max_kib)                                                                    \
	.mmu_page_min_bytes = (min_kib)*KB, .mmu_page_max_bytes = (max_kib)*KB

static const EspChip chips[] = {
	{
		.name = "esp32",
		.title = "ESP32",
		.id = ESP_CHIP_ESP32_ID,
		FLASH(16, 0x1000),
		.in_api = TRUE,
		.uf2_family = 0x1C5F21B0,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ONCE | ESP_CHIP_AES_TWEAK,
		.frequencies = frequencies_80,
		.memory = esp_memory_esp32,
		.mapped = {{0x400D0000, 0x40400000}, {0x3F400000, 0x3F800000}},
	},
	{
		.name = "esp32s2",
		.title = "ESP32-S2",
		.id = 0x0002,
		FLASH(16, 0x1000),
		.in_api = TRUE,
		.has_hmac = TRUE,
		.uf2_family = 0xBFDD4EEE,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_80,
		.memory = esp_memory_esp32s2,
		.mapped = {{0x40080000, 0x40800000}, {0x3F000000, 0x3FF80000}},
	},
	{
		.name = "esp32c3",
		.title = "ESP32-C3",
		.id = 0x0005,
		FLASH(16, 0x0),
		.in_api = TRUE,
		.has_hmac = TRUE,
		.uf2_family = 0xD42BA06C,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA,
		.frequencies = frequencies_80,
		.memory = esp_memory_esp32c3,
		.mapped = {{0x42000000, 0x42800000}, {0x3C000000, 0x3C800000}},
	},
	{
		.name = "esp32s3",
		.title = "ESP32-S3",
		.id = 0x0009,
		FLASH(128, 0x0),
		.in_api = TRUE,
		.has_hmac = TRUE,
		.uf2_family = 0xC47E5767,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_80,
		.memory = esp_memory_esp32s3,
		.mapped = {{0x42000000, 0x44000000}, {0x3C000000, 0x3E000000}},
	},
	{
		.name = "esp32c2",
		.title = "ESP32-C2",
		.id = 0x000C,
		FLASH(16, 0x0),
		.uf2_family = 0x2B88D29C,
		PAGES(16, 64),
		.security = ESP_CHIP_SIGNED_ECDSA | ESP_CHIP_SIGNED_ONCE | ESP_CHIP_XTS_SHORT_KEY,
		.frequencies = frequencies_60,
		.memory = esp_memory_esp32c2,
		.mapped = {{0x42000000, 0x42400000}, {0x3C000000, 0x3C400000}},
	},
	{
		.name = "esp32c6",
		.title = "ESP32-C6",
		.id = 0x000D,
		FLASH(16, 0x0),
		.in_api = TRUE,
		.has_hmac = TRUE,
		.uf2_family = 0x540DDF62,
		PAGES(8, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ECDSA,
		.frequencies = frequencies_c6,
		.memory = esp_memory_esp32c6,
		.mapped = {{0x42000000, 0x43000000}},
	},
	{
		.name = "esp32h2",
		.title = "ESP32-H2",
		.id = 0x0010,
		FLASH(16, 0x0),
		.in_api = TRUE,
		.has_hmac = TRUE,
		.uf2_family = 0x332726F6,
		PAGES(8, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ECDSA,
		.frequencies = frequencies_48,
		.memory = esp_memory_esp32c6,
		.mapped = {{0x42000000, 0x43000000}},
	},
	{
		.name = "esp32p4",
		.title = "ESP32-P4",
		.id = 0x0012,
		FLASH(128, 0x2000),
		.has_hmac = TRUE,
		.uf2_family = 0x3D308E94,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ECDSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_80,
		.memory = esp_memory_esp32p4,
		.mapped = {{0x40000000, 0x44000000}, {0x48000000, 0x4C000000}},
	},
	{
		.name = "esp32c61",
		.title = "ESP32-C61",
		.id = 0x0014,
		FLASH(128, 0x0),
		.uf2_family = 0x77D850C4,
		PAGES(8, 64),
		.security = ESP_CHIP_SIGNED_ECDSA,
		.frequencies = frequencies_80_20,
		.memory = esp_memory_esp32c61,
		.mapped = {{0x42000000, 0x44000000}},
	},
	{
		.name = "esp32c5",
		.title = "ESP32-C5",
		.id = 0x0017,
		FLASH(128, 0x2000),
		.has_hmac = TRUE,
		.uf2_family = 0xF71C0343,
		PAGES(64, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ECDSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_80_20,
		.memory = esp_memory_esp32c5,
		.mapped = {{0x42000000, 0x44000000}},
	},
	{
		.name = "esp32h21",
		.title = "ESP32-H21",
		.id = 0x0019,
		FLASH(16, 0x0),
		.has_hmac = TRUE,
		.uf2_family = 0xB6DD00AF,
		PAGES(8, 64),
		.security = ESP_CHIP_SIGNED_RSA,
		.frequencies = frequencies_48,
		.memory = esp_memory_esp32c6,
		.mapped = {{0x42000000, 0x43000000}},
	},
	{
		.name = "esp32h4",
		.title = "ESP32-H4",
		.id = 0x001C,
		FLASH(128, 0x2000),
		.has_hmac = TRUE,
		.uf2_family = 0x9E0BAA8A,
		PAGES(8, 64),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_SIGNED_ECDSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_48,
		.memory = esp_memory_esp32h4,
		.mapped = {{0x42000000, 0x44000000}},
	},
	{
		.name = "esp32s31",
		.title = "ESP32-S31",
		.id = 0x0020,
		FLASH(128, 0x2000),
		.has_hmac = TRUE,
		.uf2_family = 0x3101F7C1,
		PAGES(16, 256),
		.security = ESP_CHIP_SIGNED_RSA | ESP_CHIP_XTS_256,
		.frequencies = frequencies_80_20,
		.memory = esp_memory_esp32s31,
		.mapped = {{0x40000000, 0x44000000}, {0x50000000, 0x54000000}},
	},
	{
		.name = "host",
		.title = "host device",
		.id = ESP_CHIP_HOST_ID,
		FLASH(128, 0x0),
		.in_api = TRUE,
		PAGES(64, 64),
		.frequencies = frequencies_80,
		.memory = esp_memory_host,
	},
};

static const char *const flash_modes[] = {"qio", "qout", "dio", "dout"};

const EspChip *esp_chips(gsize *n_chips)
{
	*n_chips = G_N_ELEMENTS(chips);
	return chips;
}

const EspChip *esp_chip_find(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(chips); i++)
		if (strcmp(chips[i].name, name) == 0)
			return &chips[i];
	return NULL;
}

const EspChip *esp_chip_find_id(guint id)
{
	for (gsize i = 0; i < G_N_ELEMENTS(chips); i++)
		if (chips[i].id == id)
			return &chips[i];
	return NULL;
}

gsize esp_chip_memories(const EspChip *chip, guint32 address,
			const char *names[ESP_CHIP_MEMORIES_MAX])
{
	gsize n = 0;

	if (address < PADDING_END)
		names[n++] = "PADDING";
	for (const EspMemoryRange *range = chip == NULL ? NULL : chip->memory;
	     range != NULL && range->name != NULL && n < ESP_CHIP_MEMORIES_MAX; range++)
		if (address >= range->low && address < range->high)
			names[n++] = range->name;
	return n;
}

gboolean esp_chip_is_mapped(const EspChip *chip, guint32 address)
{
	for (gsize i = 0; i < ESP_CHIP_MAPPED_RANGES; i++)
		if (address >= chip->mapped[i].low && address < chip->mapped[i].high)
			return TRUE;
	return FALSE;
}

guint32 esp_chip_mmu_page(const EspChip *chip, guint8 log2_bytes)
{
	guint32 size_bytes = log2_bytes > MMU_PAGE_MAX_LOG2 ? 0 : 1U << log2_bytes;

	if (size_bytes < chip->mmu_page_min_bytes || size_bytes > chip->mmu_page_max_bytes)
		return MMU_PAGE_DEFAULT_BYTES;
	return size_bytes;
}

gboolean esp_flash_size_nibble(guint64 size_bytes, guint8 *nibble)
{
	for (guint i = 0; i <= FLASH_SIZE_NIBBLE_MAX; i++)
		if (size_bytes == (guint64)ESP_FLASH_MIN_BYTES << i) {
			*nibble = (guint8)i;
			return TRUE;
		}
	return FALSE;
}

guint32 esp_flash_size_of(guint8 nibble)
{
	return nibble <= FLASH_SIZE_NIBBLE_MAX ? (guint32)ESP_FLASH_MIN_BYTES << nibble : 0;
}

gboolean esp_flash_size_parse(const char *text, guint32 *size_bytes)
{
	char *end = NULL;
	guint8 nibble;
	guint64 megabytes;

	if (!g_ascii_isdigit(*text))
		return FALSE;
	megabytes = g_ascii_strtoull(text, &end, 10);
	if (g_ascii_strcasecmp(end, "MB") != 0 && g_ascii_strcasecmp(end, "M") != 0)
		return FALSE;
	if (megabytes > ESP_FLASH_MAX_BYTES / MB || !esp_flash_size_nibble(megabytes * MB, &nibble))
		return FALSE;
	*size_bytes = (guint32)(megabytes * MB);
	return TRUE;
}

gboolean esp_flash_mode_parse(const char *text, guint8 *mode)
{
	for (gsize i = 0; i < G_N_ELEMENTS(flash_modes); i++)
		if (g_ascii_strcasecmp(flash_modes[i], text) == 0) {
			*mode = (guint8)i;
			return TRUE;
		}
	return FALSE;
}

const char *esp_flash_mode_name(guint8 mode)
{
	return mode < G_N_ELEMENTS(flash_modes) ? flash_modes[mode] : NULL;
}

gboolean esp_flash_frequency_parse(const EspChip *chip, const char *text, guint8 *nibble)
{
	for (const EspFlashFrequency *f = chip->frequencies; f->name != NULL; f++)
		if (g_ascii_strcasecmp(f->name, text) == 0) {
			*nibble = f->nibble;
			return TRUE;
		}
	return FALSE;
}

const char *esp_flash_frequency_name(const EspChip *chip, guint8 nibble)
{
	for (const EspFlashFrequency *f = chip->frequencies; f->name != NULL; f++)
		if (f->nibble == nibble)
			return f->name;
	return NULL;
}
