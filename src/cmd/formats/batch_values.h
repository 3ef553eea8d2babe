/* cmd/formats/batch_values.h — the values of a batch as a stream that is read more than once. What
 * cannot be read again, a pipe, goes to a temporary file first. One thread. */
#pragma once

#include <glib.h>

enum { BATCH_VALUES_HASH_BYTES = 32 };

typedef struct {
	const char *name; /* for messages */
	int fd;
	GChecksum *hash; /* SHA-256 of what was read since the last rewind */
} BatchValues;

/* Opens a file, or standard input for "-". FALSE with BASE_ERROR_*. */
gboolean batch_values_open(BatchValues *values, const char *path, GError **error);

void batch_values_clear(BatchValues *values);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BatchValues, batch_values_clear)

/* Begins again. */
gboolean batch_values_rewind(BatchValues *values, GError **error);

/* An EspNvsMfgMore; `user_data` is a BatchValues. */
gssize batch_values_more(char *buffer, gsize size_bytes, gpointer user_data, GError **error);
