#include "esp/bytes.h"
#include "esp/nvs_inspector.h"
#include "esp/nvs_scan.h"

#include <string.h>

/* ---- A page by its header and bitmap ---- */

static const struct {
	guint32 word;
	const char *name;
} state_rows[] = {
	{NVS_PAGE_UNUSED, "unused"},   {NVS_PAGE_ACTIVE, "active"},   {NVS_PAGE_FULL, "full"},
	{NVS_PAGE_FREEING, "freeing"}, {NVS_PAGE_CORRUPT, "corrupt"},
};

static const char *state_name(guint32 word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(state_rows); i++)
		if (state_rows[i].word == word)
			return state_rows[i].name;
	return NULL;
}

static void summarise(EspNvsPageSummary *summary, const NvsPage *page, gsize offset)
{
	gboolean in_use = nvs_page_in_use(page->bytes);
	guint8 version = page->bytes[8];

	summary->offset = offset;
	summary->state_word = esp_get_le32(page->bytes);
	summary->state = in_use ? state_name(summary->state_word) : state_name(page->state);
	if (!in_use)
		return;
	summary->sequence = page->sequence;
	summary->format_version = version == NVS_VERSION_1 ? 1 : version == NVS_VERSION_2 ? 2 : 0;
	for (guint i = 0; i < ESP_NVS_PAGE_ENTRIES; i++) {
		guint state = nvs_entry_state(page->bytes, i);

		summary->n_written += state == NVS_ENTRY_WRITTEN ? 1 : 0;
		summary->n_erased += state == NVS_ENTRY_ERASED ? 1 : 0;
		summary->n_empty += state == NVS_ENTRY_EMPTY ? 1 : 0;
		summary->n_illegal += state == NVS_ENTRY_ILLEGAL ? 1 : 0;
	}
}

static gboolean bitmap_is_blank(const guint8 *page)
{
	return esp_bytes_are(page + NVS_BITMAP_OFFSET, NVS_ENTRIES_OFFSET - NVS_BITMAP_OFFSET,
			     0xFF);
}

/* Why a page does not count. What has no entry yet was cut while it was made or erased. */
static void inspect_unreadable(NvsInspector *inspector, const NvsPage *page)
{
	guint32 word = esp_get_le32(page->bytes);
	EspNvsSeverity severity = bitmap_is_blank(page->bytes) ? ESP_NVS_WARNING : ESP_NVS_FAULT;

	if (word == NVS_PAGE_UNUSED)
		nvs_inspector_add(inspector, severity, ESP_NVS_FINDING_PAGE_NOT_EMPTY, page, -1,
				  "the page is unused, but not empty: an erase was cut off, or its "
				  "state word was erased; the device takes it for free");
	else if (word == NVS_PAGE_CORRUPT)
		nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_PAGE_STATE, page, -1,
				  "the page was marked corrupt; the device takes it for free");
	else if (state_name(word) == NULL)
		nvs_inspector_add(inspector, severity, ESP_NVS_FINDING_PAGE_STATE, page, -1,
				  "the page's state word 0x%08x is none; the device takes it for "
				  "free",
				  word);
	else if (!nvs_page_header_ok(page->bytes))
		nvs_inspector_add(
			inspector, severity, ESP_NVS_FINDING_HEADER_CRC, page, -1,
			"the page's header has a wrong CRC; the device takes it for free");
	else
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_VERSION, page, -1,
				  "the page has format version 0x%02x, newer than 0x%02x: the "
				  "device refuses the partition (error 0x1110)",
				  page->bytes[8], NVS_VERSION_2);
}

/* One page at a time is moved. */
static void inspect_move(NvsInspector *inspector, const NvsPage *page)
{
	const GPtrArray *used = inspector->volume.used;

	for (guint i = 0; g_ptr_array_index(used, i) != page; i++) {
		const NvsPage *other = g_ptr_array_index(used, i);

		if (other->state != NVS_PAGE_FREEING)
			continue;
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_FREEING, page, -1,
				  "the page was being moved, as was page %zd: a mount moves one, "
				  "and loses what the next one had copied",
				  (gssize)(other - inspector->volume.pages));
		return;
	}
	nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_FREEING, page, -1,
			  "the page was being moved when the power went; the next mount moves it "
			  "again");
}

