#include "esp/bytes.h"
#include "esp/nvs_scan.h"
#include "esp/nvs_volume.h"

#include <string.h>

/* ---- What an interrupted update left ---- */

static gboolean drop(NvsVolume *volume, NvsPage *page, guint index, guint span, GError **error)
{
	volume->n_damaged++;
	return nvs_volume_mark(volume, page, index, span, NVS_ENTRY_ERASED, error);
}

/* Finds the end of an active page: the first entry that is empty in the bitmap and in its bytes.
 * One that is empty in the bitmap alone was being written. */
static gboolean find_end(NvsVolume *volume, NvsPage *page, GError **error)
{
	guint end = nvs_page_end(page);

	for (; end < ESP_NVS_PAGE_ENTRIES; end++) {
		if (esp_get_le32(nvs_entry_at(page->bytes, end)) == 0xFFFFFFFFU)
			break;
		if (!drop(volume, page, end, 1, error))
			return FALSE;
	}
	page->next_free = end;
	return TRUE;
}

/* Entries of a span that was not written to its end. The first one's span is believed only as far
 * as the page goes. */
static guint broken_span(const guint8 *page, guint index)
{
	const guint8 *entry = nvs_entry_at(page, index);

	if (!nvs_entry_crc_ok(entry) || !nvs_scan_header_ok(entry, index))
		return 1;
	return entry[2];
}

/* Within the active page, the later one of two of a name is the newer one. */
static gboolean drop_older(NvsVolume *volume, NvsPage *page, guint index, GError **error)
{
	for (guint i = 0; i < index; i += MAX(page->spans[i], 1))
		if (page->spans[i] != 0 && nvs_name_equal(&page->names[i], &page->names[index]))
			return nvs_volume_mark(volume, page, i, page->spans[i], NVS_ENTRY_ERASED,
					       error);
	return TRUE;
}

static gboolean page_check(NvsVolume *volume, NvsPage *page, GError **error)
{
	gboolean is_active = page->state == NVS_PAGE_ACTIVE;
	guint end;

	if (is_active && !find_end(volume, page, error))
		return FALSE;
	end = is_active ? page->next_free : ESP_NVS_PAGE_ENTRIES;
	for (guint i = 0, span; i < end; i += span) {
		span = 1;
		if (nvs_entry_state(page->bytes, i) != NVS_ENTRY_WRITTEN)
			continue;
		span = nvs_scan_item(page->bytes, i);
		if (span == 0) {
			span = broken_span(page->bytes, i);
			if (!drop(volume, page, i, span, error))
				return FALSE;
			if (is_active && i + span > page->next_free)
				page->next_free = i + span;
			continue;
		}
		nvs_page_note_item(page, i, span);
		if (is_active && !drop_older(volume, page, i, error))
			return FALSE;
	}
	return TRUE;
}

/* A value takes the place of one of its type, a blob also that of one of format version 1. */
static gboolean supersedes(guint8 newer, guint8 older)
{
	return newer == older || (newer == NVS_TYPE_BLOB_INDEX && older == NVS_TYPE_OLD_BLOB);
}

/* The last item of all is what a cut update wrote: its predecessor in an earlier page goes. */
static gboolean drop_predecessor(NvsVolume *volume, GError **error)
{
	const NvsPage *last_page = g_ptr_array_index(volume->used, volume->used->len - 1);
	const NvsName *name = NULL;
	guint8 type = 0;

	for (guint i = 0; i < last_page->next_free; i += MAX(last_page->spans[i], 1))
		if (last_page->spans[i] != 0) {
			name = &last_page->names[i];
			type = nvs_entry_at(last_page->bytes, i)[1];
		}
	for (guint p = 0; name != NULL && p + 1 < volume->used->len; p++) {
		NvsPage *page = g_ptr_array_index(volume->used, p);

		if (page->state == NVS_PAGE_FREEING)
			continue;
		for (guint i = 0; i < page->next_free; i += MAX(page->spans[i], 1))
			if (page->spans[i] != 0 && nvs_name_equal(&page->names[i], name) &&
			    supersedes(type, nvs_entry_at(page->bytes, i)[1]))
				return nvs_volume_mark(volume, page, i, page->spans[i],
						       NVS_ENTRY_ERASED, error);
	}
	return TRUE;
}

