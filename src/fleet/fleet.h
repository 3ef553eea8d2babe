/* fleet/fleet.h — the server's ear and mouth on MQTT: what devices say about themselves, and what
 * is said to them. One MQTT session for each DeviceCluster, all on one thread of this room.
 *
 * A cluster is named by a key, "namespace/name"; a device by its name within it. Every function may
 * be called from any thread and copies what it is given; callbacks run on the room's thread, must
 * be quick, and may call any function here that does not wait.
 *
 * What is heard. The session subscribes <root>/5/# and fleet/1/# at QoS 0 (with a clean session a
 * higher one would add nothing: what matters is retained and heard again at each connect). Presence
 * is Homie's own `$state`, never a guess. When a session is established again, what is retained at
 * the broker is the truth; a device that then has no `$state` at all (the broker lost it) has
 * FLEET_RETURN_GRACE_MS to come back before it counts as lost, so that a broker's restart is not a
 * fleet's. While a session is down, what was last heard stands; ask fleet_session_status.
 *
 * TLS: each session has its own SSL_CTX, which holds its cluster's CA and host name (libmosquitto
 * 2.0.11 takes one by MOSQ_OPT_SSL_CTX, but clusters have different authorities, so none is
 * shared). */
#pragma once

#include <glib.h>

#include "wire/command.h"
#include "wire/info.h"

#define FLEET_ERROR (fleet_error_quark())
GQuark fleet_error_quark(void);

typedef enum {
	FLEET_ERROR_INVALID,    /* a key, device, topic or CA that is none */
	FLEET_ERROR_NO_SESSION, /* no such cluster, or its session is down */
	FLEET_ERROR_TIMEOUT,    /* no answer in time */
	FLEET_ERROR_LIMIT,      /* a named limit below */
} FleetError;

enum {
	FLEET_SESSIONS_MAX = 64,
	FLEET_DEVICES_MAX = 100 * 1000, /* declared devices of all clusters */
	FLEET_STRANGERS_MAX = 256,      /* heard of, but not declared, in one cluster */
	FLEET_COMMANDS_MAX = 1024,      /* waiting for their answer */
	FLEET_RETAINED_MAX = 1024,      /* topics of one device that fleet_clear_retained clears */
	FLEET_KEY_MAX = 320,
	FLEET_REASON_MAX = 159,
	FLEET_RETURN_GRACE_MS = 10 * 1000,
	FLEET_BACKOFF_MIN_MS = 100, /* before the first reconnect; doubles, jittered */
	FLEET_BACKOFF_MAX_MS = 15 * 1000,
	FLEET_KEEPALIVE_S = 30,
	FLEET_LAST_SEEN_STEP_MS = 5 * 1000, /* FLEET_CHANGED_SEEN of one device at most so often */
};

typedef struct Fleet Fleet;

/* What is known of a device's own session. */
typedef enum {
	FLEET_PRESENCE_UNKNOWN,      /* it never said anything */
	FLEET_PRESENCE_CONNECTING,   /* init: starting up or reconfiguring */
	FLEET_PRESENCE_READY,        /* ready */
	FLEET_PRESENCE_SLEEPING,     /* sleeping: will be back by itself; counts as connected */
	FLEET_PRESENCE_DISCONNECTED, /* disconnected: it said good-bye */
	FLEET_PRESENCE_LOST,         /* lost: the broker published its will, or lost its state */
} FleetPresence;

/* "Ready", "Connecting", …: CamelCase, the reason of the condition Connected. */
const char *fleet_presence_name(FleetPresence presence);

/* A copy of what is known. */
typedef struct {
	FleetPresence presence;
	gboolean connected;       /* ready or sleeping; with init it is what it was before */
	gboolean has_info;        /* `info` was heard */
	WireInfo info;            /* the last valid one */
	gint64 info_wall_us;      /* when it was last heard live; 0 = only as a retained message */
	gint64 last_seen_wall_us; /* last live message of any kind; 0 = never since this start */
	gint64 presence_wall_us;  /* when `presence` last changed, as heard */
	gint64 heard_us; /* monotonic, for durations: last_seen, else presence_wall; 0 = neither */
} FleetDevice;

/* What changed (bits). */
typedef enum {
	FLEET_CHANGED_PRESENCE = 1 << 0,
	FLEET_CHANGED_INFO = 1 << 1, /* a field that matters: not heap, rssi or uptime alone */
	FLEET_CHANGED_SEEN = 1 << 2, /* last_seen or such a field, at most every
					FLEET_LAST_SEEN_STEP_MS */
} FleetChange;