/* Pages in use come by their sequence numbers; `page` stands in their list with its neighbours. */
static void inspect_order(NvsInspector *inspector, const NvsPage *page)
{
	const GPtrArray *used = inspector->volume.used;
	const NvsPage *last = g_ptr_array_index(used, used->len - 1);

	for (guint i = 0; i < used->len; i++) {
		const NvsPage *other = g_ptr_array_index(used, i);

		if (other == page)
			break;
		if (other->sequence == page->sequence)
			nvs_inspector_add(
				inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_SEQUENCE, page, -1,
				"the page has the sequence number %u of page %zd, too: "
				"which is newer is not known",
				page->sequence, (gssize)(other - inspector->volume.pages));
	}
	if (page->state == NVS_PAGE_FREEING)
		inspect_move(inspector, page);
	if (page->state == NVS_PAGE_ACTIVE && page != last)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_TWO_ACTIVE, page, -1,
				  "the page is active, but page %zd has a higher sequence number",
				  (gssize)(last - inspector->volume.pages));
}

void nvs_inspect_page(NvsInspector *inspector, NvsPage *page)
{
	gsize place = (gsize)(page - inspector->volume.pages);

	summarise(&inspector->out->pages[place], page, place * ESP_NVS_PAGE_BYTES);
	if (page->state == NVS_PAGE_CORRUPT)
		inspect_unreadable(inspector, page);
	else if (page->state != NVS_PAGE_UNUSED)
		inspect_order(inspector, page);
}

/* ---- Its entries ---- */

/* TRUE if the 32 bytes that are stored there are all `byte`. */
static gboolean stored_is(const NvsInspector *inspector, const NvsPage *page, guint index,
			  guint8 byte)
{
	gsize offset = (gsize)(nvs_entry_at(page->bytes, index) - inspector->volume.image);

	return esp_bytes_are(inspector->stored + offset, ESP_NVS_ENTRY_BYTES, byte);
}

static guint inspect_empty(NvsInspector *inspector, const NvsPage *page, guint first)
{
	guint end = first;

	while (end < ESP_NVS_PAGE_ENTRIES && nvs_entry_state(page->bytes, end) == NVS_ENTRY_EMPTY &&
	       !stored_is(inspector, page, end, 0xFF))
		end++;
	if (end == first)
		return 1;
	nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_HALF_WRITTEN, page, first,
			  "%u entries hold bytes, but are not marked as written: a write was cut "
			  "off",
			  end - first);
	return end - first;
}

static guint inspect_written_late(NvsInspector *inspector, const NvsPage *page, guint first)
{
	guint end = first;

	while (end < ESP_NVS_PAGE_ENTRIES && nvs_entry_state(page->bytes, end) == NVS_ENTRY_WRITTEN)
		end++;
	nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_STATE, page, first,
			  "%u entries are written behind entry %u, which is empty: the device does "
			  "not look at them",
			  end - first, page->next_free);
	return end - first;
}

/* An entry with a right CRC, but not of a whole item. Returns how far to go on. */
static guint inspect_broken(NvsInspector *inspector, const NvsPage *page, guint index)
{
	const guint8 *entry = nvs_entry_at(page->bytes, index);
	const char *key = nvs_inspector_key(inspector, entry);
	guint n_written = 0;

	if (!nvs_scan_type_known(entry[1])) {
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_TYPE, page, index,
				  "%s has the type 0x%02x, which is none", key, entry[1]);
		return 1;
	}
	if (!nvs_scan_header_ok(entry, index)) {
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_SPAN, page, index,
				  "%s of type 0x%02x has span %u, chunk 0x%02x and size %u, which "
				  "do not fit each other or the page",
				  key, entry[1], entry[2], entry[3],
				  entry[1] == NVS_TYPE_BLOB_INDEX ? esp_get_le32(entry + 24)
								  : esp_get_le16(entry + 24));
		return 1;
	}
	for (guint i = 0; i < entry[2]; i++)
		n_written += nvs_entry_state(page->bytes, index + i) == NVS_ENTRY_WRITTEN ? 1 : 0;
	nvs_inspector_add(inspector, ESP_NVS_WARNING, ESP_NVS_FINDING_HALF_WRITTEN, page, index,
			  "%s was cut off: %u of its %u entries are written", key, n_written,
			  entry[2]);
	return entry[2];
}

