#include "artefact/sums.h"

#include "artefact/bundle.h"

#include <string.h>

static void sum_free(gpointer data)
{
	ArtefactSum *sum = data;

	g_free(sum->name);
	g_free(sum);
}

static gboolean fail_line(GError **error, guint line, const char *what)
{
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID, ARTEFACT_SUMS ", line %u: %s",
		    line, what);
	return FALSE;
}

static gboolean parse_line(GPtrArray *sums, const char *line, gsize size, guint number,
			   GError **error)
{
	g_autofree char *name = NULL;
	ArtefactSum *sum;

	if (size < ARTEFACT_HASH_CHARS + 3 || line[ARTEFACT_HASH_CHARS] != ' ' ||
	    (line[ARTEFACT_HASH_CHARS + 1] != ' ' && line[ARTEFACT_HASH_CHARS + 1] != '*'))
		return fail_line(error, number, "is not '<64 hex digits>  <file name>'");
	for (gsize i = 0; i < ARTEFACT_HASH_CHARS; i++)
		if (!g_ascii_isxdigit(line[i]))
			return fail_line(error, number, "the sum is not 64 hex digits");
	name = g_strndup(line + ARTEFACT_HASH_CHARS + 2, size - ARTEFACT_HASH_CHARS - 2);
	if (strlen(name) != size - ARTEFACT_HASH_CHARS - 2 || !artefact_file_name_is_valid(name) ||
	    strcmp(name, ARTEFACT_SUMS) == 0)
		return fail_line(error, number, "is no file name of a bundle");
	if (artefact_sums_find(sums, name) != NULL)
		return fail_line(error, number, "names a file a second time");
	if (sums->len == ARTEFACT_MAX_FILES)
		return fail_line(error, number, "there are more files than a bundle may have");
	sum = g_new0(ArtefactSum, 1);
	for (gsize i = 0; i < ARTEFACT_HASH_CHARS; i++)
		sum->hash[i] = g_ascii_tolower(line[i]);
	sum->name = g_steal_pointer(&name);
	g_ptr_array_add(sums, sum);
	return TRUE;
}

GPtrArray *artefact_sums_parse(const char *text, gsize size_bytes, GError **error)
{
	g_autoptr(GPtrArray) sums = g_ptr_array_new_with_free_func(sum_free);
	guint number = 1;

	if (size_bytes > ARTEFACT_SUMS_MAX_BYTES) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_TOO_LARGE,
			    ARTEFACT_SUMS " has %zu bytes, at most %d are read", size_bytes,
			    ARTEFACT_SUMS_MAX_BYTES);
		return NULL;
	}
	for (const char *at = text, *end = text + size_bytes; at < end; number++) {
		const char *stop = memchr(at, '\n', (gsize)(end - at));
		gsize size = (gsize)((stop != NULL ? stop : end) - at);

		if (!parse_line(sums, at, size, number, error))
			return NULL;
		at += size + (stop != NULL ? 1 : 0);
	}
	if (sums->len == 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    ARTEFACT_SUMS " is empty");
		return NULL;
	}
	return g_steal_pointer(&sums);
}

const ArtefactSum *artefact_sums_find(const GPtrArray *sums, const char *name)
{
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];

		if (strcmp(sum->name, name) == 0)
			return sum;
	}
	return NULL;
}
