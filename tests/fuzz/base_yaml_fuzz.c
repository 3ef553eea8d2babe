#include "base/json.h"
#include "base/yaml.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is read is bounded and can be printed; a document is good or has an error. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) documents =
		base_yaml_parse_stream((const char *)data, size, "fuzz", NULL);

	for (guint i = 0; documents != NULL && i < documents->len; i++) {
		const BaseYamlDocument *document = g_ptr_array_index(documents, i);
		json_t *value = base_yaml_document_value(document);

		g_assert((value == NULL) == (base_yaml_document_error(document) != NULL));
		g_assert(base_yaml_document_line_of(document, "spec.settings[0].key") > 0);
		if (value != NULL) {
			g_autofree char *text = base_json_dump(value, NULL);

			g_assert(text != NULL);
		}
	}
	return 0;
}
