/* tests/fuzz/esp_nvs_pages.h — NVS images out of few bytes, so that a fuzzer finds its way past the
 * checksums: each entry is a handful of choices, most of them right, any of them wrong.
 *
 * Input of at least a page is the image as it is. Shorter input is, for each page, a byte (state,
 * sequence number, version, whether its CRC is wrong) and then entries: a byte of state, type and
 * faults, a byte of namespace and key, a byte of size, a byte of chunk; 0xFF ends a page. */
#pragma once

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/nvs.h"

#include <stdint.h>
#include <string.h>

enum {
	PAGES_MOST = 3,
	CHOICES_MAX_BYTES = 192, /* longer input is pages, or nothing: for the speed of it */
};

typedef struct {
	const uint8_t *at, *end;
} Choices;

static inline guint8 choose(Choices *choices)
{
	return choices->at < choices->end ? *choices->at++ : 0xFF;
}

static inline void fuzz_set_state(guint8 *page, guint index, guint state)
{
	guint shift = 2 * (index % 4);
	guint8 *byte = page + 32 + index / 4;

	*byte = (guint8)((*byte & ~(3U << shift)) | state << shift);
}

/* One item at `index`; returns the entries that it takes. */
static inline guint put_item(guint8 *page, guint index, guint8 what, Choices *choices)
{
	static const guint8 types[16] = {0x01, 0x21, 0x42, 0x48, 0x41, 0x14, 0x28, 0x24,
					 0x01, 0x21, 0x42, 0x48, 0x11, 0x18, 0x33, 0x42};
	static const guint8 faults[4] = {0, 0, 1, 2}; /* 1: the entry's CRC, 2: that of its data */
	guint8 name = choose(choices), size = choose(choices), chunk = choose(choices);
	guint8 *entry = page + 64 + (gsize)index * 32;
	guint8 type = types[what >> 2 & 15], fault = faults[what >> 6];
	gsize room = (gsize)(125 - index) * 32,
	      n = MIN((gsize)(size & 0x7F) * ((size & 0xF8) == 0x98 ? 128 : 1), room);
	guint span = type == 0x21 || type == 0x41 || type == 0x42 ? 1 + (guint)(n + 31) / 32 : 1;

	memset(entry, 0xFF, (gsize)span * 32);
	memset(entry + 8, 0, 16);
	entry[0] = name & 3;
	entry[1] = type;
	entry[2] = (guint8)(span + (chunk == 0xFE ? 1 : 0));
	entry[3] = type == 0x42 ? chunk & 0x83 : 0xFF;
	entry[8] = (guint8)('a' + (name >> 2 & 7));
	if (type == 0x48) {
		esp_put_le32(entry + 24, size);
		entry[28] = chunk & 3;
		entry[29] = chunk & 0x80;
	} else if (span > 1 || type == 0x21 || type == 0x41 || type == 0x42) {
		memset(entry + 32, 'x', n);
		esp_put_le16(entry + 24, (guint16)n);
		esp_put_le32(entry + 28, esp_crc_rom(entry + 32, n) ^ (fault == 2 ? 1 : 0));
	} else {
		entry[24] = size;
	}
	esp_put_le32(entry + 4,
		     esp_crc32(esp_crc_rom(entry, 4), entry + 8, 24) ^ (fault == 1 ? 1 : 0));
	for (guint i = 0; i < span; i++)
		fuzz_set_state(page, index + i, i > 0 && name >> 6 == 3 ? 3 : (what & 3) ^ 1);
	return span;
}

static inline void put_page(guint8 *page, Choices *choices)
{
	static const guint32 states[8] = {0xFFFFFFFE, 0xFFFFFFFC, 0xFFFFFFF8, 0xFFFFFFFF,
					  0xFFFFFFFE, 0xFFFFFFFC, 0xFFFFFFF0, 0x12345678};
	guint8 what = choose(choices);

	if (what == 0xFF)
		return;
	esp_put_le32(page, states[what & 7]);
	esp_put_le32(page + 4, what >> 3 & 3);
	page[8] = (what >> 5 & 3) == 3 ? 0xFD : (what >> 5 & 3) == 2 ? 0xFF : 0xFE;
	esp_put_le32(page + 28, esp_crc_rom(page + 4, 24) ^ (what >> 7));
	for (guint i = 0; i < 126;) {
		guint8 item = choose(choices);

		if (item == 0xFF)
			break;
		i += put_item(page, i, item, choices);
	}
}

/* At most PAGES_MOST pages into `image`; returns their bytes. */
static inline gsize make_pages(const uint8_t *data, gsize size, gsize n_pages,
			       guint8 image[static PAGES_MOST * ESP_NVS_PAGE_BYTES])
{
	Choices choices = {data, data + size};

	if (size >= ESP_NVS_PAGE_BYTES) {
		gsize n = MIN(size / ESP_NVS_PAGE_BYTES, (gsize)PAGES_MOST) * ESP_NVS_PAGE_BYTES;

		memcpy(image, data, n);
		return n;
	}
	memset(image, 0xFF, n_pages * ESP_NVS_PAGE_BYTES);
	for (gsize page = 0; page < n_pages; page++)
		put_page(image + page * ESP_NVS_PAGE_BYTES, &choices);
	return n_pages * ESP_NVS_PAGE_BYTES;
}