/* A page that was being moved is moved again: what had been copied of it is thrown away. */
static gboolean finish_move(NvsVolume *volume, GError **error)
{
	NvsPage *moved = NULL, *last, *fresh;

	for (guint i = 0; i < volume->used->len && moved == NULL; i++) {
		NvsPage *page = g_ptr_array_index(volume->used, i);

		if (page->state == NVS_PAGE_FREEING)
			moved = page;
	}
	if (moved == NULL)
		return TRUE;
	last = g_ptr_array_index(volume->used, volume->used->len - 1);
	if (last->state == NVS_PAGE_ACTIVE && !nvs_volume_free_page(volume, last, error))
		return FALSE;
	fresh = nvs_volume_activate(volume, error);
	return fresh != NULL && nvs_volume_copy_items(volume, moved, fresh, error) &&
	       nvs_volume_free_page(volume, moved, error);
}

/* ---- Blobs ---- */

NvsBlobParts nvs_blob_parts(const NvsLiveItem *items, gsize n_items)
{
	NvsBlobParts parts = {0};

	for (gsize i = 0; i < n_items; i++)
		if (items[i].type == NVS_TYPE_BLOB_DATA) {
			guint version = nvs_chunk_version(items[i].chunk);

			parts.bytes[version] += esp_get_le16(items[i].entry + 24);
			parts.chunks[version]++;
		}
	return parts;
}

gboolean nvs_blob_index_ok(const NvsLiveItem *item, const NvsBlobParts *parts)
{
	const guint8 *value = item->entry + 24;
	guint version = nvs_chunk_version(value[5]);

	return (value[5] == 0 || value[5] == NVS_CHUNK_VERSION) &&
	       parts->chunks[version] == value[4] && parts->bytes[version] == esp_get_le32(value);
}

gboolean nvs_blob_part_is_stray(const NvsLiveItem *item, const NvsBlobParts *parts)
{
	guint version = nvs_chunk_version(item->chunk);

	return item->type == NVS_TYPE_BLOB_DATA &&
	       item->chunk - version * NVS_CHUNK_VERSION >= parts->allowed[version];
}

static gboolean drop_item(NvsVolume *volume, const NvsLiveItem *item, GError **error)
{
	return drop(volume, item->page, item->index, item->span, error);
}

/* `items` are all of one namespace and key. */
static gboolean check_blob(NvsVolume *volume, const NvsLiveItem *items, gsize n_items,
			   GError **error)
{
	NvsBlobParts parts = nvs_blob_parts(items, n_items);

	for (gsize i = 0; i < n_items; i++) {
		const guint8 *value = items[i].entry + 24;

		if (items[i].type != NVS_TYPE_BLOB_INDEX)
			continue;
		if (nvs_blob_index_ok(&items[i], &parts))
			parts.allowed[nvs_chunk_version(value[5])] = value[4];
		else if (!drop_item(volume, &items[i], error))
			return FALSE;
	}
	for (gsize i = 0; i < n_items; i++)
		if (nvs_blob_part_is_stray(&items[i], &parts) &&
		    !drop_item(volume, &items[i], error))
			return FALSE;
	return TRUE;
}

/* Leaves the parts and the indices of blobs. */
static void keep_blobs(GArray *items)
{
	NvsLiveItem *all = (NvsLiveItem *)(void *)items->data;
	guint n_kept = 0;

	for (guint i = 0; i < items->len; i++)
		if (all[i].type == NVS_TYPE_BLOB_DATA || all[i].type == NVS_TYPE_BLOB_INDEX)
			all[n_kept++] = all[i];
	g_array_set_size(items, n_kept);
}

static gboolean check_blobs(NvsVolume *volume, GError **error)
{
	g_autoptr(GArray) items = nvs_volume_items(volume);
	const NvsLiveItem *all = (const NvsLiveItem *)(const void *)items->data;

	keep_blobs(items);
	g_array_sort(items, nvs_live_item_compare);
	for (gsize first = 0, end; first < items->len; first = end) {
		for (end = first + 1; end < items->len; end++)
			if (!nvs_live_item_same_key(&all[first], &all[end]))
				break;
		if (!check_blob(volume, all + first, end - first, error))
			return FALSE;
	}
	return TRUE;
}

/* ---- Mounting ---- */

static gboolean put_right(NvsVolume *volume, gboolean writable, GError **error)
{
	for (guint i = 0; i < volume->used->len; i++)
		if (!page_check(volume, g_ptr_array_index(volume->used, i), error))
			return FALSE;
	if (writable && volume->used->len > 0 &&
	    (!drop_predecessor(volume, error) || !finish_move(volume, error)))
		return FALSE;
	return check_blobs(volume, error);
}

gboolean nvs_volume_mount(NvsVolume *volume, gboolean writable, const EspNvsFlash *flash,
			  GError **error)
{
	volume->flash = flash;
	return nvs_volume_load(volume, error) && put_right(volume, writable, error);
}
