/* base/hex.h — bytes as hexadecimal digits. Apart from base/digest.h: it needs no OpenSSL. Any
 * thread. */
#pragma once

#include <glib.h>

/* Lower-case hex of `size_bytes` bytes. Yours. */
char *base_hex(const void *data, gsize size_bytes);

/* Reads hex of either case into bytes. Yours, or NULL if `text` is not an even number of hex
 * digits. */
GBytes *base_unhex(const char *text);
