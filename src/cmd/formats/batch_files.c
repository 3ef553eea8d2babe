#include "cmd/formats/batch_files.h"

#include "base/file.h"
#include "cmd/formats/batch_hash.h"
#include "cmd/formats/nvs_files.h"

enum {
	KEPT_MAX_BYTES = 2 * 1024 * 1024,
	COUNTED_BYTES = 64, /* three numbers as text */
};

static void count(BatchFiles *files, GBytes *bytes)
{
	guint64 content = batch_hash(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	char text[COUNTED_BYTES];
	int length = g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT " %u %" G_GUINT64_FORMAT,
				files->row, files->ordinal++, content);

	files->sum += batch_hash(text, (gsize)length);
}

static void keep(BatchFiles *files, const char *path, GBytes *bytes)
{
	gsize size_bytes = g_bytes_get_size(bytes);

	if (size_bytes > KEPT_MAX_BYTES)
		return;
	if (size_bytes > KEPT_MAX_BYTES - files->kept_bytes)
		batch_files_clear(files);
	if (files->kept == NULL)
		files->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						    (GDestroyNotify)g_bytes_unref);
	g_hash_table_insert(files->kept, g_strdup(path), g_bytes_ref(bytes));
	files->kept_bytes += size_bytes;
}

GBytes *batch_files_load(const char *path, gpointer user_data, GError **error)
{
	BatchFiles *files = user_data;
	GBytes *bytes = files->kept == NULL ? NULL : g_hash_table_lookup(files->kept, path);

	if (bytes != NULL) {
		g_bytes_ref(bytes);
	} else {
		bytes = nvs_files_load(path, NULL, error);
		if (bytes == NULL)
			return NULL;
		keep(files, path, bytes);
	}
	count(files, bytes);
	return bytes;
}

void batch_files_clear(BatchFiles *files)
{
	g_clear_pointer(&files->kept, g_hash_table_unref);
	files->kept_bytes = 0;
}
