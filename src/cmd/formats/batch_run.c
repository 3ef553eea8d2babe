#include "cmd/formats/batch_run.h"

#include "base/clock.h"
#include "base/error.h"
#include "cmd/formats/batch_device.h"
#include "cmd/formats/batch_names.h"
#include "cmd/formats/batch_rows.h"
#include "cmd/formats/batch_values.h"
#include "cmd/formats/batch_windows.h"
#include "cmd/formats/io.h"
#include "cmd/progress.h"

#include <string.h>

enum {
	WAIT_US = 100 * 1000,
	SHOW_EVERY = 64, /* devices between two looks at the clock */
};

typedef struct {
	const BatchPlan *plan;
	EspNvsMfg *mfg;
	BatchValues values;
	BatchOutput output;
	BatchDevice *devices; /* one a worker */
	BatchNames *names;
	CmdProgress progress;
	gint64 since_us;
	guint64 n_devices;
	guint64 replace_to; /* devices whose files may be there */
	guint64 n_before;
	BatchWindows *windows;
} Batch;

static double seconds_since(gint64 since_us)
{
	return (double)(base_clock_monotonic_us() - since_us) / G_USEC_PER_SEC;
}

static void show(Batch *batch, const char *what, guint64 n, guint64 of)
{
	double seconds = seconds_since(batch->since_us);
	double rate = seconds > 0 ? (double)n / seconds : 0;
	g_autofree char *total =
		of == 0 ? g_strdup("") : g_strdup_printf(" of %" G_GUINT64_FORMAT, of);
	g_autofree char *left = of == 0 || rate <= 0
					? g_strdup("")
					: g_strdup_printf(", %.0f s left", (double)(of - n) / rate);
	g_autofree char *text = g_strdup_printf(
		"%s %" G_GUINT64_FORMAT "%s devices, %.0f a second%s", what, n, total, rate, left);

	cmd_progress_show(&batch->progress, text, 0, 0);
}

/* ---- Checking all inputs ---- */

static BatchVerdict admit_to_check(const EspNvsMfgRow *row, gboolean may_wait, gpointer user_data,
				   GError **error)
{
	Batch *batch = user_data;
	guint64 number = esp_nvs_mfg_row_number(row);

	(void)may_wait;
	if (number % SHOW_EVERY == 0)
		show(batch, "checked", number, 0);
	if (!batch_output_name_check(batch->plan->prefix, esp_nvs_mfg_row_id(row), error)) {
		g_prefix_error(error, "line %u: ", esp_nvs_mfg_row_line(row));
		return BATCH_STOP;
	}
	if (!batch_names_add(batch->names, esp_nvs_mfg_row_id(row), esp_nvs_mfg_row_line(row),
			     error))
		return BATCH_STOP;
	return BATCH_TAKE;
}

static gboolean work_to_check(const EspNvsMfgValues *values, const EspNvsMfgRow *row, guint worker,
			      gpointer user_data, GError **error)
{
	Batch *batch = user_data;

	return batch_device_check(&batch->devices[worker], values, row, error);
}

/* Once through the values, with both functions of `work`. */
static gboolean each_row(Batch *batch, BatchRowsWork work, guint64 *n_rows, GError **error)
{
	g_autoptr(EspNvsMfgValues) values = NULL;

	work.values_name = batch->values.name;
	work.user_data = batch;
	cmd_progress_begin(&batch->progress);
	batch->since_us = base_clock_monotonic_us();
	if (!batch_values_rewind(&batch->values, error))
		return FALSE;
	values = esp_nvs_mfg_values_new(batch->mfg, batch->plan->id_column, batch_values_more,
					&batch->values, error);
	if (values == NULL) {
		g_prefix_error(error, "%s: ", batch->values.name);
		return FALSE;
	}
	if (!batch_rows_each(values, batch->plan->n_workers, &work, n_rows, error)) {
		cmd_progress_end(&batch->progress);
		return FALSE;
	}
	cmd_progress_end(&batch->progress);
	return TRUE;
}

/* A hash of all that the outputs depend on. */
static void hash_inputs(const Batch *batch, GBytes *config, char *text)
{
	const BatchPlan *plan = batch->plan;
	g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *options = g_strdup_printf(
		"size %" G_GSIZE_FORMAT " version %u generate %d id %s prefix %s values %s",
		plan->size_bytes, plan->format_version, plan->generate_keys != FALSE,
		plan->id_column == NULL ? "" : plan->id_column,
		plan->prefix == NULL ? "" : plan->prefix,
		g_checksum_get_string(batch->values.hash));
	guint64 files = 0;

	for (guint i = 0; i < plan->n_workers; i++)
		files += batch->devices[i].files.sum;
	g_checksum_update(hash, (const guchar *)options, (gssize)strlen(options) + 1);
	g_checksum_update(hash, (const guchar *)&files, sizeof files);
	g_checksum_update(hash, g_bytes_get_data(config, NULL), (gssize)g_bytes_get_size(config));
	if (plan->keys != NULL)
		g_checksum_update(hash, (const guchar *)plan->keys, sizeof *plan->keys);
	g_strlcpy(text, g_checksum_get_string(hash), BATCH_HASH_TEXT_BYTES);
}

static gboolean check(Batch *batch, GBytes *config, BatchJournal *journal, GError **error)
{
	const BatchRowsWork work = {.admit = admit_to_check, .work = work_to_check};

	batch->names = batch_names_new(error);
	if (batch->names == NULL || !each_row(batch, work, &batch->n_devices, error))
		return FALSE;
	if (!batch_names_check(batch->names, error)) {
		g_prefix_error(error, "%s: ", batch->values.name);
		return FALSE;
	}
	journal->n_devices = batch->n_devices;
	hash_inputs(batch, config, journal->inputs);
	return TRUE;
}

