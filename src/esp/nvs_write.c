#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_page.h"

#include <stdlib.h>
#include <string.h>

enum {
	PAGE_DATA_BYTES = ESP_NVS_PAGE_ENTRIES * ESP_NVS_ENTRY_BYTES,
	LARGEST_KEYS_TOLD = 3,
};

/* Walks the entries as Espressif's generator does. Without an image it only counts, over any number
 * of pages. */
typedef struct {
	guint8 *image;
	guint8 *page;  /* the current one; NULL without an image */
	gsize n_pages; /* opened so far */
	guint n_used;  /* entries of the current page */
	const char *spaces[ESP_NVS_NAMESPACES_MAX];
	guint n_spaces;
} Writer;

static void open_page(Writer *writer)
{
	if (writer->image != NULL) {
		if (writer->page != NULL)
			nvs_page_header_encode(NVS_PAGE_FULL, (guint32)(writer->n_pages - 1),
					       writer->page);
		writer->page = writer->image + writer->n_pages * ESP_NVS_PAGE_BYTES;
		nvs_page_header_encode(NVS_PAGE_ACTIVE, (guint32)writer->n_pages, writer->page);
	}
	writer->n_pages++;
	writer->n_used = 0;
}

static void put_item(Writer *writer, const NvsItem *item)
{
	guint span = nvs_item_span(item);

	if (writer->page != NULL) {
		guint8 *at = writer->page + NVS_ENTRIES_OFFSET +
			     (gsize)writer->n_used * ESP_NVS_ENTRY_BYTES;

		nvs_item_encode(item, at);
		if (item->data_bytes > 0)
			memcpy(at + ESP_NVS_ENTRY_BYTES, item->data, item->data_bytes);
		for (guint i = 0; i < span; i++)
			nvs_entry_set_state(writer->page, writer->n_used + i, NVS_ENTRY_WRITTEN);
	}
	writer->n_used += span;
}

static void put_fixed(Writer *writer, const NvsItem *item)
{
	if (writer->n_used >= ESP_NVS_PAGE_ENTRIES)
		open_page(writer);
	put_item(writer, item);
}

/* A string never ends on the last entry of a page, unless it needs the whole of one. */
static void put_string(Writer *writer, const NvsItem *item)
{
	if (writer->n_used > 0 && writer->n_used + nvs_item_span(item) >= ESP_NVS_PAGE_ENTRIES)
		open_page(writer);
	put_item(writer, item);
}

static void put_blob(Writer *writer, guint8 space, const EspNvsEntry *entry)
{
	NvsItem chunk = {.space = space, .type = NVS_TYPE_BLOB_DATA, .key = entry->key};
	NvsItem index = {.space = space,
			 .type = NVS_TYPE_BLOB_INDEX,
			 .chunk = NVS_CHUNK_NONE,
			 .key = entry->key};
	const guint8 *data = entry->value.blob.data;
	gsize left = entry->value.blob.size_bytes;
	guint n_chunks = 0;

	if (writer->n_used >= ESP_NVS_PAGE_ENTRIES)
		open_page(writer);
	do {
		gsize room =
			(gsize)(ESP_NVS_PAGE_ENTRIES - writer->n_used - 1) * ESP_NVS_ENTRY_BYTES;

		chunk.chunk = (guint8)n_chunks++;
		chunk.data = data;
		chunk.data_bytes = MIN(room, left);
		put_item(writer, &chunk);
		left -= chunk.data_bytes;
		if (chunk.data_bytes > 0)
			data += chunk.data_bytes;
		if (left > 0 || room - chunk.data_bytes < ESP_NVS_ENTRY_BYTES)
			open_page(writer);
	} while (left > 0);
	nvs_blob_index_encode(entry->value.blob.size_bytes, n_chunks, 0, index.value);
	put_item(writer, &index);
}

/* The index of a namespace, defined at its first use. */
static gboolean open_space(Writer *writer, const char *name, guint8 *index, GError **error)
{
	NvsItem item = {.type = ESP_NVS_U8, .chunk = NVS_CHUNK_NONE, .key = name};

	for (guint i = writer->n_spaces; i > 0; i--)
		if (strcmp(writer->spaces[i - 1], name) == 0) {
			*index = (guint8)i;
			return TRUE;
		}
	if (writer->n_spaces == ESP_NVS_NAMESPACES_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "namespace '%s' is one too many: NVS allows %d", name,
			    ESP_NVS_NAMESPACES_MAX);
		return FALSE;
	}
	writer->spaces[writer->n_spaces++] = name;
	*index = (guint8)writer->n_spaces;
	memset(item.value, 0xFF, sizeof item.value);
	item.value[0] = *index;
	put_fixed(writer, &item);
	return TRUE;
}

static gboolean put_entry(Writer *writer, const EspNvsEntry *entry, GError **error)
{
	NvsItem item = {.type = (guint8)entry->type, .chunk = NVS_CHUNK_NONE, .key = entry->key};

	if (!open_space(writer, entry->space, &item.space, error))
		return FALSE;
	switch (entry->type) {
	case ESP_NVS_NAMESPACE:
		break;
	case ESP_NVS_BLOB:
		put_blob(writer, item.space, entry);
		break;
	case ESP_NVS_STRING:
		item.data = (const guint8 *)entry->value.text;
		item.data_bytes = strlen(entry->value.text) + 1;
		put_string(writer, &item);
		break;
	default:
		nvs_value_encode(entry, item.value);
		put_fixed(writer, &item);
	}
	return TRUE;
}

