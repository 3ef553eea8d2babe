/* controllers/device_round.h — one reconcile of one Device and its parts. Of this room only. */
#pragma once

#include "controllers/world.h"

/* What a part of the round came to. */
typedef enum {
	STEP_DONE,
	STEP_BLOCKED, /* a condition says why; the parts after it that need it are left out */
	STEP_FAULT,   /* `error` is set: tried again after the back-off */
} DeviceStep;

/* Everything is the round's own. */
typedef struct {
	World *world;
	const char *key; /* borrowed, "namespace/name" */
	json_t *object;
	ModelDevice *device;
	ModelDeviceClass *class;     /* NULL: not there */
	ModelDeviceCluster *cluster; /* NULL: not there */
	char *cluster_key;
	json_t *before;       /* the status as it was read */
	json_t *status;       /* the status to be */
	char *password;       /* secret; of the device at the broker */
	gboolean minted;      /* the password is new in this round */
	BrokerPending *login; /* the broker is being told the password; NULL: it is not */
	json_t *secret;       /* its Secret as read, once written its metadata; NULL: to be made */
	char *inputs_hash;
	gint64 again_us; /* 0, or when to look again */
} DeviceRound;

/* Sets a condition of the device with its generation. Returns STEP_BLOCKED, for convenience. */
DeviceStep device_block(DeviceRound *round, const char *condition, const char *reason,
			const char *format, ...) G_GNUC_PRINTF(4, 5);
void device_pass(DeviceRound *round, const char *condition, const char *reason, const char *format,
		 ...) G_GNUC_PRINTF(4, 5);
void device_tell(DeviceRound *round, KubeEventType type, const char *reason, const char *format,
		 ...) G_GNUC_PRINTF(4, 5);

/* TRUE if the condition had that reason before this round: an event for it was told already. */
gboolean device_had_reason(const DeviceRound *round, const char *condition, const char *reason);

/* TRUE if the local broker belongs to the device's cluster, so that names there are ours. */
gboolean device_cluster_has_broker(const DeviceRound *round);

/* TRUE if it is about to be, again: the cluster had it, and was not looked at since this process
 * started. The device comes again once it was. */
gboolean device_cluster_awaits_broker(const DeviceRound *round);

/* Reads the device's Secret, or mints a password for one (device_config.c). */
DeviceStep device_load_secret(DeviceRound *round, GError **error);
/* Plans, lays out and writes the configuration, and with it the Secret. */
DeviceStep device_ensure_config(DeviceRound *round, GError **error);
/* CredentialsReady: the broker knows the device, or no longer does (suspended). */
DeviceStep device_ensure_credentials(DeviceRound *round, GError **error);
/* Flashed, Connected, UpToDate and what the device says of itself (device_observed.c). */
void device_observe(DeviceRound *round);
/* What changes all the time is written only with something else, or every CONTROLLERS_LAST_SEEN_S.
 */
void device_observe_volatile(DeviceRound *round);
/* The device was of another cluster until now: it is nobody there any more (device_deletion.c). */
DeviceStep device_leave_former_cluster(DeviceRound *round, GError **error);
/* The end of a device (device_deletion.c). */
KubeResult device_finalise(DeviceRound *round);
