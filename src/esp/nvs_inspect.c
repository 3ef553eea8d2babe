#include "esp/nvs_inspect.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/nvs_crypt.h"
#include "esp/nvs_inspector.h"
#include "esp/nvs_scan.h"

#include <stdlib.h>
#include <string.h>

static const char *const finding_names[] = {
	[ESP_NVS_FINDING_SIZE] = "size",
	[ESP_NVS_FINDING_NO_FREE_PAGE] = "noFreePage",
	[ESP_NVS_FINDING_ALL_ENTRIES_FAIL] = "allEntriesFail",
	[ESP_NVS_FINDING_PAGE_STATE] = "pageState",
	[ESP_NVS_FINDING_PAGE_NOT_EMPTY] = "pageNotEmpty",
	[ESP_NVS_FINDING_HEADER_CRC] = "headerCrc",
	[ESP_NVS_FINDING_VERSION] = "version",
	[ESP_NVS_FINDING_SEQUENCE] = "sequence",
	[ESP_NVS_FINDING_FREEING] = "freeing",
	[ESP_NVS_FINDING_TWO_ACTIVE] = "twoActive",
	[ESP_NVS_FINDING_ENTRY_STATE] = "entryState",
	[ESP_NVS_FINDING_HALF_WRITTEN] = "halfWritten",
	[ESP_NVS_FINDING_ENTRY_CRC] = "entryCrc",
	[ESP_NVS_FINDING_TYPE] = "type",
	[ESP_NVS_FINDING_SPAN] = "span",
	[ESP_NVS_FINDING_DATA_CRC] = "dataCrc",
	[ESP_NVS_FINDING_BLOB_INDEX] = "blobIndex",
	[ESP_NVS_FINDING_BLOB_PART] = "blobPart",
	[ESP_NVS_FINDING_OLD_BLOB] = "oldBlob",
	[ESP_NVS_FINDING_NAMESPACE] = "namespace",
	[ESP_NVS_FINDING_DUPLICATE] = "duplicate",
	[ESP_NVS_FINDING_KEY] = "key",
	[ESP_NVS_FINDING_PURGED] = "purged",
};

const char *esp_nvs_finding_name(EspNvsFindingKind kind)
{
	g_return_val_if_fail((gsize)kind < G_N_ELEMENTS(finding_names), NULL);
	return finding_names[kind];
}

void esp_nvs_inspection_free(EspNvsInspection *inspection)
{
	if (inspection == NULL)
		return;
	g_string_chunk_free(inspection->texts);
	g_free(inspection->pages);
	g_free(inspection->findings);
	g_free(inspection);
}

/* ---- Findings ---- */

void nvs_inspector_add(NvsInspector *inspector, EspNvsSeverity severity, EspNvsFindingKind kind,
		       const NvsPage *page, gssize entry, const char *format, ...)
{
	EspNvsInspection *out = inspector->out;
	EspNvsFinding finding = {.severity = severity, .kind = kind, .page = -1, .entry = entry};
	g_autofree char *text = NULL;
	va_list args;

	out->n_faults += severity == ESP_NVS_FAULT ? 1 : 0;
	out->n_warnings += severity == ESP_NVS_WARNING ? 1 : 0;
	out->n_notes += severity == ESP_NVS_NOTE ? 1 : 0;
	if (inspector->findings->len == ESP_NVS_FINDINGS_MAX) {
		out->n_more++;
		return;
	}
	if (page != NULL) {
		finding.page = page - inspector->volume.pages;
		finding.offset = (gsize)finding.page * ESP_NVS_PAGE_BYTES;
	}
	if (entry >= 0)
		finding.offset += NVS_ENTRIES_OFFSET + (gsize)entry * ESP_NVS_ENTRY_BYTES;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	finding.text = g_string_chunk_insert(out->texts, text);
	g_array_append_val(inspector->findings, finding);
}

/* The name of a key or a namespace, fit to be shown. */
static void printable_name(const guint8 *entry, char name[static ESP_NVS_NAME_MAX + 1])
{
	gsize length = strnlen((const char *)entry + 8, ESP_NVS_NAME_MAX);

	for (gsize i = 0; i < length; i++)
		name[i] = g_ascii_isprint((char)entry[8 + i]) ? (char)entry[8 + i] : '?';
	name[length] = '\0';
}

const char *nvs_inspector_key(NvsInspector *inspector, const guint8 *entry)
{
	char name[ESP_NVS_NAME_MAX + 1];
	const char *space = inspector->spaces[entry[0]];
	g_autofree char *text = NULL;

	printable_name(entry, name);
	if (entry[0] == 0)
		text = g_strdup_printf("namespace '%s'", name);
	else if (space != NULL)
		text = g_strdup_printf("key '%s.%s'", space, name);
	else
		text = g_strdup_printf("key '%s' of namespace %u", name, entry[0]);
	return g_string_chunk_insert(inspector->out->texts, text);
}

static int compare_places(const void *a, const void *b)
{
	const EspNvsFinding *finding_a = a, *finding_b = b;

	if (finding_a->page != finding_b->page)
		return finding_a->page < finding_b->page ? -1 : 1;
	if (finding_a->entry != finding_b->entry)
		return finding_a->entry < finding_b->entry ? -1 : 1;
	return (int)finding_a->kind - (int)finding_b->kind;
}

/* ---- The whole image ---- */

