/* cmd/formats/batch_run.h — a factory run: an NVS image, and keys if wanted, for each row of the
 * values. The whole of the inputs is checked before the first file is written. A run that was ended
 * at any moment is taken up again by the same call: the journal (cmd/formats/batch_journal.h) says
 * from where. */
#pragma once

#include "cmd/formats/batch_output.h"
#include "esp/nvs.h"

typedef struct {
	const char *config_path; /* either of them may be "-" */
	const char *values_path;
	const char *folder;
	const char *prefix;    /* NULL: none */
	const char *id_column; /* NULL: devices are counted */
	gsize size_bytes;
	guint format_version;   /* 1 or 2 */
	const EspNvsKeys *keys; /* of all devices; NULL: none */
	gboolean generate_keys; /* for each device */
	guint n_workers;        /* 1 … BATCH_WRITERS_MAX */
} BatchPlan;

typedef struct {
	guint64 n_devices;
	guint64 n_before; /* that an earlier run had made */
	double check_s;
	double write_s;
} BatchResult;

/* Runs it; progress goes to standard error if that is a terminal. FALSE with an error that names
 * file, line and column of the inputs, or BASE_ERROR_* (another batch's folder, disk full, …). */
gboolean batch_run(const BatchPlan *plan, BatchResult *result, GError **error);
