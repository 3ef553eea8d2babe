#include "cmd/formats/batch_journal.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

enum {
	JOURNAL_MAX_BYTES = 1024,
	JOURNAL_MODE = 0644,
	LINES = 6, /* the last one empty */
};

#define FIRST_LINE "espalier nvs batch 1"

static gboolean parse_number(const char *line, const char *word, guint64 *number)
{
	gsize length = strlen(word);

	return strncmp(line, word, length) == 0 &&
	       g_ascii_string_to_unsigned(line + length, 10, 0, G_MAXUINT64, number, NULL);
}

static gboolean parse(const char *text, BatchJournal *journal)
{
	static const char inputs[] = "inputs ";
	g_auto(GStrv) lines = g_strsplit(text, "\n", LINES + 1);
	BatchJournal read = {0};

	if (g_strv_length(lines) != LINES || strcmp(lines[0], FIRST_LINE) != 0 ||
	    strncmp(lines[1], inputs, strlen(inputs)) != 0 ||
	    strlen(lines[1]) != strlen(inputs) + BATCH_HASH_TEXT_BYTES - 1 ||
	    !parse_number(lines[2], "devices ", &read.n_devices) ||
	    !parse_number(lines[3], "done ", &read.n_done) ||
	    !parse_number(lines[4], "begun ", &read.n_begun) || *lines[5] != '\0' ||
	    read.n_done > read.n_begun || read.n_begun > read.n_devices)
		return FALSE;
	g_strlcpy(read.inputs, lines[1] + strlen(inputs), sizeof read.inputs);
	*journal = read;
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
	g_autofree char *text = g_strdup_printf(FIRST_LINE "\n"
							   "inputs %s\n"
							   "devices %" G_GUINT64_FORMAT "\n"
							   "done %" G_GUINT64_FORMAT "\n"
							   "begun %" G_GUINT64_FORMAT "\n",
						journal->inputs, journal->n_devices,
						journal->n_done, journal->n_begun);

	return base_file_write(path, text, strlen(text), JOURNAL_MODE, error);
}
