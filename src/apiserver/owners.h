/* apiserver/owners.h — who depends on whom: the keys of dependents by their owner's uid. Within the
 * room only; any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct ApiOwners ApiOwners;

ApiOwners *api_owners_new(void);
void api_owners_free(ApiOwners *owners);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiOwners, api_owners_free)

/* The uids in metadata's ownerReferences, an array of char * that is yours; empty for none. Cheap
 * where there are none. */
GPtrArray *api_owners_of(GBytes *value);

void api_owners_add(ApiOwners *owners, const GPtrArray *uids, const char *dependent_key);
void api_owners_remove(ApiOwners *owners, const GPtrArray *uids, const char *dependent_key);

/* The keys that depend on `uid`: an array of char *, yours. */
GPtrArray *api_owners_dependents(ApiOwners *owners, const char *uid);
