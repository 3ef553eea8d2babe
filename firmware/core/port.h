/* core/port.h — the only door of the firmware's core to the outside: a struct of functions that
 * each port fills in (ports/posix, later ports/esp-idf). Portable C11, no allocation.
 *
 * Everything runs on one thread. Nothing here blocks for long; what takes time answers later with
 * an event, which the core polls. Texts handed in are borrowed for the call, texts in events until
 * the next poll. */
#pragma once

#include "wire/info.h"
#include "wire/mac.h"

typedef enum {
	CORE_LOG_ERROR,
	CORE_LOG_WARNING,
	CORE_LOG_INFO,
} CoreLogLevel;

/* What the device is, known at boot and not changing. */
typedef struct {
	char chip[WIRE_CHIP_MAX + 1];
	uint32_t revision; /* major * 100 + minor */
	uint8_t mac[WIRE_MAC_BYTES];
	char firmware_version[WIRE_FIRMWARE_VERSION_MAX + 1];
	char firmware_sha256[WIRE_SHA256_HEX + 1];
	char slot[WIRE_LABEL_MAX + 1];
	char reset[WIRE_RESET_MAX + 1]; /* WIRE_RESET_* */
} CoreHardware;

/* What may change from one moment to the next; 0 and "" = not known. */
typedef struct {
	char ip[WIRE_ADDRESS_CHARS + 1];
	int32_t rssi_dbm;
	uint32_t heap_bytes;
} CoreLink;

typedef struct {
	const char *host;
	uint16_t port;
	bool tls;
	const char *ca_pem; /* trusted for this connection, nothing else is; checked with the host's
			       name */
	const char *client_id;
	const char *user;
	const char *password;
	uint16_t keepalive_s;
	const char *will_topic; /* retained, QoS 1 */
	const char *will_payload;
} CoreLogin;

typedef enum {
	CORE_EVENT_NETWORK_UP,
	CORE_EVENT_NETWORK_DOWN,
	CORE_EVENT_CONNECTED,    /* MQTT: accepted */
	CORE_EVENT_REFUSED,      /* MQTT: the broker said no; the connection is gone */
	CORE_EVENT_DISCONNECTED, /* MQTT: lost, or never came to be; `text` says why */
	CORE_EVENT_PUBLISHED,    /* MQTT: the broker has message `message` */
	CORE_EVENT_SUBSCRIBED,   /* MQTT: answer to subscription `message` */
	CORE_EVENT_MESSAGE,      /* MQTT: `topic`, `payload` */
	CORE_EVENT_STOP,         /* the power switch: stop cleanly */
} CoreEventType;

typedef struct {
	CoreEventType type;
	uint32_t message;
	bool accepted;       /* SUBSCRIBED: granted */
	bool unauthorised;   /* REFUSED: user or password, not the broker's state */
	bool retained;       /* MESSAGE */
	const char *text;    /* REFUSED, DISCONNECTED: a few words for the log */
	const char *topic;   /* MESSAGE */
	const char *payload; /* MESSAGE; not NUL-terminated */
	size_t payload_bytes;
} CoreEvent;

typedef struct {
	void *context; /* first argument of all */

	/* Configuration: partition cfg_N, read only. FALSE, `out` untouched, if the key is missing,
	 * of another type or too long. A blob has exactly `size_bytes`. */
	bool (*config_string)(void *context, const char *space, const char *key, char *out,
			      size_t size_bytes);
	bool (*config_number)(void *context, const char *space, const char *key, uint64_t *out);
	bool (*config_blob)(void *context, const char *space, const char *key, uint8_t *out,
			    size_t size_bytes);
	/* The device's own partition, namespace espalier. `own_set` returns once it lasts. */
	bool (*own_get)(void *context, const char *key, uint32_t *out);
	bool (*own_set)(void *context, const char *key, uint32_t value);

	uint64_t (*monotonic_ms)(void *context);
	uint64_t (*wall_s)(void *context); /* since 1970; 0 = not known yet */
	uint32_t (*random)(void *context); /* all 32 bits */
	void (*hardware)(void *context, CoreHardware *out);
	void (*link)(void *context, CoreLink *out);

	/* Answers with NETWORK_UP, and NETWORK_DOWN and UP again as it goes and comes. */
	void (*network_start)(void *context);

	/* One connection at a time. FALSE: could not even begin; else CONNECTED, REFUSED or
	 * DISCONNECTED follows. */
	bool (*mqtt_connect)(void *context, const CoreLogin *login);
	/* Return the number that PUBLISHED or SUBSCRIBED will carry, 0 if it was not sent. QoS
	 * is 1. */
	uint32_t (*mqtt_publish)(void *context, const char *topic, const char *payload,
				 size_t payload_bytes, bool retain);
	uint32_t (*mqtt_subscribe)(void *context, const char *topic);
	/* Ends the connection: with a DISCONNECT (no will), or without (`clean` false: the broker
	 * publishes the will). No event of that connection comes afterwards. */
	void (*mqtt_disconnect)(void *context, bool clean);

	/* The next event, oldest first. FALSE if there is none. */
	bool (*poll_event)(void *context, CoreEvent *event);

	void (*identify)(void *context); /* blink, beep */
	/* The last call of a core that restarts: the port does it once the core has returned. */
	void (*reboot)(void *context, const char *reason);
	void (*log)(void *context, CoreLogLevel level, const char *line);
} CorePort;
