#include "artefact/bundle_private.h"

#include "artefact/sums.h"
#include "base/digest.h"
#include "base/file.h"

#include <string.h>
#include <unistd.h>

ArtefactBundle *artefact_bundle_blank(void)
{
	ArtefactBundle *bundle = g_new0(ArtefactBundle, 1);

	bundle->files = g_ptr_array_new_with_free_func((GDestroyNotify)artefact_file_free);
	return bundle;
}

void artefact_bundle_free(ArtefactBundle *bundle)
{
	if (bundle == NULL)
		return;
	g_ptr_array_unref(bundle->files);
	artefact_flasher_args_free(bundle->args);
	esp_partition_table_free(bundle->table);
	g_free(bundle->digest);
	g_free(bundle->sums_hash);
	g_free(bundle);
}

void artefact_bundle_add(ArtefactBundle *bundle, const char *name, GBytes *bytes)
{
	g_ptr_array_add(bundle->files, artefact_file_new(name, bytes));
}

const GPtrArray *artefact_bundle_files(const ArtefactBundle *bundle)
{
	return bundle->files;
}

GBytes *artefact_bundle_file(const ArtefactBundle *bundle, const char *name)
{
	for (guint i = 0; i < bundle->files->len; i++) {
		const ArtefactFile *file = bundle->files->pdata[i];

		if (strcmp(file->name, name) == 0)
			return file->bytes;
	}
	return NULL;
}

const char *artefact_bundle_chip(const ArtefactBundle *bundle)
{
	return bundle->chip->name;
}

const char *artefact_bundle_version(const ArtefactBundle *bundle)
{
	return bundle->app.description.version;
}

const char *artefact_bundle_project(const ArtefactBundle *bundle)
{
	return bundle->app.description.project;
}

const char *artefact_bundle_digest(const ArtefactBundle *bundle)
{
	return bundle->digest;
}

const char *artefact_bundle_sums_hash(const ArtefactBundle *bundle)
{
	return bundle->sums_hash;
}

gsize artefact_bundle_app_bytes(const ArtefactBundle *bundle)
{
	return g_bytes_get_size(artefact_bundle_file(bundle, ARTEFACT_APP));
}

gsize artefact_bundle_slot_bytes(const ArtefactBundle *bundle)
{
	return bundle->app_partition->size_bytes;
}

guint artefact_bundle_n_slots(const ArtefactBundle *bundle)
{
	return MAX(esp_partition_ota_slots(bundle->table), 1);
}

guint32 artefact_bundle_flash_bytes(const ArtefactBundle *bundle)
{
	return bundle->flash_bytes;
}

void artefact_bundle_name_by_sums(ArtefactBundle *bundle)
{
	g_free(bundle->sums_hash);
	bundle->sums_hash = base_sha256_hex_of_bytes(artefact_bundle_file(bundle, ARTEFACT_SUMS));
}

static gboolean fail_damaged(GError **error, const char *file, const char *what)
{
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED,
		    "the bundle is damaged: %s %s; fetch or push it again", file, what);
	return FALSE;
}

/* Every file that the list names is there and right, and no other is. app.elf, which nobody
 * flashes, may be left out. */
static gboolean check_sums(const ArtefactBundle *bundle, GError **error)
{
	GBytes *text = artefact_bundle_file(bundle, ARTEFACT_SUMS);
	g_autoptr(GPtrArray) sums = NULL;

	if (text == NULL)
		return fail_damaged(error, ARTEFACT_SUMS, "is missing");
	sums = artefact_sums_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	if (sums == NULL)
		return FALSE;
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];
		GBytes *bytes = artefact_bundle_file(bundle, sum->name);
		g_autofree char *actual = bytes != NULL ? base_sha256_hex_of_bytes(bytes) : NULL;

		if (actual == NULL && strcmp(sum->name, ARTEFACT_ELF) != 0)
			return fail_damaged(error, sum->name, "is missing");
		if (actual != NULL && strcmp(actual, sum->hash) != 0)
			return fail_damaged(error, sum->name, "does not match " ARTEFACT_SUMS);
	}
	for (guint i = 0; i < bundle->files->len; i++) {
		const ArtefactFile *file = bundle->files->pdata[i];

		if (strcmp(file->name, ARTEFACT_SUMS) != 0 &&
		    artefact_sums_find(sums, file->name) == NULL)
			return fail_damaged(error, file->name, "is not named by " ARTEFACT_SUMS);
	}
	return TRUE;
}

