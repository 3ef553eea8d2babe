#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_layout.h"

#include <stdlib.h>

enum { LARGEST_KEYS_TOLD = 3 };

/* ---- What there is ---- */

static int compare_key_sizes(const void *a, const void *b)
{
	const EspNvsKeySize *size_a = a, *size_b = b;

	if (size_a->taken_bytes != size_b->taken_bytes)
		return size_a->taken_bytes < size_b->taken_bytes ? 1 : -1;
	if (size_a->value_bytes != size_b->value_bytes)
		return size_a->value_bytes < size_b->value_bytes ? 1 : -1;
	return esp_nvs_entry_compare(size_a->entry, size_b->entry);
}

/* Puts the entries and notes what each took, without what its namespace took. */
static gboolean measure(EspNvsSizeReport *report, NvsLayout *layout, const EspNvsEntry *entries,
			gsize n_entries, GError **error)
{
	for (gsize i = 0; i < n_entries; i++) {
		gsize before = layout->n_taken - layout->n_spaces;

		if (!nvs_layout_put_entry(layout, &entries[i], error))
			return FALSE;
		if (entries[i].type == ESP_NVS_NAMESPACE)
			continue;
		report->keys[report->n_keys++] = (EspNvsKeySize){
			.entry = &entries[i],
			.value_bytes = nvs_value_bytes(&entries[i]),
			.taken_bytes =
				(layout->n_taken - layout->n_spaces - before) * ESP_NVS_ENTRY_BYTES,
		};
	}
	if (report->n_keys > 1)
		qsort(report->keys, report->n_keys, sizeof *report->keys, compare_key_sizes);
	return TRUE;
}

/* ---- What would fit ---- */

static gboolean would_fit(const NvsLayout *layout, gsize capacity_bytes, EspNvsType type,
			  gsize data_bytes)
{
	NvsLayout tried = *layout;
	NvsItem item = {.type = (guint8)type, .data_bytes = data_bytes};
	EspNvsUsage usage;

	nvs_layout_put(&tried, &item);
	usage = nvs_layout_usage(&tried, 0);
	return usage.used_bytes <= capacity_bytes;
}

/* The most data bytes between `least` and `most` that would fit: what fits does so with a byte
 * less, too. -1 if not even `least` do. */
static gssize most_that_fits(const NvsLayout *layout, gsize capacity_bytes, EspNvsType type,
			     gsize least, gsize most)
{
	if (!would_fit(layout, capacity_bytes, type, least))
		return -1;
	while (least < most) {
		gsize middle = least + (most - least + 1) / 2;

		if (would_fit(layout, capacity_bytes, type, middle))
			least = middle;
		else
			most = middle - 1;
	}
	return (gssize)least;
}

static void see_what_fits(EspNvsSizeReport *report, const NvsLayout *layout)
{
	gsize capacity_bytes = report->usage.capacity_bytes;
	gboolean old = layout->version == NVS_VERSION_1;
	gssize with_nul = most_that_fits(layout, capacity_bytes, ESP_NVS_STRING, 1,
					 old ? ESP_NVS_VALUE_1_MAX : ESP_NVS_STRING_MAX);

	report->free_bytes = capacity_bytes - report->usage.used_bytes;
	report->n_more_numbers = report->free_bytes / ESP_NVS_ENTRY_BYTES;
	report->string_max_bytes = with_nul < 0 ? -1 : with_nul - 1;
	report->blob_max_bytes = most_that_fits(layout, capacity_bytes, ESP_NVS_BLOB, 0,
						old ? ESP_NVS_VALUE_1_MAX : ESP_NVS_BLOB_MAX);
}

EspNvsSizeReport *esp_nvs_size_report(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
				      const EspNvsWriteOptions *options, GError **error)
{
	g_autoptr(EspNvsSizeReport) report = NULL;
	NvsLayout layout;

	if (!nvs_layout_check(entries, n_entries, size_bytes, options, error))
		return NULL;
	report = g_new0(EspNvsSizeReport, 1);
	report->keys = g_new(EspNvsKeySize, n_entries + 1);
	nvs_layout_begin(&layout, options, NULL);
	if (!measure(report, &layout, entries, n_entries, error))
		return NULL;
	report->usage = nvs_layout_usage(&layout, size_bytes);
	report->fits = report->usage.used_bytes <= report->usage.capacity_bytes;
	report->smallest_bytes =
		MAX((gsize)ESP_NVS_MIN_BYTES, (layout.n_pages + 1) * ESP_NVS_PAGE_BYTES);
	if (report->fits) {
		see_what_fits(report, &layout);
	} else {
		report->missing_bytes = report->usage.used_bytes - report->usage.capacity_bytes;
		report->string_max_bytes = report->blob_max_bytes = -1;
	}
	return g_steal_pointer(&report);
}

void esp_nvs_size_report_free(EspNvsSizeReport *report)
{
	if (report == NULL)
		return;
	g_free(report->keys);
	g_free(report);
}

gboolean nvs_size_report_fails(const EspNvsSizeReport *report, gsize size_bytes, GError **error)
{
	g_autoptr(GString) largest = g_string_new(NULL);

	for (gsize i = 0; i < MIN(report->n_keys, (gsize)LARGEST_KEYS_TOLD); i++) {
		const EspNvsKeySize *key = &report->keys[i];

		if (key->entry->type == ESP_NVS_STRING || key->entry->type == ESP_NVS_BLOB)
			g_string_append_printf(largest, "%s%s.%s (%" G_GSIZE_FORMAT " bytes)",
					       largest->len == 0 ? "; the largest keys are " : ", ",
					       key->entry->space, key->entry->key,
					       key->value_bytes);
	}
	g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
		    "%" G_GSIZE_FORMAT " bytes too many: the settings take %" G_GSIZE_FORMAT
		    " bytes, a partition of 0x%" G_GSIZE_MODIFIER "x bytes has %" G_GSIZE_FORMAT
		    " for them%s",
		    report->missing_bytes, report->usage.used_bytes, size_bytes,
		    report->usage.capacity_bytes, largest->str);
	return FALSE;
}
