#include "esp/bytes.h"
#include "esp/nvs_inspector.h"

/* ---- Namespaces ---- */

static void inspect_space(NvsInspector *inspector, const NvsLiveItem *item, guint n_same_index)
{
	guint8 index = item->entry[24];
	const char *name = nvs_inspector_key(inspector, item->entry);

	if (item->type != ESP_NVS_U8)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE, item->page,
				  item->index, "%s is defined by type 0x%02x, not u8", name,
				  item->type);
	else if (index == 0 || index > NVS_NAMESPACE_INDEX_MAX)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE, item->page,
				  item->index, "%s has the index %u; 1 to %d are allowed", name,
				  index, NVS_NAMESPACE_INDEX_MAX);
	else if (n_same_index > 1)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE, item->page,
				  item->index, "%s has the index %u of an earlier one, too", name,
				  index);
}

static void inspect_spaces(NvsInspector *inspector, const GArray *items)
{
	guint n_by_index[256] = {0};

	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

		if (item->space == 0)
			inspect_space(inspector, item, ++n_by_index[item->entry[24]]);
	}
	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

		if (item->space != 0 && n_by_index[item->space] == 0)
			nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_NAMESPACE,
					  item->page, item->index,
					  "%s: its namespace is not defined, so no name reaches it",
					  nvs_inspector_key(inspector, item->entry));
	}
}

/* ---- Duplicates ---- */

/* What one mount leaves of two of a name is the newer one, if a cut update can have left them:
 * within the active page, around a page that is moved, or with the last item of all. A namespace is
 * never written anew. */
static gboolean is_from_a_cut(const NvsLiveItem *older, const NvsLiveItem *newer, guint n_items)
{
	if (older->page != newer->page &&
	    (older->page->state == NVS_PAGE_FREEING || newer->page->state == NVS_PAGE_FREEING))
		return TRUE;
	if (newer->space == 0)
		return FALSE;
	return older->page == newer->page ? newer->page->state == NVS_PAGE_ACTIVE
					  : newer->order + 1 == n_items;
}

static gboolean same_part(const NvsLiveItem *a, const NvsLiveItem *b)
{
	return nvs_live_item_same_key(a, b) && a->chunk == b->chunk;
}

static void inspect_duplicate(NvsInspector *inspector, const NvsLiveItem *older,
			      const NvsLiveItem *newer, guint n_items)
{
	const char *key = nvs_inspector_key(inspector, newer->entry);
	gssize page = older->page - inspector->volume.pages;

	if (is_from_a_cut(older, newer, n_items))
		nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_DUPLICATE,
				  newer->page, newer->index,
				  "%s is also in page %zd, entry %u, from which an update had not "
				  "erased it yet",
				  key, page, older->index);
	else
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_DUPLICATE, newer->page,
				  newer->index,
				  "%s is also in page %zd, entry %u, where it is found first", key,
				  page, older->index);
}

/* ---- Blobs ---- */

/* `items` are all of one namespace and key. */
static void inspect_blob(NvsInspector *inspector, const NvsLiveItem *items, gsize n_items)
{
	NvsBlobParts parts = nvs_blob_parts(items, n_items);

	for (gsize i = 0; i < n_items; i++) {
		const guint8 *value = items[i].entry + 24;
		guint version = value[5] == 0 ? 0 : 1;

		if (items[i].type != NVS_TYPE_BLOB_INDEX)
			continue;
		if (nvs_blob_index_ok(&items[i], &parts))
			parts.allowed[version] = value[4];
		else
			nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_BLOB_INDEX,
					  items[i].page, items[i].index,
					  "%s wants %u parts of %u bytes, %u of %" G_GSIZE_FORMAT
					  " bytes are there",
					  nvs_inspector_key(inspector, items[i].entry), value[4],
					  esp_get_le32(value), parts.chunks[version],
					  parts.bytes[version]);
	}
	for (gsize i = 0; i < n_items; i++)
		if (nvs_blob_part_is_stray(&items[i], &parts))
			nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_BLOB_PART,
					  items[i].page, items[i].index,
					  "%s: part 0x%02x is in no blob; an update was cut off",
					  nvs_inspector_key(inspector, items[i].entry),
					  items[i].chunk);
}

void nvs_inspect_items(NvsInspector *inspector)
{
	g_autoptr(GArray) items = nvs_volume_items(&inspector->volume);
	const NvsLiveItem *all = (const NvsLiveItem *)(const void *)items->data;

	inspect_spaces(inspector, items);
	g_array_sort(items, nvs_live_item_compare);
	for (guint first = 0, end; first < items->len; first = end) {
		for (end = first + 1; end < items->len; end++) {
			if (!nvs_live_item_same_key(&all[first], &all[end]))
				break;
			if (same_part(&all[end - 1], &all[end]))
				inspect_duplicate(inspector, &all[end - 1], &all[end], items->len);
		}
		inspect_blob(inspector, all + first, end - first);
	}
}
