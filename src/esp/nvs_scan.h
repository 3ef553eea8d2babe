/* esp/nvs_scan.h — which entries of a page are the start of a whole item, by the rules of ESP-IDF
 * (components/nvs_flash/src/nvs_page.cpp, Page::mLoadEntryTable; src/nvs_types.cpp,
 * Item::checkHeaderConsistency). */
#pragma once

#include <glib.h>

/* TRUE if NVS has a type of that number. */
gboolean nvs_scan_type_known(guint type);

/* TRUE if the fields of a first entry at `index` agree with each other and with the page's end. Its
 * CRC and the entries' states are not looked at. */
gboolean nvs_scan_header_ok(const guint8 *entry, guint index);

/* TRUE if a device can mount the partition to write to it: a page is free, or one is being moved.
 */
gboolean nvs_scan_mounts_writable(const guint8 *data, gsize size_bytes);

/* What makes two entries the same one: namespace, chunk and key. */
typedef struct {
	guint64 key[2]; /* its bytes up to the NUL, as numbers that sort as they do */
	guint8 space, chunk;
} NvsName;

NvsName nvs_scan_name(const guint8 *entry);

static inline gboolean nvs_name_equal(const NvsName *a, const NvsName *b)
{
	return a->key[0] == b->key[0] && a->key[1] == b->key[1] && a->space == b->space &&
	       a->chunk == b->chunk;
}

/* The number of entries of the item that starts at `index` of `page`; 0 if none does, or not all of
 * it is written. Reads nothing beyond the page. */
guint nvs_scan_item(const guint8 *page, guint index);
