#include "cmd/formats/batch_device.h"

#include "esp/nvs_keys.h"

#include <string.h>

void batch_device_init(BatchDevice *device, const BatchPlan *plan, const char *values_name,
		       guint number)
{
	*device = (BatchDevice){.plan = plan, .values_name = values_name, .number = number};
	device->image = g_malloc(plan->size_bytes);
}

void batch_device_clear(BatchDevice *device)
{
	batch_files_clear(&device->files);
	explicit_bzero(device->image, device->plan->size_bytes);
	g_clear_pointer(&device->image, g_free);
}

static gboolean make_image(BatchDevice *device, const EspNvsMfgValues *values,
			   const EspNvsMfgRow *row, const EspNvsKeys *keys, GError **error)
{
	const BatchPlan *plan = device->plan;
	const EspNvsWriteOptions options = {.format_version = plan->format_version, .keys = keys};
	g_autoptr(EspNvsContents) contents = NULL;

	device->files.row = esp_nvs_mfg_row_number(row);
	device->files.ordinal = 0;
	contents = esp_nvs_mfg_entries(values, row, batch_files_load, &device->files, error);
	if (contents == NULL) {
		g_prefix_error(error, "%s: ", device->values_name);
		return FALSE;
	}
	if (esp_nvs_image_write_with(contents->entries, contents->n_entries, &options,
				     device->image, plan->size_bytes, NULL, error))
		return TRUE;
	g_prefix_error(error, "%s: line %u: ", device->values_name, esp_nvs_mfg_row_line(row));
	return FALSE;
}

gboolean batch_device_check(BatchDevice *device, const EspNvsMfgValues *values,
			    const EspNvsMfgRow *row, GError **error)
{
	return make_image(device, values, row, NULL, error);
}

/* The keys go first: where there is an image, there are its keys. */
static gboolean put_keys(const BatchDevice *device, const EspNvsMfgRow *row, const EspNvsKeys *keys,
			 const BatchOutput *output, gboolean replace, GError **error)
{
	guint8 partition[ESP_NVS_KEYS_PARTITION_BYTES];
	gboolean done;

	esp_nvs_keys_write(keys, partition);
	done = batch_output_put(output, BATCH_KEYS, device->number, device->plan->prefix,
				esp_nvs_mfg_row_id(row), partition, sizeof partition, replace,
				error);
	explicit_bzero(partition, sizeof partition);
	return done;
}

gboolean batch_device_write(BatchDevice *device, const EspNvsMfgValues *values,
			    const EspNvsMfgRow *row, const BatchOutput *output, gboolean replace,
			    GError **error)
{
	const BatchPlan *plan = device->plan;
	g_auto(EspNvsKeys) own = {0};

	if (plan->generate_keys && !esp_nvs_keys_generate(&own, error))
		return FALSE;
	if (!make_image(device, values, row, plan->generate_keys ? &own : plan->keys, error))
		return FALSE;
	if (plan->generate_keys && !put_keys(device, row, &own, output, replace, error))
		return FALSE;
	return batch_output_put(output, BATCH_IMAGES, device->number, plan->prefix,
				esp_nvs_mfg_row_id(row), device->image, plan->size_bytes, replace,
				error);
}
