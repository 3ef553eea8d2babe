#include "base/json.h"
#include "base/json_text.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the quick reader takes, jansson takes and means the same by; what it prints, jansson prints
 * to the letter. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	g_autoptr(json_t) quick = base_json_read_plain(text, size, BASE_JSON_MAX_DEPTH);
	g_autoptr(json_t) parsed = base_json_parse(text, size, NULL);
	g_autoptr(json_t) slow = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	g_autofree char *ours = NULL;
	char *theirs;

	if (quick != NULL)
		g_assert(slow != NULL && parsed != NULL && json_equal(quick, slow));
	if (parsed == NULL)
		return 0;
	g_assert(slow != NULL && json_equal(parsed, slow));
	ours = base_json_dump(parsed, NULL);
	theirs = json_dumps(slow, JSON_COMPACT | JSON_ENCODE_ANY);
	g_assert_cmpstr(ours, ==, theirs);
	free(theirs);
	return 0;
}
