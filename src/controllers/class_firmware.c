#include "controllers/class_firmware.h"

#include "artefact/bundle.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
	PROGRAM_MAX_BYTES = 16 * 1024 * 1024,
};

void class_firmware_free(ClassFirmware *firmware)
{
	if (firmware == NULL)
		return;
	g_free(firmware->version);
	g_free(firmware->digest);
	g_free(firmware->input_hash);
	g_free(firmware->artefact);
	g_free(firmware);
}

/* One row an error: its reason in the condition. */
static const struct {
	ArtefactError code;
	const char *reason;
} artefact_reasons[] = {
	{ARTEFACT_ERROR_NOT_FOUND, "BundleNotFound"},
	{ARTEFACT_ERROR_INVALID, "BundleInvalid"},
	{ARTEFACT_ERROR_DAMAGED, "BundleDamaged"},
	{ARTEFACT_ERROR_WRONG_CHIP, "WrongChip"},
	{ARTEFACT_ERROR_OVERLAP, "PartitionsOverlap"},
	{ARTEFACT_ERROR_TOO_LARGE, "FirmwareTooLarge"},
	{ARTEFACT_ERROR_UNREACHABLE, MODEL_REASON_STORAGE_UNREACHABLE},
};

#define NO_BUILDER (g_quark_from_static_string("espalier-no-builder"))

const char *class_firmware_reason(const GError *error)
{
	if (error->domain == NO_BUILDER)
		return MODEL_REASON_NO_BUILDER;
	if (error->domain == ARTEFACT_ERROR)
		for (gsize i = 0; i < G_N_ELEMENTS(artefact_reasons); i++)
			if (error->code == (int)artefact_reasons[i].code)
				return artefact_reasons[i].reason;
	return model_error_reason(error);
}

/* Where the artefact server has that bundle. Yours. */
static char *served_at(const World *world, const ModelDeviceClass *class, const char *input_hash)
{
	return g_strdup_printf("%s/v1/%s/classes/%s/%s", world->artefact_url, class->meta.namespace,
			       class->meta.name, input_hash);
}

/* Takes over what is known of a bundle whose bytes have been read. */
static ClassFirmware *describe(World *world, const ModelDeviceClass *class,
			       const ArtefactBundle *bundle, const char *input_hash)
{
	ClassFirmware *firmware = g_new0(ClassFirmware, 1);

	firmware->version = g_strdup(artefact_bundle_version(bundle));
	firmware->digest = g_strconcat(MODEL_DIGEST_PREFIX, artefact_bundle_digest(bundle), NULL);
	firmware->input_hash = g_strdup(input_hash);
	firmware->artefact = served_at(world, class, input_hash);
	firmware->size_bytes = artefact_bundle_app_bytes(bundle);
	firmware->slot_bytes = artefact_bundle_slot_bytes(bundle);
	firmware->n_slots = artefact_bundle_n_slots(bundle);
	return firmware;
}

/* The bundle is the one that the status tells of, and it is there: nothing to read. NULL, without
 * an error, if it is another. */
static ClassFirmware *unchanged(World *world, const ModelDeviceClass *class, const json_t *status,
				const char *input_hash)
{
	const json_t *known = base_json_get(status, "firmware", NULL);
	ClassFirmware *firmware;

	if (g_strcmp0(base_json_get_string(known, "inputHash", NULL), input_hash) != 0 ||
	    base_json_get_string(known, "digest", NULL) == NULL)
		return NULL;
	firmware = g_new0(ClassFirmware, 1);
	firmware->version = g_strdup(base_json_get_string(known, "version", NULL));
	firmware->digest = g_strdup(base_json_get_string(known, "digest", NULL));
	firmware->input_hash = g_strdup(input_hash);
	firmware->artefact = served_at(world, class, input_hash);
	firmware->size_bytes = (guint64)base_json_get_int(known, 0, "sizeBytes", NULL);
	firmware->slot_bytes = (guint64)base_json_get_int(known, 0, "slotBytes", NULL);
	return firmware;
}

/* --- pushed bundles --- */

static ClassFirmware *provide_pushed(World *world, const ModelDeviceClass *class,
				     ArtefactPlace *place, const json_t *status, GError **error)
{
	const char *digest = class->prebuilt_digest;
	const char *hash = digest != NULL && g_str_has_prefix(digest, MODEL_DIGEST_PREFIX)
				   ? digest + strlen(MODEL_DIGEST_PREFIX)
				   : digest;
	ArtefactKey key = {class->meta.namespace, class->meta.name, hash};
	g_autoptr(ArtefactBundle) bundle = NULL;
	g_autoptr(GError) fault = NULL;
	ClassFirmware *firmware;

	if (!artefact_place_has(place, &key, &fault)) {
		if (fault != NULL)
			g_propagate_error(error, g_steal_pointer(&fault));
		else
			g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND,
				    "no bundle %.12s was uploaded for this class: run "
				    "`espalier push %s BUILD_DIR`",
				    hash, class->meta.name);
		return NULL;
	}
	firmware = unchanged(world, class, status, hash);
	if (firmware != NULL)
		return firmware;
	bundle = artefact_bundle_from_place(place, &key, error);
	if (bundle == NULL)
		return NULL;
	if (strcmp(artefact_bundle_chip(bundle), class->chip) != 0) {
		g_set_error(
			error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			"the uploaded bundle is for %s, the class is for %s: push a build for %s",
			artefact_bundle_chip(bundle), class->chip, class->chip);
		return NULL;
	}
	firmware = describe(world, class, bundle, hash);
	firmware->stored = TRUE;
	return firmware;
}

