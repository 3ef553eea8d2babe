/* apiserver/remove.h — DELETE, and the same done by the server itself. Within the room only. */
#pragma once

#include "apiserver/call.h"

ApiStatus *api_delete(ApiCall *call);
ApiStatus *api_delete_collection(ApiCall *call);

typedef enum {
	API_REMOVED,       /* it is gone */
	API_REMOVE_WAITS,  /* it is marked; finalizers or its content are left */
	API_REMOVE_ABSENT, /* there was nothing (of that uid) */
	API_REMOVE_FAILED,
} ApiRemoval;

/* Deletes `key` as a client would: marks it where finalizers are left. `uid` (may be NULL) is the
 * only one meant. `stored` (may be NULL) gets the last bytes, yours. */
ApiRemoval api_remove(Store *store, const ApiKind *kind, const char *key, const char *uid,
		      GBytes **stored, GError **error);
