#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_crypt.h"
#include "esp/nvs_volume.h"
#include "esp/nvs_scan.h"

#include <stdlib.h>
#include <string.h>

EspNvsContents *esp_nvs_contents_new(void)
{
	EspNvsContents *contents = g_new0(EspNvsContents, 1);

	contents->names = g_string_chunk_new(1024);
	contents->values = g_ptr_array_new_with_free_func(g_free);
	return contents;
}

void esp_nvs_contents_free(EspNvsContents *contents)
{
	if (contents == NULL)
		return;
	g_string_chunk_free(contents->names);
	g_ptr_array_unref(contents->values);
	g_free(contents->entries);
	g_free(contents);
}

/* What is being read. */
typedef struct {
	EspNvsContents *contents;
	GArray *entries;
	const char *spaces[256]; /* by index; NULL where nothing is reached by a name */
	EspNvsReadFlags flags;
} Reader;

static const char *keep_name(Reader *reader, const guint8 *name)
{
	gsize length = strnlen((const char *)name, ESP_NVS_NAME_MAX);

	return g_string_chunk_insert_len(reader->contents->names, (const char *)name,
					 (gssize)length);
}

/* Copies and ends with a NUL, so that strings are safe whatever was stored. */
static guint8 *keep_value(Reader *reader, gsize size_bytes)
{
	guint8 *copy = g_malloc(size_bytes + 1);

	copy[size_bytes] = 0;
	g_ptr_array_add(reader->contents->values, copy);
	return copy;
}

/* A name leads to the first index that was given to it. */
static void read_spaces(Reader *reader, const GArray *items)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < items->len; i++) {
		const NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);
		guint8 index = item->entry[24];
		const char *name;

		if (!nvs_defines_space(item))
			continue;
		name = keep_name(reader, item->entry + 8);
		if (g_hash_table_add(seen, (gpointer)name) && reader->spaces[index] == NULL)
			reader->spaces[index] = name;
	}
}

static guint64 unsigned_of(const guint8 *value, guint size_bytes)
{
	guint64 bits = esp_get_le64(value);

	return size_bytes == 8 ? bits : bits & ((G_GUINT64_CONSTANT(1) << (8 * size_bytes)) - 1);
}

static gint64 signed_of(const guint8 *value, guint size_bytes)
{
	guint64 bits = unsigned_of(value, size_bytes);
	guint64 sign = G_GUINT64_CONSTANT(1) << (8 * size_bytes - 1);

	return (gint64)((bits ^ sign) - sign);
}

static void read_number(const NvsLiveItem *item, EspNvsEntry *entry)
{
	const guint8 *value = item->entry + 24;
	guint size_bytes = item->type & 0x0F;
	guint32 single_bits = esp_get_le32(value);
	guint64 bits = esp_get_le64(value);
	float single;

	switch (item->type) {
	case ESP_NVS_FLOAT:
		memcpy(&single, &single_bits, sizeof single);
		entry->value.real = single;
		break;
	case ESP_NVS_DOUBLE:
		memcpy(&entry->value.real, &bits, sizeof bits);
		break;
	default:
		if ((item->type & 0x10) != 0)
			entry->value.i = signed_of(value, size_bytes);
		else
			entry->value.u = unsigned_of(value, size_bytes);
	}
}

static gboolean read_data(Reader *reader, const NvsLiveItem *item, EspNvsEntry *entry)
{
	gsize size_bytes = esp_get_le16(item->entry + 24);
	guint8 *copy;

	if (!nvs_entry_data_ok(item->entry))
		return FALSE;
	copy = keep_value(reader, size_bytes);
	memcpy(copy, item->entry + ESP_NVS_ENTRY_BYTES, size_bytes);
	if (item->type == ESP_NVS_STRING) {
		entry->value.text = (const char *)copy;
	} else {
		entry->type = ESP_NVS_BLOB;
		entry->value.blob.data = copy;
		entry->value.blob.size_bytes = size_bytes;
	}
	return TRUE;
}

/* `items` are all of this namespace and key, sorted by chunk. The mount has seen that the chunks'
 * number and sizes are those of the index. */
static gboolean read_blob(Reader *reader, const NvsLiveItem *index, const NvsLiveItem *items,
			  gsize n_items, EspNvsEntry *entry)
{
	const guint8 *value = index->entry + 24;
	gsize size_bytes = esp_get_le32(value), at = 0;
	guint next = value[5], end = next + value[4];
	guint8 *copy = keep_value(reader, size_bytes);

	for (gsize i = 0; i < n_items && next < end; i++) {
		gsize part_bytes;

		if (items[i].type != NVS_TYPE_BLOB_DATA || items[i].chunk != next)
			continue;
		part_bytes = esp_get_le16(items[i].entry + 24);
		if (!nvs_entry_data_ok(items[i].entry) || part_bytes > size_bytes - at)
			return FALSE;
		memcpy(copy + at, items[i].entry + ESP_NVS_ENTRY_BYTES, part_bytes);
		at += part_bytes;
		next++;
	}
	entry->type = ESP_NVS_BLOB;
	entry->value.blob.data = copy;
	entry->value.blob.size_bytes = size_bytes;
	return next == end && at == size_bytes;
}

/* The one that a look-up meets first. */
static const NvsLiveItem *first_of(const Reader *reader, const NvsLiveItem *items, gsize n_items)
{
	const NvsLiveItem *found = NULL, *old_blob = NULL;

	for (gsize i = 0; i < n_items; i++) {
		const NvsLiveItem *item = &items[i];

		if (item->type == NVS_TYPE_OLD_BLOB)
			old_blob = old_blob == NULL ? item : old_blob;
		else if (item->type != NVS_TYPE_BLOB_DATA &&
			 (found == NULL || item->order < found->order))
			found = item;
	}
	if (found == NULL && (reader->flags & ESP_NVS_READ_OLD_BLOBS) != 0)
		return old_blob;
	return found;
}

