/* fleet/session.h — the session of one cluster: connects, subscribes, learns what is retained,
 * hears, sends, comes back. Driven by the fleet's thread; others only leave wishes under the mutex.
 */
#pragma once

#include "fleet/commands.h"
#include "fleet/table.h"

/* What all sessions share. */
typedef struct {
	Fleet *fleet;
	FleetCallbacks callbacks;
	GMutex mutex;
	GCond changed; /* a clear is done */
} FleetShared;

typedef struct FleetSession FleetSession;

/* Somebody waits until a device's retained topics are cleared. Two references: the waiter's and the
 * session's; fields are guarded by the mutex. */
typedef struct {
	int references;
	char device[WIRE_DEVICE_NAME_MAX + 1];
	GPtrArray *topics;
	gboolean too_many;
	gboolean clearing; /* else collecting */
	guint marker;      /* which ends this step */
	gboolean done;
	GError *error;
} FleetClear;

FleetClear *fleet_clear_new(const char *device);
/* With the mutex held. */
void fleet_clear_unref(FleetClear *clear);

/* With the mutex held, any thread. `options` are copied. */
FleetSession *fleet_session_new(FleetShared *shared, const char *cluster);
gboolean fleet_session_set_options(FleetSession *session, const FleetSessionOptions *options,
				   GError **error);
FleetTable *fleet_session_table(FleetSession *session);
void fleet_session_get_status(const FleetSession *session, FleetSessionStatus *out);
void fleet_session_hurry(FleetSession *session);
void fleet_session_add_command(FleetSession *session, FleetCommand *command);
void fleet_session_add_ended(FleetSession *session, const char *device);
void fleet_session_add_clear(FleetSession *session, FleetClear *clear);
/* It shall end: its thread frees it at the next turn. */
void fleet_session_retire(FleetSession *session);
gboolean fleet_session_is_retired(const FleetSession *session);

/* The thread, without the mutex. */

/* Does what is due; returns when something is due next (monotonic). */
gint64 fleet_session_turn(FleetSession *session);
/* For poll; -1 while there is no connection. */
int fleet_session_fd(FleetSession *session, short *events);
void fleet_session_serve(FleetSession *session, short events);
/* Fails what waits. */
void fleet_session_free(FleetSession *session);
