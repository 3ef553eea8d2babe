#include "wire/homie5.h"
#include "wire/mac.h"
#include "wire/text.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Short words from a broker or a file: MAC addresses, Homie states, ids; and any text as a JSON
 * string in a buffer that may be too small (its size is the first byte). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *string = NULL;
	char buffer[UINT8_MAX + 1], printed[WIRE_MAC_CHARS + 1];
	uint8_t mac[WIRE_MAC_BYTES], same[WIRE_MAC_BYTES];
	WireHomie5State state;
	WireText text;
	size_t length;

	if (size == 0)
		return 0;
	string = g_strndup((const char *)data + 1, size - 1);
	if (wire_mac_parse((const char *)data, size, mac)) {
		wire_mac_format(mac, printed);
		g_assert(wire_mac_parse(printed, strlen(printed), same));
		g_assert(memcmp(mac, same, sizeof mac) == 0);
	}
	if (wire_homie5_state_parse((const char *)data, size, &state))
		g_assert(strlen(wire_homie5_state_name(state)) == size);
	if (wire_is_id(string, WIRE_DEVICE_NAME_MAX))
		g_assert(strlen(string) <= WIRE_DEVICE_NAME_MAX);
	wire_text_begin(&text, buffer, (size_t)data[0] + 1);
	wire_text_add_json_string(&text, string);
	length = wire_text_end(&text);
	g_assert(length == strlen(buffer) && length <= data[0]);
	return 0;
}