/* ---- Writing ---- */

static BatchVerdict admit_to_write(const EspNvsMfgRow *row, gboolean may_wait, gpointer user_data,
				   GError **error)
{
	Batch *batch = user_data;
	guint64 number = esp_nvs_mfg_row_number(row);

	if (number <= batch->n_before)
		return BATCH_SKIP;
	if (number % SHOW_EVERY == 0)
		show(batch, "made", batch_windows_count(batch->windows),
		     batch->n_devices - batch->n_before);
	while (number <= batch->n_devices &&
	       !batch_windows_may_begin(batch->windows, number, may_wait ? WAIT_US : 0)) {
		if (batch_windows_failed(batch->windows))
			break;
		if (!may_wait)
			return BATCH_LATER;
		show(batch, "made", batch_windows_count(batch->windows),
		     batch->n_devices - batch->n_before);
	}
	if (number <= batch->n_devices && !batch_windows_failed(batch->windows))
		return BATCH_TAKE;
	g_set_error_literal(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "the values were changed while they were read");
	return BATCH_STOP;
}

static gboolean work_to_write(const EspNvsMfgValues *values, const EspNvsMfgRow *row, guint worker,
			      gpointer user_data, GError **error)
{
	Batch *batch = user_data;
	guint64 number = esp_nvs_mfg_row_number(row);

	if (!batch_device_write(&batch->devices[worker], values, row, &batch->output,
				number <= batch->replace_to, error))
		return FALSE;
	batch_windows_finished(batch->windows, number);
	return TRUE;
}

static gboolean write_all(Batch *batch, const BatchJournal *journal, GError **error)
{
	const BatchRowsWork work = {.admit = admit_to_write, .work = work_to_write};
	g_autofree char *hash = g_strdup(g_checksum_get_string(batch->values.hash));
	GError *row_error = NULL, *sync_error = NULL;
	guint64 n_rows = 0;
	gboolean done;

	batch->replace_to = journal->n_begun;
	batch->n_before = journal->n_done;
	batch->windows = batch_windows_new(journal, &batch->output, batch->plan->size_bytes, error);
	if (batch->windows == NULL)
		return FALSE;
	done = each_row(batch, work, &n_rows, &row_error);
	if (done && (n_rows != batch->n_devices ||
		     strcmp(hash, g_checksum_get_string(batch->values.hash)) != 0)) {
		done = FALSE;
		g_set_error(&row_error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s was changed while it was read", batch->values.name);
	}
	if (batch_windows_end(batch->windows, done, &sync_error) && done)
		return TRUE;
	/* A failed sync stops the rows, too: it is the reason. */
	if (sync_error != NULL)
		g_clear_error(&row_error);
	g_propagate_error(error, sync_error != NULL ? sync_error : row_error);
	return FALSE;
}

/* What an earlier run has left of the same batch, or a journal for a new one. */
static gboolean take_up(const Batch *batch, BatchJournal *journal, GError **error)
{
	BatchJournal before;
	gboolean found;

	if (!batch_journal_read(batch->plan->folder, &before, &found, error))
		return FALSE;
	if (!found)
		return batch_output_is_empty(&batch->output, error);
	if (strcmp(before.inputs, journal->inputs) == 0) {
		*journal = before;
		return TRUE;
	}
	g_set_error(error, BASE_ERROR, BASE_ERROR_EXISTS,
		    "%s holds a batch of other inputs or options, %" G_GUINT64_FORMAT
		    " of %" G_GUINT64_FORMAT
		    " devices done; take it up with those, or choose another folder",
		    batch->plan->folder, before.n_done, before.n_devices);
	return FALSE;
}

/* ---- All of it ---- */

static void batch_clear(Batch *batch)
{
	for (guint i = 0; batch->devices != NULL && i < batch->plan->n_workers; i++)
		batch_device_clear(&batch->devices[i]);
	g_clear_pointer(&batch->devices, g_free);
	g_clear_pointer(&batch->mfg, esp_nvs_mfg_free);
	g_clear_pointer(&batch->names, batch_names_free);
	batch_values_clear(&batch->values);
	batch_output_clear(&batch->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

static gboolean open_inputs(Batch *batch, GBytes *config, GError **error)
{
	const BatchPlan *plan = batch->plan;

	batch->mfg =
		esp_nvs_mfg_new(g_bytes_get_data(config, NULL), g_bytes_get_size(config), error);
	if (batch->mfg == NULL) {
		g_prefix_error(error, "%s: ", cmd_input_name(plan->config_path));
		return FALSE;
	}
	if (!batch_values_open(&batch->values, plan->values_path, error))
		return FALSE;
	batch->devices = g_new0(BatchDevice, plan->n_workers);
	for (guint i = 0; i < plan->n_workers; i++)
		batch_device_init(&batch->devices[i], plan, batch->values.name, i);
	return TRUE;
}

gboolean batch_run(const BatchPlan *plan, BatchResult *result, GError **error)
{
	g_auto(Batch) batch = {.plan = plan};
	g_autoptr(GBytes) config =
		cmd_input_read(plan->config_path, ESP_NVS_MFG_CONFIG_MAX_BYTES, error);
	BatchJournal journal = {0};

	if (config == NULL || !open_inputs(&batch, config, error) ||
	    !check(&batch, config, &journal, error))
		return FALSE;
	result->check_s = seconds_since(batch.since_us);
	if (!batch_output_open(&batch.output, plan->folder, plan->generate_keys, error) ||
	    !take_up(&batch, &journal, error))
		return FALSE;
	result->n_devices = batch.n_devices;
	result->n_before = journal.n_done;
	if (!write_all(&batch, &journal, error))
		return FALSE;
	result->write_s = seconds_since(batch.since_us);
	return TRUE;
}
