/* wire/homie5.h — the Homie 5.0 convention (homieiot/convention v5.0.0): device states and the
 * `$description` document. Portable C, no allocation. Topics are in wire/topics.h. */
#pragma once

#include "wire/sensors.h"

#define WIRE_HOMIE5_ROOT_DEFAULT "homie"
#define WIRE_HOMIE5_STATE "$state"
#define WIRE_HOMIE5_DESCRIPTION "$description"

enum {
	WIRE_HOMIE5_DESCRIPTION_MAX = 8 * 1024, /* WIRE_NVS_SENSORS_MAX sensors fit */
};

typedef enum {
	WIRE_HOMIE5_INIT,
	WIRE_HOMIE5_READY,
	WIRE_HOMIE5_DISCONNECTED,
	WIRE_HOMIE5_SLEEPING,
	WIRE_HOMIE5_LOST, /* only the broker says this: the will */
} WireHomie5State;

/* The word of a state. */
const char *wire_homie5_state_name(WireHomie5State state);
/* Reads a `$state` payload. FALSE, `state` untouched, for any other word (empty: device removed).
 */
bool wire_homie5_state_parse(const char *payload, size_t size_bytes, WireHomie5State *state);

/* Writes the description of a device with `sensors`, each a node with its driver's measures as
 * properties. Its `version` is wire_hash of the document without version, so it changes exactly
 * when the document does. Sensors whose driver the catalogue lacks are left out. Returns the
 * length, or 0 if it does not fit. */
size_t wire_homie5_description(const char *device, const WireSensor *sensors, size_t n_sensors,
			       char *out, size_t size_bytes);
