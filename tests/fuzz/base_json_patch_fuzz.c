#include "base/json_patch.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two documents with a line break between them: a target and a patch of either kind. A merge patch
 * always applies; the difference of its ends leads from one to the other. A JSON patch applies or
 * has an error, and leaves its target alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *split = size == 0 ? NULL : memchr(data, '\n', size);
	g_autoptr(json_t) target = NULL;
	g_autoptr(json_t) patch = NULL;
	gsize head;

	if (split == NULL)
		return 0;
	head = (gsize)(split - data);
	target = base_json_parse((const char *)data, head, NULL);
	patch = base_json_parse((const char *)split + 1, size - head - 1, NULL);
	if (target == NULL || patch == NULL)
		return 0;

	if (json_is_array(patch)) {
		g_autoptr(GError) error = NULL;
		g_autofree char *before = base_json_dump(target, NULL);
		g_autoptr(json_t) result = base_json_patch_apply(target, patch, &error);
		g_autofree char *after = base_json_dump(target, NULL);

		g_assert((result == NULL) == (error != NULL));
		g_assert_cmpstr(before, ==, after);
	} else {
		g_autoptr(json_t) result = base_merge_patch_apply(target, patch);
		g_autoptr(json_t) there = base_merge_patch_diff(target, result);
		g_autoptr(json_t) same =
			there == NULL ? json_incref(target) : base_merge_patch_apply(target, there);
		g_autoptr(json_t) rest = base_merge_patch_diff(same, result);

		g_assert(rest == NULL);
	}
	return 0;
}
