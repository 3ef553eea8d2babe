/* model/kinds.h — the kinds by name, and every other name that more than one room writes: labels,
 * annotations, finalizers, condition types and reasons. */
#pragma once

#include <glib.h>

#define MODEL_GROUP "espalier.dev"
#define MODEL_VERSION "v1alpha1"
#define MODEL_API_VERSION MODEL_GROUP "/" MODEL_VERSION
#define MODEL_CATEGORY "espalier"

#define MODEL_KIND_DEVICE "Device"
#define MODEL_KIND_DEVICE_CLASS "DeviceClass"
#define MODEL_KIND_DEVICE_CLUSTER "DeviceCluster"
#define MODEL_KIND_DEVICE_GROUP "DeviceGroup"
#define MODEL_KIND_STORAGE "Storage"

/* One of our kinds. All are namespaced and have a status sub-resource. */
typedef struct {
	const char *kind;       /* "Device" */
	const char *list_kind;  /* "DeviceList" */
	const char *plural;     /* "devices" */
	const char *singular;   /* "device" */
	const char *short_name; /* "dev" */
	const char *crd_name;   /* "devices.espalier.dev" */
	const char *file_name;  /* the CRD's file in api/: "devices.yaml" */
} ModelKind;

/* All of them: Storage, DeviceCluster, DeviceClass, DeviceGroup, Device, which is the order in
 * which it is wise to create them. Borrowed. */
const ModelKind *model_kinds(gsize *n_kinds);
/* Borrowed, or NULL. */
const ModelKind *model_kind_find(const char *kind);

/* Labels, annotations, finalizers, types. MODEL_LABEL_DEVICE is on a device's Secret and holds the
 * device's name; MODEL_LABEL_SETTINGS is "true" on Secrets and ConfigMaps that may be read as
 * settings. */
#define MODEL_LABEL_DEVICE "espalier.dev/device"
#define MODEL_LABEL_SETTINGS "espalier.dev/settings"
#define MODEL_ANNOTATION_CONFIG_INPUTS "espalier.dev/config-inputs"
#define MODEL_FINALIZER_DEVICE "espalier.dev/device"
#define MODEL_SECRET_TYPE_DEVICE "espalier.dev/device"
#define MODEL_DEVICE_SECRET_SUFFIX "-device"

/* In front of a digest in a spec or status: "sha256:" and 64 hex digits. */
#define MODEL_DIGEST_PREFIX "sha256:"

/* Keys of a device's Secret. */
#define MODEL_SECRET_KEY_USERNAME "username"
#define MODEL_SECRET_KEY_PASSWORD "password"
#define MODEL_SECRET_KEY_CONFIG "config.bin"
#define MODEL_SECRET_KEY_CONFIG_SHA256 "config.sha256"

/* Condition types. */
#define MODEL_CONDITION_READY "Ready"
#define MODEL_CONDITION_RECONCILING "Reconciling"
#define MODEL_CONDITION_STALLED "Stalled"
#define MODEL_CONDITION_CREDENTIALS_READY "CredentialsReady"
#define MODEL_CONDITION_CONFIG_READY "ConfigReady"
#define MODEL_CONDITION_FIRMWARE_READY "FirmwareReady"
#define MODEL_CONDITION_FLASHED "Flashed"
#define MODEL_CONDITION_CONNECTED "Connected"
#define MODEL_CONDITION_UP_TO_DATE "UpToDate"
#define MODEL_CONDITION_BROKER_READY "BrokerReady"
#define MODEL_CONDITION_ARTEFACTS_REACHABLE "ArtefactsReachable"
#define MODEL_CONDITION_SIGNED "Signed"
#define MODEL_CONDITION_CONFLICTING "Conflicting"

/* Condition reasons. */
#define MODEL_REASON_READY "Ready"
#define MODEL_REASON_PROGRESSING "Progressing"
#define MODEL_REASON_SPEC_INVALID "SpecInvalid"
#define MODEL_REASON_NOT_SUPPORTED_YET "NotSupportedYet"
#define MODEL_REASON_CLASS_NOT_FOUND "ClassNotFound"
#define MODEL_REASON_CLUSTER_NOT_FOUND "ClusterNotFound"
#define MODEL_REASON_STORAGE_NOT_FOUND "StorageNotFound"
#define MODEL_REASON_SECRET_NOT_FOUND "SecretNotFound"
#define MODEL_REASON_SECRET_NOT_LABELLED "SecretNotLabelled"
#define MODEL_REASON_SECRET_KEY_NOT_FOUND "SecretKeyNotFound"
#define MODEL_REASON_CONFIG_MAP_NOT_FOUND "ConfigMapNotFound"
#define MODEL_REASON_CONFIG_MAP_NOT_LABELLED "ConfigMapNotLabelled"
#define MODEL_REASON_CONFIG_MAP_KEY_NOT_FOUND "ConfigMapKeyNotFound"
#define MODEL_REASON_SETTING_CONFLICT "SettingConflict"
#define MODEL_REASON_CONFIG_TOO_LARGE "ConfigTooLarge"
#define MODEL_REASON_SELECTOR_INVALID "SelectorInvalid"
#define MODEL_REASON_SECRET_NAME_TAKEN "SecretNameTaken"
#define MODEL_REASON_ALREADY_CLAIMED "AlreadyClaimed"
#define MODEL_REASON_NO_BUILDER "NoBuilder"
#define MODEL_REASON_SUSPENDED "Suspended"
#define MODEL_REASON_HARDWARE_CHANGED "HardwareChanged"
#define MODEL_REASON_STORAGE_UNREACHABLE "StorageUnreachable"
#define MODEL_REASON_BROKER_UNREACHABLE "BrokerUnreachable"
#define MODEL_REASON_INTERNAL_ERROR "InternalError"

/* Event reasons. */
#define MODEL_EVENT_BUILD_STARTED "BuildStarted"
#define MODEL_EVENT_BUILD_SUCCEEDED "BuildSucceeded"
#define MODEL_EVENT_BUILD_FAILED "BuildFailed"
#define MODEL_EVENT_CONFIG_BUILT "ConfigBuilt"
#define MODEL_EVENT_CREDENTIALS_MINTED "CredentialsMinted"
#define MODEL_EVENT_CREDENTIALS_ROTATED "CredentialsRotated"
#define MODEL_EVENT_CREDENTIALS_REVOKED "CredentialsRevoked"
#define MODEL_EVENT_DEVICE_FLASHED "DeviceFlashed"
#define MODEL_EVENT_DEVICE_CONNECTED "DeviceConnected"
#define MODEL_EVENT_DEVICE_LOST "DeviceLost"
#define MODEL_EVENT_STORAGE_UNREACHABLE "StorageUnreachable"
#define MODEL_EVENT_BROKER_UNREACHABLE "BrokerUnreachable"
#define MODEL_EVENT_BROKER_RESTORED "BrokerRestored"
#define MODEL_EVENT_SPEC_INVALID "SpecInvalid"
#define MODEL_EVENT_SETTING_CONFLICT "SettingConflict"

/* Limits that several rooms hold. */
enum {
	MODEL_SETTINGS_MAX = 128, /* in one list */
	MODEL_GROUPS_MAX = 64,    /* that select one device */
};
