#include "base/json.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A document is there or has an error; what is there prints, and reads back to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) value = base_json_parse((const char *)data, size, &error);

	g_assert((value == NULL) == (error != NULL));
	if (value != NULL) {
		g_autofree char *text = base_json_dump_canonical(value);
		g_autoptr(json_t) again = base_json_parse(text, strlen(text), NULL);
		g_autofree char *same = base_json_dump_canonical(again);

		g_assert_cmpstr(text, ==, same);
	}
	return 0;
}
