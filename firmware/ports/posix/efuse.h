/* ports/posix/efuse.h — what a chip has burnt in for good, for a host device: its MAC address, in
 * FLASH_FILE.efuse (one line of text, 0600). */
#pragma once

#include "wire/mac.h"

#include <glib.h>

/* Reads the address; a missing file is made with a random, locally administered one. FALSE with
 * BASE_ERROR_INVALID (the file holds something else) or _IO. */
gboolean posix_efuse_mac(const char *flash_path, guint8 mac[static WIRE_MAC_BYTES], GError **error);
