#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_crypt.h"
#include "esp/nvs_layout.h"

#include <string.h>

static gboolean walk(NvsLayout *layout, const EspNvsEntry *entries, gsize n_entries, GError **error)
{
	for (gsize i = 0; i < n_entries; i++)
		if (!nvs_layout_put_entry(layout, &entries[i], error))
			return FALSE;
	return TRUE;
}

/* Only here is it known what is too much, so only here the report is worth its making. */
static gboolean does_not_fit(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			     const EspNvsWriteOptions *options, GError **error)
{
	g_autoptr(EspNvsSizeReport) report =
		esp_nvs_size_report(entries, n_entries, size_bytes, options, error);

	return report != NULL && nvs_size_report_fails(report, size_bytes, error);
}

static gboolean lay_out(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			const EspNvsWriteOptions *options, EspNvsUsage *usage, GError **error)
{
	NvsLayout layout;
	EspNvsUsage found;

	if (!nvs_layout_check(entries, n_entries, size_bytes, options, error))
		return FALSE;
	nvs_layout_begin(&layout, options, NULL);
	if (!walk(&layout, entries, n_entries, error))
		return FALSE;
	found = nvs_layout_usage(&layout, size_bytes);
	if (found.used_bytes > found.capacity_bytes)
		return does_not_fit(entries, n_entries, size_bytes, options, error);
	if (usage != NULL)
		*usage = found;
	return TRUE;
}

gboolean esp_nvs_layout(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			EspNvsUsage *usage, GError **error)
{
	return lay_out(entries, n_entries, size_bytes, NULL, usage, error);
}

/* Writes what was laid out before. */
static void fill(const EspNvsEntry *entries, gsize n_entries, const EspNvsWriteOptions *options,
		 guint8 *image, gsize size_bytes)
{
	g_autoptr(EspXts) encrypt = NULL;
	NvsLayout layout;

	memset(image, 0xFF, size_bytes);
	nvs_layout_begin(&layout, options, image);
	(void)walk(&layout, entries, n_entries, NULL);
	if (options == NULL || options->keys == NULL)
		return;
	encrypt = nvs_crypt_new(ESP_XTS_ENCRYPT, options->keys);
	nvs_crypt_pages(encrypt, image, layout.n_pages * ESP_NVS_PAGE_BYTES);
}

gboolean esp_nvs_image_write_with(const EspNvsEntry *entries, gsize n_entries,
				  const EspNvsWriteOptions *options, guint8 *image,
				  gsize size_bytes, EspNvsUsage *usage, GError **error)
{
	if (!lay_out(entries, n_entries, size_bytes, options, usage, error))
		return FALSE;
	fill(entries, n_entries, options, image, size_bytes);
	return TRUE;
}

gboolean esp_nvs_image_write(const EspNvsEntry *entries, gsize n_entries, guint8 *image,
			     gsize size_bytes, EspNvsUsage *usage, GError **error)
{
	return esp_nvs_image_write_with(entries, n_entries, NULL, image, size_bytes, usage, error);
}

GBytes *esp_nvs_image_new(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  GError **error)
{
	guint8 *image;

	if (!lay_out(entries, n_entries, size_bytes, NULL, NULL, error))
		return NULL;
	image = g_malloc(size_bytes);
	fill(entries, n_entries, NULL, image, size_bytes);
	return g_bytes_new_take(image, size_bytes);
}
