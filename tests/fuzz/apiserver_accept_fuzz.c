#include "apiserver/discovery.h"
#include "apiserver/openapi.h"
#include "apiserver/table.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two lines: a path of discovery or OpenAPI, and an Accept header. A document has a body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *path = g_strndup((const char *)data, size);
	char *accept = strchr(path, '\n');
	g_auto(ApiDocument) document = {0};
	g_auto(ApiDocument) schema = {0};
	ApiInclude include;

	if (accept != NULL)
		*accept++ = '\0';
	g_assert(api_form_of_accept(accept) <= API_FORM_METADATA);
	if (api_include_parse(accept, &include))
		g_assert(include <= API_INCLUDE_NONE);
	if (api_discovery_get(path, accept, &document))
		g_assert(document.body != NULL && document.content_type != NULL);
	if (api_openapi_get(path, &schema))
		g_assert(schema.body != NULL && schema.content_type != NULL);
	return 0;
}
