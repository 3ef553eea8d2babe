/* artefact/bundle_private.h — what the files that make and read bundles share.
 *
 * bundle.c        holding one, reading and verifying one that exists
 * bundle_check.c  what is in it, and whether that fits together
 * bundle_build.c  making one from a build folder or a host program
 * flash_script.c  flash.sh */
#pragma once

#include "artefact/bundle.h"
#include "artefact/flasher_args.h"
#include "esp/chips.h"
#include "esp/image.h"

struct ArtefactBundle {
	GPtrArray *files; /* ArtefactFile * */
	ArtefactFlasherArgs *args;
	const EspChip *chip;
	EspPartitionTable *table;
	const EspPartition *app_partition; /* within `table` */
	EspImage app;
	char *digest;
	char *sums_hash;
	guint32 flash_bytes;
};

ArtefactBundle *artefact_bundle_blank(void);
void artefact_bundle_add(ArtefactBundle *bundle, const char *name, GBytes *bytes);

/* Reads flasher_args.json, table and images of `files` and checks chip, sizes, places and overlaps.
 * `chip` (may be NULL) is the one that is wanted. */
gboolean artefact_bundle_examine(ArtefactBundle *bundle, const char *chip, GError **error);

/* Sets sums_hash from SHA256SUMS. */
void artefact_bundle_name_by_sums(ArtefactBundle *bundle);

/* The script of an examined bundle. Yours. */
GBytes *artefact_flash_script_new(const ArtefactBundle *bundle);

/* TRUE for the partitions that are a device's own or hold its configuration: no bundle writes
 * there. */
gboolean artefact_partition_is_the_devices(const EspPartition *partition);
