/* wire/command.h — fleet/1/<device>/cmd and …/ack: what the server asks of a device and what it
 * answers. Portable C, no allocation.
 *
 *     cmd {"id","do":"reboot"|"identify"|"report"|"config"}      ack {"id","ok","msg"} */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	WIRE_COMMAND_MAX_BYTES = 512, /* a larger payload is refused unread */
	WIRE_COMMAND_ID_MAX = 64,     /* 1 … 64 bytes of [A-Za-z0-9._:-] */
	WIRE_COMMAND_NAME_MAX = 31,
	WIRE_ACK_MESSAGE_MAX = 159,
};

typedef enum {
	WIRE_DO_REBOOT,   /* stop cleanly, restart */
	WIRE_DO_IDENTIFY, /* show which one you are: a light, a log line */
	WIRE_DO_REPORT,   /* publish info and all values now */
	WIRE_DO_CONFIG,   /* fetch a new configuration */
	WIRE_DO_UNKNOWN,  /* a word that this version does not know; the device says so */
} WireDo;

typedef struct {
	char id[WIRE_COMMAND_ID_MAX + 1];
	WireDo action;
} WireCommand;

typedef struct {
	char id[WIRE_COMMAND_ID_MAX + 1];
	bool ok;
	char message[WIRE_ACK_MESSAGE_MAX + 1]; /* a sentence; "" where ok says it all */
} WireAck;

/* The word of an action ("reboot"), or NULL for WIRE_DO_UNKNOWN. */
const char *wire_do_name(WireDo action);

/* Write a payload; return its length, or 0 if it does not fit or the id is not one. */
size_t wire_command_encode(const WireCommand *command, char *out, size_t size_bytes);
size_t wire_ack_encode(const WireAck *ack, char *out, size_t size_bytes);

/* Read a payload. Unknown fields are skipped; FALSE, output untouched, for anything that is not a
 * command or an answer. */
bool wire_command_decode(const char *payload, size_t size_bytes, WireCommand *command);
bool wire_ack_decode(const char *payload, size_t size_bytes, WireAck *ack);
