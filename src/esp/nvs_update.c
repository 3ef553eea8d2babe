#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_crypt.h"
#include "esp/nvs_volume.h"

#include <string.h>

enum {
	/* A blob does not begin in a page with less room than this if it does not fit there. */
	FIRST_CHUNK_MIN_BYTES = NVS_CHUNK_MAX_BYTES / 10,
	CHUNKS_MAX = 127,
	/* So many entries with a wrong CRC, and none with a right one, are no accident. */
	FOREIGN_MIN_ENTRIES = 2,
};

static NvsPage *last_page(const NvsVolume *volume)
{
	return volume->used->len == 0 ? NULL
				      : g_ptr_array_index(volume->used, volume->used->len - 1);
}

static gboolean page_has_room(const NvsPage *page, guint span)
{
	return page != NULL && page->state == NVS_PAGE_ACTIVE &&
	       page->next_free + span <= ESP_NVS_PAGE_ENTRIES;
}

/* ---- Room ---- */

static guint live_entries(const NvsPage *page)
{
	guint n = 0;

	for (guint i = 0; i < ESP_NVS_PAGE_ENTRIES; i++)
		n += nvs_entry_state(page->bytes, i) == NVS_ENTRY_WRITTEN;
	return n;
}

/* The page whose move gains the most; NULL if none gains anything. */
static NvsPage *page_to_move(const NvsVolume *volume)
{
	NvsPage *best = NULL;
	guint best_live = ESP_NVS_PAGE_ENTRIES;

	for (guint i = 0; i < volume->used->len; i++) {
		NvsPage *page = g_ptr_array_index(volume->used, i);
		guint live = live_entries(page);

		if (live < best_live) {
			best = page;
			best_live = live;
		}
	}
	return best;
}

static gboolean partition_full(GError **error)
{
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "the NVS partition is full; erase keys or give it more pages");
	return FALSE;
}

/* A new last page. One page always stays free: when it is the only one left, it takes the items of
 * another, which is then free. */
static gboolean new_page(NvsVolume *volume, GError **error)
{
	NvsPage *last = last_page(volume), *moved, *fresh;

	if (last != NULL && last->state == NVS_PAGE_ACTIVE &&
	    !nvs_volume_set_page_state(volume, last, NVS_PAGE_FULL, error))
		return FALSE;
	if (volume->free->len >= 2 || volume->used->len == 0)
		return nvs_volume_activate(volume, error) != NULL;
	moved = volume->free->len == 0 ? NULL : page_to_move(volume);
	if (moved == NULL)
		return partition_full(error);
	if (!nvs_volume_set_page_state(volume, moved, NVS_PAGE_FREEING, error))
		return FALSE;
	fresh = nvs_volume_activate(volume, error);
	return fresh != NULL && nvs_volume_copy_items(volume, moved, fresh, error) &&
	       nvs_volume_free_page(volume, moved, error);
}

static gboolean append_item(NvsVolume *volume, const NvsItem *item, GError **error)
{
	guint span = nvs_item_span(item);

	if (!page_has_room(last_page(volume), span) && !new_page(volume, error))
		return FALSE;
	if (!page_has_room(last_page(volume), span))
		return partition_full(error);
	return nvs_volume_append(volume, last_page(volume), item, error);
}

/* ---- Looking up ---- */

/* What is there of one namespace and key. */
static GArray *items_of(const NvsVolume *volume, guint space, const char *key)
{
	GArray *items = nvs_volume_items(volume);

	for (guint i = items->len; i > 0; i--) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i - 1);

		if (item->space != space ||
		    strncmp((const char *)item->entry + 8, key, ESP_NVS_NAME_MAX) != 0)
			g_array_remove_index(items, i - 1);
	}
	return items;
}

static gboolean find_space(const NvsVolume *volume, const char *name, guint8 *index)
{
	g_autoptr(GArray) items = items_of(volume, 0, name);

	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

		if (nvs_defines_space(item)) {
			*index = item->entry[24];
			return TRUE;
		}
	}
	return FALSE;
}

