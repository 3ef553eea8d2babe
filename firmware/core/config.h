/* core/config.h — the configuration partition as the core uses it. Portable C11, no allocation. */
#pragma once

#include "core/driver.h"
#include "core/port.h"
#include "wire/homie5.h"
#include "wire/text.h"
#include "wire/topics.h"

enum {
	CORE_CA_MAX = 3999, /* what an NVS string holds */
	CORE_HOST_MAX = 253,
	CORE_CREDENTIAL_MAX = 127,
	CORE_ROOT_MAX = 63,
	CORE_PROBLEM_MAX = 255,
	CORE_KEEPALIVE_MIN_S = 5,
};

typedef struct {
	WireSensor wire;
	const WireDriver *catalogue;
	const CoreDriver *driver;
	uint32_t seed;
	uint64_t due_ms;
} CoreSensor;

typedef struct {
	char name[WIRE_DEVICE_NAME_MAX + 1];
	char host[CORE_HOST_MAX + 1];
	uint16_t port;
	bool tls;
	char ca_pem[CORE_CA_MAX + 1];
	char user[CORE_CREDENTIAL_MAX + 1];
	char password[CORE_CREDENTIAL_MAX + 1];
	char root[CORE_ROOT_MAX + 1];
	uint16_t keepalive_s;
	char hash[WIRE_CONFIG_HASH_BYTES * 2 + 1]; /* hex; "" if the partition has none */
	size_t n_sensors;
	CoreSensor sensors[WIRE_NVS_SENSORS_MAX];
} CoreConfig;

/* Reads it. A sensor that cannot be used is left out with a warning to the log; FALSE, with a
 * sentence in `problem`, if the device cannot work at all. `mac` makes the sensors' seeds. */
bool core_config_read(CoreConfig *config, const CorePort *port,
		      const uint8_t mac[static WIRE_MAC_BYTES],
		      char problem[static CORE_PROBLEM_MAX + 1]);
