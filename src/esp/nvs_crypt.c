#include "esp/nvs_crypt.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/nvs_page.h"

EspXts *nvs_crypt_new(EspXtsDirection direction, const EspNvsKeys *keys)
{
	G_STATIC_ASSERT(sizeof *keys == (gsize)ESP_XTS_256_KEY_BYTES);
	return esp_xts_new(direction, keys->data, sizeof *keys);
}

void nvs_crypt_entries(EspXts *xts, guint8 *data, gsize offset, gsize n_entries)
{
	esp_xts_run(xts, data, ESP_NVS_ENTRY_BYTES, n_entries, offset, ESP_NVS_ENTRY_BYTES);
}

/* Entries from `first` on that are written (or are not), one after the other. */
static guint run_of(const guint8 *page, guint first, gboolean written)
{
	guint end = first;

	while (end < ESP_NVS_PAGE_ENTRIES &&
	       (nvs_entry_state(page, end) == NVS_ENTRY_WRITTEN) == written)
		end++;
	return end - first;
}

void nvs_crypt_pages(EspXts *xts, guint8 *image, gsize size_bytes)
{
	for (gsize at = 0; at < size_bytes; at += ESP_NVS_PAGE_BYTES) {
		guint8 *page = image + at;

		if (!nvs_page_in_use(page))
			continue;
		for (guint i = 0; i < ESP_NVS_PAGE_ENTRIES;) {
			guint n;

			i += run_of(page, i, FALSE);
			n = run_of(page, i, TRUE);
			nvs_crypt_entries(xts, nvs_entry_of(page, i),
					  (gsize)(nvs_entry_of(page, i) - image), n);
			i += n;
		}
	}
}

/* ---- Whole images ---- */

gboolean nvs_crypt_looks_foreign(const guint8 *image, gsize size_bytes, guint n_least)
{
	guint n_written = 0;

	for (gsize at = 0; at < size_bytes; at += ESP_NVS_PAGE_BYTES) {
		const guint8 *page = image + at;

		if (!nvs_page_in_use(page))
			continue;
		for (guint i = 0; i < ESP_NVS_PAGE_ENTRIES; i++) {
			if (nvs_entry_state(page, i) != NVS_ENTRY_WRITTEN)
				continue;
			if (nvs_entry_crc_ok(nvs_entry_at(page, i)))
				return FALSE;
			n_written++;
		}
	}
	return n_written >= n_least;
}

static gboolean foreign(GError **error, const char *what)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
		    "not one written entry of the NVS image has a right CRC %s", what);
	return FALSE;
}

gboolean esp_nvs_encrypt(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, GError **error)
{
	g_autoptr(EspXts) encrypt = NULL;

	if (!nvs_size_check(size_bytes, error))
		return FALSE;
	if (nvs_crypt_looks_foreign(image, size_bytes, 1))
		return foreign(error, "as it is: it is encrypted already, or damaged");
	encrypt = nvs_crypt_new(ESP_XTS_ENCRYPT, keys);
	nvs_crypt_pages(encrypt, image, size_bytes);
	return TRUE;
}

gboolean esp_nvs_decrypt(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, GError **error)
{
	g_autoptr(EspXts) decrypt = NULL, encrypt = NULL;

	if (!nvs_size_check(size_bytes, error))
		return FALSE;
	decrypt = nvs_crypt_new(ESP_XTS_DECRYPT, keys);
	nvs_crypt_pages(decrypt, image, size_bytes);
	if (!nvs_crypt_looks_foreign(image, size_bytes, 1))
		return TRUE;
	encrypt = nvs_crypt_new(ESP_XTS_ENCRYPT, keys);
	nvs_crypt_pages(encrypt, image, size_bytes);
	return foreign(error, "after decryption: the keys are others, or it is not encrypted");
}
