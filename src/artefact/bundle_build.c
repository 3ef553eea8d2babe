#include "artefact/bundle_private.h"

#include "artefact/sums.h"
#include "base/file.h"
#include "base/json.h"
#include "esp/otadata.h"

#include <string.h>
#include <unistd.h>

enum {
	HOST_FLASH_BYTES = 4 * 1024 * 1024,
	MEBIBYTE = 1024 * 1024,
};

#define HOST_PROGRAM "espalier-host-firmware"

/* What ESP Web Tools reads. */
static GBytes *manifest_new(const ArtefactBundle *bundle)
{
	json_t *parts = json_array();
	g_autoptr(json_t) manifest = NULL;
	char *text;

	for (guint i = 0; i < bundle->args->files->len; i++) {
		const ArtefactArgsFile *file = bundle->args->files->pdata[i];

		json_array_append_new(parts, json_pack("{s:s, s:I}", "path", file->path, "offset",
						       (json_int_t)file->offset_bytes));
	}
	manifest = json_pack("{s:s, s:s, s:b, s:[{s:s, s:o}]}", "name",
			     artefact_bundle_project(bundle), "version",
			     artefact_bundle_version(bundle), "new_install_prompt_erase", 0,
			     "builds", "chipFamily", bundle->chip->title, "parts", parts);
	if (manifest == NULL) /* a name that is not UTF-8 */
		return NULL;
	text = json_dumps(manifest, JSON_INDENT(2));
	return g_bytes_new_take(text, strlen(text));
}

/* Adds what is made from the parts, and the sums over all. */
static gboolean complete(ArtefactBundle *bundle, const char *chip, GError **error)
{
	g_autoptr(GBytes) manifest = NULL;
	g_autoptr(GBytes) script = NULL;
	g_autoptr(GBytes) sums = NULL;

	if (!artefact_bundle_examine(bundle, chip, error))
		return FALSE;
	manifest = manifest_new(bundle);
	if (manifest == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    ARTEFACT_APP ": project name and version are not UTF-8 text");
		return FALSE;
	}
	artefact_bundle_add(bundle, ARTEFACT_MANIFEST, manifest);
	script = artefact_flash_script_new(bundle);
	artefact_bundle_add(bundle, ARTEFACT_SCRIPT, script);
	sums = artefact_sums_new(bundle->files);
	artefact_bundle_add(bundle, ARTEFACT_SUMS, sums);
	artefact_bundle_name_by_sums(bundle);
	return TRUE;
}

static GBytes *read_part(const char *folder, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	GError *inner = NULL;
	GBytes *bytes = base_file_read(path, ARTEFACT_MAX_FILE_BYTES, &inner);

	if (bytes == NULL) {
		g_set_error(error, ARTEFACT_ERROR,
			    g_file_test(path, G_FILE_TEST_EXISTS) ? ARTEFACT_ERROR_INVALID
								  : ARTEFACT_ERROR_NOT_FOUND,
			    "%s; build the project first (idf.py build)", inner->message);
		g_error_free(inner);
	}
	return bytes;
}

/* The name that a file of the build has in the bundle. Yours, or NULL for a name that no bundle
 * can have. */
static char *bundle_name(const ArtefactFlasherArgs *args, const ArtefactArgsFile *file)
{
	g_autofree char *name = NULL;

	if (file == args->bootloader)
		return g_strdup(ARTEFACT_BOOTLOADER);
	if (file == args->table)
		return g_strdup(ARTEFACT_TABLE);
	if (file == args->otadata)
		return g_strdup(ARTEFACT_OTADATA);
	if (file == args->app)
		return g_strdup(ARTEFACT_APP);
	name = g_path_get_basename(file->path);
	return artefact_file_name_is_valid(name) ? g_steal_pointer(&name) : NULL;
}

