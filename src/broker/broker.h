/* broker/broker.h — an MQTT broker and its users: one interface, a driver per kind of broker.
 *
 * A broker belongs to one owner (a DeviceCluster), which claims it together with the topics that
 * devices and people may use. Users are ensured and removed by name; what a user may do follows
 * from its role. Every function may be called from any thread; those that change users return when
 * the running broker obeys. Passwords are passed in, hashed and forgotten; they are never logged.
 *
 * Rights (design of the topics: wire/topics.h)
 *     device   reads and writes <root>/5/<itself>/…, writes fleet/1/<itself>/{info,ack,online},
 * reads …/cmd, both for …/ota/…, reads <root>/5/$broadcast/… reader   reads <root>/5/…, writes
 * nothing server   reads and writes <root>/… and fleet/1/… */
#pragma once

#include <glib.h>

#define BROKER_ERROR (broker_error_quark())
GQuark broker_error_quark(void);

typedef enum {
	BROKER_ERROR_INVALID,     /* a name, password or topic that no broker takes */
	BROKER_ERROR_CLAIMED,     /* the broker belongs to another owner; the message names it */
	BROKER_ERROR_PORT_IN_USE, /* another program listens on the port */
	BROKER_ERROR_MISSING,     /* the broker's program is not installed, or is too old */
	BROKER_ERROR_UNAVAILABLE, /* the broker is down or does not answer: try again later */
	BROKER_ERROR_IO,          /* its files cannot be written; the old ones are whole */
	BROKER_ERROR_LIMIT,       /* BROKER_USERS_MAX */
} BrokerError;

enum {
	BROKER_NAME_MAX = 128,     /* bytes of a user's name */
	BROKER_PASSWORD_MAX = 256, /* bytes */
	BROKER_ROOT_MAX = 64,      /* bytes of a root topic */
	BROKER_USERS_MAX = 100 * 1000,
	BROKER_VERSION_MAX = 31,
	BROKER_REASON_MAX = 255,
};

/* The server's own user; no Device and no person can have this name. */
#define BROKER_SERVER_USER ".espalier"

/* A user's role is in the shape of its name, so that nobody can take over another kind's name:
 * devices have no dot, people (<cluster>.<name>) have one inside, the server's begins with one. */
typedef enum {
	BROKER_ROLE_DEVICE,
	BROKER_ROLE_READER,
	BROKER_ROLE_SERVER,
} BrokerRole;

typedef struct {
	gboolean up;
	char version[BROKER_VERSION_MAX + 1]; /* "2.0.11"; "" if never known */
	gint64 since_wall_us;                 /* when `up` last changed */
	guint restarts;                       /* since start */
	char reason[BROKER_REASON_MAX + 1];   /* why it is down, a sentence; "" while up */
} BrokerStatus;

/* Where clients connect. Borrowed, lives as long as the broker. */
typedef struct {
	const char *host;
	guint16 port;
	const char *ca_pem;
} BrokerEndpoint;

typedef struct Broker Broker;

/* Tells what a change came to. `error` is borrowed, NULL = done. Called on a thread of the driver:
 * be quick, and do not call functions of the broker that wait. */
typedef void (*BrokerDone)(const GError *error, gpointer user_data);

/* Called at each change of `up`, on a thread of the driver: be quick; broker_status may be called.
 */
typedef void (*BrokerChanged)(Broker *broker, const BrokerStatus *status, gpointer user_data);

/* What a driver does; broker_* below call these. */
typedef struct {
	gboolean (*start)(Broker *broker, GError **error);
	void (*stop)(Broker *broker);
	void (*free)(Broker *broker);
	void (*claim)(Broker *broker, const char *owner, const char *root, BrokerDone done,
		      gpointer user_data);
	void (*release)(Broker *broker, const char *owner, BrokerDone done, gpointer user_data);
	void (*ensure_user)(Broker *broker, const char *name, const char *password, BrokerRole role,
			    BrokerDone done, gpointer user_data);
	void (*remove_user)(Broker *broker, const char *name, BrokerDone done, gpointer user_data);
	char *(*owner)(Broker *broker);
	char **(*list_users)(Broker *broker, GError **error);
	void (*reload_certificate)(Broker *broker, BrokerDone done, gpointer user_data);
	void (*status)(Broker *broker, BrokerStatus *out);
	BrokerEndpoint (*endpoint)(Broker *broker);
} BrokerDriver;

