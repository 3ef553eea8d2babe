/* wire/topics.h — the topics of Espalier's own tree, fleet/1/<device>/…, and of Homie 5,
 * <root>/5/<device>/…: built and read in one place. Portable C, no allocation. */
#pragma once

#include "wire/nvs_names.h"

enum {
	WIRE_TOPIC_MAX = 255, /* bytes of a topic without NUL */
};

typedef enum {
	WIRE_FLEET_INFO,   /* device → server, QoS 1, retained: wire/info.h */
	WIRE_FLEET_CMD,    /* server → device, QoS 1: wire/command.h */
	WIRE_FLEET_ACK,    /* device → server, QoS 1: wire/command.h */
	WIRE_FLEET_ONLINE, /* convention Plain alone: "1", will "0" */
} WireFleetTopic;

/* Writes fleet/1/<device>/<topic>; `device` "+" makes the server's subscription. FALSE, and `out`
 * is
 * "", if it does not fit. */
bool wire_topic_fleet(char *out, size_t size_bytes, const char *device, WireFleetTopic topic);

/* Reads such a topic of one device. FALSE, outputs untouched, for any other topic. */
bool wire_topic_fleet_parse(const char *topic, char device[static WIRE_DEVICE_NAME_MAX + 1],
			    WireFleetTopic *kind);

/* Writes <root>/5/<device>/<rest>, for example rest "$state" or "climate/temperature"; `device` "+"
 * makes a subscription. FALSE, and `out` is "", if it does not fit. */
bool wire_topic_homie5(char *out, size_t size_bytes, const char *root, const char *device,
		       const char *rest);

/* Reads such a topic below `root`; `*rest` (borrowed, within `topic`) is what follows the device.
 * FALSE, outputs untouched, for any other topic. */
bool wire_topic_homie5_parse(const char *topic, const char *root,
			     char device[static WIRE_DEVICE_NAME_MAX + 1], const char **rest);
