#include "artefact/bundle_private.h"

#include "base/digest.h"
#include "esp/otadata.h"

#include <string.h>

enum {
	SECTOR_BYTES = 4096,
};

static gboolean fail(GError **error, ArtefactError code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
static gboolean fail(GError **error, ArtefactError code, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, ARTEFACT_ERROR, (int)code, message);
	return FALSE;
}

static gboolean fail_inner(GError **error, const char *file, GError *inner)
{
	fail(error, ARTEFACT_ERROR_INVALID, "%s: %s", file, inner->message);
	g_error_free(inner);
	return FALSE;
}

static GBytes *file_of(const ArtefactBundle *bundle, const ArtefactArgsFile *file)
{
	return file != NULL ? artefact_bundle_file(bundle, file->path) : NULL;
}

static gboolean read_args(ArtefactBundle *bundle, const char *chip, GError **error)
{
	GBytes *text = artefact_bundle_file(bundle, ARTEFACT_ARGS);

	if (text == NULL)
		return fail(error, ARTEFACT_ERROR_INVALID, "the bundle has no " ARTEFACT_ARGS);
	bundle->args = artefact_flasher_args_parse(g_bytes_get_data(text, NULL),
						   g_bytes_get_size(text), error);
	if (bundle->args == NULL)
		return FALSE;
	bundle->chip = esp_chip_find(bundle->args->chip);
	if (bundle->chip == NULL)
		return fail(error, ARTEFACT_ERROR_INVALID,
			    ARTEFACT_ARGS ": chip '%.20s' is not known here", bundle->args->chip);
	if (chip != NULL && strcmp(chip, bundle->chip->name) != 0)
		return fail(error, ARTEFACT_ERROR_WRONG_CHIP,
			    "the firmware is built for %s, the class is for %s; build it with "
			    "`idf.py set-target %s`, or push it to a class of that chip",
			    bundle->chip->name, chip, chip);
	return TRUE;
}

static guint32 flash_bytes_of(const ArtefactBundle *bundle)
{
	guint32 size = 0;

	/* "detect" and "keep" say nothing: then any size does that the image header can hold. */
	if (bundle->args->size != NULL && esp_flash_size_parse(bundle->args->size, &size))
		return size;
	return 0;
}

static guint32 end_of_table(const EspPartitionTable *table)
{
	guint32 end = 0;

	for (gsize i = 0; i < table->n_partitions; i++)
		end = MAX(end, table->partitions[i].offset + table->partitions[i].size_bytes);
	return end;
}

static gboolean read_table(ArtefactBundle *bundle, GError **error)
{
	GBytes *bytes = file_of(bundle, bundle->args->table);
	EspPartitionTableOptions options = {.has_bootloader_offset = TRUE,
					    .bootloader_offset = bundle->chip->boot_offset};
	GError *inner = NULL;

	if (bytes == NULL)
		return fail(
			error, ARTEFACT_ERROR_INVALID,
			"the bundle has no partition table (\"partition-table\" in " ARTEFACT_ARGS
			")");
	bundle->flash_bytes = flash_bytes_of(bundle);
	options.table_offset = bundle->args->table->offset_bytes;
	options.flash_bytes = bundle->flash_bytes;
	bundle->table = esp_partition_table_read(g_bytes_get_data(bytes, NULL),
						 g_bytes_get_size(bytes), &options, &inner);
	if (bundle->table == NULL)
		return fail_inner(error, ARTEFACT_TABLE, inner);
	if (bundle->flash_bytes == 0)
		for (bundle->flash_bytes = ESP_FLASH_MIN_BYTES;
		     bundle->flash_bytes < end_of_table(bundle->table);)
			bundle->flash_bytes *= 2;
	return TRUE;
}

static const char *chip_title(guint id)
{
	const EspChip *chip = esp_chip_find_id(id);

	return chip != NULL ? chip->title : "another chip";
}

static gboolean read_image(const ArtefactBundle *bundle, const char *name, GBytes *bytes,
			   EspImage *image, GError **error)
{
	GError *inner = NULL;

	if (!esp_image_read(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), image, &inner))
		return fail_inner(error, name, inner);
	if (image->chip_id != bundle->chip->id)
		return fail(error, ARTEFACT_ERROR_WRONG_CHIP,
			    "%s is an image for %s, the bundle is for %s", name,
			    chip_title(image->chip_id), bundle->chip->title);
	return TRUE;
}

static gboolean read_images(ArtefactBundle *bundle, GError **error)
{
	GBytes *app = file_of(bundle, bundle->args->app);
	GBytes *bootloader = file_of(bundle, bundle->args->bootloader);
	gboolean is_host = bundle->chip->id == ESP_CHIP_HOST_ID;
	EspImage image;

	if (app == NULL)
		return fail(error, ARTEFACT_ERROR_INVALID,
			    "the bundle has no firmware (\"app\" in " ARTEFACT_ARGS ")");
	if (!is_host && bootloader == NULL)
		return fail(error, ARTEFACT_ERROR_INVALID,
			    "the bundle has no bootloader (\"bootloader\" in " ARTEFACT_ARGS ")");
	if (!read_image(bundle, ARTEFACT_APP, app, &bundle->app, error))
		return FALSE;
	if (!bundle->app.has_description)
		return fail(error, ARTEFACT_ERROR_INVALID,
			    ARTEFACT_APP " has no app description; is it an ESP-IDF application?");
	if (!is_host && !read_image(bundle, ARTEFACT_BOOTLOADER, bootloader, &image, error))
		return FALSE;
	bundle->digest = base_sha256_hex_of_bytes(app);
	return TRUE;
}

