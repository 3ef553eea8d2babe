/* apiserver/discovery.h — what is served: /api, /apis, /api/v1, /apis/G, /apis/G/V in the legacy
 * form, /api and /apis also aggregated (apidiscovery.k8s.io/v2), and /version. Made on demand out
 * of apiserver/kinds.h; any thread. */
#pragma once

#include "apiserver/document.h"

#include <glib.h>

/* What /version says: kubectl compares its own minor version with ours. */
#define API_SERVER_MAJOR "1"
#define API_SERVER_MINOR "34"

/* Fills `document` for a path above (without query; a final slash is taken). FALSE, untouched, if
 * the path is none of them. `accept` (may be NULL) chooses aggregated; anything unknown there gets
 * the legacy form, never a refusal. */
gboolean api_discovery_get(const char *path, const char *accept, ApiDocument *document);
