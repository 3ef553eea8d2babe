#include "base/hex.h"

#include <string.h>

char *base_hex(const void *data, gsize size_bytes)
{
	static const char digits[] = "0123456789abcdef";
	const guint8 *bytes = data;
	char *hex = g_malloc(size_bytes * 2 + 1);

	for (gsize i = 0; i < size_bytes; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[size_bytes * 2] = '\0';
	return hex;
}

GBytes *base_unhex(const char *text)
{
	gsize digits = strlen(text);
	g_autofree guint8 *bytes = NULL;

	if (digits % 2 != 0)
		return NULL;
	bytes = g_malloc(digits / 2 + 1);
	for (gsize i = 0; i < digits; i += 2) {
		int high = g_ascii_xdigit_value(text[i]), low = g_ascii_xdigit_value(text[i + 1]);

		if (high < 0 || low < 0)
			return NULL;
		bytes[i / 2] = (guint8)(high << 4 | low);
	}
	return g_bytes_new_take(g_steal_pointer(&bytes), digits / 2);
}
