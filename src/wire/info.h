/* wire/info.h — fleet/1/<device>/info: what a device says about itself at each connect and change.
 * Portable C, no allocation.
 *
 *     {"v":1,"fw":{"ver","sha256","slot"},"cfg":"<hex>","chip","rev","mac","heap","rssi","ip",
 *      "reset","boots","up"} */
#pragma once

#include "wire/nvs_names.h"

enum {
	WIRE_INFO_VERSION = 1,
	WIRE_INFO_MAX_BYTES = 1024,     /* a larger payload is refused unread */
	WIRE_FIRMWARE_VERSION_MAX = 32, /* of an app description */
	WIRE_SHA256_HEX = 64,
	WIRE_LABEL_MAX = 16, /* of a partition */
	WIRE_CHIP_MAX = 15,
	WIRE_MAC_CHARS = 17,     /* "02:00:5e:10:00:01" */
	WIRE_ADDRESS_CHARS = 45, /* IPv6 in full */
	WIRE_RESET_MAX = 15,
};

/* Why a device started, the words of `reset`. */
#define WIRE_RESET_POWER_ON "power-on"
#define WIRE_RESET_SOFTWARE "software" /* it restarted itself: a command, an update */
#define WIRE_RESET_PANIC "panic"       /* the program died */
#define WIRE_RESET_WATCHDOG "watchdog"
#define WIRE_RESET_BROWNOUT "brownout"
#define WIRE_RESET_UNKNOWN "unknown"

/* A missing text is ""; a missing number is 0. */
typedef struct {
	char firmware_version[WIRE_FIRMWARE_VERSION_MAX + 1];
	char firmware_sha256[WIRE_SHA256_HEX + 1];   /* of app.bin: the firmware's digest */
	char slot[WIRE_LABEL_MAX + 1];               /* "ota_0" */
	char config[WIRE_CONFIG_HASH_BYTES * 2 + 1]; /* the inputs' hash that it runs, hex */
	char chip[WIRE_CHIP_MAX + 1];
	uint32_t revision; /* major * 100 + minor */
	char mac[WIRE_MAC_CHARS + 1];
	uint32_t heap_bytes; /* free; 0 = not known (host) */
	int32_t rssi_dbm;    /* 0 = no radio (host) */
	char ip[WIRE_ADDRESS_CHARS + 1];
	char reset[WIRE_RESET_MAX + 1];
	uint32_t boots;
	uint64_t uptime_s;
} WireInfo;

/* Writes the payload; returns its length, or 0 if it does not fit. */
size_t wire_info_encode(const WireInfo *info, char *out, size_t size_bytes);

/* Reads a payload. Unknown fields are skipped; a field of a wrong type, too long or out of range
 * makes the whole invalid: FALSE, `info` untouched. `v` must be WIRE_INFO_VERSION. */
bool wire_info_decode(const char *payload, size_t size_bytes, WireInfo *info);