static gboolean walk(Writer *writer, const EspNvsEntry *entries, gsize n_entries, GError **error)
{
	open_page(writer);
	for (gsize i = 0; i < n_entries; i++)
		if (!put_entry(writer, &entries[i], error))
			return FALSE;
	return TRUE;
}

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

static gboolean size_check(gsize size_bytes, GError **error)
{
	if (size_bytes > 0 && size_bytes % ESP_NVS_PAGE_BYTES == 0 &&
	    size_bytes <= ESP_NVS_MAX_BYTES)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
		    "an NVS partition cannot have 0x%" G_GSIZE_MODIFIER
		    "x bytes: it has a multiple of 0x1000, at most 0x%x, and at least 0x%x to be "
		    "written to",
		    size_bytes, (guint)ESP_NVS_MAX_BYTES, (guint)ESP_NVS_MIN_BYTES);
	return FALSE;
}

/* Bytes that an entry takes, by which the largest keys are told. */
static gsize entry_bytes(const EspNvsEntry *entry)
{
	switch (entry->type) {
	case ESP_NVS_STRING:
		return strlen(entry->value.text) + 1;
	case ESP_NVS_BLOB:
		return entry->value.blob.size_bytes;
	default:
		return 0;
	}
}

static int compare_sizes(const void *a, const void *b)
{
	gsize size_a = entry_bytes(*(const EspNvsEntry *const *)a);
	gsize size_b = entry_bytes(*(const EspNvsEntry *const *)b);

	return size_a < size_b ? 1 : size_a > size_b ? -1 : compare_pointers(a, b);
}

static void too_large(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
		      const EspNvsUsage *usage, GError **error)
{
	g_autofree const EspNvsEntry **sorted = g_new(const EspNvsEntry *, n_entries + 1);
	g_autoptr(GString) largest = g_string_new(NULL);

	for (gsize i = 0; i < n_entries; i++)
		sorted[i] = &entries[i];
	qsort(sorted, n_entries, sizeof *sorted, compare_sizes);
	for (gsize i = 0; i < MIN(n_entries, (gsize)LARGEST_KEYS_TOLD); i++)
		if (entry_bytes(sorted[i]) > 0)
			g_string_append_printf(largest, "%s%s.%s (%" G_GSIZE_FORMAT " bytes)",
					       largest->len == 0 ? "; the largest keys are " : ", ",
					       sorted[i]->space, sorted[i]->key,
					       entry_bytes(sorted[i]));
	g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
		    "%" G_GSIZE_FORMAT " bytes too many: the settings take %" G_GSIZE_FORMAT
		    " bytes, a partition of 0x%" G_GSIZE_MODIFIER "x bytes has %" G_GSIZE_FORMAT
		    " for them%s",
		    usage->used_bytes - usage->capacity_bytes, usage->used_bytes, size_bytes,
		    usage->capacity_bytes, largest->str);
}

gboolean esp_nvs_layout(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			EspNvsUsage *usage, GError **error)
{
	Writer counter = {0};
	EspNvsUsage found = {0};

	if (!size_check(size_bytes, error))
		return FALSE;
	for (gsize i = 0; i < n_entries; i++)
		if (!esp_nvs_entry_check(&entries[i], error))
			return FALSE;
	if (!no_duplicates(entries, n_entries, error))
		return FALSE;
	if (!walk(&counter, entries, n_entries, error))
		return FALSE;

	found.n_pages = counter.n_pages;
	found.n_namespaces = counter.n_spaces;
	found.used_bytes = (counter.n_pages - 1) * PAGE_DATA_BYTES +
			   (gsize)counter.n_used * ESP_NVS_ENTRY_BYTES;
	found.capacity_bytes = size_bytes / ESP_NVS_PAGE_BYTES * PAGE_DATA_BYTES;
	if (size_bytes >= ESP_NVS_MIN_BYTES)
		found.capacity_bytes -= PAGE_DATA_BYTES;
	if (found.used_bytes > found.capacity_bytes) {
		too_large(entries, n_entries, size_bytes, &found, error);
		return FALSE;
	}
	if (usage != NULL)
		*usage = found;
	return TRUE;
}

gboolean esp_nvs_image_write(const EspNvsEntry *entries, gsize n_entries, guint8 *image,
			     gsize size_bytes, EspNvsUsage *usage, GError **error)
{
	Writer writer = {.image = image};

	if (!esp_nvs_layout(entries, n_entries, size_bytes, usage, error))
		return FALSE;
	memset(image, 0xFF, size_bytes);
	return walk(&writer, entries, n_entries, error);
}

GBytes *esp_nvs_image_new(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  GError **error)
{
	g_autofree guint8 *image = NULL;

	if (!size_check(size_bytes, error))
		return NULL;
	image = g_malloc(size_bytes);
	if (!esp_nvs_image_write(entries, n_entries, image, size_bytes, NULL, error))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&image), size_bytes);
}
