/* cmd/formats/batch_files.h — the files that rows of a batch name, for one worker: those that many
 * devices share are read once. A bounded number of bytes is kept. One thread. */
#pragma once

#include <glib.h>

typedef struct {
	GHashTable *kept; /* path → GBytes */
	gsize kept_bytes;
	guint64 row; /* set by the caller before each row */
	guint64 sum; /* of what was loaded for all rows so far; the order of rows does not matter */
	guint ordinal; /* within the row; the caller sets it to 0 */
} BatchFiles;

/* The bytes of a file, relative to the working directory as Espressif's tools take it; `user_data`
 * is a BatchFiles. An EspNvsCsvLoad. */
GBytes *batch_files_load(const char *path, gpointer user_data, GError **error);

/* Forgets what is kept. All members 0 is an empty one. */
void batch_files_clear(BatchFiles *files);
