#include "model/device_class.h"

#include "esp/chips.h"
#include "model/kinds.h"
#include "model/view.h"

#include <string.h>

#define EXPECTED_INTERVAL_DEFAULT "60s"
#define FLASH_SIZE_DEFAULT "4MB"

static gboolean read_flash(ModelDeviceClass *c, const json_t *flash, GError **error)
{
	const char *size = base_json_get_string(flash, "size", NULL);
	const char *mode = base_json_get_string(flash, "mode", NULL);
	const char *frequency = base_json_get_string(flash, "frequency", NULL);
	char *unit = NULL;
	guint64 megabytes;

	c->flash_size = size != NULL ? size : FLASH_SIZE_DEFAULT;
	c->flash_mode = mode != NULL ? mode : "dio";
	c->flash_frequency = frequency != NULL ? frequency : "40m";
	megabytes = g_ascii_strtoull(c->flash_size, &unit, 10);
	if (megabytes == 0 || megabytes > 1024 || strcmp(unit, "MB") != 0) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "DeviceClass '%s': spec.flash.size is '%s'; write one such as 4MB",
			    c->meta.name, c->flash_size);
		return FALSE;
	}
	c->flash_size_bytes = (guint32)(megabytes * 1024 * 1024);
	return TRUE;
}

static void read_firmware(ModelDeviceClass *c, const json_t *firmware)
{
	const json_t *prebuilt = json_object_get(firmware, "prebuilt");

	c->builder = json_object_get(firmware, "builder");
	c->prebuilt_digest = base_json_get_string(prebuilt, "digest", NULL);
	c->firmware_version = base_json_get_string(firmware, "version", NULL);
	c->firmware_origin = c->builder != NULL           ? MODEL_FIRMWARE_BUILDER
			     : c->prebuilt_digest != NULL ? MODEL_FIRMWARE_PREBUILT
							  : MODEL_FIRMWARE_NONE;
}

static gboolean read_spec(ModelDeviceClass *c, const json_t *spec, GError **error)
{
	c->cluster_name = model_view_required(
		base_json_get_string(spec, "deviceClusterReference", "name", NULL), &c->meta,
		MODEL_KIND_DEVICE_CLASS, "spec.deviceClusterReference.name", error);
	c->chip = c->cluster_name == NULL
			  ? NULL
			  : model_view_required(base_json_get_string(spec, "chip", NULL), &c->meta,
						MODEL_KIND_DEVICE_CLASS, "spec.chip", error);
	if (c->chip == NULL)
		return FALSE;
	c->storage_name = base_json_get_string(spec, "storageReference", "name", NULL);
	c->board = base_json_get_string(spec, "board", NULL);
	c->partitions = base_json_get_string(spec, "partitions", NULL);
	c->secret_name = base_json_get_string(spec, "secret", "name", NULL);
	read_firmware(c, json_object_get(spec, "firmware"));
	return model_view_duration(base_json_get_string(spec, "expectedInterval", NULL),
				   EXPECTED_INTERVAL_DEFAULT, &c->meta, MODEL_KIND_DEVICE_CLASS,
				   "spec.expectedInterval", &c->expected_interval_us, error) &&
	       read_flash(c, json_object_get(spec, "flash"), error);
}

ModelDeviceClass *model_device_class_from_json(json_t *object, GError **error)
{
	g_autoptr(ModelDeviceClass) c = g_new0(ModelDeviceClass, 1);
	const json_t *spec = model_view_open(&c->meta, object, error);

	if (spec == NULL)
		return NULL;
	c->object = json_incref(object);
	if (!read_spec(c, spec, error))
		return NULL;
	if (c->partitions == NULL || c->partitions[0] == '\0')
		c->partitions = esp_partition_table_default_csv;
	model_view_sensors(&c->sensors, json_object_get(spec, "sensors"));
	model_view_settings(&c->settings, json_object_get(spec, "settings"));
	c->status = json_object_get(object, "status");
	return g_steal_pointer(&c);
}

void model_device_class_free(ModelDeviceClass *device_class)
{
	if (device_class == NULL)
		return;
	g_free(device_class->sensors.items);
	g_free(device_class->settings.items);
	json_decref(device_class->object);
	g_free(device_class);
}

const char *model_device_class_unsupported(const ModelDeviceClass *device_class)
{
	return model_object_unsupported(MODEL_KIND_DEVICE_CLASS, device_class->object);
}

EspPartitionTable *model_device_class_table(const ModelDeviceClass *device_class, GError **error)
{
	const EspChip *chip = esp_chip_find(device_class->chip);
	EspPartitionTableOptions options = {
		.flash_bytes = device_class->flash_size_bytes,
		.has_bootloader_offset = chip != NULL,
		.bootloader_offset = chip == NULL ? 0 : chip->boot_offset,
	};
	g_autoptr(GError) fault = NULL;
	EspPartitionTable *table = esp_partition_table_from_csv(
		device_class->partitions, strlen(device_class->partitions), &options, &fault);

	if (table == NULL)
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
			    "DeviceClass '%s': spec.partitions: %s", device_class->meta.name,
			    fault->message);
	return table;
}
