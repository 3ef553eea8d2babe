/* wire/nvs_names.h — the NVS vocabulary of a device's configuration (partition cfg_N) and of its
 * own partition `nvs`. Portable C, no allocation.
 *
 * The model room writes these keys, the firmware reads them; nobody spells one out elsewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Partitions. A table without cfg_0 has its configuration in the partition `nvs`. */
#define WIRE_PARTITION_CONFIG_0 "cfg_0"
#define WIRE_PARTITION_CONFIG_1 "cfg_1"
#define WIRE_PARTITION_OWN "nvs"

/* Namespace `espalier`: identity. */
#define WIRE_NVS_ESPALIER "espalier"
#define WIRE_NVS_ESPALIER_NAME "name"       /* string: metadata.name of the Device */
#define WIRE_NVS_ESPALIER_CLASS "class"     /* string */
#define WIRE_NVS_ESPALIER_CLUSTER "cluster" /* string */
#define WIRE_NVS_ESPALIER_NAMESPACE "ns"    /* string: the Kubernetes namespace */
#define WIRE_NVS_ESPALIER_CONFIG "cfg"      /* blob of WIRE_CONFIG_HASH_BYTES: hash of the inputs */
#define WIRE_NVS_ESPALIER_LAYOUT "layout"   /* u8 = WIRE_NVS_LAYOUT */

/* Namespace `mqtt`: the broker. */
#define WIRE_NVS_MQTT "mqtt"
#define WIRE_NVS_MQTT_HOST "host"           /* string */
#define WIRE_NVS_MQTT_PORT "port"           /* u16 */
#define WIRE_NVS_MQTT_TLS "tls"             /* u8: 1 = TLS */
#define WIRE_NVS_MQTT_CA "ca"               /* string: PEM, one or more certificates */
#define WIRE_NVS_MQTT_USER "user"           /* string */
#define WIRE_NVS_MQTT_PASSWORD "pass"       /* string */
#define WIRE_NVS_MQTT_CONVENTION "conv"     /* string: WIRE_CONVENTION_* */
#define WIRE_NVS_MQTT_ROOT "root"           /* string: root topic */
#define WIRE_NVS_MQTT_KEEPALIVE "keepalive" /* u16: seconds */

/* Namespace `ota`: updates. */
#define WIRE_NVS_OTA "ota"
#define WIRE_NVS_OTA_URL "url"         /* string */
#define WIRE_NVS_OTA_KEY "key"         /* blob: P-256 public key, uncompressed, 65 bytes */
#define WIRE_NVS_OTA_KEY_ID "kid"      /* string */
#define WIRE_NVS_OTA_CONFIRM "confirm" /* u16: seconds */
#define WIRE_NVS_OTA_VIA "via"         /* string */

/* Namespace `sensors`: keys s0 … s15, each a string that wire/sensors.h reads. */
#define WIRE_NVS_SENSORS "sensors"

/* Namespace `time`: the clock. */
#define WIRE_NVS_TIME "time"
#define WIRE_NVS_TIME_ZONE "tz" /* string: POSIX TZ */
#define WIRE_NVS_TIME_NTP_0 "ntp0"
#define WIRE_NVS_TIME_NTP_1 "ntp1"
#define WIRE_NVS_TIME_NTP_2 "ntp2"

/* Namespaces of people that the firmware knows. */
#define WIRE_NVS_WIFI "wifi"
#define WIRE_NVS_MODEM "modem"
#define WIRE_NVS_SETTINGS "settings"

/* The device's own partition, namespace `espalier`. */
#define WIRE_NVS_OWN_BOOTS "boots" /* u32: times it was switched on or restarted */
#define WIRE_NVS_OWN_RESTART                                                                       \
	"restart" /* u32: wire_hash of the command id that restarted it last                       \
		   */

/* Values of mqtt/conv. */
#define WIRE_CONVENTION_HOMIE5 "homie5"
#define WIRE_CONVENTION_HOMIE4 "homie4"
#define WIRE_CONVENTION_TASMOTA "tasmota"
#define WIRE_CONVENTION_SPARKPLUG_B "sparkplugb"
#define WIRE_CONVENTION_PLAIN "plain"

enum {
	WIRE_NVS_LAYOUT = 1,
	WIRE_NVS_NAME_MAX = 15, /* bytes of a namespace or key */
	WIRE_NVS_SENSORS_MAX = 16,
	WIRE_CONFIG_HASH_BYTES = 32,
	WIRE_DEVICE_NAME_MAX = 52,
	WIRE_MQTT_PORT_DEFAULT = 8883,
	WIRE_MQTT_KEEPALIVE_DEFAULT_S = 60,
};

/* Position of `space` in the order in which namespaces are laid out (espalier, mqtt, ota, sensors,
 * time, wifi, modem, settings), or -1 for any other, which come after these, bytewise. */
int wire_nvs_space_order(const char *space);

/* TRUE for the namespaces that people may not set: Espalier's own (espalier, mqtt, ota, sensors,
 * time) and ESP-IDF's (nvs.net80211, phy, misc). */
bool wire_nvs_space_is_reserved(const char *space);

/* Writes the key of sensor `index` ("s0" … "s15"). FALSE from WIRE_NVS_SENSORS_MAX on. */
bool wire_nvs_sensor_key(unsigned index, char key[static WIRE_NVS_NAME_MAX + 1]);