static void read_key(Reader *reader, const NvsLiveItem *items, gsize n_items)
{
	const NvsLiveItem *item = first_of(reader, items, n_items);
	EspNvsEntry entry = {.space = reader->spaces[items[0].space]};
	gboolean readable = TRUE;

	if (item == NULL || entry.space == NULL)
		return;
	entry.key = keep_name(reader, item->entry + 8);
	entry.type = (EspNvsType)item->type;
	if (item->type == NVS_TYPE_BLOB_INDEX)
		readable = read_blob(reader, item, items, n_items, &entry);
	else if (nvs_type_is_variable(item->type))
		readable = read_data(reader, item, &entry);
	else
		read_number(item, &entry);
	if (readable)
		g_array_append_val(reader->entries, entry);
	else
		reader->contents->n_damaged++;
}

static int compare_entries(const void *a, const void *b)
{
	return esp_nvs_entry_compare(a, b);
}

/* Two indices of namespaces by the names they have. */
static gint compare_spaces(gconstpointer a, gconstpointer b, gpointer spaces)
{
	const char *const *names = spaces;

	return strcmp(names[*(const guint8 *)a], names[*(const guint8 *)b]);
}

/* So that one sort brings items together by key and keys into their order: namespaces by name,
 * behind them the indices that have none. */
static void rank_by_name(const Reader *reader, GArray *items)
{
	guint8 order[G_N_ELEMENTS(reader->spaces)], ranks[G_N_ELEMENTS(reader->spaces)] = {0};
	guint n_named = 0, n_nameless = 0;

	for (guint i = 0; i < sizeof order; i++)
		if (reader->spaces[i] != NULL)
			order[n_named++] = (guint8)i;
		else
			order[sizeof order - ++n_nameless] = (guint8)i;
	g_qsort_with_data(order, (gint)n_named, 1, compare_spaces, (gpointer)reader->spaces);
	for (guint i = 0; i < sizeof order; i++)
		ranks[order[i]] = (guint8)i;
	for (guint i = 0; i < items->len; i++) {
		NvsLiveItem *item = &g_array_index(items, NvsLiveItem, i);

		item->rank = ranks[item->space];
	}
}

static void read_keys(Reader *reader, GArray *items)
{
	const NvsLiveItem *all = (const NvsLiveItem *)(const void *)items->data;

	rank_by_name(reader, items);
	g_array_sort(items, nvs_live_item_compare);
	for (gsize first = 0, end; first < items->len; first = end) {
		for (end = first + 1; end < items->len; end++)
			if (!nvs_live_item_same_key(&all[first], &all[end]))
				break;
		read_key(reader, all + first, end - first);
	}
}

/* A copy to mount, in plain. */
static guint8 *plain_copy(const guint8 *data, gsize size_bytes, const EspNvsKeys *keys)
{
	guint8 *copy = g_memdup2(data, size_bytes);
	g_autoptr(EspXts) decrypt = NULL;

	if (keys == NULL)
		return copy;
	decrypt = nvs_crypt_new(ESP_XTS_DECRYPT, keys);
	nvs_crypt_pages(decrypt, copy, size_bytes);
	return copy;
}

EspNvsContents *nvs_volume_read(const NvsVolume *volume, EspNvsReadFlags flags)
{
	EspNvsContents *contents = esp_nvs_contents_new();
	g_autoptr(GArray) items = nvs_volume_items(volume);
	Reader reader = {.flags = flags, .contents = contents};

	contents->n_damaged = volume->n_damaged;
	reader.entries = g_array_sized_new(FALSE, FALSE, sizeof(EspNvsEntry), items->len);
	read_spaces(&reader, items);
	read_keys(&reader, items);
	contents->n_entries = reader.entries->len;
	contents->entries = (EspNvsEntry *)(void *)g_array_free(reader.entries, FALSE);
	return contents;
}

EspNvsContents *esp_nvs_read_encrypted(const guint8 *data, gsize size_bytes, const EspNvsKeys *keys,
				       EspNvsReadFlags flags, GError **error)
{
	gboolean salvage = (flags & ESP_NVS_READ_SALVAGE) != 0;
	g_auto(NvsVolume) volume = {0};
	g_autofree guint8 *copy = NULL;
	EspNvsContents *contents = NULL;

	if (salvage)
		size_bytes -= size_bytes % ESP_NVS_PAGE_BYTES;
	if (!nvs_size_check(size_bytes, error))
		return NULL;
	copy = plain_copy(data, size_bytes, keys);
	if (nvs_volume_open(&volume, copy, size_bytes, NULL, error)) {
		volume.skip_newer = salvage;
		if (nvs_volume_mount(&volume, nvs_scan_mounts_writable(data, size_bytes), NULL,
				     error))
			contents = nvs_volume_read(&volume, flags);
	}
	if (keys != NULL)
		explicit_bzero(copy, size_bytes);
	return contents;
}

EspNvsContents *esp_nvs_read(const guint8 *data, gsize size_bytes, EspNvsReadFlags flags,
			     GError **error)
{
	return esp_nvs_read_encrypted(data, size_bytes, NULL, flags, error);
}

const EspNvsEntry *esp_nvs_find(const EspNvsContents *contents, const char *space, const char *key)
{
	EspNvsEntry wanted = {.space = space, .key = key};

	if (contents->n_entries == 0)
		return NULL;
	return bsearch(&wanted, contents->entries, contents->n_entries, sizeof wanted,
		       compare_entries);
}
