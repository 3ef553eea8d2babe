/* ports/posix/flash.h — the flash of a host device: a file in a chip's layout (partition table at
 * 0x8000, NVS, otadata, firmware slots). One thread. */
#pragma once

#include "esp/nvs.h"
#include "esp/partition_table.h"

#include <glib.h>

/* Opens the file, makes sure that it is 0600 (it holds the device's password), and locks it: while
 * the returned descriptor, or one inherited from it, is open, the device is on. Yours, or -1 with
 * BASE_ERROR_NOT_FOUND, _BUSY (it is on already), _INVALID (it is somebody else's and readable by
 * others) or _IO. `fixed_mode` says whether the mode had to be changed. */
int posix_flash_open(const char *path, gboolean *fixed_mode, GError **error);

typedef struct PosixFlash PosixFlash;

/* Reads the partition table through `fd`, which is borrowed and outlives the result; `name` is for
 * messages. Yours, or NULL with BASE_ERROR_* or ESP_ERROR_*. */
PosixFlash *posix_flash_new(int fd, const char *name, GError **error);
void posix_flash_free(PosixFlash *flash);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosixFlash, posix_flash_free)

const EspPartitionTable *posix_flash_table(const PosixFlash *flash);

/* All bytes of a partition. Yours, or NULL with BASE_ERROR_IO or _INVALID (the file ends before
 * it). */
guint8 *posix_flash_read(const PosixFlash *flash, const EspPartition *partition, GError **error);

/* Writes and syncs `size_bytes` at `offset` within a partition. */
gboolean posix_flash_write(const PosixFlash *flash, const EspPartition *partition, gsize offset,
			   const guint8 *data, gsize size_bytes, GError **error);

/* The device's configuration: of cfg_0 or cfg_1, as the device's own partition says, or of `nvs` in
 * a table without them. Yours, or NULL with BASE_ERROR_* or ESP_ERROR_*. */
EspNvsContents *posix_flash_config(const PosixFlash *flash, GError **error);

/* A number of the device's own partition, namespace espalier. */
gboolean posix_flash_own_get(const PosixFlash *flash, const char *key, guint32 *value);

/* Sets one (a u32), in place, and returns once it lasts. */
gboolean posix_flash_own_set(const PosixFlash *flash, const char *key, guint32 value,
			     GError **error);
