#include "esp/nvs_volume.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/nvs_crypt.h"
#include "esp/nvs_scan.h"

#include <string.h>

/* Works on a decrypted copy. Only written entries are decrypted: what lies in others, as a power
 * cut left it, is judged by the bytes that are stored. */
static void see_plain(NvsVolume *volume, gsize size_bytes, const EspNvsKeys *keys)
{
	g_autoptr(EspXts) decrypt = nvs_crypt_new(ESP_XTS_DECRYPT, keys);

	volume->stored = volume->image;
	volume->image = g_memdup2(volume->stored, size_bytes);
	volume->encrypt = nvs_crypt_new(ESP_XTS_ENCRYPT, keys);
	nvs_crypt_pages(decrypt, volume->image, size_bytes);
}

gboolean nvs_volume_open(NvsVolume *volume, guint8 *image, gsize size_bytes, const EspNvsKeys *keys,
			 GError **error)
{
	if (!nvs_size_check(size_bytes, error))
		return FALSE;
	*volume = (NvsVolume){.image = image, .n_pages = size_bytes / ESP_NVS_PAGE_BYTES};
	if (keys != NULL)
		see_plain(volume, size_bytes, keys);
	return TRUE;
}

void nvs_volume_clear(NvsVolume *volume)
{
	g_clear_pointer(&volume->pages, g_free);
	g_clear_pointer(&volume->used, g_ptr_array_unref);
	g_clear_pointer(&volume->free, g_ptr_array_unref);
	g_clear_pointer(&volume->encrypt, esp_xts_free);
	if (volume->stored == NULL)
		return;
	explicit_bzero(volume->image, volume->n_pages * ESP_NVS_PAGE_BYTES);
	g_clear_pointer(&volume->image, g_free);
	volume->stored = NULL;
}

/* ---- Pages ---- */

static gboolean page_load(const NvsVolume *volume, NvsPage *page, GError **error)
{
	guint32 state = esp_get_le32(page->bytes);

	page->sequence = esp_get_le32(page->bytes + 4);
	page->next_free = ESP_NVS_PAGE_ENTRIES;
	if (state == NVS_PAGE_UNUSED) {
		page->state = esp_bytes_are(page->bytes, ESP_NVS_PAGE_BYTES, 0xFF)
				      ? NVS_PAGE_UNUSED
				      : NVS_PAGE_CORRUPT;
		return TRUE;
	}
	if (!nvs_page_in_use(page->bytes)) {
		page->state = NVS_PAGE_CORRUPT;
		return TRUE;
	}
	if (page->bytes[8] < NVS_VERSION_2 && volume->skip_newer) {
		page->state = NVS_PAGE_CORRUPT;
		return TRUE;
	}
	if (page->bytes[8] < NVS_VERSION_2) {
		g_set_error(
			error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			"NVS page with sequence number %u has format version 0x%02x, newer than "
			"0x%02x: the device refuses the partition, too",
			page->sequence, page->bytes[8], NVS_VERSION_2);
		return FALSE;
	}
	page->state = state;
	return TRUE;
}

static gint compare_sequence(gconstpointer a, gconstpointer b)
{
	const NvsPage *page_a = *(const NvsPage *const *)a, *page_b = *(const NvsPage *const *)b;

	if (page_a->sequence != page_b->sequence)
		return page_a->sequence < page_b->sequence ? -1 : 1;
	return page_a < page_b ? -1 : page_a > page_b;
}

