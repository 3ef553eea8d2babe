/* ports/posix/mqtt.h — the MQTT calls of core/port.h over libmosquitto, without a thread: the port
 * waits on posix_mqtt_fd and lets posix_mqtt_work do what is ready. */
#pragma once

#include "core/port.h"

#include <glib.h>

/* An event for the core, with texts of its own. */
typedef struct {
	CoreEvent event;
	char *text;
	char *topic;
	char *payload;
} PosixEvent;
void posix_event_free(PosixEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosixEvent, posix_event_free)

typedef struct PosixMqtt PosixMqtt;

/* Events are pushed to `events` (PosixEvent), which is borrowed. Yours. */
PosixMqtt *posix_mqtt_new(GQueue *events);
void posix_mqtt_free(PosixMqtt *mqtt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosixMqtt, posix_mqtt_free)

/* As core/port.h says. */
bool posix_mqtt_connect(PosixMqtt *mqtt, const CoreLogin *login);
uint32_t posix_mqtt_publish(PosixMqtt *mqtt, const char *topic, const char *payload,
			    size_t payload_bytes, bool retain);
uint32_t posix_mqtt_subscribe(PosixMqtt *mqtt, const char *topic);
void posix_mqtt_disconnect(PosixMqtt *mqtt, bool clean);

/* The socket to wait on and for what (POLLIN, POLLOUT), or -1 without a connection. */
int posix_mqtt_fd(PosixMqtt *mqtt, short *poll_events);

/* Reads, writes and keeps alive; `poll_events` is what the socket is ready for. To be called at
 * least every posix_mqtt_wait_ms. */
void posix_mqtt_work(PosixMqtt *mqtt, short poll_events);
int posix_mqtt_wait_ms(const PosixMqtt *mqtt);

/* Our address on the connection; FALSE without one. */
bool posix_mqtt_address(PosixMqtt *mqtt, char *out, size_t size_bytes);
