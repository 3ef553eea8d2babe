/* esp/crc.h — the two CRC-32 conventions of Espressif's formats: one polynomial (reflected
 * 0xEDB88320, final XOR 0xFFFFFFFF), two initial registers. Pure; any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* As the chips' ROM and zlib's crc32() continue: `crc` is the previous result, so two buffers are
 * chained by passing the first one's result. */
guint32 esp_crc32(guint32 crc, const void *data, gsize size_bytes);

/* What NVS, the NVS key partition and otadata store (the ROM's crc32_le with start 0xFFFFFFFF):
 * 0xD202D277 for "123456789". */
guint32 esp_crc_rom(const void *data, gsize size_bytes);

/* The ordinary CRC-32 (signature blocks of secure boot v2): 0xCBF43926 for "123456789". */
guint32 esp_crc_std(const void *data, gsize size_bytes);

G_END_DECLS
