/* cmd/control_plane.h — everything that `espalier up` runs, in one object: broker, store, API,
 * artefact server, controllers. Started in that order, stopped in the reverse. One thread uses it.
 */
#pragma once

#include "cmd/data_folder.h"

#include <glib.h>

typedef struct {
	const char *folder;         /* --data, absolute */
	const char *address;        /* --listen: what is listened on, and what devices are told */
	const char *artefacts_root; /* NULL: FOLDER/artefacts */
	CmdPortWishes ports;
} ControlPlaneOptions;

typedef struct ControlPlane ControlPlane;

/* Makes or takes the folder, and starts everything. Yours, or NULL; BASE_ERROR_BUSY with `used` set
 * TRUE if another process has the folder. What had been started is stopped again. */
ControlPlane *control_plane_start(const ControlPlaneOptions *options, gboolean *used,
				  GError **error);

/* Stops cleanly and frees. NULL is nothing. */
void control_plane_free(ControlPlane *plane);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlPlane, control_plane_free)

/* Issues new leaf certificates where the old ones are near their end, and shows them from the next
 * connection on. Call it every hour. FALSE leaves the old ones in place. */
gboolean control_plane_renew(ControlPlane *plane, GError **error);

/* How long the start took, and how much of that the broker. */
typedef struct {
	gint64 total_us;
	gint64 broker_us;
} ControlPlaneTimes;
ControlPlaneTimes control_plane_times(const ControlPlane *plane);

/* Borrowed. */
const CmdPorts *control_plane_ports(const ControlPlane *plane);
const char *control_plane_kubeconfig(const ControlPlane *plane); /* path of the administrator's */
