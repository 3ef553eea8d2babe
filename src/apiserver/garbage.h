/* apiserver/garbage.h — what follows a deletion: dependents go when their owner is gone, a deleted
 * namespace is emptied and then removed. One thread, woken by the store's changes; it works off
 * what earlier runs left when it starts. Within the room only. */
#pragma once

#include "store/store.h"

typedef struct ApiGarbage ApiGarbage;

/* Starts the thread. Yours, or NULL with an error. */
ApiGarbage *api_garbage_new(Store *store, GError **error);
void api_garbage_free(ApiGarbage *garbage);

/* Takes the owner `owner_uid` out of its dependents' ownerReferences: for DELETE with Orphan. FALSE
 * with an error of the store's. Any thread. */
gboolean api_garbage_orphan(ApiGarbage *garbage, const char *owner_uid, GError **error);