static gboolean add_part(ArtefactBundle *bundle, const char *folder,
			 const ArtefactFlasherArgs *from, const ArtefactArgsFile *file,
			 ArtefactFlasherArgs *to, GError **error)
{
	g_autofree char *name = bundle_name(from, file);
	g_autoptr(GBytes) bytes = NULL;
	const ArtefactArgsFile *added;

	if (name == NULL || artefact_bundle_file(bundle, name) != NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    ARTEFACT_ARGS
			    ": %s cannot be called so in a bundle, or two files would; "
			    "rename it in the build",
			    file->path);
		return FALSE;
	}
	bytes = read_part(folder, file->path, error);
	if (bytes == NULL)
		return FALSE;
	artefact_bundle_add(bundle, name, bytes);
	added = artefact_flasher_args_add(to, file->offset_bytes, name);
	if (file == from->bootloader)
		to->bootloader = added;
	if (file == from->table)
		to->table = added;
	if (file == from->otadata)
		to->otadata = added;
	if (file == from->app)
		to->app = added;
	return TRUE;
}

/* The ELF lies beside the app under the same name. It is kept for decoding crashes. */
static gboolean add_elf(ArtefactBundle *bundle, const char *folder, const ArtefactFlasherArgs *args,
			GError **error)
{
	g_autofree char *path = NULL;
	g_autofree char *elf = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (args->app == NULL || !g_str_has_suffix(args->app->path, ".bin"))
		return TRUE;
	path = g_strndup(args->app->path, strlen(args->app->path) - strlen(".bin"));
	elf = g_strconcat(path, ".elf", NULL);
	g_free(path);
	path = g_build_filename(folder, elf, NULL);
	if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return TRUE;
	bytes = read_part(folder, elf, error);
	if (bytes == NULL)
		return FALSE;
	artefact_bundle_add(bundle, ARTEFACT_ELF, bytes);
	return TRUE;
}

/* A table with otadata needs erased records, even if the build did not make any. */
static void add_otadata(ArtefactBundle *bundle, ArtefactFlasherArgs *args,
			const EspPartitionTable *table)
{
	const EspPartition *partition =
		esp_partition_find_type(table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA);
	g_autoptr(GBytes) otadata = NULL;

	if (args->otadata != NULL || partition == NULL)
		return;
	otadata = esp_otadata_factory_new();
	artefact_bundle_add(bundle, ARTEFACT_OTADATA, otadata);
	args->otadata = artefact_flasher_args_add(args, partition->offset, ARTEFACT_OTADATA);
}

static void add_missing_otadata(ArtefactBundle *bundle, ArtefactFlasherArgs *args)
{
	GBytes *bytes = artefact_bundle_file(bundle, ARTEFACT_TABLE);
	g_autoptr(EspPartitionTable) table = NULL;

	if (bytes == NULL)
		return;
	table = esp_partition_table_from_binary(g_bytes_get_data(bytes, NULL),
						g_bytes_get_size(bytes), NULL);
	if (table != NULL)
		add_otadata(bundle, args, table);
}

ArtefactBundle *artefact_bundle_from_build(const char *folder, const char *chip, GError **error)
{
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_blank();
	g_autoptr(ArtefactFlasherArgs) from = NULL;
	g_autoptr(ArtefactFlasherArgs) to = NULL;
	g_autoptr(GBytes) text = read_part(folder, ARTEFACT_ARGS, error);
	g_autoptr(GBytes) rewritten = NULL;

	if (text == NULL)
		return NULL;
	from = artefact_flasher_args_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text),
					   error);
	if (from == NULL)
		return NULL;
	to = artefact_flasher_args_new(from->chip);
	to->mode = g_strdup(from->mode);
	to->size = g_strdup(from->size);
	to->frequency = g_strdup(from->frequency);
	to->before = g_strdup(from->before);
	to->after = g_strdup(from->after);
	to->stub = from->stub;
	for (guint i = 0; i < from->files->len; i++)
		if (!add_part(bundle, folder, from, from->files->pdata[i], to, error))
			return NULL;
	if (!add_elf(bundle, folder, from, error))
		return NULL;
	add_missing_otadata(bundle, to);
	rewritten = artefact_flasher_args_text(to);
	artefact_bundle_add(bundle, ARTEFACT_ARGS, rewritten);
	return complete(bundle, chip, error) ? g_steal_pointer(&bundle) : NULL;
}

