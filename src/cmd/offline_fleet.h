/* cmd/offline_fleet.h — a fleet out of manifests alone: who belongs to whom, with no server. */
#pragma once

#include "cmd/manifest_check.h"
#include "model/plan.h"

/* What devices are told where their cluster does not say. */
typedef struct {
	const char *broker_host;
	guint16 broker_port;
	const char *broker_ca_pem; /* or NULL */
} CmdOfflineEndpoint;

typedef struct CmdOfflineFleet CmdOfflineFleet;

/* One device with all that its plan is made of. Borrowed from the fleet; parts that are missing
 * have been told as faults. */
typedef struct {
	const CmdManifest *manifest;
	ModelDevice *device;
	const ModelDeviceClass *device_class;
	const ModelDeviceCluster *cluster;
	GPtrArray *groups; /* of const ModelDeviceGroup * */
} CmdOfflineDevice;

/* Puts the checked manifests together. Devices whose class or cluster is missing, or that use a
 * field whose time has not come, are left out and told in `faults`. Yours; `good` must outlive it.
 */
CmdOfflineFleet *cmd_offline_fleet_new(const GPtrArray *good, GPtrArray *faults);
void cmd_offline_fleet_free(CmdOfflineFleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmdOfflineFleet, cmd_offline_fleet_free)

/* The devices (CmdOfflineDevice *), in the order of the manifests. Borrowed. */
const GPtrArray *cmd_offline_fleet_devices(const CmdOfflineFleet *fleet);

/* TRUE if the device is told `endpoint`, since its cluster names no other. */
gboolean cmd_offline_device_needs_endpoint(const CmdOfflineDevice *device);

/* The device's plan with these credentials. Yours, or NULL with MODEL_ERROR_* or BASE_ERROR_*. */
ModelPlan *cmd_offline_plan(const CmdOfflineFleet *fleet, const CmdOfflineDevice *device,
			    const CmdOfflineEndpoint *endpoint, const char *password,
			    GError **error);
