/* small_fills.h — keeps fuzz targets of the CSV readers fast: blob_fill(508000;0x00) makes half a
 * megabyte of a dozen characters, and the length alone says nothing new. */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

enum { FILL_DIGITS_MAX = 4 };

/* FALSE if an encoding fills to 10,000 bytes or more. */
static inline gboolean fills_are_small(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++) {
		size_t digits = 0;

		if (data[i] != '(')
			continue;
		while (i + 1 + digits < size && g_ascii_isdigit((char)data[i + 1 + digits]))
			digits++;
		if (digits > FILL_DIGITS_MAX)
			return FALSE;
	}
	return TRUE;
}
