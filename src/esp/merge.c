#include "esp/merge.h"

#include "esp/error.h"
#include "esp/image.h"

#include <string.h>

struct EspMerge {
	const EspChip *chip;
	GArray *parts; /* EspMergePart, by offset; names and bytes are ours */
};

static void part_clear(gpointer data)
{
	EspMergePart *part = data;

	g_free((char *)part->name);
	g_bytes_unref(part->bytes);
}

static gint by_offset(gconstpointer a, gconstpointer b)
{
	const EspMergePart *left = a, *right = b;

	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static guint64 part_end(const EspMergePart *part)
{
	return (guint64)part->offset + g_bytes_get_size(part->bytes);
}

static gboolean check_part(const EspMergePart *part, GError **error)
{
	if (g_bytes_get_size(part->bytes) == 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "%s is empty", part->name);
		return FALSE;
	}
	if (part_end(part) <= ESP_FLASH_MAX_BYTES)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
		    "%s at 0x%x ends at 0x%" G_GINT64_MODIFIER "x, behind the largest flash (0x%x)",
		    part->name, part->offset, part_end(part), ESP_FLASH_MAX_BYTES);
	return FALSE;
}

/* Flash is erased by sectors: two parts in one cannot be written one after the other. */
static gboolean check_overlap(const EspMergePart *before, const EspMergePart *part, GError **error)
{
	guint64 mask = ESP_FLASH_SECTOR_BYTES - 1;
	guint64 taken = (part_end(before) + mask) & ~mask;

	if ((part->offset & ~mask) >= taken)
		return TRUE;
	g_set_error(
		error, ESP_ERROR, ESP_ERROR_INVALID,
		"%s at 0x%x overlaps %s, which takes the flash from 0x%x to 0x%" G_GINT64_MODIFIER
		"x (whole sectors of 0x%x)",
		part->name, part->offset, before->name, before->offset, taken,
		ESP_FLASH_SECTOR_BYTES);
	return FALSE;
}

static gboolean check_parts(const EspMerge *merge, GError **error)
{
	for (guint i = 0; i < merge->parts->len; i++) {
		const EspMergePart *part = &g_array_index(merge->parts, EspMergePart, i);

		if (!check_part(part, error))
			return FALSE;
		if (i > 0 && !check_overlap(part - 1, part, error))
			return FALSE;
	}
	return TRUE;
}

EspMerge *esp_merge_new(const EspChip *chip, const EspMergePart *parts, gsize n_parts,
			GError **error)
{
	g_autoptr(EspMerge) merge = NULL;

	if (n_parts == 0 || n_parts > ESP_MERGE_PARTS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%" G_GSIZE_FORMAT " files to merge; 1 to %d are allowed", n_parts,
			    ESP_MERGE_PARTS_MAX);
		return NULL;
	}
	merge = g_new0(EspMerge, 1);
	merge->chip = chip;
	merge->parts = g_array_sized_new(FALSE, FALSE, sizeof(EspMergePart), (guint)n_parts);
	g_array_set_clear_func(merge->parts, part_clear);
	for (gsize i = 0; i < n_parts; i++) {
		EspMergePart part = {g_strdup(parts[i].name), parts[i].offset,
				     g_bytes_ref(parts[i].bytes)};

		g_array_append_val(merge->parts, part);
	}
	g_array_sort(merge->parts, by_offset);
	return check_parts(merge, error) ? g_steal_pointer(&merge) : NULL;
}

void esp_merge_free(EspMerge *merge)
{
	if (merge == NULL)
		return;
	g_array_unref(merge->parts);
	g_free(merge);
}

const EspChip *esp_merge_chip(const EspMerge *merge)
{
	return merge->chip;
}

const EspMergePart *esp_merge_parts(const EspMerge *merge, gsize *n_parts)
{
	*n_parts = merge->parts->len;
	return (const EspMergePart *)(gconstpointer)merge->parts->data;
}

guint32 esp_merge_start(const EspMerge *merge)
{
	return g_array_index(merge->parts, EspMergePart, 0).offset;
}

guint32 esp_merge_end(const EspMerge *merge)
{
	return (guint32)part_end(&g_array_index(merge->parts, EspMergePart, merge->parts->len - 1));
}

/* ---- Raw ---- */

GBytes *esp_merge_raw(const EspMerge *merge, guint32 from, guint32 pad_to, GError **error)
{
	guint32 end = esp_merge_end(merge);
	gsize n_parts, size_bytes;
	const EspMergePart *parts = esp_merge_parts(merge, &n_parts);
	guint8 *data;

	if (parts[0].offset < from) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%s lies at 0x%x, the file is to begin with 0x%x", parts[0].name,
			    parts[0].offset, from);
		return NULL;
	}
	if (pad_to != 0 && end > pad_to) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "%s ends at 0x%x, 0x%x bytes behind the 0x%x to pad to",
			    parts[n_parts - 1].name, end, end - pad_to, pad_to);
		return NULL;
	}
	size_bytes = MAX(end, pad_to) - from;
	data = g_malloc(size_bytes);
	memset(data, 0xFF, size_bytes);
	for (gsize i = 0; i < n_parts; i++) {
		gsize part_bytes;
		const void *bytes = g_bytes_get_data(parts[i].bytes, &part_bytes);

		memcpy(data + (parts[i].offset - from), bytes, part_bytes);
	}
	return g_bytes_new_take(data, size_bytes);
}

