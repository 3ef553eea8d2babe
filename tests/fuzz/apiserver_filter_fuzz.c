#include "apiserver/filter.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three lines: the selectors of a list, for labels and for fields, and a stored object. A refusal
 * or a filter, which judges any stored bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ApiKind *kind = api_kind_find("espalier.dev", "v1alpha1", "devices");
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
	g_autoptr(ApiFilter) filter = NULL;
	g_autoptr(GBytes) value = NULL;
	ApiStatus *refusal = NULL;

	g_assert(kind != NULL);
	if (g_strv_length(lines) != 3 || !g_utf8_validate(text, -1, NULL))
		return 0;
	filter = api_filter_new(kind, lines[0], lines[1], &refusal);
	g_assert((filter == NULL) == (refusal != NULL));
	api_status_free(refusal);
	value = g_bytes_new(lines[2], strlen(lines[2]));
	if (filter != NULL) {
		g_auto(ApiView) view = {.value = value};
		gboolean matches = api_filter_matches(filter, "/espalier.dev/devices/a/b", &view);

		g_assert(matches || !api_filter_is_empty(filter));
	}
	return 0;
}
