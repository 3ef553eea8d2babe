/* esp/nvs_page.h — the bytes of a page and of an entry, shared by the sources of esp/nvs.h
 * (ESP-IDF, components/nvs_flash/src/nvs_page.hpp, src/nvs_types.hpp,
 * private_include/nvs_constants.h).
 *
 * A page of 4096 bytes; numbers are little-endian, CRCs those of esp_crc_rom:
 *
 *     0    4     state word
 *     4    4     sequence number, 0, 1, 2 … in the order of the pages' making
 *     8    1     format version
 *     9    19    0xFF
 *     28   4     CRC over 4..27: the state word changes, so it is not in it
 *     32   32    bitmap: the state of entry i is (byte[i / 4] >> (2 * (i % 4))) & 3
 *     64   4032  126 entries
 *
 * An entry of 32 bytes:
 *
 *     0    1     namespace index; 0: this entry defines one
 *     1    1     type
 *     2    1     span: entries of the whole item, this one included
 *     3    1     chunk: number of a blob's part, else 0xFF
 *     4    4     CRC over 0..3 and 8..31
 *     8    16    key, padded with 0x00
 *     24   8     value
 *
 * Values: a number in the low bytes, the rest 0xFF. Strings, blobs of format version 1 and parts of
 * blobs: u16 size, 0xFFFF, u32 CRC of the data, which are in the next entries, the last of them
 * padded with 0xFF. A blob's index: u32 size of the whole, u8 number of parts, u8 number of the
 * first (0x00 or 0x80, by turns, so that a cut rewrite leaves the old parts whole), 0xFFFF. */
#pragma once

#include "esp/nvs.h"

enum {
	NVS_BITMAP_OFFSET = 32,
	NVS_ENTRIES_OFFSET = 64,
	NVS_VERSION_1 = 0xFF, /* blobs in one piece */
	NVS_VERSION_2 = 0xFE,
	NVS_CHUNK_NONE = 0xFF, /* of every entry but a blob's data */
	NVS_CHUNK_VERSION =
		0x80, /* a blob's parts are numbered from 0 or, the next time, from here */
	NVS_CHUNK_MAX_BYTES = 4000,
	NVS_KEY_BYTES = 16,
	NVS_NAMESPACE_INDEX_MAX = 254,
};

/* Types that are in partitions but are none of EspNvsType. */
enum {
	NVS_TYPE_OLD_BLOB = 0x41,
	NVS_TYPE_BLOB_DATA = 0x42,
	NVS_TYPE_BLOB_INDEX = 0x48,
};

/* State words of a page: bits go from 1 to 0 only. */
#define NVS_PAGE_UNUSED 0xFFFFFFFFU
#define NVS_PAGE_ACTIVE 0xFFFFFFFEU
#define NVS_PAGE_FULL 0xFFFFFFFCU
#define NVS_PAGE_FREEING 0xFFFFFFF8U
#define NVS_PAGE_CORRUPT 0xFFFFFFF0U

/* States of an entry in the bitmap. */
enum { NVS_ENTRY_EMPTY = 3, NVS_ENTRY_WRITTEN = 2, NVS_ENTRY_ILLEGAL = 1, NVS_ENTRY_ERASED = 0 };

/* An entry to be encoded. `value` is of a fixed type or a blob's index; for strings and blob data
 * it is made of `data`, which follows in the next entries. */
typedef struct {
	guint8 space;
	guint8 type;
	guint8 chunk;
	const char *key;
	guint8 value[8];
	const guint8 *data;
	gsize data_bytes;
} NvsItem;

/* TRUE if a partition can have that size; else FALSE with ESP_ERROR_INVALID. */
gboolean nvs_size_check(gsize size_bytes, GError **error);

/* Entries that an item takes: one, and those of its data. */
guint nvs_item_span(const NvsItem *item);

/* TRUE for types whose data follow in further entries. */
gboolean nvs_type_is_variable(guint type);

/* The first entry of an item. */
void nvs_item_encode(const NvsItem *item, guint8 entry[static ESP_NVS_ENTRY_BYTES]);

/* The value field of a fixed type: low bytes, the rest 0xFF. */
void nvs_value_encode(const EspNvsEntry *entry, guint8 value[static 8]);

/* The value field of a blob's index. */
void nvs_blob_index_encode(gsize size_bytes, guint n_chunks, guint8 chunk_start,
			   guint8 value[static 8]);

void nvs_page_header_encode(guint32 state, guint32 sequence, guint8 version,
			    guint8 header[static NVS_BITMAP_OFFSET]);

/* TRUE if the header's own CRC is right. */
gboolean nvs_page_header_ok(const guint8 *page);

/* TRUE if the page counts: active, full or being moved, with a right header. */
gboolean nvs_page_in_use(const guint8 *page);

guint nvs_entry_state(const guint8 *page, guint index);
void nvs_entry_set_state(guint8 *page, guint index, guint state);

static inline guint8 *nvs_entry_of(guint8 *page, guint index)
{
	return page + NVS_ENTRIES_OFFSET + (gsize)index * ESP_NVS_ENTRY_BYTES;
}

static inline const guint8 *nvs_entry_at(const guint8 *page, guint index)
{
	return page + NVS_ENTRIES_OFFSET + (gsize)index * ESP_NVS_ENTRY_BYTES;
}

/* Which of a blob's two versions a chunk number is of: 0 or 1. */
static inline guint nvs_chunk_version(guint chunk)
{
	return chunk < NVS_CHUNK_VERSION ? 0 : 1;
}

/* TRUE if the entry's CRC is right. */
gboolean nvs_entry_crc_ok(const guint8 *entry);

/* TRUE if the data of the string or blob part at `entry` have the right CRC. The span lies in the
 * page. */
gboolean nvs_entry_data_ok(const guint8 *entry);
