/* apiserver/strategic.h — strategic merge patch for the core kinds that are served. Pure; any
 * thread. A merge patch that knows which lists merge: metadata.finalizers (a set),
 * metadata.ownerReferences (by uid), Namespace spec.finalizers (a set); and which obeys the
 * directives $patch: replace|delete|merge, $retainKeys, $setElementOrder/<list>,
 * $deleteFromPrimitiveList/<list>. All other lists are replaced. */
#pragma once

#include "apiserver/kinds.h"

#include <glib.h>
#include <jansson.h>

/* `object` with `patch` applied; neither is changed. Returns it, yours, or NULL with
 * BASE_ERROR_INVALID (a directive that makes no sense; the message names it). */
json_t *api_strategic_apply(const ApiKind *kind, const json_t *object, const json_t *patch,
			    GError **error);
