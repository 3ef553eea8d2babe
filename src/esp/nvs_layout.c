#include "esp/nvs_layout.h"

#include "esp/error.h"

#include <stdlib.h>
#include <string.h>

static void open_page(NvsLayout *layout)
{
	if (layout->image != NULL) {
		if (layout->page != NULL)
			nvs_page_header_encode(NVS_PAGE_FULL, (guint32)(layout->n_pages - 1),
					       layout->version, layout->page);
		layout->page = layout->image + layout->n_pages * ESP_NVS_PAGE_BYTES;
		nvs_page_header_encode(NVS_PAGE_ACTIVE, (guint32)layout->n_pages, layout->version,
				       layout->page);
	}
	layout->n_pages++;
	layout->n_used = 0;
}

void nvs_layout_begin(NvsLayout *layout, const EspNvsWriteOptions *options, guint8 *image)
{
	gboolean old = options != NULL && options->format_version == 1;

	*layout = (NvsLayout){.image = image, .version = old ? NVS_VERSION_1 : NVS_VERSION_2};
	open_page(layout);
}

static void put_item(NvsLayout *layout, const NvsItem *item)
{
	guint span = nvs_item_span(item);

	if (layout->page != NULL) {
		guint8 *at = nvs_entry_of(layout->page, layout->n_used);

		nvs_item_encode(item, at);
		if (item->data_bytes > 0)
			memcpy(at + ESP_NVS_ENTRY_BYTES, item->data, item->data_bytes);
		for (guint i = 0; i < span; i++)
			nvs_entry_set_state(layout->page, layout->n_used + i, NVS_ENTRY_WRITTEN);
	}
	layout->n_used += span;
	layout->n_taken += span;
}

static void put_fixed(NvsLayout *layout, const NvsItem *item)
{
	if (layout->n_used >= ESP_NVS_PAGE_ENTRIES)
		open_page(layout);
	put_item(layout, item);
}

/* What lies in one page never ends on its last entry, unless it needs the whole of one. */
static void put_whole(NvsLayout *layout, const NvsItem *item)
{
	if (layout->n_used > 0 && layout->n_used + nvs_item_span(item) >= ESP_NVS_PAGE_ENTRIES)
		open_page(layout);
	put_item(layout, item);
}

static void put_parts(NvsLayout *layout, const NvsItem *blob)
{
	NvsItem chunk = *blob;
	NvsItem index = {.space = blob->space,
			 .type = NVS_TYPE_BLOB_INDEX,
			 .chunk = NVS_CHUNK_NONE,
			 .key = blob->key};
	gsize left = blob->data_bytes;
	guint n_chunks = 0;

	if (layout->n_used >= ESP_NVS_PAGE_ENTRIES)
		open_page(layout);
	do {
		gsize room =
			(gsize)(ESP_NVS_PAGE_ENTRIES - layout->n_used - 1) * ESP_NVS_ENTRY_BYTES;

		chunk.chunk = (guint8)n_chunks++;
		chunk.data_bytes = MIN(room, left);
		put_item(layout, &chunk);
		left -= chunk.data_bytes;
		if (chunk.data != NULL)
			chunk.data += chunk.data_bytes;
		if (left > 0 || room - chunk.data_bytes < ESP_NVS_ENTRY_BYTES)
			open_page(layout);
	} while (left > 0);
	nvs_blob_index_encode(blob->data_bytes, n_chunks, 0, index.value);
	put_item(layout, &index);
}

void nvs_layout_put(NvsLayout *layout, NvsItem *item)
{
	G_STATIC_ASSERT((int)ESP_NVS_BLOB == (int)NVS_TYPE_BLOB_DATA);
	if (item->type == ESP_NVS_BLOB && layout->version == NVS_VERSION_1)
		item->type = NVS_TYPE_OLD_BLOB;
	if (item->type == ESP_NVS_BLOB)
		put_parts(layout, item);
	else if (nvs_type_is_variable(item->type))
		put_whole(layout, item);
	else
		put_fixed(layout, item);
}

/* The index of a namespace, defined at its first use. */
static gboolean open_space(NvsLayout *layout, const char *name, guint8 *index, GError **error)
{
	NvsItem item = {.type = ESP_NVS_U8, .chunk = NVS_CHUNK_NONE, .key = name};

	for (guint i = layout->n_spaces; i > 0; i--)
		if (strcmp(layout->spaces[i - 1], name) == 0) {
			*index = (guint8)i;
			return TRUE;
		}
	if (layout->n_spaces == ESP_NVS_NAMESPACES_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "namespace '%s' is one too many: NVS allows %d", name,
			    ESP_NVS_NAMESPACES_MAX);
		return FALSE;
	}
	layout->spaces[layout->n_spaces++] = name;
	*index = (guint8)layout->n_spaces;
	memset(item.value, 0xFF, sizeof item.value);
	item.value[0] = *index;
	put_fixed(layout, &item);
	return TRUE;
}

