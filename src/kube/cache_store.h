/* kube/cache_store.h — the objects of a cache and their indexes. Readers on any thread, one writer.
 * Not for other rooms: they have kube/cache.h. */
#pragma once

#include "kube/cache.h"

typedef struct KubeStore KubeStore;

KubeStore *kube_store_new(const KubeResource *resource);
void kube_store_free(KubeStore *store);

/* Before the first write. */
void kube_store_add_index(KubeStore *store, const char *index, KubeIndexFunc func,
			  gpointer user_data);

/* What a write did. Both objects are yours. */
typedef struct {
	gboolean changed;
	KubeChange change;
	char *key;
	json_t *old; /* only if `want_old` was asked */
} KubeStoreChange;
void kube_store_change_clear(KubeStoreChange *change);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KubeStoreChange, kube_store_change_clear)

/* Keeps `object`, which already went through the transform, and marks it with `round`. Sets its
 * apiVersion and kind. Writer only. */
void kube_store_put(KubeStore *store, json_t *object, guint round, gboolean want_old,
		    KubeStoreChange *change);

/* Forgets an object. Writer only. */
void kube_store_remove(KubeStore *store, const char *key, KubeStoreChange *change);

/* Keys of objects whose mark is not `round`, in no order. Yours. Writer only. */
GPtrArray *kube_store_stale_keys(KubeStore *store, guint round);

json_t *kube_store_get(KubeStore *store, const char *key);
gboolean kube_store_has(KubeStore *store, const char *key);
guint kube_store_count(KubeStore *store);
gsize kube_store_bytes(KubeStore *store);
GPtrArray *kube_store_keys(KubeStore *store);
GPtrArray *kube_store_find(KubeStore *store, const char *index, const char *value);
guint kube_store_find_count(KubeStore *store, const char *index, const char *value);
void kube_store_foreach(KubeStore *store, KubeCacheFunc func, gpointer user_data);
