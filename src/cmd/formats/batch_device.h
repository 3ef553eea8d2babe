/* cmd/formats/batch_device.h — from a row of the values to the files of its device, on one worker
 * thread. */
#pragma once

#include "cmd/formats/batch_files.h"
#include "cmd/formats/batch_run.h"
#include "esp/nvs_mfg.h"

/* What a worker needs for itself. */
typedef struct {
	const BatchPlan *plan;
	const char *values_name;
	guint number;
	guint8 *image; /* of the plan's size */
	BatchFiles files;
} BatchDevice;

void batch_device_init(BatchDevice *device, const BatchPlan *plan, const char *values_name,
		       guint number);
void batch_device_clear(BatchDevice *device);

/* Makes the image of a row and lets it be forgotten. */
gboolean batch_device_check(BatchDevice *device, const EspNvsMfgValues *values,
			    const EspNvsMfgRow *row, GError **error);

/* Makes the image of a row, with keys, and puts both into `output`; `replace` if they may be
 * there. */
gboolean batch_device_write(BatchDevice *device, const EspNvsMfgValues *values,
			    const EspNvsMfgRow *row, const BatchOutput *output, gboolean replace,
			    GError **error);
