/* cmd/formats/batch_rows.h — the rows of a batch on all cores: the calling thread reads them,
 * worker threads do what is to be done with each. Memory is bounded, whatever the number of rows:
 * as many blocks of rows as keep the workers busy, each of some hundred KiB at most. */
#pragma once

#include "esp/nvs_mfg.h"

typedef enum {
	BATCH_TAKE,
	BATCH_SKIP,
	BATCH_LATER, /* not yet: ask again, with `may_wait`, once all rows before are on their way
		      */
	BATCH_STOP,  /* with an error */
} BatchVerdict;

typedef struct {
	const char *values_name; /* put in front of what the reader and `admit` say */
	/* On the calling thread, row by row, in their order. */
	BatchVerdict (*admit)(const EspNvsMfgRow *row, gboolean may_wait, gpointer user_data,
			      GError **error);
	/* On worker thread `worker` (0 and up), in any order. */
	gboolean (*work)(const EspNvsMfgValues *values, const EspNvsMfgRow *row, guint worker,
			 gpointer user_data, GError **error);
	gpointer user_data;
} BatchRowsWork;

/* Goes through all rows; returns when all work is done. FALSE with the error of the first row, in
 * their order, that has one; rows behind it may have been worked on. `n_rows` counts all that were
 * read. */
gboolean batch_rows_each(EspNvsMfgValues *values, guint n_workers, const BatchRowsWork *work,
			 guint64 *n_rows, GError **error);
