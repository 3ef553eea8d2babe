/* esp/bytes.h — little-endian numbers in byte buffers, and buffers of one byte, for this room's
 * sources. */
#pragma once

#include <glib.h>
#include <string.h>

static inline guint16 esp_get_le16(const guint8 *bytes)
{
	return (guint16)(bytes[0] | bytes[1] << 8);
}

static inline guint32 esp_get_le32(const guint8 *bytes)
{
	return (guint32)bytes[0] | (guint32)bytes[1] << 8 | (guint32)bytes[2] << 16 |
	       (guint32)bytes[3] << 24;
}

static inline guint64 esp_get_le64(const guint8 *bytes)
{
	return (guint64)esp_get_le32(bytes) | (guint64)esp_get_le32(bytes + 4) << 32;
}

static inline void esp_put_le16(guint8 *bytes, guint16 value)
{
	bytes[0] = (guint8)(value & 0xFF);
	bytes[1] = (guint8)(value >> 8);
}

static inline void esp_put_le32(guint8 *bytes, guint32 value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (guint8)(value >> (8 * i) & 0xFF);
}

static inline void esp_put_le64(guint8 *bytes, guint64 value)
{
	esp_put_le32(bytes, (guint32)(value & 0xFFFFFFFFU));
	esp_put_le32(bytes + 4, (guint32)(value >> 32));
}

/* TRUE if all of `size_bytes` bytes, of which there is one at least, are `byte`: 0xFF is erased
 * flash. */
static inline gboolean esp_bytes_are(const guint8 *bytes, gsize size_bytes, guint8 byte)
{
	return bytes[0] == byte && memcmp(bytes, bytes + 1, size_bytes - 1) == 0;
}