/* The table of a host device, with the firmware's place in it. */
static EspPartitionTable *host_table(const char *csv, guint32 flash_bytes, GError **error)
{
	EspPartitionTableOptions options = {.flash_bytes = flash_bytes};
	const char *text = csv != NULL ? csv : esp_partition_table_default_csv;
	g_autoptr(EspPartitionTable) table = NULL;
	GError *inner = NULL;

	table = esp_partition_table_from_csv(text, strlen(text), &options, &inner);
	if (table == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID, "spec.partitions: %s",
			    inner->message);
		g_error_free(inner);
		return NULL;
	}
	if (esp_partition_find_type(table, ESP_PARTITION_APP, ESP_PARTITION_APP_OTA_0) == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    "spec.partitions: there is no partition for firmware (app, ota_0)");
		return NULL;
	}
	return g_steal_pointer(&table);
}

static GBytes *host_image(const ArtefactHostFirmware *firmware, guint32 flash_bytes, GError **error)
{
	gsize size;
	EspHostImage host = {
		.program = g_bytes_get_data(firmware->program, &size),
		.version = firmware->version,
		.project = firmware->project,
		.flash_bytes = flash_bytes,
	};
	GError *inner = NULL;
	GBytes *image;

	host.program_bytes = size;
	image = esp_image_host_new(&host, &inner);
	if (image == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID, "host firmware: %s",
			    inner->message);
		g_error_free(inner);
	}
	return image;
}

ArtefactBundle *artefact_bundle_for_host(const ArtefactHostFirmware *firmware, GError **error)
{
	guint32 flash_bytes = firmware->flash_bytes != 0 ? firmware->flash_bytes : HOST_FLASH_BYTES;
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_blank();
	g_autoptr(ArtefactFlasherArgs) args = artefact_flasher_args_new("host");
	g_autoptr(EspPartitionTable) table = host_table(firmware->partitions, flash_bytes, error);
	g_autoptr(GBytes) binary = NULL;
	g_autoptr(GBytes) image = NULL;
	g_autoptr(GBytes) text = NULL;

	if (table == NULL)
		return NULL;
	image = host_image(firmware, flash_bytes, error);
	if (image == NULL)
		return NULL;
	binary = esp_partition_table_to_binary(table, error);
	if (binary == NULL)
		return NULL;
	artefact_bundle_add(bundle, ARTEFACT_TABLE, binary);
	artefact_bundle_add(bundle, ARTEFACT_APP, image);
	args->size = g_strdup_printf("%uMB", flash_bytes / MEBIBYTE);
	args->table = artefact_flasher_args_add(args, ESP_PARTITION_TABLE_OFFSET, ARTEFACT_TABLE);
	args->app = artefact_flasher_args_add(
		args,
		esp_partition_find_type(table, ESP_PARTITION_APP, ESP_PARTITION_APP_OTA_0)->offset,
		ARTEFACT_APP);
	add_otadata(bundle, args, table);
	text = artefact_flasher_args_text(args);
	artefact_bundle_add(bundle, ARTEFACT_ARGS, text);
	return complete(bundle, "host", error) ? g_steal_pointer(&bundle) : NULL;
}

char *artefact_host_firmware_path(GError **error)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", error);
	g_autofree char *folder = NULL;
	g_autofree char *beside = NULL;
	g_autofree char *installed = NULL;

	if (self == NULL)
		return NULL;
	folder = g_path_get_dirname(self);
	beside = g_build_filename(folder, HOST_PROGRAM, NULL);
	installed = g_build_filename(folder, "..", "libexec", "espalier", HOST_PROGRAM, NULL);
	if (access(beside, R_OK) == 0)
		return g_steal_pointer(&beside);
	if (access(installed, R_OK) == 0)
		return g_steal_pointer(&installed);
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND,
		    "the host firmware is neither %s nor %s; build it with `make`, or install the "
		    "package again",
		    beside, installed);
	return NULL;
}
