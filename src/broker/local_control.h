/* broker/local_control.h — our own connection to mosquitto over its unix socket: just enough MQTT
 * 3.1.1 to log in and to ping. One thread at a time. */
#pragma once

#include <glib.h>

typedef struct LocalControl LocalControl;

/* Connects to `folder`/control.sock. Returns it, yours, or NULL with BROKER_ERROR_UNAVAILABLE (not
 * there yet, no answer within `timeout_us`) or BROKER_ERROR_INVALID (refused: not our mosquitto).
 */
LocalControl *local_control_connect(const char *folder, const char *user, const char *password,
				    gint64 timeout_us, GError **error);

/* A ping and its answer. BROKER_ERROR_UNAVAILABLE if there is none in time. */
gboolean local_control_ping(LocalControl *control, gint64 timeout_us, GError **error);

void local_control_free(LocalControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LocalControl, local_control_free)
