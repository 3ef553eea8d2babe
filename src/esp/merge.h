/* esp/merge.h — several files for one flash made one file: as it lies in flash (raw), as Intel HEX,
 * or as UF2, byte for byte what esptool's merge-bin makes of the same. Pure; any thread, one at a
 * time.
 *
 * Intel HEX as in Intel's "Hexadecimal Object File Format Specification", revision A: records of 16
 * bytes with extended linear addresses. UF2 as in https://github.com/microsoft/uf2, with family id
 * and, unless told otherwise, an MD5 for each block; each part counts its own blocks. */
#pragma once

#include "esp/chips.h"
#include "esp/declare.h"
#include "esp/partition_table.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_MERGE_PARTS_MAX = 64,
	ESP_UF2_BLOCK_BYTES = 512,
	ESP_UF2_CHUNK_MAX_BYTES = 476,     /* of data in a block */
	ESP_UF2_CHUNK_MD5_MAX_BYTES = 452, /* with an MD5 behind it */
};

/* One file and where in flash it goes. */
typedef struct {
	const char *name; /* for messages, "bootloader.bin" */
	guint32 offset;
	GBytes *bytes;
} EspMergePart;

typedef struct EspMerge EspMerge;

/* Puts parts in order and checks that they share no sector of flash and end within the largest
 * flash. `chip` says where the bootloader lies, and the family of UF2 files. Yours; names and bytes
 * are kept. NULL with ESP_ERROR_INVALID (none, too many, an empty one, an overlap) or _TOO_LARGE.
 */
EspMerge *esp_merge_new(const EspChip *chip, const EspMergePart *parts, gsize n_parts,
			GError **error);
void esp_merge_free(EspMerge *merge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspMerge, esp_merge_free)

/* The chip it was made for, and the parts by offset. Borrowed. */
const EspChip *esp_merge_chip(const EspMerge *merge);
const EspMergePart *esp_merge_parts(const EspMerge *merge, gsize *n_parts);

/* The bytes of flash from the start of the first part to the end of the last. */
guint32 esp_merge_start(const EspMerge *merge);
guint32 esp_merge_end(const EspMerge *merge);

/* What a bootloader's header says of the flash: "dio", "4MB", "80m"; NULL and "keep" leave it as it
 * is. */
typedef struct {
	const char *mode;
	const char *size;
	const char *frequency;
} EspMergeFlash;

/* Writes these into the header of the part at the chip's bootloader offset, and its appended
 * SHA-256 anew. `note` (may be NULL) becomes a sentence, yours, if there is no such part, or it is
 * no image and so left as it is (an encrypted one, for example); else NULL. FALSE with
 * ESP_ERROR_INVALID (no such mode, size, frequency: the message lists them) or _CORRUPT (the
 * bootloader is damaged). */
gboolean esp_merge_set_flash(EspMerge *merge, const EspMergeFlash *flash, char **note,
			     GError **error);

/* Flash from `from` on, 0xFF between parts, and behind the last up to `pad_to` (an offset in flash
 * as `from` is; 0: no padding). Yours, or NULL with ESP_ERROR_INVALID (a part begins before `from`)
 * or _TOO_LARGE (the parts end behind `pad_to`). */
GBytes *esp_merge_raw(const EspMerge *merge, guint32 from, guint32 pad_to, GError **error);

/* Yours. */
GBytes *esp_merge_hex(const EspMerge *merge);

/* `chunk_bytes` of data in a block: a multiple of 4 up to ESP_UF2_CHUNK_MAX_BYTES or, with MD5,
 * _MD5_MAX_BYTES; 0: the most. Yours, or NULL with ESP_ERROR_INVALID. */
GBytes *esp_merge_uf2(const EspMerge *merge, guint chunk_bytes, gboolean with_md5, GError **error);

/* A partition that belongs to the device itself: NVS and its keys, otadata, file systems … all data
 * but what calibrates the radio. */
typedef struct {
	EspPartition partition;
	gboolean is_written; /* by a part; else only erased, between parts */
} EspMergeOwned;

/* Which of the device's own partitions writing the parts, and erasing flash from `from` to before
 * `to` (0, 0: nothing), would take away. The table is the one among the parts, at the start of one
 * or at its usual place within one; without any there are none, and `has_table` (may be NULL) is
 * FALSE. Returns how many `owned` were filled. */
gsize esp_merge_owned(const EspMerge *merge, guint32 from, guint64 to,
		      EspMergeOwned owned[ESP_AT_LEAST ESP_PARTITIONS_MAX], gboolean *has_table);

G_END_DECLS