gboolean nvs_volume_load(NvsVolume *volume, GError **error)
{
	volume->pages = g_new0(NvsPage, volume->n_pages);
	volume->used = g_ptr_array_new();
	volume->free = g_ptr_array_new();
	for (gsize i = 0; i < volume->n_pages; i++) {
		NvsPage *page = &volume->pages[i];

		page->bytes = volume->image + i * ESP_NVS_PAGE_BYTES;
		if (!page_load(volume, page, error))
			return FALSE;
		g_ptr_array_add(page->state == NVS_PAGE_UNUSED || page->state == NVS_PAGE_CORRUPT
					? volume->free
					: volume->used,
				page);
	}
	g_ptr_array_sort(volume->used, compare_sequence);
	if (volume->used->len > 0) {
		const NvsPage *last = g_ptr_array_index(volume->used, volume->used->len - 1);

		volume->next_sequence = last->sequence + 1;
	}
	return TRUE;
}

guint nvs_page_end(const NvsPage *page)
{
	guint end = 0;

	while (end < ESP_NVS_PAGE_ENTRIES && nvs_entry_state(page->bytes, end) != NVS_ENTRY_EMPTY)
		end++;
	return end;
}

/* ---- Flash ---- */

static void clear_bits(guint8 *at, const guint8 *data, gsize size_bytes)
{
	for (gsize i = 0; i < size_bytes; i++)
		at[i] &= data[i];
}

gboolean nvs_volume_write(NvsVolume *volume, guint8 *at, const guint8 *data, gsize size_bytes,
			  GError **error)
{
	gsize offset = (gsize)(at - volume->image);
	guint8 stored[ESP_NVS_PAGE_ENTRIES * ESP_NVS_ENTRY_BYTES];

	clear_bits(at, data, size_bytes);
	if (volume->stored != NULL) {
		memcpy(stored, data, size_bytes);
		if (offset % ESP_NVS_PAGE_BYTES >= NVS_ENTRIES_OFFSET)
			nvs_crypt_entries(volume->encrypt, stored, offset,
					  size_bytes / ESP_NVS_ENTRY_BYTES);
		clear_bits(volume->stored + offset, stored, size_bytes);
		data = stored;
	}
	return volume->flash == NULL ||
	       volume->flash->write(offset, data, size_bytes, volume->flash->user_data, error);
}

gboolean nvs_volume_mark(NvsVolume *volume, NvsPage *page, guint first, guint n, guint state,
			 GError **error)
{
	guint8 bitmap[ESP_NVS_PAGE_BYTES / 128];
	guint first_word = first / 16, word = (first + n - 1) / 16;

	G_STATIC_ASSERT(sizeof bitmap == NVS_ENTRIES_OFFSET - NVS_BITMAP_OFFSET);
	memcpy(bitmap, page->bytes + NVS_BITMAP_OFFSET, sizeof bitmap);
	for (guint i = first; i < first + n; i++) {
		guint shift = 2 * (i % 4);

		bitmap[i / 4] = (guint8)((bitmap[i / 4] & ~(3U << shift)) | state << shift);
	}
	if (state == NVS_ENTRY_ERASED)
		memset(page->spans + first, 0, n);
	for (;; word--) {
		if (!nvs_volume_write(volume, page->bytes + NVS_BITMAP_OFFSET + 4 * (gsize)word,
				      bitmap + 4 * (gsize)word, 4, error))
			return FALSE;
		if (word == first_word)
			return TRUE;
	}
}

gboolean nvs_volume_set_page_state(NvsVolume *volume, NvsPage *page, guint32 state, GError **error)
{
	guint8 word[4];

	esp_put_le32(word, state);
	page->state = state;
	return nvs_volume_write(volume, page->bytes, word, sizeof word, error);
}

/* Marked first, so that a cut in the middle of the erasing cannot leave what looks like a page. */
static gboolean page_erase(NvsVolume *volume, NvsPage *page, GError **error)
{
	gsize offset = (gsize)(page->bytes - volume->image);

	if (page->state != NVS_PAGE_CORRUPT &&
	    !nvs_volume_set_page_state(volume, page, NVS_PAGE_CORRUPT, error))
		return FALSE;
	memset(page->bytes, 0xFF, ESP_NVS_PAGE_BYTES);
	memset(page->spans, 0, sizeof page->spans);
	if (volume->stored != NULL)
		memset(volume->stored + offset, 0xFF, ESP_NVS_PAGE_BYTES);
	page->state = NVS_PAGE_UNUSED;
	return volume->flash == NULL ||
	       volume->flash->erase(offset, volume->flash->user_data, error);
}

