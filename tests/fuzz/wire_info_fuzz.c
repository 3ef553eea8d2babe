/* What a device says about itself, as the server reads it: what is read must write and read back
 * the same. */
#include "wire/info.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Every byte may need an escape of six. */
	char text[6 * WIRE_INFO_MAX_BYTES];
	WireInfo info, again;
	size_t length;

	if (!wire_info_decode((const char *)data, size, &info))
		return 0;
	length = wire_info_encode(&info, text, sizeof(text));
	if (length == 0 || length != strlen(text))
		abort();
	if (length <= WIRE_INFO_MAX_BYTES &&
	    (!wire_info_decode(text, length, &again) || memcmp(&info, &again, sizeof(info)) != 0))
		abort();
	return 0;
}
