#include "cmd/formats/batch_names.h"

#include "base/error.h"
#include "cmd/formats/batch_hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHARE_RECORDS = 8192 }; /* looked at together: 128 KiB */

typedef struct {
	guint64 hash;
	guint64 line;
} Record;

struct BatchNames {
	FILE *file;
	guint64 n;
};

BatchNames *batch_names_new(GError **error)
{
	FILE *file = tmpfile();
	BatchNames *names;

	if (file == NULL) {
		base_error_set_errno(error, errno, "making a temporary file");
		return NULL;
	}
	names = g_new0(BatchNames, 1);
	names->file = file;
	return names;
}

void batch_names_free(BatchNames *names)
{
	if (names == NULL)
		return;
	(void)fclose(names->file);
	g_free(names);
}

gboolean batch_names_add(BatchNames *names, const char *name, guint line, GError **error)
{
	Record record = {batch_hash(name, strlen(name)), line};

	if (fwrite(&record, sizeof record, 1, names->file) != 1)
		return base_error_set_errno(error, errno, "writing a temporary file");
	names->n++;
	return TRUE;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const Record *left = a, *right = b;

	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return left->line < right->line ? -1 : left->line > right->line;
}

static gboolean all_differ(GArray *share, GError **error)
{
	g_array_sort(share, compare);
	for (guint i = 1; i < share->len; i++) {
		const Record *one = &g_array_index(share, Record, i - 1);
		const Record *other = &g_array_index(share, Record, i);

		if (one->hash != other->hash)
			continue;
		g_set_error(error, BASE_ERROR, BASE_ERROR_EXISTS,
			    "line %" G_GUINT64_FORMAT ": the device has the name of that in line "
			    "%" G_GUINT64_FORMAT "; each needs its own",
			    other->line, one->line);
		return FALSE;
	}
	return TRUE;
}

gboolean batch_names_check(BatchNames *names, GError **error)
{
	guint64 n_shares = names->n / SHARE_RECORDS + 1;
	g_autoptr(GArray) share = g_array_new(FALSE, FALSE, sizeof(Record));
	Record record;

	for (guint64 i = 0; i < n_shares; i++) {
		g_array_set_size(share, 0);
		rewind(names->file);
		while (fread(&record, sizeof record, 1, names->file) == 1)
			if (record.hash % n_shares == i)
				g_array_append_val(share, record);
		if (ferror(names->file) != 0)
			return base_error_set_errno(error, errno, "reading a temporary file");
		if (!all_differ(share, error))
			return FALSE;
	}
	return TRUE;
}