/* The first member of each driver's own struct. */
struct Broker {
	const BrokerDriver *driver;
	BrokerChanged on_change; /* set before start; may be NULL */
	gpointer on_change_data;
};

/* Starts or reaches the broker; returns when it takes clients. BROKER_ERROR_PORT_IN_USE, _MISSING,
 * _UNAVAILABLE, _IO. */
gboolean broker_start(Broker *broker, GError **error);
/* Stops it; clients' wills are published and what is retained is kept. */
void broker_stop(Broker *broker);
/* Stops and frees. NULL is nothing. */
void broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

/* Makes the broker `owner`'s ("namespace/cluster") with the Homie 5 root topic `root`; again with
 * another root to change it. A claim outlasts restarts. BROKER_ERROR_CLAIMED if another owner has
 * it, BROKER_ERROR_INVALID for a root with wildcards, '%' or '$', or empty. */
gboolean broker_claim(Broker *broker, const char *owner, const char *root, GError **error);
/* Gives it up. The owner's users stay until they are removed. Fine if `owner` does not have it. */
gboolean broker_release(Broker *broker, const char *owner, GError **error);
/* Who has claimed it, yours, or NULL if nobody. */
char *broker_owner(Broker *broker);
/* TRUE for a root topic that broker_claim takes; else FALSE with the reason. Pure. */
gboolean broker_root_check(const char *root, GError **error);
/* TRUE if `name` has the shape of `role`; else FALSE with BROKER_ERROR_INVALID. Pure. */
gboolean broker_name_check(const char *name, BrokerRole role, GError **error);

/* Makes sure that `name` exists with this password and role. If it was so already, nothing is
 * written; another password replaces the old one, and a connection made with the old one ends.
 * Returns when the running broker knows. BROKER_ERROR_INVALID, _LIMIT, _IO, _UNAVAILABLE: in the
 * last case the change is in the broker's files and holds as soon as it is back. */
gboolean broker_ensure_user(Broker *broker, const char *name, const char *password, BrokerRole role,
			    GError **error);
/* Removes the user and ends its connection; what it retained stays (fleet_clear_retained). Fine if
 * there is no such user. */
gboolean broker_remove_user(Broker *broker, const char *name, GError **error);

/* broker_ensure_user in two steps, for who has something else to do until the broker knows. */
typedef struct BrokerPending BrokerPending;
/* Yours, to be given to broker_finish. */
BrokerPending *broker_ensure_user_begin(Broker *broker, const char *name, const char *password,
					BrokerRole role);
/* Waits, frees it, and returns what broker_ensure_user would have. */
gboolean broker_finish(BrokerPending *pending, GError **error);

/* The same without waiting: many calls in a short time become one write. `done` (may be NULL) is
 * called once, possibly before these return. */
void broker_ensure_user_async(Broker *broker, const char *name, const char *password,
			      BrokerRole role, BrokerDone done, gpointer user_data);
void broker_remove_user_async(Broker *broker, const char *name, BrokerDone done,
			      gpointer user_data);

/* All users of the roles device and reader, sorted: for sweeping orphans. NULL-ended, yours
 * (g_strfreev). */
char **broker_list_users(Broker *broker, GError **error);

/* Its certificate or key file has changed: serve the new one to new connections. */
gboolean broker_reload_certificate(Broker *broker, GError **error);

void broker_status(Broker *broker, BrokerStatus *out);
BrokerEndpoint broker_endpoint(Broker *broker);