static gboolean open_space(NvsVolume *volume, const char *name, guint8 *index, GError **error)
{
	gboolean taken[NVS_NAMESPACE_INDEX_MAX + 2] = {FALSE};
	NvsItem item = {.type = ESP_NVS_U8, .chunk = NVS_CHUNK_NONE, .key = name};
	g_autoptr(GArray) items = NULL;
	guint free_index = 1;

	if (find_space(volume, name, index))
		return TRUE;
	items = nvs_volume_items(volume);
	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *live = &g_array_index(items, NvsLiveItem, i);

		if (nvs_defines_space(live))
			taken[live->entry[24]] = TRUE;
	}
	while (free_index <= NVS_NAMESPACE_INDEX_MAX && taken[free_index])
		free_index++;
	if (free_index > NVS_NAMESPACE_INDEX_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "namespace '%s' is one too many: NVS allows %d", name,
			    ESP_NVS_NAMESPACES_MAX);
		return FALSE;
	}
	memset(item.value, 0xFF, sizeof item.value);
	item.value[0] = (guint8)free_index;
	if (!append_item(volume, &item, error))
		return FALSE;
	*index = (guint8)free_index;
	return TRUE;
}

/* ---- Erasing ---- */

/* Marks as erased what `is_old` says of a namespace and key; a blob's index before its chunks, so
 * that a cut leaves chunks that the next mount drops. */
static gboolean erase_items(NvsVolume *volume, guint space, const char *key,
			    gboolean (*is_old)(const NvsLiveItem *item, gconstpointer data),
			    gconstpointer data, GError **error)
{
	g_autoptr(GArray) items = items_of(volume, space, key);

	for (int chunks = 0; chunks <= 1; chunks++)
		for (guint i = 0; i < items->len; i++) {
			const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

			if ((item->type == NVS_TYPE_BLOB_DATA) == (chunks == 1) &&
			    is_old(item, data) &&
			    !nvs_volume_mark(volume, item->page, item->index, item->span,
					     NVS_ENTRY_ERASED, error))
				return FALSE;
		}
	return TRUE;
}

/* What was just written: the item at the end of the last page and, of a blob, its chunks. */
typedef struct {
	const guint8 *entry;
	guint first_chunk; /* NVS_CHUNK_NONE if there are none */
} Fresh;

static gboolean is_not_fresh(const NvsLiveItem *item, gconstpointer data)
{
	const Fresh *fresh = data;

	if (item->type == NVS_TYPE_BLOB_DATA)
		return fresh->first_chunk == NVS_CHUNK_NONE ||
		       nvs_chunk_version(item->chunk) != nvs_chunk_version(fresh->first_chunk);
	return item->entry != fresh->entry;
}

static gboolean is_any(const NvsLiveItem *item, gconstpointer data)
{
	(void)item;
	(void)data;
	return TRUE;
}

static gboolean is_chunk_of_version(const NvsLiveItem *item, gconstpointer data)
{
	const guint *first_chunk = data;

	return item->type == NVS_TYPE_BLOB_DATA &&
	       nvs_chunk_version(item->chunk) == nvs_chunk_version(*first_chunk);
}

/* ---- Setting ---- */

/* The chunks and the index of a blob. */
static gboolean append_blob(NvsVolume *volume, guint8 space, const EspNvsEntry *entry,
			    guint first_chunk, GError **error)
{
	NvsItem chunk = {.space = space, .type = NVS_TYPE_BLOB_DATA, .key = entry->key};
	NvsItem index = {.space = space,
			 .type = NVS_TYPE_BLOB_INDEX,
			 .chunk = NVS_CHUNK_NONE,
			 .key = entry->key};
	gsize left = entry->value.blob.size_bytes;
	guint n_chunks = 0;

	chunk.data = entry->value.blob.data;
	do {
		const NvsPage *page = last_page(volume);
		gsize room;

		if (!page_has_room(page, 2) && !new_page(volume, error))
			return FALSE;
		page = last_page(volume);
		room = (gsize)(ESP_NVS_PAGE_ENTRIES - page->next_free - 1) * ESP_NVS_ENTRY_BYTES;
		if (n_chunks == 0 && room < left && room < FIRST_CHUNK_MIN_BYTES) {
			if (!new_page(volume, error))
				return FALSE;
			page = last_page(volume);
			room = (gsize)(ESP_NVS_PAGE_ENTRIES - page->next_free - 1) *
			       ESP_NVS_ENTRY_BYTES;
		}
		if (!page_has_room(page, 2) || n_chunks == CHUNKS_MAX)
			return partition_full(error);
		chunk.chunk = (guint8)(first_chunk + n_chunks++);
		chunk.data_bytes = MIN(room, left);
		if (!append_item(volume, &chunk, error))
			return FALSE;
		left -= chunk.data_bytes;
		if (chunk.data_bytes > 0)
			chunk.data += chunk.data_bytes;
	} while (left > 0);
	nvs_blob_index_encode(entry->value.blob.size_bytes, n_chunks, (guint8)first_chunk,
			      index.value);
	return append_item(volume, &index, error);
}

