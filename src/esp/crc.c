#include "esp/crc.h"

#include "esp/bytes.h"

enum { SLICES = 8, POLYNOMIAL_BITS = 8 };

static guint32 tables[SLICES][256];

static void fill_tables(void)
{
	for (guint32 i = 0; i < 256; i++) {
		guint32 crc = i;

		for (int bit = 0; bit < POLYNOMIAL_BITS; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
		tables[0][i] = crc;
	}
	for (guint32 i = 0; i < 256; i++)
		for (int slice = 1; slice < SLICES; slice++) {
			guint32 before = tables[slice - 1][i];

			tables[slice][i] = (before >> 8) ^ tables[0][before & 0xFF];
		}
}

guint32 esp_crc32(guint32 crc, const void *data, gsize size_bytes)
{
	static gsize ready = 0;
	const guint8 *bytes = data;

	if (g_once_init_enter(&ready)) {
		fill_tables();
		g_once_init_leave(&ready, 1);
	}
	crc = ~crc;
	for (; size_bytes >= SLICES; size_bytes -= SLICES, bytes += SLICES) {
		guint32 low = esp_get_le32(bytes) ^ crc, high = esp_get_le32(bytes + 4);

		crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^
		      tables[5][low >> 16 & 0xFF] ^ tables[4][low >> 24] ^ tables[3][high & 0xFF] ^
		      tables[2][high >> 8 & 0xFF] ^ tables[1][high >> 16 & 0xFF] ^
		      tables[0][high >> 24];
	}
	for (; size_bytes > 0; size_bytes--, bytes++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *bytes) & 0xFF];
	return ~crc;
}

guint32 esp_crc_rom(const void *data, gsize size_bytes)
{
	return esp_crc32(0xFFFFFFFFU, data, size_bytes);
}

guint32 esp_crc_std(const void *data, gsize size_bytes)
{
	return esp_crc32(0, data, size_bytes);
}
