#include "artefact/sums.h"

#include "artefact/bundle.h"
#include "base/digest.h"

#include <string.h>

static gint by_name(gconstpointer a, gconstpointer b)
{
	const ArtefactFile *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

GBytes *artefact_sums_new(const GPtrArray *files)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < files->len; i++)
		g_ptr_array_add(sorted, files->pdata[i]);
	g_ptr_array_sort(sorted, by_name);
	for (guint i = 0; i < sorted->len; i++) {
		const ArtefactFile *file = sorted->pdata[i];
		g_autofree char *hash = NULL;

		if (strcmp(file->name, ARTEFACT_SUMS) == 0)
			continue;
		hash = base_sha256_hex_of_bytes(file->bytes);
		g_string_append_printf(text, "%s  %s\n", hash, file->name);
	}
	return g_string_free_to_bytes(text);
}
