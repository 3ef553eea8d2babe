/* broker/local_port.h — may mosquitto listen where it shall? Any thread. */
#pragma once

#include <glib.h>

/* FALSE with BROKER_ERROR_PORT_IN_USE if another program listens there, BROKER_ERROR_INVALID if
 * this machine has no such address or does not let us. */
gboolean local_port_check(const char *address, guint16 port, GError **error);
