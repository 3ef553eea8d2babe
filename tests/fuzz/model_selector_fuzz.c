#include "model/selector.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be printed and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(ModelSelector) selector = NULL;
	g_autoptr(ModelFieldSelector) fields = NULL;
	json_t *object = json_pack("{s:s, s:{s:s}}", "a", "b", "metadata", "name", "x");

	if (g_utf8_validate(text, -1, NULL)) {
		selector = model_selector_parse(text, NULL);
		fields = model_field_selector_parse(text, NULL);
	}
	if (selector != NULL) {
		g_autofree char *printed = model_selector_to_string(selector);
		g_autoptr(ModelSelector) again = model_selector_parse(printed, NULL);

		g_assert(again != NULL);
		g_assert(model_selector_matches(selector, object) ==
			 model_selector_matches(again, object));
	}
	if (fields != NULL)
		model_field_selector_matches(fields, object);
	json_decref(object);
	return 0;
}
