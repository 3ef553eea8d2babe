/* Files of one flash: whatever lies where, all forms hold the same bytes, and a table among them is
 * read within its bytes. Input: 4 bytes of choices, then for each file its place (2 bytes), its
 * length (2 bytes) and its bytes. */
#include "esp/merge.h"

#include <stdint.h>
#include <string.h>

enum {
	MOST_BYTES = 512,
	MOST_PARTS = 4,
	CHOICES = 4,
	PART_BYTES = 4,
	MOST_PLACE = 0x12000, /* around the usual place of the table, and the end of 64 KiB: a wider
				one would take long to fill */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gsize take_parts(guint32 base, const uint8_t *data, size_t size,
			EspMergePart parts[static MOST_PARTS])
{
	gsize n = 0;

	while (n < MOST_PARTS && size >= PART_BYTES) {
		guint32 offset = base + ((guint32)data[0] | (guint32)(data[1] & 0x1F) << 8);
		gsize length = MIN((gsize)data[2] | (gsize)data[3] << 8, size - PART_BYTES);

		parts[n++] = (EspMergePart){"part", offset,
					    g_bytes_new_static(data + PART_BYTES, length)};
		data += PART_BYTES + length;
		size -= PART_BYTES + length;
	}
	return n;
}

static void check_forms(const EspMerge *merge, const uint8_t *choices)
{
	gsize n_parts;
	const EspMergePart *parts = esp_merge_parts(merge, &n_parts);
	guint32 start = esp_merge_start(merge);
	g_autoptr(GBytes) raw = esp_merge_raw(merge, start, 0, NULL);
	g_autoptr(GBytes) hex = esp_merge_hex(merge);
	g_autoptr(GBytes) uf2 = esp_merge_uf2(merge, choices[0] % 4U * 128U, choices[1] & 1, NULL);

	g_assert(raw != NULL && g_bytes_get_size(raw) == esp_merge_end(merge) - start);
	for (gsize i = 0; i < n_parts; i++)
		g_assert(memcmp((const guint8 *)g_bytes_get_data(raw, NULL) + parts[i].offset -
					start,
				g_bytes_get_data(parts[i].bytes, NULL),
				g_bytes_get_size(parts[i].bytes)) == 0);
	g_assert(g_str_has_suffix(g_bytes_get_data(hex, NULL), ":00000001FF\n"));
	g_assert(uf2 == NULL || g_bytes_get_size(uf2) % ESP_UF2_BLOCK_BYTES == 0);
}

static void check_merge(EspMerge *merge, const uint8_t *choices)
{
	static const char *const modes[] = {"qio", "dout", "keep", "opi"};
	static const char *const sizes[] = {"1MB", "128MB", "keep", "3MB"};
	static const char *const frequencies[] = {"80m", "20m", "keep", "1m"};
	const EspMergeFlash flash = {modes[choices[2] & 3], sizes[choices[2] >> 2 & 3],
				     frequencies[choices[2] >> 4 & 3]};
	EspMergeOwned owned[ESP_PARTITIONS_MAX];
	g_autofree char *note = NULL;

	esp_merge_set_flash(merge, &flash, &note, NULL);
	g_assert(esp_merge_owned(merge, 0, MOST_PLACE, owned, NULL) <= ESP_PARTITIONS_MAX);
	check_forms(merge, choices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EspMergePart parts[MOST_PARTS];
	gsize n_parts, n_chips;
	const EspChip *chips = esp_chips(&n_chips);
	g_autoptr(EspMerge) merge = NULL;

	if (size < CHOICES || size > MOST_BYTES)
		return 0;
	n_parts = take_parts(data[1] & 2 ? 0xF000 : 0x7000, data + CHOICES, size - CHOICES, parts);
	merge = esp_merge_new(&chips[data[3] % n_chips], parts, n_parts, NULL);
	if (merge != NULL)
		check_merge(merge, data);
	for (gsize i = 0; i < n_parts; i++)
		g_bytes_unref(parts[i].bytes);
	return 0;
}