/* `error` is not NULL: what failed decides whether the flash still takes writes. */
static gboolean set_blob(NvsVolume *volume, guint8 space, const EspNvsEntry *entry, guint *first,
			 GError **error)
{
	g_autoptr(GArray) items = items_of(volume, space, entry->key);
	g_autoptr(GError) refusal = NULL;
	guint first_chunk = 0;

	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

		if (item->type == NVS_TYPE_BLOB_INDEX)
			first_chunk = item->entry[24 + 5] == 0 ? NVS_CHUNK_VERSION : 0;
	}
	*first = first_chunk;
	if (append_blob(volume, space, entry, first_chunk, error))
		return TRUE;
	/* Chunks without an index would only take room until the next mount. */
	if (!g_error_matches(*error, ESP_ERROR, ESP_ERROR_TOO_LARGE))
		return FALSE;
	if (!erase_items(volume, space, entry->key, is_chunk_of_version, &first_chunk, &refusal)) {
		g_clear_error(error);
		g_propagate_error(error, g_steal_pointer(&refusal));
	}
	return FALSE;
}

static gboolean set_plain(NvsVolume *volume, guint8 space, const EspNvsEntry *entry, GError **error)
{
	NvsItem item = {.space = space,
			.type = (guint8)entry->type,
			.chunk = NVS_CHUNK_NONE,
			.key = entry->key};

	if (entry->type == ESP_NVS_STRING) {
		item.data = (const guint8 *)entry->value.text;
		item.data_bytes = strlen(entry->value.text) + 1;
	} else {
		nvs_value_encode(entry, item.value);
	}
	return append_item(volume, &item, error);
}

/* The item that was appended last: it ends where the last page's free entries begin. */
static const guint8 *newest_entry(const NvsVolume *volume)
{
	g_autoptr(GArray) items = nvs_volume_items(volume);

	g_assert(items->len > 0);
	return g_array_index(items, NvsLiveItem, items->len - 1).entry;
}

static gboolean set_key(NvsVolume *volume, const EspNvsEntry *entry, GError **error)
{
	Fresh fresh = {.first_chunk = NVS_CHUNK_NONE};
	guint8 space = 0;

	if (!open_space(volume, entry->space, &space, error))
		return FALSE;
	if (entry->type == ESP_NVS_NAMESPACE)
		return TRUE;
	if (entry->type == ESP_NVS_BLOB ? !set_blob(volume, space, entry, &fresh.first_chunk, error)
					: !set_plain(volume, space, entry, error))
		return FALSE;
	fresh.entry = newest_entry(volume);
	return erase_items(volume, space, entry->key, is_not_fresh, &fresh, error);
}

/* What lies behind the last item must be erased flash. In a page where it is not, for it was
 * damaged, nothing more is written. */
