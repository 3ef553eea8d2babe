/* controllers/reach.h — who is reached when a thing changes: events of the caches and of the fleet
 * become keys in the queues. Of this room only. */
#pragma once

#include "controllers/world.h"

/* Sets up the indexes and handlers of all caches. Before they start. */
void reach_connect(World *world);

/* Callbacks of the fleet; user_data is the World. */
void reach_device_heard(Fleet *fleet, const char *cluster, const char *device, FleetChange what,
			gpointer world);
void reach_session_changed(Fleet *fleet, const char *cluster, const FleetSessionStatus *status,
			   gpointer world);
