/* apiserver/openapi.h — what kubectl apply, edit and explain read: the OpenAPI v3 index and one
 * document per group-version out of the CRDs and short descriptions of the core kinds. Made on
 * demand, not kept; any thread. */
#pragma once

#include "apiserver/document.h"

#include <glib.h>

/* Fills `document` for /openapi/v3, /openapi/v3/api/v1, /openapi/v3/apis/G/V and /openapi/v2 (which
 * is 200 with no bytes: kubectl 1.27 and 1.28 fail on anything else). FALSE, untouched, if the path
 * (without query) is none of them. */
gboolean api_openapi_get(const char *path, ApiDocument *document);