/* ---- Flash settings ---- */

static gboolean is_kept(const char *setting)
{
	return setting == NULL || strcmp(setting, "keep") == 0;
}

static char *frequency_names(const EspChip *chip)
{
	GString *names = g_string_new(NULL);

	for (const EspFlashFrequency *f = chip->frequencies; f->name != NULL; f++)
		g_string_append_printf(names, "%s%s", names->len == 0 ? "" : ", ", f->name);
	return g_string_free(names, FALSE);
}

typedef struct {
	int mode, size, frequency; /* nibbles, or ESP_IMAGE_KEEP */
} FlashNibbles;

static gboolean parse_flash(const EspChip *chip, const EspMergeFlash *flash, FlashNibbles *nibbles,
			    GError **error)
{
	g_autofree char *names = NULL;
	guint32 size_bytes;
	guint8 nibble = 0;

	*nibbles = (FlashNibbles){ESP_IMAGE_KEEP, ESP_IMAGE_KEEP, ESP_IMAGE_KEEP};
	if (!is_kept(flash->mode)) {
		if (!esp_flash_mode_parse(flash->mode, &nibble)) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "flash mode '%s' is none of qio, qout, dio, dout, keep",
				    flash->mode);
			return FALSE;
		}
		nibbles->mode = nibble;
	}
	if (!is_kept(flash->size)) {
		if (!esp_flash_size_parse(flash->size, &size_bytes)) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "flash size '%s' is none of 1MB, 2MB, 4MB … 128MB, keep",
				    flash->size);
			return FALSE;
		}
		esp_flash_size_nibble(size_bytes, &nibble);
		nibbles->size = nibble;
	}
	if (!is_kept(flash->frequency)) {
		if (!esp_flash_frequency_parse(chip, flash->frequency, &nibble)) {
			names = frequency_names(chip);
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "flash frequency '%s' is none of %s, keep, which %s has",
				    flash->frequency, names, chip->title);
			return FALSE;
		}
		nibbles->frequency = nibble;
	}
	return TRUE;
}

static EspMergePart *bootloader_of(const EspMerge *merge)
{
	for (guint i = 0; i < merge->parts->len; i++) {
		EspMergePart *part = &g_array_index(merge->parts, EspMergePart, i);

		if (part->offset == merge->chip->boot_offset)
			return part;
	}
	return NULL;
}

static gboolean patch(EspMergePart *part, const FlashNibbles *nibbles, char **note, GError **error)
{
	gsize size_bytes;
	const guint8 *bytes = g_bytes_get_data(part->bytes, &size_bytes);
	g_autofree guint8 *data = g_memdup2(bytes, size_bytes);
	g_autoptr(GError) fault = NULL;

	if (esp_image_set_flash(data, size_bytes, nibbles->mode, nibbles->size, nibbles->frequency,
				&fault)) {
		g_bytes_unref(part->bytes);
		part->bytes = g_bytes_new_take(g_steal_pointer(&data), size_bytes);
		return TRUE;
	}
	if (g_error_matches(fault, ESP_ERROR, ESP_ERROR_CORRUPT)) {
		g_propagate_prefixed_error(error, g_steal_pointer(&fault), "%s: ", part->name);
		return FALSE;
	}
	*note = g_strdup_printf("%s at 0x%x is no image, its flash settings are left as they are "
				"(%s)",
				part->name, part->offset, fault->message);
	return TRUE;
}

gboolean esp_merge_set_flash(EspMerge *merge, const EspMergeFlash *flash, char **note,
			     GError **error)
{
	g_autofree char *said = NULL;
	EspMergePart *part = bootloader_of(merge);
	FlashNibbles nibbles;

	if (!parse_flash(merge->chip, flash, &nibbles, error))
		return FALSE;
	if (is_kept(flash->mode) && is_kept(flash->size) && is_kept(flash->frequency))
		part = NULL;
	else if (part == NULL)
		said = g_strdup_printf("nothing lies at 0x%x, where %s has its bootloader: there "
				       "is no header to write flash settings into",
				       merge->chip->boot_offset, merge->chip->title);
	if (part != NULL && !patch(part, &nibbles, &said, error))
		return FALSE;
	if (note != NULL)
		*note = g_steal_pointer(&said);
	return TRUE;
}
