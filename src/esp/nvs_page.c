#include "esp/nvs_page.h"

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"

#include <string.h>

gboolean nvs_size_check(gsize size_bytes, GError **error)
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

gboolean nvs_type_is_variable(guint type)
{
	return type == ESP_NVS_STRING || type == NVS_TYPE_OLD_BLOB || type == NVS_TYPE_BLOB_DATA;
}

guint nvs_item_span(const NvsItem *item)
{
	if (!nvs_type_is_variable(item->type))
		return 1;
	return 1 + (guint)((item->data_bytes + ESP_NVS_ENTRY_BYTES - 1) / ESP_NVS_ENTRY_BYTES);
}

static guint32 entry_crc(const guint8 *entry)
{
	return esp_crc32(esp_crc_rom(entry, 4), entry + 8, ESP_NVS_ENTRY_BYTES - 8);
}

void nvs_item_encode(const NvsItem *item, guint8 entry[static ESP_NVS_ENTRY_BYTES])
{
	gsize key_bytes = strlen(item->key);

	g_assert(key_bytes <= ESP_NVS_NAME_MAX);
	entry[0] = item->space;
	entry[1] = item->type;
	entry[2] = (guint8)nvs_item_span(item);
	entry[3] = item->chunk;
	memset(entry + 8, 0, NVS_KEY_BYTES);
	memcpy(entry + 8, item->key, key_bytes);
	if (nvs_type_is_variable(item->type)) {
		esp_put_le16(entry + 24, (guint16)item->data_bytes);
		esp_put_le16(entry + 26, 0xFFFF);
		esp_put_le32(entry + 28, esp_crc_rom(item->data, item->data_bytes));
	} else {
		memcpy(entry + 24, item->value, 8);
	}
	esp_put_le32(entry + 4, entry_crc(entry));
}

/* The value's bits, wherever the union has them. */
static guint64 bits_of(const EspNvsEntry *entry)
{
	float single = (float)entry->value.real;
	guint32 single_bits;
	guint64 bits;

	switch (entry->type) {
	case ESP_NVS_FLOAT:
		memcpy(&single_bits, &single, sizeof single_bits);
		return single_bits;
	case ESP_NVS_DOUBLE:
		memcpy(&bits, &entry->value.real, sizeof bits);
		return bits;
	default:
		return ((guint)entry->type & 0x10) != 0 ? (guint64)entry->value.i : entry->value.u;
	}
}

void nvs_value_encode(const EspNvsEntry *entry, guint8 value[static 8])
{
	gsize size_bytes = (gsize)entry->type & 0x0F;

	esp_put_le64(value, bits_of(entry));
	memset(value + size_bytes, 0xFF, 8 - size_bytes);
}

void nvs_blob_index_encode(gsize size_bytes, guint n_chunks, guint8 chunk_start,
			   guint8 value[static 8])
{
	esp_put_le32(value, (guint32)size_bytes);
	value[4] = (guint8)n_chunks;
	value[5] = chunk_start;
	esp_put_le16(value + 6, 0xFFFF);
}

void nvs_page_header_encode(guint32 state, guint32 sequence, guint8 version,
			    guint8 header[static NVS_BITMAP_OFFSET])
{
	memset(header, 0xFF, NVS_BITMAP_OFFSET);
	esp_put_le32(header, state);
	esp_put_le32(header + 4, sequence);
	header[8] = version;
	esp_put_le32(header + 28, esp_crc_rom(header + 4, 24));
}

gboolean nvs_page_header_ok(const guint8 *page)
{
	return esp_get_le32(page + 28) == esp_crc_rom(page + 4, 24);
}

gboolean nvs_page_in_use(const guint8 *page)
{
	guint32 state = esp_get_le32(page);

	return (state == NVS_PAGE_ACTIVE || state == NVS_PAGE_FULL || state == NVS_PAGE_FREEING) &&
	       nvs_page_header_ok(page);
}

guint nvs_entry_state(const guint8 *page, guint index)
{
	return (guint)page[NVS_BITMAP_OFFSET + index / 4] >> (2 * (index % 4)) & 3U;
}

void nvs_entry_set_state(guint8 *page, guint index, guint state)
{
	guint8 *byte = page + NVS_BITMAP_OFFSET + index / 4;
	guint shift = 2 * (index % 4);

	*byte = (guint8)((*byte & ~(3U << shift)) | state << shift);
}

gboolean nvs_entry_crc_ok(const guint8 *entry)
{
	return esp_get_le32(entry + 4) == entry_crc(entry);
}

gboolean nvs_entry_data_ok(const guint8 *entry)
{
	return esp_get_le32(entry + 28) ==
	       esp_crc_rom(entry + ESP_NVS_ENTRY_BYTES, esp_get_le16(entry + 24));
}

gboolean esp_nvs_same_value(const EspNvsEntry *a, const EspNvsEntry *b)
{
	guint8 value_a[8], value_b[8];

	if (a->type != b->type)
		return FALSE;
	switch (a->type) {
	case ESP_NVS_STRING:
		return strcmp(a->value.text, b->value.text) == 0;
	case ESP_NVS_BLOB:
		return a->value.blob.size_bytes == b->value.blob.size_bytes &&
		       (a->value.blob.size_bytes == 0 ||
			memcmp(a->value.blob.data, b->value.blob.data, a->value.blob.size_bytes) ==
				0);
	default:
		nvs_value_encode(a, value_a);
		nvs_value_encode(b, value_b);
		return memcmp(value_a, value_b, sizeof value_a) == 0;
	}
}