static void inspect_size(NvsInspector *inspector, gsize size_bytes)
{
	gsize rest = size_bytes % ESP_NVS_PAGE_BYTES;

	if (size_bytes < ESP_NVS_PAGE_BYTES)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_SIZE, NULL, -1,
				  "the image ends after 0x%" G_GSIZE_MODIFIER
				  "x bytes, before its first page does",
				  size_bytes);
	else if (rest != 0)
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_SIZE, NULL, -1,
				  "the image has 0x%" G_GSIZE_MODIFIER
				  "x bytes, no multiple of 0x1000: it was cut or grew; the last "
				  "0x%" G_GSIZE_MODIFIER "x are not looked at",
				  size_bytes, rest);
	else if (size_bytes < ESP_NVS_MIN_BYTES)
		nvs_inspector_add(inspector, ESP_NVS_NOTE, ESP_NVS_FINDING_SIZE, NULL, -1,
				  "with 0x%" G_GSIZE_MODIFIER
				  "x bytes the partition can only be read; writing needs 0x%x",
				  size_bytes, (guint)ESP_NVS_MIN_BYTES);
	else if (!nvs_scan_mounts_writable(inspector->stored, size_bytes))
		nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_NO_FREE_PAGE, NULL, -1,
				  "no page is free: a device mounts it read-only or not at all "
				  "(error 0x110d); give it one more page");
}

static void inspect_keys(NvsInspector *inspector, gsize size_bytes)
{
	if (!nvs_crypt_looks_foreign(inspector->volume.image, size_bytes, 1))
		return;
	inspector->out->looks_encrypted = TRUE;
	nvs_inspector_add(inspector, ESP_NVS_FAULT, ESP_NVS_FINDING_ALL_ENTRIES_FAIL, NULL, -1,
			  "not one written entry has a right CRC: %s",
			  inspector->volume.stored == NULL
				  ? "the image is encrypted, or damaged from end to end"
				  : "the keys are not those of the image, or it is not encrypted");
}

/* A name leads to the first index that was given to it. */
static void name_spaces(NvsInspector *inspector)
{
	g_autoptr(GArray) items = nvs_volume_items(&inspector->volume);

	for (guint i = 0; i < items->len; i++) {
		const guint8 *entry = g_array_index(items, NvsLiveItem, i).entry;
		char name[ESP_NVS_NAME_MAX + 1];

		if (entry[0] != 0 || entry[1] != ESP_NVS_U8 || inspector->spaces[entry[24]] != NULL)
			continue;
		printable_name(entry, name);
		inspector->spaces[entry[24]] = g_string_chunk_insert(inspector->out->texts, name);
	}
}

/* Marks where items begin, as a mount goes through a page. */
static void note_items(NvsPage *page)
{
	page->next_free =
		page->state == NVS_PAGE_ACTIVE ? nvs_page_end(page) : ESP_NVS_PAGE_ENTRIES;
	for (guint i = 0, span; i < page->next_free; i += MAX(span, 1)) {
		span = nvs_scan_item(page->bytes, i);
		if (span > 0)
			nvs_page_note_item(page, i, span);
	}
}

static void inspect_volume(NvsInspector *inspector)
{
	NvsVolume *volume = &inspector->volume;

	for (guint i = 0; i < volume->used->len; i++)
		note_items(g_ptr_array_index(volume->used, i));
	name_spaces(inspector);
	for (gsize i = 0; i < volume->n_pages; i++) {
		nvs_inspect_page(inspector, &volume->pages[i]);
		if (volume->pages[i].state != NVS_PAGE_UNUSED &&
		    volume->pages[i].state != NVS_PAGE_CORRUPT)
			nvs_inspect_entries(inspector, &volume->pages[i]);
	}
	nvs_inspect_items(inspector);
}

EspNvsInspection *esp_nvs_inspect(const guint8 *data, gsize size_bytes, const EspNvsKeys *keys,
				  GError **error)
{
	gsize whole_bytes = size_bytes - size_bytes % ESP_NVS_PAGE_BYTES;
	NvsInspector inspector = {.stored = data};
	g_autoptr(EspNvsInspection) out = g_new0(EspNvsInspection, 1);

	out->texts = g_string_chunk_new(1024);
	if (size_bytes > ESP_NVS_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "an image of 0x%" G_GSIZE_MODIFIER
			    "x bytes is no NVS partition: the largest has 0x%x",
			    size_bytes, (guint)ESP_NVS_MAX_BYTES);
		return NULL;
	}
	inspector.out = out;
	inspector.findings = g_array_new(FALSE, FALSE, sizeof(EspNvsFinding));
	inspect_size(&inspector, size_bytes);
	/* Nothing is put right, so nothing is written to `data`. */
	if (whole_bytes > 0 &&
	    nvs_volume_open(&inspector.volume, (guint8 *)data, whole_bytes, keys, NULL)) {
		inspector.volume.skip_newer = TRUE;
		(void)nvs_volume_load(&inspector.volume, NULL);
		out->n_pages = inspector.volume.n_pages;
		out->pages = g_new0(EspNvsPageSummary, out->n_pages);
		inspect_keys(&inspector, whole_bytes);
		inspect_volume(&inspector);
	}
	nvs_volume_clear(&inspector.volume);
	out->n_findings = inspector.findings->len;
	out->findings = (EspNvsFinding *)(void *)g_array_free(inspector.findings, FALSE);
	if (out->n_findings > 1)
		qsort(out->findings, out->n_findings, sizeof *out->findings, compare_places);
	return g_steal_pointer(&out);
}
