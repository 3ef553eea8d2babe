/* esp/nvs_scan.h — which entries of a page are the start of a whole item. */
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

/* A hash of what makes two entries the same name: namespace, chunk and key. */
guint32 nvs_scan_hash(const guint8 *entry);

/* The number of entries of the item that starts at `index` of `page`; 0 if none does, or not all of
 * it is written. Reads nothing beyond the page. */
guint nvs_scan_item(const guint8 *page, guint index);
