/* The two files of the mass manufacturing tool, a NUL between them; what is read must not depend on
 * the pieces in which the values come. */
#include "esp/nvs_mfg.h"

#include "small_fills.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT_MAX_BYTES = 4096,
	ROWS_MAX = 16,
};

typedef struct {
	const uint8_t *at;
	gsize left, step;
} Source;

static gssize more(char *buffer, gsize size_bytes, gpointer user_data, GError **error)
{
	Source *source = user_data;
	gsize n = MIN(MIN(source->left, source->step), size_bytes);

	(void)error;
	if (n > 0)
		memcpy(buffer, source->at, n);
	source->at += n;
	source->left -= n;
	return (gssize)n;
}

static GBytes *load(const char *path, gpointer user_data, GError **error)
{
	(void)user_data;
	(void)error;
	return g_bytes_new_static(path, strlen(path));
}

static guint hash_of(const EspNvsEntry *entry)
{
	switch (entry->type) {
	case ESP_NVS_NAMESPACE:
		return 0;
	case ESP_NVS_STRING:
		return g_str_hash(entry->value.text);
	case ESP_NVS_BLOB:
		return (guint)entry->value.blob.size_bytes;
	default:
		return (guint)entry->value.u;
	}
}

/* A hash of all that was read; the message of the first error is in it. */
static guint read_values(const EspNvsMfg *mfg, const uint8_t *data, size_t size, gsize step)
{
	Source source = {data, size, step};
	g_autoptr(GError) error = NULL;
	g_autoptr(EspNvsMfgValues) values =
		esp_nvs_mfg_values_new(mfg, NULL, more, &source, &error);
	g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();
	guint hash = 0;

	for (guint i = 0; i < ROWS_MAX && values != NULL; i++) {
		g_autoptr(EspNvsContents) contents = NULL;

		if (!esp_nvs_mfg_next(values, row, &error) || esp_nvs_mfg_row_number(row) == 0)
			break;
		contents = esp_nvs_mfg_entries(values, row, load, NULL, &error);
		if (contents == NULL)
			break;
		for (gsize k = 0; k < contents->n_entries; k++)
			hash = hash * 31 + hash_of(&contents->entries[k]);
	}
	return error == NULL ? hash : hash ^ g_str_hash(error->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul =
		size < 2 || size > INPUT_MAX_BYTES ? NULL : memchr(data + 1, '\0', size - 1);
	g_autoptr(EspNvsMfg) mfg = NULL;
	size_t left;

	if (nul == NULL || !fills_are_small(data, size))
		return 0;
	mfg = esp_nvs_mfg_new((const char *)data + 1, (gsize)(nul - data - 1), NULL);
	if (mfg == NULL)
		return 0;
	left = size - (size_t)(nul - data) - 1;
	g_assert(read_values(mfg, nul + 1, left, G_MAXINT) ==
		 read_values(mfg, nul + 1, left, 1 + data[0] % 8));
	return 0;
}
