/* Commands as the device reads them, answers as the server does. */
#include "wire/command.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[6 * WIRE_COMMAND_MAX_BYTES];
	WireCommand command, same_command;
	WireAck ack, same_ack;
	size_t length;

	if (wire_command_decode((const char *)data, size, &command) &&
	    command.action != WIRE_DO_UNKNOWN) {
		length = wire_command_encode(&command, text, sizeof(text));
		if (!wire_command_decode(text, length, &same_command) ||
		    strcmp(command.id, same_command.id) != 0 ||
		    command.action != same_command.action)
			abort();
	}
	if (wire_ack_decode((const char *)data, size, &ack)) {
		length = wire_ack_encode(&ack, text, sizeof(text));
		if (length == 0)
			abort();
		if (length <= WIRE_COMMAND_MAX_BYTES &&
		    (!wire_ack_decode(text, length, &same_ack) ||
		     strcmp(ack.message, same_ack.message) != 0))
			abort();
	}
	return 0;
}
