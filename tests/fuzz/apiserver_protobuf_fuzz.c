#include "apiserver/protobuf.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A body is an object that can be printed, or has an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = api_protobuf_decode(data, size, &error);

	g_assert((object == NULL) == (error != NULL));
	if (object != NULL) {
		g_autofree char *text = base_json_dump(object, NULL);

		g_assert(base_json_get_string(object, "kind", NULL) != NULL);
		g_assert(text != NULL);
	}
	return 0;
}
