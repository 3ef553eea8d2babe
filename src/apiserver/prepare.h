/* apiserver/prepare.h — what a server does to an object before it is kept: unknown fields,
 * defaults, validation, the fields that only the server sets. Pure but for clock and random
 * numbers. Within the room only. */
#pragma once

#include "apiserver/call.h"

/* Makes `object` fit to be created: reads it as its kind, names it, gives it uid and
 * creationTimestamp, drops what a client may not set, defaults and validates. */
ApiStatus *api_prepare_create(ApiCall *call, json_t *object);

/* Refuses an object whose name, namespace or uid is not that of `old`; fills in what it leaves
 * out. */
ApiStatus *api_prepare_identity(const ApiCall *call, json_t *object, json_t *old);

/* Makes `object` fit to replace `old`: keeps what a client may not change (and, of the main
 * resource, status), counts the generation, defaults and validates. */
ApiStatus *api_prepare_update(ApiCall *call, json_t *object, json_t *old);

/* The same for the status sub-resource: `object` becomes `old` with its status. */
ApiStatus *api_prepare_status(ApiCall *call, json_t *object, json_t *old);

/* Another random name after generateName, when the last was taken. */
void api_prepare_generate_name(json_t *object);

/* When the store may delete the object: an hour on for Events, 0 = never for all else. */
gint64 api_prepare_expiry(const ApiKind *kind);
