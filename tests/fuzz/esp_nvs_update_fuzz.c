/* Updates of hostile partitions: what an update leaves must read, and of a partition without faults
 * no other key may change. */
#include "esp/nvs_inspect.h"
#include "esp_nvs_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint8 image[PAGES_MOST * ESP_NVS_PAGE_BYTES];

static gboolean equal(const EspNvsEntry *a, const EspNvsEntry *b)
{
	if (a->type != b->type)
		return FALSE;
	if (a->type == ESP_NVS_STRING)
		return strcmp(a->value.text, b->value.text) == 0;
	if (a->type == ESP_NVS_BLOB)
		return a->value.blob.size_bytes == b->value.blob.size_bytes &&
		       memcmp(a->value.blob.data, b->value.blob.data, a->value.blob.size_bytes) ==
			       0;
	return memcmp(&a->value.u, &b->value.u, sizeof a->value.u) == 0;
}

static void check(const EspNvsContents *before, const char *space, const char *key,
		  const EspNvsEntry *set)
{
	g_autoptr(EspNvsContents) after =
		esp_nvs_read(image, sizeof image, ESP_NVS_READ_DEFAULT, NULL);
	const EspNvsEntry *found;

	g_assert(after != NULL);
	if (before == NULL)
		return;
	found = esp_nvs_find(after, space, key);
	g_assert(set == NULL ? found == NULL : found != NULL && equal(found, set));
	for (gsize i = 0; i < before->n_entries; i++) {
		const EspNvsEntry *entry = &before->entries[i];

		if (strcmp(entry->space, space) == 0 && strcmp(entry->key, key) == 0)
			continue;
		found = esp_nvs_find(after, entry->space, entry->key);
		g_assert(found != NULL && equal(found, entry));
	}
}

/* The keys of a partition that is whole; NULL of one that is not. */
static EspNvsContents *whole_contents(void)
{
	g_autoptr(EspNvsInspection) inspection = esp_nvs_inspect(image, sizeof image, NULL, NULL);

	return inspection->n_faults > 0
		       ? NULL
		       : esp_nvs_read(image, sizeof image, ESP_NVS_READ_DEFAULT, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const guint8 blob[600];
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "b", ESP_NVS_U32, 7),
		esp_nvs_string("b", "c", "a text of more than one entry, for sure it is"),
		esp_nvs_blob("a", "c", blob, sizeof blob),
		esp_nvs_unsigned("zz", "new", ESP_NVS_U8, 1),
	};
	guint8 what = size == 0 ? 0 : data[0];
	const EspNvsEntry *entry = &entries[what % G_N_ELEMENTS(entries)];
	g_autoptr(EspNvsContents) before = NULL;

	if (size == 0 || size > CHOICES_MAX_BYTES)
		return 0;
	(void)make_pages(data + 1, size - 1, PAGES_MOST, image);
	before = whole_contents();
	if ((what & 0x80) != 0) {
		if (esp_nvs_erase(image, sizeof image, NULL, entry->space, entry->key, NULL, NULL))
			check(before, entry->space, entry->key, NULL);
	} else if (esp_nvs_set(image, sizeof image, NULL, entry, NULL, NULL)) {
		check(before, entry->space, entry->key, entry);
	}
	return 0;
}
