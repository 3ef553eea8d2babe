#include "wire/mac.h"

#include "wire/text.h"

#include <string.h>

void wire_mac_format(const uint8_t mac[static WIRE_MAC_BYTES], char text[static WIRE_MAC_CHARS + 1])
{
	WireText line;

	wire_text_begin(&line, text, WIRE_MAC_CHARS + 1);
	for (size_t i = 0; i < WIRE_MAC_BYTES; i++) {
		if (i > 0)
			wire_text_add(&line, ":");
		wire_text_add_hex(&line, &mac[i], 1);
	}
	wire_text_end(&line);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool wire_mac_parse(const char *text, size_t size_bytes, uint8_t mac[static WIRE_MAC_BYTES])
{
	uint8_t read[WIRE_MAC_BYTES];

	while (size_bytes > 0 && (text[size_bytes - 1] == '\n' || text[size_bytes - 1] == '\r'))
		size_bytes--;
	if (size_bytes != WIRE_MAC_CHARS)
		return false;
	for (size_t i = 0; i < WIRE_MAC_BYTES; i++) {
		int high = hex_digit(text[3 * i]);
		int low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < WIRE_MAC_BYTES && text[3 * i + 2] != ':'))
			return false;
		read[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, read, sizeof(read));
	return true;
}

void wire_mac_make_local(uint8_t mac[static WIRE_MAC_BYTES])
{
	mac[0] = (uint8_t)((mac[0] | 0x02) & 0xfe);
}
