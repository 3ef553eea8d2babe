/* broker/local.h — Debian's mosquitto (2.x) as our child, on this machine, with TLS.
 *
 * Its folder holds mosquitto.conf, passwd, acl, claim, mosquitto.db (retained messages),
 * mosquitto.log (rotated), mosquitto.pid and control.sock; all 0600 in a folder of 0700. The caller
 * puts ca.crt, server.crt and server.key beside them before the start and calls
 * broker_reload_certificate when it has renewed them.
 *
 * Users. passwd holds PBKDF2 lines (SHA-512, 101 rounds, as mosquitto_passwd writes them), acl a
 * few `pattern` lines with %u for all devices and a section for each person. A change rewrites the
 * file whole (base/file.h) and sends SIGHUP; all changes that come while one is under way go
 * together into the next. mosquitto looks at a SIGHUP only when its poll returns, and reads files
 * after that, so we keep a connection of our own to it over control.sock: two pings in a row, each
 * answered, wake it and prove that it has read the files before the second answer. A user that
 * vanished or whose password changed is disconnected by that reload.
 *
 * Death. If mosquitto ends by itself it is started again on the same port, after 50 ms at first. A
 * clean end publishes the wills of all clients and keeps what is retained; after any other end the
 * retained messages on disk say `ready` for devices that may be gone, so they are dropped, and the
 * devices, which must connect anew, publish theirs again. mosquitto.pid, which mosquitto removes
 * when it ends cleanly, tells the two apart.
 *
 * A mosquitto left over from an earlier run (its pid in mosquitto.pid and our configuration's path
 * on its command line) is ended at start. */
#pragma once

#include "broker/broker.h"

enum {
	BROKER_LOCAL_START_MS = 10 * 1000,          /* until it must take connections */
	BROKER_LOCAL_ANSWER_MS = 5 * 1000,          /* until it must have read its files */
	BROKER_LOCAL_STOP_MS = 3 * 1000,            /* between SIGTERM and SIGKILL */
	BROKER_LOCAL_BACKOFF_MAX_MS = 30 * 1000,    /* between restarts that fail again */
	BROKER_LOCAL_HEALTHY_MS = 10 * 1000,        /* after so long a restart is a first one */
	BROKER_LOCAL_MAX_PACKET_BYTES = 256 * 1024, /* one MQTT packet of any client */
	BROKER_LOCAL_MAX_CONNECTIONS = 20 * 1000,
	BROKER_LOCAL_LOG_BYTES = 4 * 1024 * 1024, /* mosquitto.log, then .log.1 */
};

typedef struct {
	const char *folder;  /* absolute; made if missing */
	const char *address; /* numeric address to listen on, also the endpoint's host */
	guint16 port;        /* never 0 */
	const char *program; /* NULL = "mosquitto", looked for in PATH and the sbin folders */
	BrokerChanged on_change;
	gpointer on_change_data;
} BrokerLocalOptions;

/* Options are copied. Reads what is in the folder; starts nothing. Returns it, yours, or NULL with
 * BROKER_ERROR_INVALID or _IO. */
Broker *broker_local_new(const BrokerLocalOptions *options, GError **error);

/* The running mosquitto's process id, or 0. For tests and diagnosis. */
int broker_local_pid(Broker *broker);
