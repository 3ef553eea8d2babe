/* Range and If-None-Match; the file size is the input's first byte, so that ends are met. */
#include "http/range.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = NULL;
	guint64 first = 0, length = 0, file = size > 0 ? data[0] : 0;

	if (size == 0)
		return 0;
	text = g_strndup((const char *)data + 1, size - 1);
	if (http_range_parse(text, file, &first, &length) == HTTP_RANGE_PART &&
	    (length == 0 || first >= file || length > file - first))
		abort();
	http_etag_matches(text, "\"a\"");
	return 0;
}
