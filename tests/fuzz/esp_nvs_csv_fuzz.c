/* The generator's CSV: what is read must be written back to the same entries. */
#include "esp/nvs_csv.h"

#include "small_fills.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 4096 };

static gsize n_keys(const EspNvsContents *contents)
{
	gsize n = 0;

	for (gsize i = 0; i < contents->n_entries; i++)
		n += contents->entries[i].type == ESP_NVS_NAMESPACE ? 0 : 1;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(EspNvsContents) contents = NULL, again = NULL;
	g_autofree char *csv = NULL;

	if (size > INPUT_MAX_BYTES || !fills_are_small(data, size))
		return 0;
	contents = esp_nvs_csv_read((const char *)data, size, NULL, NULL, NULL);
	if (contents == NULL)
		return 0;
	csv = esp_nvs_csv_write(contents->entries, contents->n_entries, NULL);
	if (csv == NULL)
		return 0;
	again = esp_nvs_csv_read(csv, strlen(csv), NULL, NULL, NULL);
	g_assert(again != NULL && n_keys(again) == n_keys(contents));
	return 0;
}
