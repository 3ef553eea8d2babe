/* esp_image_fixture.h — images of any chip for tests, made here and not by what is tested. */
#pragma once

#include <glib.h>

#include <openssl/sha.h>
#include <string.h>

enum { FIXTURE_SEGMENTS_MAX = 17 };

typedef struct {
	guint32 address;
	guint32 size_bytes; /* data counts up from the segment's number */
} FixtureSegment;

typedef struct {
	guint16 chip_id;
	guint8 mode, size_and_frequency;
	guint16 min_revision, max_revision;
	gboolean no_hash;
	/* The first segment begins with a description; `page_log2`, `secure_version` and the
	 * revisions of the eFuse block are an app's. */
	gboolean is_app, is_bootloader;
	guint8 page_log2;
	guint32 secure_version;
	guint16 min_efuse, max_efuse;
	FixtureSegment segments[FIXTURE_SEGMENTS_MAX]; /* ended by size 0 */
} FixtureImage;

static inline void fixture_put32(guint8 *at, guint32 value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (guint8)(value >> (8 * i));
}

static inline void fixture_describe(const FixtureImage *image, guint8 *at)
{
	if (image->is_app) {
		memset(at, 0, 256);
		fixture_put32(at, 0xABCD5432U);
		fixture_put32(at + 4, image->secure_version);
		memcpy(at + 16, "1.2.3", 5);
		memcpy(at + 48, "soil-probe", 10);
		memcpy(at + 80, "12:34:56", 8);
		memcpy(at + 96, "Mar  3 2026", 11);
		memcpy(at + 112, "v6.0", 4);
		memset(at + 144, 0xE1, 32);
		at[176] = (guint8)image->min_efuse;
		at[177] = (guint8)(image->min_efuse >> 8);
		at[178] = (guint8)image->max_efuse;
		at[179] = (guint8)(image->max_efuse >> 8);
		at[180] = image->page_log2;
		at[181] = 2;
	}
	if (image->is_bootloader) {
		memset(at, 0, 80);
		at[0] = 0x50;
		at[3] = 9;
		fixture_put32(at + 4, 77);
		memcpy(at + 8, "v5.5-bootloader-with-32-bytes-ab", 32);
		memcpy(at + 40, "Mar  3 2026 12:34:56 UTC", 24);
		memset(at + 64, 0x77, 16);
	}
}

/* The bytes of the image; in `size_bytes` how many. Free with g_free. */
static inline guint8 *fixture_image(const FixtureImage *image, gsize *size_bytes)
{
	guint8 header[24] = {0xE9, 0,    image->mode, image->size_and_frequency,
			     0x34, 0x12, 0x08,        0x40,
			     0xEE, 0x21, 0x43,        0x65};
	GByteArray *bytes = g_byte_array_new();
	guint8 sum = 0xEF;
	guint n = 0;

	while (n < FIXTURE_SEGMENTS_MAX && image->segments[n].size_bytes > 0)
		n++;
	header[1] = (guint8)n;
	header[12] = (guint8)image->chip_id;
	header[13] = (guint8)(image->chip_id >> 8);
	header[14] = 7;
	header[15] = (guint8)image->min_revision;
	header[16] = (guint8)(image->min_revision >> 8);
	header[17] = (guint8)image->max_revision;
	header[18] = (guint8)(image->max_revision >> 8);
	header[23] = image->no_hash ? 0 : 1;
	g_byte_array_append(bytes, header, sizeof header);
	for (guint i = 0; i < n; i++) {
		const FixtureSegment *segment = &image->segments[i];
		guint8 segment_header[8];
		g_autofree guint8 *data = g_malloc(segment->size_bytes);

		fixture_put32(segment_header, segment->address);
		fixture_put32(segment_header + 4, segment->size_bytes);
		g_byte_array_append(bytes, segment_header, sizeof segment_header);
		for (guint32 j = 0; j < segment->size_bytes; j++)
			data[j] = (guint8)(i + j);
		if (i == 0)
			fixture_describe(image, data);
		for (guint32 j = 0; j < segment->size_bytes; j++)
			sum ^= data[j];
		g_byte_array_append(bytes, data, segment->size_bytes);
	}
	while (bytes->len % 16 != 15)
		g_byte_array_append(bytes, (const guint8 *)"", 1);
	g_byte_array_append(bytes, &sum, 1);
	if (!image->no_hash) {
		guint8 hash[SHA256_DIGEST_LENGTH];

		SHA256(bytes->data, bytes->len, hash);
		g_byte_array_append(bytes, hash, sizeof hash);
	}
	*size_bytes = bytes->len;
	return g_byte_array_free(bytes, FALSE);
}
