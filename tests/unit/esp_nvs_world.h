/* tests/unit/esp_nvs_world.h — NVS images put together by hand: entries moved, states set,
 * checksums made right again. */
#pragma once

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"
#include "esp/nvs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 0x4000, PAGE = 0x1000, HEADER = 32, ENTRIES = 64, ENTRY = 32 };
enum { ERASED = 0, ILLEGAL = 1, WRITTEN = 2, EMPTY = 3 };

/* The keys of reference vectors: 32 bytes 0x11, 32 bytes 0x22. */
static inline EspNvsKeys vector_keys(void)
{
	EspNvsKeys keys;

	memset(keys.data, 0x11, sizeof keys.data);
	memset(keys.tweak, 0x22, sizeof keys.tweak);
	return keys;
}

static inline void lay_out_with(guint8 *image, const EspNvsEntry *entries, gsize n,
				const EspNvsWriteOptions *options)
{
	g_autoptr(GError) error = NULL;

	if (!esp_nvs_image_write_with(entries, n, options, image, SIZE, NULL, &error))
		fail_msg("%s", error->message);
}

static inline void lay_out(guint8 *image, const EspNvsEntry *entries, gsize n)
{
	lay_out_with(image, entries, n, NULL);
}

static inline guint8 *entry_at(guint8 *page, guint index)
{
	return page + ENTRIES + (gsize)index * ENTRY;
}

static inline void set_state(guint8 *page, guint index, guint state)
{
	guint shift = 2 * (index % 4);
	guint8 *byte = page + 32 + index / 4;

	*byte = (guint8)((*byte & ~(3U << shift)) | state << shift);
}

/* Copies n entries and marks them written. */
static inline void copy_entries(guint8 *to, guint to_index, const guint8 *from, guint from_index,
				guint n)
{
	memcpy(entry_at(to, to_index), from + ENTRIES + from_index * ENTRY, (gsize)n * ENTRY);
	for (guint i = 0; i < n; i++)
		set_state(to, to_index + i, WRITTEN);
}

/* Makes the CRC of an entry that was changed right. */
static inline void sign_entry(guint8 *page, guint index)
{
	guint8 *entry = entry_at(page, index);

	esp_put_le32(entry + 4, esp_crc32(esp_crc_rom(entry, 4), entry + 8, ENTRY - 8));
}

static inline void sign_header(guint8 *page)
{
	esp_put_le32(page + 28, esp_crc_rom(page + 4, 24));
}

static inline EspNvsContents *read_all(const guint8 *image)
{
	EspNvsContents *contents = esp_nvs_read(image, SIZE, ESP_NVS_READ_DEFAULT, NULL);

	assert_non_null(contents);
	return contents;
}

/* An image whose one u8 "a.k" is `value`; entry 0 is the namespace, entry 1 the key. */
static inline void one_key(guint8 *image, guint8 value)
{
	const EspNvsEntry entry = esp_nvs_unsigned("a", "k", ESP_NVS_U8, value);

	lay_out(image, &entry, 1);
}