/* Takes `bundle`; its files are there, nothing of it is trusted. */
static ArtefactBundle *verified(ArtefactBundle *bundle, GError **error)
{
	g_autoptr(ArtefactBundle) owned = bundle;

	if (!check_sums(owned, error) || !artefact_bundle_examine(owned, NULL, error))
		return NULL;
	artefact_bundle_name_by_sums(owned);
	return g_steal_pointer(&owned);
}

ArtefactBundle *artefact_bundle_from_files(const GPtrArray *files, GError **error)
{
	ArtefactBundle *bundle = artefact_bundle_blank();

	for (guint i = 0; i < files->len; i++) {
		const ArtefactFile *file = files->pdata[i];

		artefact_bundle_add(bundle, file->name, file->bytes);
	}
	return verified(bundle, error);
}

/* Reads the files that SHA256SUMS names through `read`; what is missing is told by check_sums. */
typedef GBytes *(*ReadFile)(const char *name, gpointer context, GError **error);

static ArtefactBundle *read_bundle(ReadFile read, gpointer context, GError **error)
{
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_blank();
	g_autoptr(GBytes) text = read(ARTEFACT_SUMS, context, error);
	g_autoptr(GPtrArray) sums = NULL;

	if (text == NULL)
		return NULL;
	artefact_bundle_add(bundle, ARTEFACT_SUMS, text);
	sums = artefact_sums_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	if (sums == NULL)
		return NULL;
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];
		g_autoptr(GBytes) bytes = NULL;

		if (strcmp(sum->name, ARTEFACT_ELF) == 0)
			continue;
		bytes = read(sum->name, context, error);
		if (bytes == NULL)
			return NULL;
		artefact_bundle_add(bundle, sum->name, bytes);
	}
	return verified(g_steal_pointer(&bundle), error);
}

static GBytes *read_from_folder(const char *name, gpointer context, GError **error)
{
	g_autofree char *path = g_build_filename(context, name, NULL);
	GError *inner = NULL;
	GBytes *bytes = base_file_read(path, ARTEFACT_MAX_FILE_BYTES, &inner);

	if (bytes == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND,
			    "%s is no whole bundle: %s", (const char *)context, inner->message);
		g_error_free(inner);
	}
	return bytes;
}

ArtefactBundle *artefact_bundle_from_folder(const char *folder, GError **error)
{
	return read_bundle(read_from_folder, (gpointer)folder, error);
}

typedef struct {
	ArtefactPlace *place;
	const ArtefactKey *key;
} PlaceAndKey;

static GBytes *read_from_place(const char *name, gpointer context, GError **error)
{
	PlaceAndKey *source = context;
	int fd = artefact_place_open(source->place, source->key, name, NULL, error);
	GBytes *bytes;

	if (fd < 0)
		return NULL;
	bytes = base_file_read_fd(fd, name, ARTEFACT_MAX_FILE_BYTES, error);
	close(fd);
	return bytes;
}

ArtefactBundle *artefact_bundle_from_place(ArtefactPlace *place, const ArtefactKey *key,
					   GError **error)
{
	PlaceAndKey source = {place, key};

	return read_bundle(read_from_place, &source, error);
}

static void add_list(BaseInputsHash *hash, const char *const *list)
{
	for (gsize i = 0; list != NULL && list[i] != NULL; i++)
		base_inputs_hash_add_string(hash, list[i]);
	base_inputs_hash_add(hash, NULL, 0); /* the list's end */
}

char *artefact_inputs_hash(const ArtefactInputs *inputs)
{
	BaseInputsHash *hash = base_inputs_hash_new();

	base_inputs_hash_add_string(hash, "bundle");
	base_inputs_hash_add_string(hash, inputs->chip);
	base_inputs_hash_add_string(hash, inputs->board);
	base_inputs_hash_add_string(hash, inputs->partitions);
	base_inputs_hash_add_string(hash, inputs->flash_size);
	base_inputs_hash_add_string(hash, inputs->version);
	base_inputs_hash_add_string(hash, inputs->builder_digest);
	base_inputs_hash_add_string(hash, inputs->source_commit);
	add_list(hash, inputs->environment);
	add_list(hash, inputs->sdkconfig);
	base_inputs_hash_add_string(hash, inputs->signing_key_id);
	return base_inputs_hash_finish(hash);
}
