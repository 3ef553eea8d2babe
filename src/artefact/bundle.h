/* artefact/bundle.h — the bundle of a class: what is flashed to every device of it. Bytes in,
 * bytes out, save for artefact_bundle_from_build and _from_folder, which read a folder. Any thread,
 * one at a time.
 *
 * Files: bootloader.bin (chips), partition-table.bin, ota_data_initial.bin, app.bin, app.elf (if
 * there is one), flasher_args.json (ESP-IDF 5.x's keys), manifest.json (ESP Web Tools), flash.sh,
 * SHA256SUMS. Nothing about a single device is in it. */
#pragma once

#include "artefact/place.h"
#include "esp/partition_table.h"

#include <glib.h>

#define ARTEFACT_SUMS "SHA256SUMS"
#define ARTEFACT_ARGS "flasher_args.json"
#define ARTEFACT_TABLE "partition-table.bin"
#define ARTEFACT_OTADATA "ota_data_initial.bin"
#define ARTEFACT_BOOTLOADER "bootloader.bin"
#define ARTEFACT_APP "app.bin"
#define ARTEFACT_ELF "app.elf"
#define ARTEFACT_MANIFEST "manifest.json"
#define ARTEFACT_SCRIPT "flash.sh"

typedef struct ArtefactBundle ArtefactBundle;

/* From an ESP-IDF build folder with flasher_args.json, of either spelling. `chip` (NULL: any) must
 * be the folder's. The app is checked as an image, the table as a table, and all parts for overlap.
 * Returns it, yours, or NULL with ARTEFACT_ERROR_*, naming file and remedy. */
ArtefactBundle *artefact_bundle_from_build(const char *folder, const char *chip, GError **error);

/* For the chip `host` out of the host firmware program. */
typedef struct {
	GBytes *program;        /* ELF, stripped, for this machine */
	const char *project;    /* app description: project name */
	const char *version;    /* app description: version, at most 31 bytes */
	const char *partitions; /* CSV; NULL: the default table */
	guint32 flash_bytes;    /* 0: 4 MB */
} ArtefactHostFirmware;
ArtefactBundle *artefact_bundle_for_host(const ArtefactHostFirmware *firmware, GError **error);

/* The program named `espalier-host-firmware`, found beside this executable, else in
 * ../libexec/espalier/. Yours, or NULL with ARTEFACT_ERROR_NOT_FOUND. */
char *artefact_host_firmware_path(GError **error);

/* A bundle that exists, verified. From files (ArtefactFile *), or from a folder (app.elf is not
 * read). Refused: a missing file, a sum that does not match, a file that SHA256SUMS does not name,
 * an app for another chip than flasher_args.json says, parts that overlap or do not fit. */
ArtefactBundle *artefact_bundle_from_files(const GPtrArray *files, GError **error);
ArtefactBundle *artefact_bundle_from_folder(const char *folder, GError **error);
/* The same without app.elf, out of a place. */
ArtefactBundle *artefact_bundle_from_place(ArtefactPlace *place, const ArtefactKey *key,
					   GError **error);

void artefact_bundle_free(ArtefactBundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactBundle, artefact_bundle_free)

/* Borrowed, live as long as the bundle. */
const GPtrArray *artefact_bundle_files(const ArtefactBundle *bundle);         /* ArtefactFile * */
GBytes *artefact_bundle_file(const ArtefactBundle *bundle, const char *name); /* NULL: not there */
const char *artefact_bundle_chip(const ArtefactBundle *bundle);    /* "esp32c3", "host" … */
const char *artefact_bundle_version(const ArtefactBundle *bundle); /* app description */
const char *artefact_bundle_project(const ArtefactBundle *bundle);
const char *artefact_bundle_digest(const ArtefactBundle *bundle);    /* hex SHA-256 of app.bin */
const char *artefact_bundle_sums_hash(const ArtefactBundle *bundle); /* hex SHA-256 of SHA256SUMS:
									what a pushed bundle is
									called */
gsize artefact_bundle_app_bytes(const ArtefactBundle *bundle);
gsize artefact_bundle_slot_bytes(const ArtefactBundle *bundle); /* of the first app slot */
guint artefact_bundle_n_slots(const ArtefactBundle *bundle);    /* 1: no update over the air */
guint32 artefact_bundle_flash_bytes(const ArtefactBundle *bundle);

/* The hash of all inputs of a built bundle: what it is called in its place. NULL members count as
 * absent. Yours, 64 hex digits. */
typedef struct {
	const char *chip, *board, *partitions, *flash_size, *version;
	const char *builder_digest; /* image digest; for host: SHA-256 of the program */
	const char *source_commit;
	const char *const *environment; /* NAME=VALUE, sorted, NULL-ended */
	const char *const *sdkconfig;   /* KEY=VALUE, sorted, NULL-ended */
	const char *signing_key_id;
} ArtefactInputs;
char *artefact_inputs_hash(const ArtefactInputs *inputs);
