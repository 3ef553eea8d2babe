#include "apiserver/strategic.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two documents with a line break between them: an object and a patch. It applies or has an error,
 * and leaves both as they were. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ApiKind kind = {.group = "", .version = "v1", .kind = "Namespace"};
	const uint8_t *split = size == 0 ? NULL : memchr(data, '\n', size);
	g_autoptr(json_t) object = NULL;
	g_autoptr(json_t) patch = NULL;
	gsize head;

	if (split == NULL)
		return 0;
	head = (gsize)(split - data);
	object = base_json_parse((const char *)data, head, NULL);
	patch = base_json_parse((const char *)split + 1, size - head - 1, NULL);
	if (object != NULL && patch != NULL) {
		g_autoptr(GError) error = NULL;
		g_autofree char *before = base_json_dump(object, NULL);
		g_autoptr(json_t) result = api_strategic_apply(&kind, object, patch, &error);
		g_autofree char *after = base_json_dump(object, NULL);

		g_assert((result == NULL) == (error != NULL));
		g_assert_cmpstr(before, ==, after);
	}
	return 0;
}
