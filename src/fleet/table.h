/* fleet/table.h — what is known of the devices of one cluster, and what a message changes in it. No
 * I/O and no clock; not locked: the caller's mutex guards every call. */
#pragma once

#include "fleet/fleet.h"

typedef struct FleetTable FleetTable;

typedef struct {
	const char *topic;   /* NUL-terminated */
	const char *payload; /* `size_bytes` bytes, without NUL; NULL if there are none */
	gsize size_bytes;
	gboolean retained; /* the broker repeats what it kept; else somebody says it now */
} FleetMessage;

typedef struct {
	gint64 wall_us;
	gint64 monotonic_us;
} FleetNow;

/* What a message came to. */
typedef struct {
	char device[WIRE_DEVICE_NAME_MAX + 1]; /* "": of no device, or of one too many */
	FleetChange changed;                   /* 0 = nothing that anybody wants to know */
	gboolean has_ack;
	WireAck ack;
} FleetHeard;

FleetTable *fleet_table_new(const char *root);
void fleet_table_free(FleetTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FleetTable, fleet_table_free)
void fleet_table_set_root(FleetTable *table, const char *root);

/* Reads a message. Anything may come: what is not understood changes at most when the device was
 * last seen. */
void fleet_table_hear(FleetTable *table, const FleetMessage *message, const FleetNow *now,
		      FleetHeard *out);

/* A session begins: what is retained comes again. */
void fleet_table_begin(FleetTable *table);
/* It is complete, and who was to return has had the time: devices that counted as connected, but
 * have no state since fleet_table_begin, are lost. Returns their names, yours (g_strfreev). */
char **fleet_table_end(FleetTable *table, const FleetNow *now);

/* FALSE if there are FLEET_DEVICES_MAX declared ones, or `device` is no name of a device. */
gboolean fleet_table_declare(FleetTable *table, const char *device);
void fleet_table_forget(FleetTable *table, const char *device);
gboolean fleet_table_get(const FleetTable *table, const char *device, FleetDevice *out);

/* Declared devices, and those of them that are connected. */
gsize fleet_table_devices(const FleetTable *table);
gsize fleet_table_online(const FleetTable *table);
gsize fleet_table_strangers(const FleetTable *table);

/* The device whose topics `topic` is among. FALSE, `device` untouched, if there is none. */
gboolean fleet_table_device_of(const FleetTable *table, const char *topic,
			       char device[static WIRE_DEVICE_NAME_MAX + 1]);