/* --- host firmware --- */

/* The hash of the installed program, read again only when the file changed. Yours. */
static char *program_hash(World *world, GError **error)
{
	struct stat now;
	g_autoptr(GBytes) bytes = NULL;
	gint64 stamp_us;
	char *hash = NULL;

	if (stat(world->host_firmware, &now) != 0) {
		base_error_set_errno(error, errno, "the installed host firmware %s",
				     world->host_firmware);
		return NULL;
	}
	stamp_us = now.st_mtim.tv_sec * G_USEC_PER_SEC + now.st_mtim.tv_nsec / 1000;
	g_mutex_lock(&world->mutex);
	if (world->program_hash != NULL && world->program_stamp_us == stamp_us &&
	    world->program_size_bytes == (guint64)now.st_size)
		hash = g_strdup(world->program_hash);
	g_mutex_unlock(&world->mutex);
	if (hash != NULL)
		return hash;
	bytes = base_file_read(world->host_firmware, PROGRAM_MAX_BYTES, error);
	if (bytes == NULL)
		return NULL;
	hash = base_sha256_hex_of_bytes(bytes);
	g_mutex_lock(&world->mutex);
	g_free(world->program_hash);
	world->program_hash = g_strdup(hash);
	world->program_stamp_us = stamp_us;
	world->program_size_bytes = (guint64)now.st_size;
	g_mutex_unlock(&world->mutex);
	return hash;
}

static ArtefactBundle *pack_host(World *world, const ModelDeviceClass *class, GError **error)
{
	g_autoptr(GBytes) program = base_file_read(world->host_firmware, PROGRAM_MAX_BYTES, error);
	ArtefactHostFirmware firmware = {
		.program = program,
		.project = class->meta.name,
		.version = class->firmware_version,
		.partitions = class->partitions,
		.flash_bytes = class->flash_size_bytes,
	};

	return program == NULL ? NULL : artefact_bundle_for_host(&firmware, error);
}

static ClassFirmware *build_host(World *world, const ModelDeviceClass *class, ArtefactPlace *place,
				 const ArtefactKey *key, GError **error)
{
	g_autoptr(ArtefactBundle) bundle = NULL;
	g_autoptr(GError) fault = NULL;
	ClassFirmware *firmware;

	world_event(world, KUBE_EVENT_NORMAL, &kube_device_classes, class->object,
		    MODEL_EVENT_BUILD_STARTED, "packing the host firmware, version %s",
		    class->firmware_version);
	bundle = pack_host(world, class, &fault);
	if (bundle == NULL ||
	    !artefact_place_put(place, key, artefact_bundle_files(bundle), &fault)) {
		world_event(world, KUBE_EVENT_WARNING, &kube_device_classes, class->object,
			    MODEL_EVENT_BUILD_FAILED, "%s", fault->message);
		g_propagate_error(error, g_steal_pointer(&fault));
		return NULL;
	}
	firmware = describe(world, class, bundle, key->hash);
	firmware->stored = TRUE;
	world_event(world, KUBE_EVENT_NORMAL, &kube_device_classes, class->object,
		    MODEL_EVENT_BUILD_SUCCEEDED,
		    "bundle %.12s, firmware %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
		    key->hash, firmware->size_bytes, firmware->slot_bytes);
	return firmware;
}

static ClassFirmware *provide_host(World *world, const ModelDeviceClass *class,
				   ArtefactPlace *place, const json_t *status, GError **error)
{
	g_autofree char *program = program_hash(world, error);
	g_autofree char *hash = NULL;
	ArtefactInputs inputs = {
		.chip = class->chip,
		.board = class->board,
		.partitions = class->partitions,
		.flash_size = class->flash_size,
		.version = class->firmware_version,
		.builder_digest = program,
	};
	ArtefactKey key = {class->meta.namespace, class->meta.name, NULL};
	g_autoptr(GError) fault = NULL;
	ClassFirmware *firmware;

	if (program == NULL)
		return NULL;
	hash = artefact_inputs_hash(&inputs);
	key.hash = hash;
	if (artefact_place_has(place, &key, &fault)) {
		g_autoptr(ArtefactBundle) bundle = NULL;

		firmware = unchanged(world, class, status, hash);
		if (firmware != NULL)
			return firmware;
		bundle = artefact_bundle_from_place(place, &key, error);
		return bundle == NULL ? NULL : describe(world, class, bundle, hash);
	}
	if (fault != NULL) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return NULL;
	}
	return build_host(world, class, place, &key, error);
}

ClassFirmware *class_firmware_provide(World *world, const ModelDeviceClass *class,
				      ArtefactPlace *place, const json_t *status, GError **error)
{
	gboolean is_host = strcmp(class->chip, MODEL_CHIP_HOST) == 0;

	if (class->firmware_origin == MODEL_FIRMWARE_PREBUILT)
		return provide_pushed(world, class, place, status, error);
	if (class->firmware_origin == MODEL_FIRMWARE_BUILDER && is_host)
		return provide_host(world, class, place, status, error);
	if (is_host)
		g_set_error(error, NO_BUILDER, 0,
			    "no firmware is asked for: set `spec.firmware.builder: {}` to pack the "
			    "installed host firmware");
	else
		g_set_error(error, NO_BUILDER, 0,
			    "firmware for %s is not built here yet: build it with ESP-IDF and run "
			    "`espalier push %s BUILD_DIR`",
			    class->chip, class->meta.name);
	return NULL;
}
