/* apiserver/jsonpath.h — the small JSONPath of additionalPrinterColumns and selectableFields:
 * .a.b, .a['b'], .a["b.c"], [0], [-1], [*], [?(@.type=="Ready")] with == and != against strings,
 * numbers and booleans. Braces around the whole are taken. Pure; any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

enum {
	API_JSONPATH_MAX_BYTES = 512,
	API_JSONPATH_MAX_STEPS = 32,
};

typedef struct ApiJsonPath ApiJsonPath;

/* Yours, or NULL with BASE_ERROR_INVALID (the message quotes the path and says where). */
ApiJsonPath *api_jsonpath_parse(const char *text, GError **error);
void api_jsonpath_free(ApiJsonPath *path);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiJsonPath, api_jsonpath_free)

/* The first value found, or NULL. Borrowed from `value`. */
const json_t *api_jsonpath_first(const ApiJsonPath *path, const json_t *value);

/* All values found, borrowed from `value`; the array is yours. */
GPtrArray *api_jsonpath_all(const ApiJsonPath *path, const json_t *value);
