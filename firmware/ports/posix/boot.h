/* ports/posix/boot.h — the bootloader of a host device: which slot, is its image whole and for this
 * machine, and the program out of it. */
#pragma once

#include "ports/posix/flash.h"
#include "wire/info.h"

#include <glib.h>

/* A program ready to run. */
typedef struct {
	char slot[WIRE_LABEL_MAX + 1];
	char version[WIRE_FIRMWARE_VERSION_MAX + 1];
	char sha256[WIRE_SHA256_HEX + 1]; /* of the image: the firmware's digest */
	int program_fd;                   /* sealed, in memory */
} PosixBoot;

/* Chooses as ESP-IDF's bootloader does: the slot that otadata says, and if its image does not
 * verify, the lower ones down to factory, then the higher ones. `complain` hears of each image that
 * was passed over. FALSE, `boot` untouched, if none can run; the error is the first image's. */
typedef void (*PosixBootComplain)(const char *message, gpointer user_data);
gboolean posix_boot_load(const PosixFlash *flash, PosixBoot *boot, PosixBootComplain complain,
			 gpointer user_data, GError **error);

/* Checks that `program` is an ELF program for this machine. FALSE with BASE_ERROR_INVALID. */
gboolean posix_boot_check_program(const guint8 *program, gsize size_bytes, GError **error);