gboolean nvs_layout_put_entry(NvsLayout *layout, const EspNvsEntry *entry, GError **error)
{
	NvsItem item = {.type = (guint8)entry->type, .chunk = NVS_CHUNK_NONE, .key = entry->key};

	if (!open_space(layout, entry->space, &item.space, error))
		return FALSE;
	switch (entry->type) {
	case ESP_NVS_NAMESPACE:
		return TRUE;
	case ESP_NVS_BLOB:
		item.data = entry->value.blob.data;
		item.data_bytes = entry->value.blob.size_bytes;
		break;
	case ESP_NVS_STRING:
		item.data = (const guint8 *)entry->value.text;
		item.data_bytes = strlen(entry->value.text) + 1;
		break;
	default:
		nvs_value_encode(entry, item.value);
	}
	nvs_layout_put(layout, &item);
	return TRUE;
}

EspNvsUsage nvs_layout_usage(const NvsLayout *layout, gsize size_bytes)
{
	EspNvsUsage usage = {
		.used_bytes = (layout->n_pages - 1) * NVS_PAGE_DATA_BYTES +
			      (gsize)layout->n_used * ESP_NVS_ENTRY_BYTES,
		.capacity_bytes = size_bytes / ESP_NVS_PAGE_BYTES * NVS_PAGE_DATA_BYTES,
		.n_pages = layout->n_pages,
		.n_namespaces = layout->n_spaces,
	};

	if (size_bytes >= ESP_NVS_MIN_BYTES)
		usage.capacity_bytes -= NVS_PAGE_DATA_BYTES;
	return usage;
}

/* ---- Checks ---- */

static int compare_pointers(const void *a, const void *b)
{
	return esp_nvs_entry_compare(*(const EspNvsEntry *const *)a,
				     *(const EspNvsEntry *const *)b);
}

static gboolean no_duplicates(const EspNvsEntry *entries, gsize n_entries, GError **error)
{
	g_autofree const EspNvsEntry **sorted = g_new(const EspNvsEntry *, n_entries + 1);
	gsize n_sorted = 0;

	for (gsize i = 0; i < n_entries; i++)
		if (entries[i].type != ESP_NVS_NAMESPACE)
			sorted[n_sorted++] = &entries[i];
	qsort(sorted, n_sorted, sizeof *sorted, compare_pointers);
	for (gsize i = 1; i < n_sorted; i++) {
		const EspNvsEntry *a = sorted[i - 1], *b = sorted[i];
		g_autofree char *origins = NULL;

		if (esp_nvs_entry_compare(a, b) != 0)
			continue;
		origins = a->origin == NULL || b->origin == NULL
				  ? g_strdup("")
				  : g_strdup_printf(" (from %s and from %s)", a->origin, b->origin);
		g_set_error(error, ESP_ERROR, ESP_ERROR_DUPLICATE_KEY,
			    "key '%s.%s' is given twice%s; remove one of them", a->space, a->key,
			    origins);
		return FALSE;
	}
	return TRUE;
}

gsize nvs_value_bytes(const EspNvsEntry *entry)
{
	switch (entry->type) {
	case ESP_NVS_STRING:
		return strlen(entry->value.text) + 1;
	case ESP_NVS_BLOB:
		return entry->value.blob.size_bytes;
	default:
		return (gsize)entry->type & 0x0F;
	}
}

static gboolean old_values_check(const EspNvsEntry *entries, gsize n_entries, GError **error)
{
	for (gsize i = 0; i < n_entries; i++)
		if (nvs_value_bytes(&entries[i]) > ESP_NVS_VALUE_1_MAX) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
				    "key '%s.%s' has %" G_GSIZE_FORMAT
				    " bytes, format version 1 allows %d; use version 2",
				    entries[i].space, entries[i].key, nvs_value_bytes(&entries[i]),
				    ESP_NVS_VALUE_1_MAX);
			return FALSE;
		}
	return TRUE;
}

gboolean nvs_layout_check(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  const EspNvsWriteOptions *options, GError **error)
{
	guint version = options == NULL ? 0 : options->format_version;

	if (!nvs_size_check(size_bytes, error))
		return FALSE;
	if (version > 2) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "NVS has format versions 1 and 2, not %u", version);
		return FALSE;
	}
	for (gsize i = 0; i < n_entries; i++)
		if (!esp_nvs_entry_check(&entries[i], error))
			return FALSE;
	if (version == 1 && !old_values_check(entries, n_entries, error))
		return FALSE;
	return no_duplicates(entries, n_entries, error);
}
