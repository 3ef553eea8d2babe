/* model/device_class.h — a DeviceClass as a view of its JSON (model/object.h). */
#pragma once

#include "esp/partition_table.h"
#include "model/object.h"

#define MODEL_CHIP_HOST "host"

typedef enum {
	MODEL_FIRMWARE_NONE, /* neither is given */
	MODEL_FIRMWARE_BUILDER,
	MODEL_FIRMWARE_PREBUILT,
} ModelFirmwareOrigin;

typedef struct {
	json_t *object; /* held */
	ModelMeta meta;
	const char *cluster_name;
	const char *storage_name; /* NULL: the cluster's */
	const char *chip;
	const char *board;
	guint32 flash_size_bytes;
	const char *flash_size;      /* "4MB" */
	const char *flash_mode;      /* "dio" */
	const char *flash_frequency; /* "40m" */
	const char *partitions;      /* CSV; esp_partition_table_default_csv where absent */
	gint64 expected_interval_us;
	ModelFirmwareOrigin firmware_origin;
	const json_t *builder;       /* or NULL */
	const char *prebuilt_digest; /* "sha256:…" or NULL */
	const char *firmware_version;
	ModelSensors sensors;
	const char *secret_name;
	ModelSettings settings;
	const json_t *status; /* or NULL */
} ModelDeviceClass;

/* Yours, or NULL with MODEL_ERROR_SPEC_INVALID. Holds a reference. */
ModelDeviceClass *model_device_class_from_json(json_t *object, GError **error);
void model_device_class_free(ModelDeviceClass *device_class);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelDeviceClass, model_device_class_free)

/* As model_object_unsupported. A builder for a real chip is not among them: what is missing there
 * is a builder, and the class's controller says so. */
const char *model_device_class_unsupported(const ModelDeviceClass *device_class);

/* The class's table, verified against its flash size. Yours, or NULL with MODEL_ERROR_SPEC_INVALID
 * (the message has the line of the CSV). */
EspPartitionTable *model_device_class_table(const ModelDeviceClass *device_class, GError **error);
