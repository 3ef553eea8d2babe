/* wire/mac.h — a MAC address as text, "02:00:5e:10:00:01": in info, and as the one line of a host
 * device's FLASH_FILE.efuse (0600). Portable C, no allocation. */
#pragma once

#include "wire/info.h"

enum {
	WIRE_MAC_BYTES = 6,
};

/* Writes lower-case text. */
void wire_mac_format(const uint8_t mac[static WIRE_MAC_BYTES],
		     char text[static WIRE_MAC_CHARS + 1]);

/* Reads such text, either case, with line breaks after it allowed. FALSE, `mac` untouched, for
 * anything else. */
bool wire_mac_parse(const char *text, size_t size_bytes, uint8_t mac[static WIRE_MAC_BYTES]);

/* Makes six random bytes a locally administered unicast address, as one made up must be. */
void wire_mac_make_local(uint8_t mac[static WIRE_MAC_BYTES]);
