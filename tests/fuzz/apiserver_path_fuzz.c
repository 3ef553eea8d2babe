/* Paths, continue tokens and stored bytes as the API server reads them. */
#include "apiserver/object.h"
#include "apiserver/path.h"
#include "apiserver/read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(ApiPath) parts = {0};
	g_autoptr(GBytes) bytes = g_bytes_new(data, size);
	g_autofree char *after_key = NULL;
	gint64 revision = 0;
	const char *metadata;
	gsize metadata_bytes;

	if (api_path_parse(text, &parts) && (parts.resource == NULL || parts.version == NULL))
		abort();
	if (api_continue_read(text, "/core/secrets/", &after_key, &revision) &&
	    (revision <= 0 || !g_str_has_prefix(after_key, "/core/secrets/")))
		abort();
	if (api_object_metadata_text(bytes, &metadata, &metadata_bytes) &&
	    (metadata_bytes > size || metadata[0] != '{' || metadata[metadata_bytes - 1] != '}'))
		abort();
	return 0;
}
