/* base/json_patch.h — JSON merge patch (RFC 7386) and JSON patch (RFC 6902 with RFC 6901
 * pointers). Pure; any thread. */
#pragma once

#include "base/json.h"

#include <glib.h>

enum {
	BASE_JSON_PATCH_MAX_OPERATIONS = 10000,          /* kube-apiserver's limit */
	BASE_JSON_PATCH_MAX_BYTES = BASE_JSON_MAX_BYTES, /* copied by "copy" in one patch */
};

/* `target` (may be NULL: nothing there) with the merge patch applied; neither is changed, but the
 * result shares no value with them. Yours. */
json_t *base_merge_patch_apply(const json_t *target, const json_t *patch);

/* The merge patch that turns `from` into `to`: NULL if they are equal, else yours. Nulls inside
 * `to` cannot be expressed by a merge patch; members that are null there are left out. */
json_t *base_merge_patch_diff(const json_t *from, const json_t *to);

/* `target` with a JSON patch (an array of operations) applied, all or nothing; neither is changed.
 * Returns it, yours, or NULL with BASE_ERROR_INVALID (malformed: the message names the operation's
 * index and member), BASE_ERROR_NOT_FOUND (a path is not there, or a "test" did not hold) or
 * BASE_ERROR_TOO_LARGE. */
json_t *base_json_patch_apply(const json_t *target, const json_t *patch, GError **error);

/* The value at a JSON pointer ("" is the whole, "/a/0/b~1c"), borrowed; NULL if it is not there or
 * the pointer is malformed. */
json_t *base_json_pointer_get(const json_t *value, const char *pointer);
