/* controllers/class_firmware.h — where the firmware of a class comes from: one row an origin. Of
 * this room only. */
#pragma once

#include "controllers/world.h"

/* A bundle that is in its place. */
typedef struct {
	char *version;
	char *digest;     /* "sha256:…" of app.bin */
	char *input_hash; /* 64 hex digits */
	char *artefact;   /* where it is served */
	guint64 size_bytes;
	guint64 slot_bytes;
	guint n_slots;
	gboolean stored; /* just now, by this call */
} ClassFirmware;

void class_firmware_free(ClassFirmware *firmware);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ClassFirmware, class_firmware_free)

/* Makes sure that the bundle which `class` asks for is in `place`. `status` is the class's (what is
 * known of a bundle that has not changed is taken from it). Yours, or NULL with MODEL_ERROR_*,
 * ARTEFACT_ERROR_*. */
ClassFirmware *class_firmware_provide(World *world, const ModelDeviceClass *class,
				      ArtefactPlace *place, const json_t *status, GError **error);

/* The reason for the condition FirmwareReady of such an error. Static. */
const char *class_firmware_reason(const GError *error);