gboolean artefact_partition_is_the_devices(const EspPartition *partition)
{
	return partition->type == ESP_PARTITION_DATA &&
	       (strcmp(partition->label, "cfg_0") == 0 || strcmp(partition->label, "cfg_1") == 0 ||
		strcmp(partition->label, "nvs") == 0 ||
		partition->subtype == ESP_PARTITION_DATA_NVS_KEYS);
}

static const EspPartition *partition_at(const EspPartitionTable *table, guint32 offset)
{
	for (gsize i = 0; i < table->n_partitions; i++)
		if (table->partitions[i].offset == offset)
			return &table->partitions[i];
	return NULL;
}

/* The room that a file has, or 0 with an error: the gap before the table, the table's sector, or a
 * partition that is not the device's own. */
static guint64 room_of(ArtefactBundle *bundle, const ArtefactArgsFile *file, GError **error)
{
	const EspPartition *partition = partition_at(bundle->table, file->offset_bytes);
	guint32 table_offset = bundle->args->table->offset_bytes;

	if (file == bundle->args->table)
		return ESP_PARTITION_TABLE_SECTOR_BYTES;
	if (file == bundle->args->bootloader) {
		if (file->offset_bytes == bundle->chip->boot_offset &&
		    file->offset_bytes < table_offset)
			return table_offset - file->offset_bytes;
		fail(error, ARTEFACT_ERROR_OVERLAP, "%s lies at 0x%x, %s starts it at 0x%x",
		     file->path, file->offset_bytes, bundle->chip->title,
		     bundle->chip->boot_offset);
		return 0;
	}
	if (partition == NULL) {
		fail(error, ARTEFACT_ERROR_OVERLAP,
		     "%s lies at 0x%x, where no partition begins; build table and firmware "
		     "together",
		     file->path, file->offset_bytes);
		return 0;
	}
	if (artefact_partition_is_the_devices(partition)) {
		fail(error, ARTEFACT_ERROR_OVERLAP,
		     "%s would be written into partition '%s', which is each device's own; take it "
		     "out of the build",
		     file->path, partition->label);
		return 0;
	}
	if (file == bundle->args->app) {
		if (partition->type != ESP_PARTITION_APP) {
			fail(error, ARTEFACT_ERROR_OVERLAP,
			     "the firmware lies at 0x%x in partition '%s', which is not for "
			     "firmware",
			     file->offset_bytes, partition->label);
			return 0;
		}
		bundle->app_partition = partition;
	}
	return partition->size_bytes;
}

static gboolean check_places(ArtefactBundle *bundle, GError **error)
{
	guint64 end_before = 0;
	const char *path_before = NULL;

	for (guint i = 0; i < bundle->args->files->len; i++) {
		const ArtefactArgsFile *file = bundle->args->files->pdata[i];
		GBytes *bytes = file_of(bundle, file);
		guint64 size = bytes != NULL ? g_bytes_get_size(bytes) : 0;
		guint64 room;

		if (bytes == NULL)
			return fail(error, ARTEFACT_ERROR_DAMAGED,
				    ARTEFACT_ARGS " names %s, which the bundle has not",
				    file->path);
		room = room_of(bundle, file, error);
		if (room == 0)
			return FALSE;
		if (size > room)
			return fail(error, ARTEFACT_ERROR_OVERLAP,
				    "%s has %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
				    " too many for its place at 0x%x (%" G_GUINT64_FORMAT ")",
				    file->path, size, size - room, file->offset_bytes, room);
		if (file->offset_bytes < end_before)
			return fail(error, ARTEFACT_ERROR_OVERLAP, "%s at 0x%x overlaps %s",
				    file->path, file->offset_bytes, path_before);
		end_before = file->offset_bytes +
			     (size + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
		path_before = file->path;
	}
	return TRUE;
}

/* An update record in a bundle that selects another slot than the one that is flashed would start
 * what is not there. */
static gboolean check_otadata(const ArtefactBundle *bundle, GError **error)
{
	const EspPartition *partition =
		esp_partition_find_type(bundle->table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA);
	const ArtefactArgsFile *file = bundle->args->otadata;

	if (partition == NULL || file == NULL)
		return TRUE;
	if (file->offset_bytes != partition->offset)
		return fail(error, ARTEFACT_ERROR_OVERLAP,
			    "%s lies at 0x%x, partition '%s' at 0x%x", file->path,
			    file->offset_bytes, partition->label, partition->offset);
	return TRUE;
}

gboolean artefact_bundle_examine(ArtefactBundle *bundle, const char *chip, GError **error)
{
	return read_args(bundle, chip, error) && read_table(bundle, error) &&
	       read_images(bundle, error) && check_places(bundle, error) &&
	       check_otadata(bundle, error);
}
