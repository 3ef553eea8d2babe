#include "esp/nvs_scan.h"

#include "esp/bytes.h"
#include "esp/nvs_mount.h"

#include <string.h>

static gboolean variable_ok(const guint8 *entry, guint index)
{
	guint size_bytes = esp_get_le16(entry + 24), span = entry[2];
	guint room = (ESP_NVS_PAGE_ENTRIES - 1 - index) * ESP_NVS_ENTRY_BYTES;

	if (entry[1] == NVS_TYPE_BLOB_DATA && entry[3] == NVS_CHUNK_NONE)
		return FALSE;
	return size_bytes <= room &&
	       span == 1 + (size_bytes + ESP_NVS_ENTRY_BYTES - 1) / ESP_NVS_ENTRY_BYTES;
}

gboolean nvs_scan_header_ok(const guint8 *entry, guint index)
{
	switch (entry[1]) {
	case ESP_NVS_U8:
	case ESP_NVS_I8:
	case ESP_NVS_U16:
	case ESP_NVS_I16:
	case ESP_NVS_U32:
	case ESP_NVS_I32:
	case ESP_NVS_U64:
	case ESP_NVS_I64:
	case NVS_TYPE_FLOAT:
	case NVS_TYPE_DOUBLE:
		return entry[2] == 1;
	case NVS_TYPE_BLOB_INDEX:
		return entry[2] == 1 && entry[3] == NVS_CHUNK_NONE &&
		       esp_get_le32(entry + 24) <= ESP_NVS_BLOB_MAX;
	case ESP_NVS_STRING:
	case NVS_TYPE_OLD_BLOB:
	case NVS_TYPE_BLOB_DATA:
		return variable_ok(entry, index);
	default:
		return FALSE;
	}
}

guint nvs_scan_item(const guint8 *page, guint index)
{
	const guint8 *entry = nvs_entry_at(page, index);

	if (nvs_entry_state(page, index) != NVS_ENTRY_WRITTEN || !nvs_entry_crc_ok(entry) ||
	    !nvs_scan_header_ok(entry, index))
		return 0;
	for (guint i = 1; i < entry[2]; i++)
		if (nvs_entry_state(page, index + i) != NVS_ENTRY_WRITTEN)
			return 0;
	return entry[2];
}

GArray *nvs_volume_items(const NvsVolume *volume)
{
	GArray *items = g_array_new(FALSE, FALSE, sizeof(NvsLiveItem));

	for (guint p = 0; p < volume->used->len; p++) {
		NvsPage *page = g_ptr_array_index(volume->used, p);

		for (guint i = 0, span; i < page->next_free; i += span) {
			const guint8 *entry = nvs_entry_at(page->bytes, i);
			NvsLiveItem item = {.page = page,
					    .index = i,
					    .order = items->len,
					    .space = entry[0],
					    .type = entry[1],
					    .chunk = entry[3],
					    .entry = entry};

			span = nvs_scan_item(page->bytes, i);
			item.span = (guint8)span;
			if (span == 0)
				span = 1;
			else
				g_array_append_val(items, item);
		}
	}
	return items;
}

static gint compare_keys(const NvsLiveItem *a, const NvsLiveItem *b)
{
	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	return strncmp((const char *)a->entry + 8, (const char *)b->entry + 8, ESP_NVS_NAME_MAX);
}

gint nvs_live_item_compare(gconstpointer a, gconstpointer b)
{
	const NvsLiveItem *item_a = a, *item_b = b;
	gint difference = compare_keys(item_a, item_b);

	if (difference != 0)
		return difference;
	if (item_a->chunk != item_b->chunk)
		return item_a->chunk < item_b->chunk ? -1 : 1;
	return item_a->order < item_b->order ? -1 : item_a->order > item_b->order;
}

gboolean nvs_live_item_same_key(const NvsLiveItem *a, const NvsLiveItem *b)
{
	return compare_keys(a, b) == 0;
}