static gboolean close_damaged_page(NvsVolume *volume, GError **error)
{
	NvsPage *page = last_page(volume);
	guint first = page == NULL ? ESP_NVS_PAGE_ENTRIES : page->next_free;
	gboolean blank = TRUE;

	if (first >= ESP_NVS_PAGE_ENTRIES || page->state != NVS_PAGE_ACTIVE)
		return TRUE;
	for (guint i = first; i < ESP_NVS_PAGE_ENTRIES && blank; i++)
		blank = nvs_entry_state(page->bytes, i) == NVS_ENTRY_EMPTY &&
			esp_bytes_are(nvs_entry_at(page->bytes, i), ESP_NVS_ENTRY_BYTES, 0xFF);
	if (blank)
		return TRUE;
	page->next_free = ESP_NVS_PAGE_ENTRIES;
	return nvs_volume_mark(volume, page, first, ESP_NVS_PAGE_ENTRIES - first, NVS_ENTRY_ERASED,
			       error);
}

/* A mount with other keys would mark every entry erased. */
static gboolean is_ours(const NvsVolume *volume, GError **error)
{
	if (!nvs_crypt_looks_foreign(volume->image, volume->n_pages * ESP_NVS_PAGE_BYTES,
				     FOREIGN_MIN_ENTRIES))
		return TRUE;
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_CORRUPT,
			    "not one entry of the NVS partition has a right CRC: it is encrypted, "
			    "or with other keys; a device would erase them all, so nothing is "
			    "written");
	return FALSE;
}

/* A device gets there after four thousand million erasures; a page that follows would count as the
 * first. */
static gboolean has_sequences_left(const NvsVolume *volume, GError **error)
{
	for (gsize i = 0; i < volume->n_pages; i++) {
		const guint8 *page = volume->image + i * ESP_NVS_PAGE_BYTES;

		if (!nvs_page_in_use(page) || esp_get_le32(page + 4) != G_MAXUINT32)
			continue;
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "NVS page at 0x%" G_GSIZE_MODIFIER
			    "x has the last sequence number there is, no page can follow it; "
			    "erase the partition",
			    i * ESP_NVS_PAGE_BYTES);
		return FALSE;
	}
	return TRUE;
}

static gboolean mount_for_update(NvsVolume *volume, guint8 *image, gsize size_bytes,
				 const EspNvsKeys *keys, const EspNvsFlash *flash, GError **error)
{
	if (size_bytes < ESP_NVS_MIN_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "an NVS partition of 0x%" G_GSIZE_MODIFIER
			    "x bytes is read-only; writing needs 0x%x",
			    size_bytes, (guint)ESP_NVS_MIN_BYTES);
		return FALSE;
	}
	if (!nvs_volume_open(volume, image, size_bytes, keys, error) || !is_ours(volume, error) ||
	    !has_sequences_left(volume, error) || !nvs_volume_mount(volume, TRUE, flash, error))
		return FALSE;
	if (volume->free->len == 0)
		return partition_full(error);
	return close_damaged_page(volume, error);
}

gboolean esp_nvs_set(guint8 *image, gsize size_bytes, const EspNvsKeys *keys,
		     const EspNvsEntry *entry, const EspNvsFlash *flash, GError **error)
{
	g_auto(NvsVolume) volume = {0};
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GError) failure = NULL;
	const EspNvsEntry *old;

	if (!esp_nvs_entry_check(entry, error) ||
	    !mount_for_update(&volume, image, size_bytes, keys, flash, error))
		return FALSE;
	contents = nvs_volume_read(&volume, ESP_NVS_READ_DEFAULT);
	old = esp_nvs_find(contents, entry->space, entry->key);
	if (entry->type != ESP_NVS_NAMESPACE && old != NULL && esp_nvs_same_value(old, entry))
		return TRUE;
	if (set_key(&volume, entry, &failure))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

gboolean esp_nvs_erase(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, const char *space,
		       const char *key, const EspNvsFlash *flash, GError **error)
{
	g_auto(NvsVolume) volume = {0};
	g_autoptr(GArray) items = NULL;
	guint8 index = 0;

	if (!mount_for_update(&volume, image, size_bytes, keys, flash, error))
		return FALSE;
	if (find_space(&volume, space, &index))
		items = items_of(&volume, index, key);
	if (items == NULL || items->len == 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND, "there is no key '%s.%s'", space,
			    key);
		return FALSE;
	}
	return erase_items(&volume, index, key, is_any, NULL, error);
}
