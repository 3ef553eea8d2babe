#include "esp/chips.h"

#include <string.h>

enum { MB = 1024 * 1024 };

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

/* name, title, id, boot offset, largest flash, in the API, HMAC, frequencies */
static const EspChip chips[] = {
	{"esp32", "ESP32", 0x0000, 0x1000, 16 * MB, TRUE, FALSE, frequencies_80},
	{"esp32s2", "ESP32-S2", 0x0002, 0x1000, 128 * MB, TRUE, TRUE, frequencies_80},
	{"esp32c3", "ESP32-C3", 0x0005, 0x0, 16 * MB, TRUE, TRUE, frequencies_80},
	{"esp32s3", "ESP32-S3", 0x0009, 0x0, 128 * MB, TRUE, TRUE, frequencies_80},
	{"esp32c2", "ESP32-C2", 0x000C, 0x0, 16 * MB, FALSE, FALSE, frequencies_60},
	{"esp32c6", "ESP32-C6", 0x000D, 0x0, 16 * MB, TRUE, TRUE, frequencies_c6},
	{"esp32h2", "ESP32-H2", 0x0010, 0x0, 16 * MB, TRUE, TRUE, frequencies_48},
	{"esp32p4", "ESP32-P4", 0x0012, 0x2000, 128 * MB, FALSE, TRUE, frequencies_80},
	{"esp32c61", "ESP32-C61", 0x0014, 0x0, 128 * MB, FALSE, FALSE, frequencies_80_20},
	{"esp32c5", "ESP32-C5", 0x0017, 0x2000, 128 * MB, FALSE, TRUE, frequencies_80_20},
	{"esp32h21", "ESP32-H21", 0x0019, 0x0, 128 * MB, FALSE, FALSE, frequencies_48},
	{"esp32h4", "ESP32-H4", 0x001C, 0x2000, 128 * MB, FALSE, FALSE, frequencies_48},
	{"esp32s31", "ESP32-S31", 0x0020, 0x2000, 128 * MB, FALSE, FALSE, frequencies_80_20},
	{"host", "host device", ESP_CHIP_HOST_ID, 0x0, 128 * MB, TRUE, FALSE, frequencies_80},
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

gboolean esp_flash_size_nibble(guint64 size_bytes, guint8 *nibble)
{
	for (guint8 i = 0; i <= 7; i++)
		if (size_bytes == (guint64)ESP_FLASH_MIN_BYTES << i) {
			*nibble = i;
			return TRUE;
		}
	return FALSE;
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

gboolean esp_flash_frequency_parse(const EspChip *chip, const char *text, guint8 *nibble)
{
	for (const EspFlashFrequency *f = chip->frequencies; f->name != NULL; f++)
		if (g_ascii_strcasecmp(f->name, text) == 0) {
			*nibble = f->nibble;
			return TRUE;
		}
	return FALSE;
}
