/* ports/posix/port.h — core/port.h for a host device: NVS out of the flash file, MQTT over
 * libmosquitto, the system's clocks, log lines on standard error. One thread. */
#pragma once

#include "core/port.h"
#include "ports/posix/flash.h"

#include <glib.h>

typedef struct PosixPort PosixPort;

/* `flash` is borrowed and outlives the port; `label` prefixes log lines. Yours, or NULL if the
 * configuration cannot be read. */
PosixPort *posix_port_new(const PosixFlash *flash, const CoreHardware *hardware, const char *label,
			  gboolean quiet, GError **error);
void posix_port_free(PosixPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PosixPort, posix_port_free)

/* For core_start. Borrowed. */
const CorePort *posix_port_functions(PosixPort *port);

/* Forgets the configuration, secrets included; to be called once the core has read it. */
void posix_port_forget_config(PosixPort *port);

/* Waits for at most `wait_ms` until there may be events; SIGTERM and SIGINT become CORE_EVENT_STOP.
 */
void posix_port_wait(PosixPort *port, guint32 wait_ms);

/* TRUE if the core asked for a restart. */
gboolean posix_port_restarts(const PosixPort *port);
