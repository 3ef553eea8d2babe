/* apiserver/crds.h — the CustomResourceDefinitions of our kinds, read-only, out of the program
 * itself. Within the room only. */
#pragma once

#include "apiserver/call.h"
#include "apiserver/filter.h"

/* The definition called "<plural>.<group>", as a server shows an established one. Yours, or NULL.
 */
json_t *api_crd_get(const char *name);

ApiStatus *api_crds_list(ApiCall *call, const ApiFilter *filter);

/* Those that pass the filter as a JSON array. Yours. */
json_t *api_crds_all(const ApiFilter *filter);
