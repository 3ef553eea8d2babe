#include "esp/nvs_scan.h"

#include "esp/bytes.h"
#include "esp/nvs_volume.h"

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

gboolean nvs_scan_type_known(guint type)
{
	return esp_nvs_type_name((EspNvsType)type) != NULL || type == NVS_TYPE_OLD_BLOB ||
	       type == NVS_TYPE_BLOB_INDEX;
}

gboolean nvs_scan_header_ok(const guint8 *entry, guint index)
{
	if (nvs_type_is_variable(entry[1]))
		return variable_ok(entry, index);
	if (!nvs_scan_type_known(entry[1]) || entry[2] != 1)
		return FALSE;
	return entry[1] != NVS_TYPE_BLOB_INDEX ||
	       (entry[3] == NVS_CHUNK_NONE && esp_get_le32(entry + 24) <= ESP_NVS_BLOB_MAX);
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

gboolean nvs_scan_mounts_writable(const guint8 *data, gsize size_bytes)
{
	if (size_bytes < ESP_NVS_MIN_BYTES)
		return FALSE;
	for (gsize at = 0; at < size_bytes; at += ESP_NVS_PAGE_BYTES) {
		guint32 state = esp_get_le32(data + at);

		if (!nvs_page_in_use(data + at) || state == NVS_PAGE_FREEING)
			return TRUE;
	}
	return FALSE;
}

/* What follows a key's NUL is nothing. */
NvsName nvs_scan_name(const guint8 *entry)
{
	NvsName name = {.space = entry[0], .chunk = entry[3]};

	G_STATIC_ASSERT(sizeof name.key == NVS_KEY_BYTES);
	memcpy(name.key, entry + 8, strnlen((const char *)entry + 8, ESP_NVS_NAME_MAX));
	name.key[0] = GUINT64_FROM_BE(name.key[0]);
	name.key[1] = GUINT64_FROM_BE(name.key[1]);
	return name;
}

GArray *nvs_volume_items(const NvsVolume *volume)
{
	GArray *items = g_array_sized_new(FALSE, FALSE, sizeof(NvsLiveItem), ESP_NVS_PAGE_ENTRIES);

	for (guint p = 0; p < volume->used->len; p++) {
		NvsPage *page = g_ptr_array_index(volume->used, p);

		for (guint i = 0; i < page->next_free; i += MAX(page->spans[i], 1)) {
			const guint8 *entry = nvs_entry_at(page->bytes, i);
			NvsLiveItem item = {.page = page,
					    .index = i,
					    .order = items->len,
					    .space = entry[0],
					    .rank = entry[0],
					    .type = entry[1],
					    .span = page->spans[i],
					    .chunk = entry[3],
					    .entry = entry};

			if (page->spans[i] == 0)
				continue;
			memcpy(item.key, page->names[i].key, sizeof item.key);
			g_array_append_val(items, item);
		}
	}
	return items;
}

static gint compare_keys(const NvsLiveItem *a, const NvsLiveItem *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->key[0] != b->key[0])
		return a->key[0] < b->key[0] ? -1 : 1;
	return a->key[1] < b->key[1] ? -1 : a->key[1] > b->key[1];
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

gboolean nvs_defines_space(const NvsLiveItem *item)
{
	return item->space == 0 && item->type == ESP_NVS_U8 && item->entry[24] != 0 &&
	       item->entry[24] <= NVS_NAMESPACE_INDEX_MAX;
}

gboolean nvs_live_item_same_key(const NvsLiveItem *a, const NvsLiveItem *b)
{
	return compare_keys(a, b) == 0;
}
