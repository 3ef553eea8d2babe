/* core/internal.h — what the files of the device's state machine share. Private to core/. */
#pragma once

#include "core/device.h"

uint64_t core_now_ms(const CoreDevice *device);

/* One log line out of parts:  core_log(device, CORE_LOG_INFO, "online at ", host); */
#define core_log(device, level, ...)                                                               \
	core_log_parts(device, level, (const char *const[]){__VA_ARGS__, NULL})
void core_log_parts(const CoreDevice *device, CoreLogLevel level, const char *const *parts);

/* device.c: the connection is useless: ends it without DISCONNECT and waits out the back-off. */
void core_abandon(CoreDevice *device, bool unauthorised, const char *why);
/* device.c: from now on only the stop is pursued. */
void core_stop(CoreDevice *device, bool restarts);

/* publish.c: each publishes one thing with QoS 1; FALSE if the port could not send, which abandons
 * the connection. */
bool core_publish(CoreDevice *device, const char *payload, size_t payload_bytes, bool retain);
bool core_publish_state(CoreDevice *device, WireHomie5State state);
bool core_publish_description(CoreDevice *device);
bool core_publish_info(CoreDevice *device);
bool core_publish_answer(CoreDevice *device, const WireAck *answer);
/* Reads the sensor and publishes all its measures; nothing if it does not answer. */
bool core_publish_sensor(CoreDevice *device, CoreSensor *sensor);
/* TRUE while `more` messages may go out. */
bool core_has_room(const CoreDevice *device, size_t more);

/* announce.c: from the start; then as far as acknowledgements allow. */
void core_announce_begin(CoreDevice *device);
void core_announce_continue(CoreDevice *device);

/* commands.c: a message on fleet/1/<device>/cmd. */
void core_handle_command(CoreDevice *device, const CoreEvent *event);
