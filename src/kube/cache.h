/* kube/cache.h — what the server has, kept here: list, then watch, forever.
 *
 * A cache holds the objects of one kind (of one namespace or all, of a selection) as compact JSON
 * bytes. All caches of a client share one thread. It starts whether or not the server is there, and
 * after any fault it comes back by itself: closed and dead connections resume at the last
 * resourceVersion, "too old" lists again and reports what was missed as ordinary changes.
 *
 *   cache = kube_cache_new(client, &kube_devices, &options);
 *   kube_cache_add_index(cache, "class", class_of_device, NULL);
 *   kube_cache_on_event(cache, enqueue_device, queue);
 *   kube_cache_start(cache);
 *   kube_cache_wait_synced(cache, 30 * G_USEC_PER_SEC);
 *
 * What it returns may be older than what was just written: reconcile on what you see, and let
 * conflicts and the next event correct you.
 *
 * Threads: everything below may be called from any thread, unless it says otherwise. */
#pragma once

#include "base/json.h"
#include "kube/client.h"

#include <glib.h>

enum {
	KUBE_CACHE_WATCH_MIN_S = 5 * 60, /* a watch lasts between these, at random */
	KUBE_CACHE_WATCH_MAX_S = 10 * 60,
	KUBE_CACHE_STALL_GRACE_S = 30,  /* after its end was due, a silent watch counts as dead */
	KUBE_CACHE_LIST_TIMEOUT_S = 60, /* one page */
	KUBE_CACHE_BACKOFF_MIN_MS = 50, /* between failed tries, doubled, ± half at random … */
	KUBE_CACHE_BACKOFF_MAX_MS = 30 * 1000, /* … up to this */
};

typedef enum { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED } KubeChange;

/* Changes an object in place before it is stored; what it removes costs no memory. On the watch
 * thread. */
typedef void (*KubeTransform)(json_t *object, gpointer user_data);

/* Strings are copied. All may be NULL or 0. */
typedef struct {
	const char *name_space; /* NULL: all */
	const char *label_selector;
	const char *field_selector;
	gboolean metadata_only;  /* PartialObjectMetadata: no spec, no data */
	KubeTransform transform; /* NULL: kube_cache_strip */
	gpointer transform_data;
	/* For tests; 0 means the limits above. */
	guint page_size;
	guint watch_timeout_s;
	guint stall_grace_ms;
	guint backoff_max_ms;
} KubeCacheOptions;

/* The default transform: removes metadata.managedFields and the annotation that kubectl apply
 * leaves. Call it from a transform of your own. */
void kube_cache_strip(json_t *object, gpointer user_data);

typedef struct KubeCache KubeCache;

/* Yours; does nothing before kube_cache_start. `client` and `resource` must outlive it. */
KubeCache *kube_cache_new(KubeClient *client, const KubeResource *resource,
			  const KubeCacheOptions *options);

/* Appends the values under which `object` is to be found, as strings of its own (g_strdup). Pure.
 */
typedef void (*KubeIndexFunc)(const json_t *object, GPtrArray *values, gpointer user_data);

/* Before kube_cache_start. */
void kube_cache_add_index(KubeCache *cache, const char *index, KubeIndexFunc func,
			  gpointer user_data);

/* One change, after it is visible in the cache, on the watch thread and in order. `old` is NULL for
 * KUBE_ADDED; for KUBE_DELETED `now` is the last state known. Borrowed. Must not block: put a key
 * into a queue. */
typedef void (*KubeCacheHandler)(KubeChange change, const char *name_space, const char *name,
				 const json_t *old, const json_t *now, gpointer user_data);

/* Before kube_cache_start; handlers are called in the order in which they came. */
void kube_cache_on_event(KubeCache *cache, KubeCacheHandler handler, gpointer user_data);

void kube_cache_start(KubeCache *cache);

/* Ends the watch. When it returns no handler runs or will run. Contents stay readable. Not from a
 * handler. */
void kube_cache_stop(KubeCache *cache);

/* Stops and frees. NULL is nothing. */
void kube_cache_free(KubeCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeCache, kube_cache_free)

/* TRUE once the first list is complete and all its handlers have been called. */
gboolean kube_cache_is_synced(KubeCache *cache);

/* Waits for that; FALSE after `timeout_us`. Not from a handler. */
gboolean kube_cache_wait_synced(KubeCache *cache, gint64 timeout_us);

/* The object, parsed, yours; NULL if it is not there. `name_space` "" or NULL for cluster-scoped
 * kinds. apiVersion and kind are always the resource's, also when metadata_only. */
json_t *kube_cache_get(KubeCache *cache, const char *name_space, const char *name);
json_t *kube_cache_get_by_key(KubeCache *cache, const char *key);

gboolean kube_cache_has(KubeCache *cache, const char *name_space, const char *name);
guint kube_cache_count(KubeCache *cache);

/* Calls `func` for each object as it was when the call began, in no order; `object` is borrowed. No
 * lock is held meanwhile. Costs a parse an object: use an index where one would do. */
typedef void (*KubeCacheFunc)(const char *name_space, const char *name, const json_t *object,
			      gpointer user_data);
void kube_cache_foreach(KubeCache *cache, KubeCacheFunc func, gpointer user_data);

/* Keys ("namespace/name") of all objects, or of those with `value` in `index`, sorted. Elements are
 * strings; free with g_ptr_array_unref. Never NULL. An index covers all namespaces: put the
 * namespace into the value where it matters ("default/soil-probe"). */
GPtrArray *kube_cache_keys(KubeCache *cache);
GPtrArray *kube_cache_index(KubeCache *cache, const char *index, const char *value);
guint kube_cache_index_count(KubeCache *cache, const char *index, const char *value);

/* How it has gone so far. */
typedef struct {
	guint64 lists;     /* complete lists */
	guint64 pages;     /* pages of lists */
	guint64 watches;   /* watches opened */
	guint64 changes;   /* changes applied */
	guint64 bookmarks; /* seen */
	guint64 expired;   /* "too old" answers */
	guint64 failures;  /* failed lists and watches */
	guint64 garbage;   /* lines that were no event */
	gsize bytes;       /* held by objects */
} KubeCacheCounters;
void kube_cache_counters(KubeCache *cache, KubeCacheCounters *counters);

/* The last fault as a sentence, NULL if the last try was fine. Yours. */
char *kube_cache_last_error(KubeCache *cache);

/* The resourceVersion reached; NULL before the first list. Yours. */
char *kube_cache_resource_version(KubeCache *cache);
