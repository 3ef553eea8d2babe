/* core/device.h — the device: one state machine, driven by the port's events and time. Portable
 * C11, no allocation, no thread of its own.
 *
 *     core_start → network up → connect → announce → online
 *                       ↑________ wait with back-off ______|      stop or reboot: → stopping →
 * stopped
 *
 * Announcing follows Homie 5: `$state` init, `$description`, all values, subscriptions, `$state`
 * ready; then fleet/1/<device>/info. The will is `$state` lost, so the broker tells when the device
 * falls silent. Whatever is lost on the way, a dropped connection begins again at connect. */
#pragma once

#include "core/backoff.h"
#include "core/config.h"
#include "core/history.h"

enum {
	CORE_IN_FLIGHT_MAX = 16,    /* messages that the broker has not yet acknowledged */
	CORE_ANSWERS_IN_FLIGHT = 8, /* more of them that only answers to commands may use */
	CORE_CONNECT_TIMEOUT_MS = 30 * 1000,
	CORE_ACK_TIMEOUT_MS =
		20 * 1000,          /* a broker that acknowledges nothing for so long is lost */
	CORE_STABLE_MS = 10 * 1000, /* online for so long ends the back-off */
	CORE_STOP_TIMEOUT_MS = 2 * 1000,
	CORE_PAYLOAD_MAX = WIRE_HOMIE5_DESCRIPTION_MAX,
};

typedef enum {
	CORE_HALTED,     /* the configuration is unusable; the log says why */
	CORE_NETWORK,    /* waits for the network */
	CORE_WAITING,    /* waits out the back-off */
	CORE_CONNECTING, /* waits for the broker's answer */
	CORE_ANNOUNCING,
	CORE_ONLINE,
	CORE_STOPPING, /* `$state` disconnected is on its way */
	CORE_STOPPED,
} CorePhase;

/* The steps of announcing, in order. */
typedef enum {
	CORE_STEP_INIT,
	CORE_STEP_DESCRIPTION,
	CORE_STEP_VALUES,
	CORE_STEP_SUBSCRIBE,
	CORE_STEP_READY, /* once everything before is acknowledged */
	CORE_STEP_INFO,
	CORE_STEP_DONE, /* once that is, too */
} CoreStep;

/* All private to core/ but for tests; the port makes room for one and hands it around. */
typedef struct {
	const CorePort *port;
	CoreHardware hardware;
	CoreConfig config;
	CoreBackoff backoff;
	CoreHistory history;
	CorePhase phase;
	CoreStep step;
	size_t step_sensor;
	bool network_was_up;
	bool restarts; /* after stopping */
	bool info_due;
	uint32_t boots;
	uint32_t in_flight;
	uint32_t subscription;
	uint64_t started_ms;
	uint64_t deadline_ms; /* of the phase: back-off, connect, stop */
	uint64_t ack_deadline_ms;
	uint64_t stable_ms;
	char topic[WIRE_TOPIC_MAX + 1];
	char will_topic[WIRE_TOPIC_MAX + 1];
	char payload[CORE_PAYLOAD_MAX + 1];
} CoreDevice;

/* Boots: counts the boot, reads the configuration, starts the network. `port` outlives `device`. */
void core_start(CoreDevice *device, const CorePort *port);

/* Handles all events and whatever time has come for. Returns after how many ms it wants to be
 * called again at the latest; earlier when there are events. */
uint32_t core_step(CoreDevice *device);

/* Longest wait that core_step asks for. */
enum { CORE_STEP_MAX_MS = 60 * 1000 };