typedef struct {
	gboolean up;          /* connected, subscribed, and all that is retained was heard */
	gint64 since_wall_us; /* when `up` last changed */
	guint connects;       /* times that it was established */
	gsize devices;        /* declared */
	gsize online;         /* of these, connected */
	char reason[FLEET_REASON_MAX + 1]; /* why it is down; "" while up */
} FleetSessionStatus;

typedef struct {
	/* A device, declared or not, changed. Not called for what says the same again. */
	void (*device_changed)(Fleet *fleet, const char *cluster, const char *device,
			       FleetChange what, gpointer user_data);
	/* A session went up or down. */
	void (*session_changed)(Fleet *fleet, const char *cluster, const FleetSessionStatus *status,
				gpointer user_data);
	gpointer user_data;
} FleetCallbacks;

/* Where and as whom a session connects. */
typedef struct {
	const char *host;
	guint16 port;
	const char *ca_pem; /* PEM, one or more certificates; NULL = no TLS (tests alone) */
	const char *user;
	const char *password;
	const char *root; /* Homie 5 root topic */
} FleetSessionOptions;

/* Starts the thread. Callbacks are copied. Yours, or NULL with FLEET_ERROR_INVALID. */
Fleet *fleet_new(const FleetCallbacks *callbacks, GError **error);
/* Disconnects all sessions, ends the thread and frees; waiting callers get FLEET_ERROR_NO_SESSION.
 * NULL is nothing. */
void fleet_free(Fleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fleet, fleet_free)

/* Makes sure that the cluster has a session with these options; other options than before replace
 * the connection, the devices stay. Does not wait for the broker. FLEET_ERROR_INVALID, _LIMIT. */
gboolean fleet_session_ensure(Fleet *fleet, const char *cluster, const FleetSessionOptions *options,
			      GError **error);
/* Ends the session and forgets its devices. Fine if there is none. */
void fleet_session_remove(Fleet *fleet, const char *cluster);
/* FALSE, `out` untouched, if the cluster has no session. */
gboolean fleet_session_status(Fleet *fleet, const char *cluster, FleetSessionStatus *out);
/* The broker is said to be back (or changed): connect now instead of after the back-off. */
void fleet_session_kick(Fleet *fleet, const char *cluster);

/* Declares a device as ours; what was heard of it before counts. FLEET_ERROR_INVALID, _LIMIT,
 * _NO_SESSION (no such cluster). */
gboolean fleet_device_declare(Fleet *fleet, const char *cluster, const char *device,
			      GError **error);
/* The device's own session was ended from our side: its user was removed, or has another password.
 * mosquitto publishes no will of whom it disconnects at a reload, so the server says `lost` in its
 * place, if the device counts as connected; device_changed tells it as usual. Fine if it does not.
 * FLEET_ERROR_NO_SESSION: call again when the session is up. */
gboolean fleet_device_ended(Fleet *fleet, const char *cluster, const char *device, GError **error);
/* Forgets it. */
void fleet_device_forget(Fleet *fleet, const char *cluster, const char *device);
/* FALSE, `out` untouched, if nothing was ever heard of the device and it is not declared. */
gboolean fleet_device_get(Fleet *fleet, const char *cluster, const char *device, FleetDevice *out);

/* What became of a command; `ack` is borrowed, NULL with an error (FLEET_ERROR_TIMEOUT,
 * _NO_SESSION). */
typedef void (*FleetCommandDone)(const WireAck *ack, const GError *error, gpointer user_data);

/* Sends a command with an id of its own. `done` (may be NULL) is called once, on the room's thread,
 * unless this returns FALSE (FLEET_ERROR_NO_SESSION, _INVALID, _LIMIT). */
gboolean fleet_command(Fleet *fleet, const char *cluster, const char *device, WireDo action,
		       gint64 timeout_us, FleetCommandDone done, gpointer user_data,
		       GError **error);

/* Clears everything that is retained below the device's own topics, and forgets the device. Waits
 * until the broker has done so, at most `timeout_us`: not from a callback. Do it after the device's
 * user was removed, or it publishes anew. FLEET_ERROR_NO_SESSION, _TIMEOUT, _LIMIT (more than
 * FLEET_RETAINED_MAX topics: those were cleared, call again). */
gboolean fleet_clear_retained(Fleet *fleet, const char *cluster, const char *device,
			      gint64 timeout_us, GError **error);
