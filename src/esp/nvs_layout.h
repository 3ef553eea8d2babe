/* esp/nvs_layout.h — where Espressif's generator places entries (esp_idf_nvs_partition_gen,
 * nvs_partition_gen.py: NVS.write_entry, Page.write_varlen_data). For the writer, which also writes
 * them there, and for size reports, which only count. */
#pragma once

#include "esp/nvs.h"
#include "esp/nvs_page.h"

enum { NVS_PAGE_DATA_BYTES = ESP_NVS_PAGE_ENTRIES * ESP_NVS_ENTRY_BYTES };

/* A place in the layout. Without an image it goes over any number of pages. */
typedef struct {
	guint8 *image;
	guint8 *page;   /* the current one; NULL without an image */
	gsize n_pages;  /* opened so far */
	guint n_used;   /* entries of the current page */
	gsize n_taken;  /* entries of all items so far */
	guint8 version; /* of the format, as in a page's header */
	const char *spaces[ESP_NVS_NAMESPACES_MAX];
	guint n_spaces;
} NvsLayout;

/* Starts at the first page. `image`, all 0xFF and large enough for what will be put, or NULL. */
void nvs_layout_begin(NvsLayout *layout, const EspNvsWriteOptions *options, guint8 *image);

/* Puts one value, whose `type` is of EspNvsType. If only counting, `data` may be NULL. */
void nvs_layout_put(NvsLayout *layout, NvsItem *item);

/* Puts an entry, and its namespace before its first key. FALSE with ESP_ERROR_TOO_LARGE if that is
 * one namespace too many. */
gboolean nvs_layout_put_entry(NvsLayout *layout, const EspNvsEntry *entry, GError **error);

/* How full the layout makes a partition of `size_bytes`; it may be more than it has. */
EspNvsUsage nvs_layout_usage(const NvsLayout *layout, gsize size_bytes);

/* Checks all that is not the partition's size: its being one, the options, each entry, and that no
 * key is given twice. */
gboolean nvs_layout_check(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  const EspNvsWriteOptions *options, GError **error);

/* Bytes of an entry's value: with a string's NUL, a number's width, 0 of a namespace. */
gsize nvs_value_bytes(const EspNvsEntry *entry);

/* Says how much too large the report's entries are, and which are the largest. Always FALSE. */
gboolean nvs_size_report_fails(const EspNvsSizeReport *report, gsize size_bytes, GError **error);
