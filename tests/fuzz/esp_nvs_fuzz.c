/* The NVS reader and the damage report on any bytes. Where nothing is found wrong, the reader
 * leaves nothing out. */
#include "esp/nvs_inspect.h"
#include "esp_nvs_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_contents(const EspNvsContents *contents)
{
	for (gsize i = 0; i < contents->n_entries; i++) {
		const EspNvsEntry *entry = &contents->entries[i];

		g_assert(i == 0 || esp_nvs_entry_compare(entry - 1, entry) < 0);
		g_assert(esp_nvs_find(contents, entry->space, entry->key) == entry);
		if (entry->type == ESP_NVS_STRING)
			g_assert(strlen(entry->value.text) <= ESP_NVS_STRING_MAX);
	}
}

static void check_findings(const EspNvsInspection *inspection, gsize size)
{
	g_assert(inspection->n_findings <= ESP_NVS_FINDINGS_MAX);
	g_assert(inspection->n_findings + inspection->n_more ==
		 inspection->n_faults + inspection->n_warnings + inspection->n_notes);
	for (gsize i = 0; i < inspection->n_findings; i++)
		g_assert(inspection->findings[i].offset <= size);
}

/* The bytes as they are: of any number, each behind the last one is out of bounds. */
static void read_as_it_is(const uint8_t *data, size_t size)
{
	g_autoptr(EspNvsContents) contents = esp_nvs_read(data, size, ESP_NVS_READ_SALVAGE, NULL);
	g_autoptr(EspNvsInspection) inspection = esp_nvs_inspect(data, size, NULL, NULL);

	g_assert((contents != NULL) == (size >= ESP_NVS_PAGE_BYTES));
	check_findings(inspection, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static guint8 image[PAGES_MOST * ESP_NVS_PAGE_BYTES];
	guint8 what = size == 0 ? 0 : data[0];
	EspNvsReadFlags flags = (what & 0x80) != 0 ? ESP_NVS_READ_OLD_BLOBS : ESP_NVS_READ_DEFAULT;
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(EspNvsInspection) inspection = NULL;
	gsize size_bytes;

	if (size > CHOICES_MAX_BYTES && (size <= ESP_NVS_PAGE_BYTES || size > sizeof image))
		return 0;
	if (size % 16 == 7)
		read_as_it_is(data, size);
	size_bytes = make_pages(data + (size > 0 ? 1 : 0), size > 0 ? size - 1 : 0,
				1 + what % PAGES_MOST, image);
	contents = esp_nvs_read(image, size_bytes, flags, NULL);
	inspection = esp_nvs_inspect(image, size_bytes, NULL, NULL);
	check_findings(inspection, size_bytes);
	if (contents == NULL)
		return 0;
	check_contents(contents);
	if (inspection->n_faults + inspection->n_warnings == 0)
		g_assert(contents->n_damaged == 0);
	return 0;
}
