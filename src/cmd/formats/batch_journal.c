#include "cmd/formats/batch_journal.h"

#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

enum {
	JOURNAL_MAX_BYTES = 1024,
	JOURNAL_MODE = 0644,
};

static gboolean parse(const char *text, BatchJournal *journal)
{
	char inputs[BATCH_HASH_TEXT_BYTES] = "";
	guint64 devices, done, begun;
	int end = 0;

	if (sscanf(text,
		   "espalier nvs batch 1\n"
		   "inputs %64[0-9a-f]\n"
		   "devices %" G_GUINT64_FORMAT "\n"
		   "done %" G_GUINT64_FORMAT "\n"
		   "begun %" G_GUINT64_FORMAT "\n%n",
		   inputs, &devices, &done, &begun, &end) != 4 ||
	    end == 0 || text[end] != '\0' || done > begun || begun > devices)
		return FALSE;
	*journal = (BatchJournal){.n_devices = devices, .n_done = done, .n_begun = begun};
	memcpy(journal->inputs, inputs, sizeof inputs);
	return TRUE;
}

gboolean batch_journal_read(const char *folder, BatchJournal *journal, gboolean *found,
			    GError **error)
{
	g_autofree char *path = g_build_filename(folder, BATCH_JOURNAL_NAME, NULL);
	g_autoptr(GError) failure = NULL;
	g_autoptr(GBytes) bytes = base_file_read(path, JOURNAL_MAX_BYTES, &failure);
	g_autofree char *text = NULL;

	*found = FALSE;
	if (g_error_matches(failure, BASE_ERROR, BASE_ERROR_NOT_FOUND))
		return TRUE;
	if (bytes == NULL) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	if (text == NULL || !parse(text, journal)) { /* an empty file has no data */
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s is no journal of a batch; choose another folder", path);
		return FALSE;
	}
	*found = TRUE;
	return TRUE;
}

gboolean batch_journal_write(const char *folder, const BatchJournal *journal, GError **error)
{
	g_autofree char *path = g_build_filename(folder, BATCH_JOURNAL_NAME, NULL);
	g_autofree char *text = g_strdup_printf("espalier nvs batch 1\n"
						"inputs %s\n"
						"devices %" G_GUINT64_FORMAT "\n"
						"done %" G_GUINT64_FORMAT "\n"
						"begun %" G_GUINT64_FORMAT "\n",
						journal->inputs, journal->n_devices,
						journal->n_done, journal->n_begun);

	return base_file_write(path, text, strlen(text), JOURNAL_MODE, error);
}
