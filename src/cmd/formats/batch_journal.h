/* cmd/formats/batch_journal.h — how far a batch has come, in a file that survives a power cut.
 *
 *     espalier nvs batch 1
 *     inputs 9f86d0…            a hash of the inputs and the options
 *     devices 100000
 *     done 8192                 the outputs of the first 8192 devices are on the disk
 *     begun 16384               of the devices up to here, outputs may be there, or not, or torn
 *
 * It is written before the first output and then only when what it says is true. One thread at a
 * time. */
#pragma once

#include <glib.h>

#define BATCH_JOURNAL_NAME "batch.journal"

enum { BATCH_HASH_TEXT_BYTES = 65 }; /* SHA-256 in hexadecimal, with its NUL */

typedef struct {
	char inputs[BATCH_HASH_TEXT_BYTES];
	guint64 n_devices;
	guint64 n_done;
	guint64 n_begun;
} BatchJournal;

/* Reads the journal of a folder; `found` says whether there is one. FALSE with BASE_ERROR_INVALID
 * if the file is no journal, or BASE_ERROR_IO. */
gboolean batch_journal_read(const char *folder, BatchJournal *journal, gboolean *found,
			    GError **error);

/* Writes it, durably, over the one that is there. FALSE with BASE_ERROR_*. */
gboolean batch_journal_write(const char *folder, const BatchJournal *journal, GError **error);