gboolean nvs_volume_free_page(NvsVolume *volume, NvsPage *page, GError **error)
{
	g_ptr_array_remove(volume->used, page);
	g_ptr_array_add(volume->free, page);
	return page_erase(volume, page, error);
}

NvsPage *nvs_volume_activate(NvsVolume *volume, GError **error)
{
	guint8 header[NVS_BITMAP_OFFSET];
	NvsPage *page;

	if (volume->free->len == 0) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
				    "the NVS partition has no free page left");
		return NULL;
	}
	page = g_ptr_array_steal_index(volume->free, 0);
	g_ptr_array_add(volume->used, page);
	if (page->state == NVS_PAGE_CORRUPT && !page_erase(volume, page, error))
		return NULL;
	nvs_page_header_encode(NVS_PAGE_ACTIVE, volume->next_sequence, NVS_VERSION_2, header);
	page->state = NVS_PAGE_ACTIVE;
	page->sequence = volume->next_sequence++;
	page->next_free = 0;
	return nvs_volume_write(volume, page->bytes, header, sizeof header, error) ? page : NULL;
}

void nvs_page_note_item(NvsPage *page, guint index, guint span)
{
	page->spans[index] = (guint8)span;
	page->names[index] = nvs_scan_name(nvs_entry_at(page->bytes, index));
}

gboolean nvs_volume_append(NvsVolume *volume, NvsPage *page, const NvsItem *item, GError **error)
{
	guint8 buffer[ESP_NVS_PAGE_ENTRIES * ESP_NVS_ENTRY_BYTES];
	guint first = page->next_free, span = nvs_item_span(item);
	guint8 *at = page->bytes + NVS_ENTRIES_OFFSET + (gsize)first * ESP_NVS_ENTRY_BYTES;

	g_assert(first + span <= ESP_NVS_PAGE_ENTRIES);
	memset(buffer, 0xFF, sizeof buffer);
	nvs_item_encode(item, buffer);
	if (item->data_bytes > 0)
		memcpy(buffer + ESP_NVS_ENTRY_BYTES, item->data, item->data_bytes);
	page->next_free += span;
	if (!nvs_volume_write(volume, at, buffer, ESP_NVS_ENTRY_BYTES, error) ||
	    !nvs_volume_mark(volume, page, first, 1, NVS_ENTRY_WRITTEN, error))
		return FALSE;
	if (span > 1 &&
	    (!nvs_volume_write(volume, at + ESP_NVS_ENTRY_BYTES, buffer + ESP_NVS_ENTRY_BYTES,
			       (gsize)(span - 1) * ESP_NVS_ENTRY_BYTES, error) ||
	     !nvs_volume_mark(volume, page, first + 1, span - 1, NVS_ENTRY_WRITTEN, error)))
		return FALSE;
	nvs_page_note_item(page, first, span);
	return TRUE;
}

gboolean nvs_volume_copy_items(NvsVolume *volume, const NvsPage *from, NvsPage *to, GError **error)
{
	for (guint i = 0, span; i < from->next_free; i += span) {
		span = MAX(from->spans[i], 1);
		if (from->spans[i] == 0)
			continue;
		if (!nvs_volume_write(volume, nvs_entry_of(to->bytes, to->next_free),
				      nvs_entry_at(from->bytes, i),
				      (gsize)span * ESP_NVS_ENTRY_BYTES, error) ||
		    !nvs_volume_mark(volume, to, to->next_free, span, NVS_ENTRY_WRITTEN, error))
			return FALSE;
		nvs_page_note_item(to, to->next_free, span);
		to->next_free += span;
	}
	return TRUE;
}