/* Entries that fail their CRC: behind a damaged first one, its data fail, too. */
static guint inspect_failing(NvsInspector *inspector, const NvsPage *page, guint first)
{
	guint end = first;

	while (end < page->next_free && page->spans[end] == 0 &&
	       nvs_entry_state(page->bytes, end) == NVS_ENTRY_WRITTEN &&
	       !nvs_entry_crc_ok(nvs_entry_at(page->bytes, end)))
		end++;
	if (!inspector->out->looks_encrypted)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_CRC, page, first,
				  "%u written %s a wrong CRC and %s lost", end - first,
				  end - first == 1 ? "entry has" : "entries have",
				  end - first == 1 ? "is" : "are");
	return end - first;
}

static void inspect_item(NvsInspector *inspector, const NvsPage *page, guint index)
{
	const guint8 *entry = nvs_entry_at(page->bytes, index);

	if (nvs_type_is_variable(entry[1]) && !nvs_entry_data_ok(entry))
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_DATA_CRC, page, index,
				  "%s: its %u bytes have a wrong CRC, so it is not found",
				  nvs_inspector_key(inspector, entry), esp_get_le16(entry + 24));
	if (entry[1] == NVS_TYPE_OLD_BLOB)
		nvs_inspector_add(inspector, ESP_NVS_NOTE, ESP_NVS_FINDING_OLD_BLOB, page, index,
				  "%s is a blob of format version 1: found, but not listed",
				  nvs_inspector_key(inspector, entry));
	for (guint i = 0; i < ESP_NVS_NAME_MAX && (i == 0 || entry[8 + i] != 0); i++)
		if (!g_ascii_isprint((char)entry[8 + i])) {
			nvs_inspector_add(inspector, ESP_NVS_NOTE, ESP_NVS_FINDING_KEY, page, index,
					  "%s: its name is empty or not printable ASCII",
					  nvs_inspector_key(inspector, entry));
			return;
		}
}

static guint inspect_written(NvsInspector *inspector, const NvsPage *page, guint index)
{
	if (index >= page->next_free)
		return inspect_written_late(inspector, page, index);
	if (page->spans[index] != 0) {
		inspect_item(inspector, page, index);
		return page->spans[index];
	}
	if (nvs_entry_crc_ok(nvs_entry_at(page->bytes, index)))
		return inspect_broken(inspector, page, index);
	return inspect_failing(inspector, page, index);
}

void nvs_inspect_entries(NvsInspector *inspector, NvsPage *page)
{
	guint n_purged = 0, first_purged = 0;

	for (guint i = 0, step; i < ESP_NVS_PAGE_ENTRIES; i += step) {
		step = 1;
		switch (nvs_entry_state(page->bytes, i)) {
		case NVS_ENTRY_EMPTY:
			step = inspect_empty(inspector, page, i);
			break;
		case NVS_ENTRY_WRITTEN:
			step = inspect_written(inspector, page, i);
			break;
		case NVS_ENTRY_ILLEGAL:
			nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_ENTRY_STATE,
					  page, i,
					  "the entry has the value 1 in the bitmap, which is no "
					  "state");
			break;
		default:
			if (!stored_is(inspector, page, i, 0x00))
				break;
			first_purged = n_purged++ == 0 ? i : first_purged;
		}
	}
	if (n_purged > 0)
		nvs_inspector_add(inspector, ESP_NVS_NOTE, ESP_NVS_FINDING_PURGED, page,
				  first_purged, "%u erased entries of the page were purged",
				  n_purged);
}
