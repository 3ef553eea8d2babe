/* artefact/flash_plan.h — what goes where on a device's flash, and the flash file of a host device.
 *
 * The plan is pure. The flash file is written in place under the lock that espalier-device holds
 * while the device is on (flock on the file itself), in this order: first the partition table is
 * erased and synced, then otadata, firmware and configuration are written and synced, then the
 * table is written and synced. A file without a table does not boot, so a cut at any moment leaves
 * the old device, a file that is refused ("interrupted flash"), or the new one; flashing again
 * mends it. The partition `nvs` of an existing file is never touched. */
#pragma once

#include "artefact/bundle.h"

#include <glib.h>

enum {
	ARTEFACT_MAC_BYTES = 6,
};

/* One piece of flash: `bytes` at `offset_bytes`. */
typedef struct {
	char *name; /* partition label, "bootloader" or "partition-table" */
	guint32 offset_bytes;
	guint32 room_bytes; /* of its partition; erased (0xFF) behind `bytes` where `erase` is set
			     */
	gboolean erase;
	GBytes *bytes;
} ArtefactFlashPart;

typedef struct ArtefactFlashPlan ArtefactFlashPlan;

/* Bootloader, table, otadata and firmware of `bundle`, and `config` (a config.bin; NULL: none) in
 * both slots cfg_0 and cfg_1, or for a table without them in `nvs`. `chip` (NULL: any) must be the
 * bundle's. Returns it, yours, or NULL with ARTEFACT_ERROR_WRONG_CHIP, _OVERLAP, _INVALID. */
ArtefactFlashPlan *artefact_flash_plan_new(const ArtefactBundle *bundle, GBytes *config,
					   const char *chip, GError **error);
void artefact_flash_plan_free(ArtefactFlashPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactFlashPlan, artefact_flash_plan_free)

/* The parts by offset (ArtefactFlashPart *). Borrowed. */
const GPtrArray *artefact_flash_plan_parts(const ArtefactFlashPlan *plan);
const char *artefact_flash_plan_chip(const ArtefactFlashPlan *plan);
guint32 artefact_flash_plan_flash_bytes(const ArtefactFlashPlan *plan);
guint64 artefact_flash_plan_bytes(const ArtefactFlashPlan *plan); /* sum of the parts */
/* The plan as text for people and scripts: one line a part, "0xOFFSET SIZE NAME". Yours. */
char *artefact_flash_plan_text(const ArtefactFlashPlan *plan);

/* How far a write is; may be NULL. On the caller's thread. */
typedef void (*ArtefactProgress)(guint64 done_bytes, guint64 total_bytes, gpointer user_data);

typedef struct {
	gboolean made;                  /* the file is new */
	guint8 mac[ARTEFACT_MAC_BYTES]; /* of the device: FILE.efuse, made at the first flash */
	guint64 written_bytes;
} ArtefactFlashResult;

/* Flashes the host device in `path` (made with mode 0600 if it is missing; its folder must exist).
 * FALSE with ARTEFACT_ERROR_BUSY while that device is on, _WRONG_CHIP if the plan is not for a
 * host, _INVALID if the file is no flash file, BASE_ERROR_*. */
gboolean artefact_flash_file_write(const char *path, const ArtefactFlashPlan *plan,
				   ArtefactProgress progress, gpointer user_data,
				   ArtefactFlashResult *result, GError **error);
