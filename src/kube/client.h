/* kube/client.h — requests to an API server: ours over a unix socket or any Kubernetes over TLS.
 *
 * Any thread, blocking. Objects go in and come out as json_t; what goes in is borrowed, what comes
 * out is yours. Every call can fail with KUBE_ERROR_UNAVAILABLE (server away; also 5xx),
 * _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _CANCELLED, _PROTOCOL besides what is named. A 429 or 5xx
 * with Retry-After is waited out up to KUBE_CLIENT_MAX_RETRIES times, in which time
 * kube_client_cancel still works. Nothing else is sent twice. */
#pragma once

#include "base/json.h"
#include "http/client.h"
#include "kube/config.h"
#include "kube/error.h"
#include "kube/resource.h"

#include <glib.h>

enum {
	KUBE_CLIENT_TIMEOUT_MS = 30 * 1000, /* one request */
	KUBE_CLIENT_MAX_RETRIES = 5,        /* waits for Retry-After */
	KUBE_CLIENT_MAX_RETRY_WAIT_S = 10,  /* one such wait at most */
	KUBE_LIST_PAGE = 500,               /* objects a page of a list */
};

typedef struct KubeClient KubeClient;

/* Yours, or NULL with KUBE_ERROR_CONFIG. Does not connect. `config` is copied. */
KubeClient *kube_client_new(const KubeConfig *config, GError **error);

/* All requests in flight and later ones fail with KUBE_ERROR_CANCELLED, and the caches of this
 * client stop asking. For shutdown. */
void kube_client_cancel(KubeClient *client);

/* Its caches must be gone and no request in flight. NULL is nothing. */
void kube_client_free(KubeClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeClient, kube_client_free)

/* Namespace of the kubeconfig's context, "default" if it names none. Borrowed. */
const char *kube_client_namespace(const KubeClient *client);

/* Requests sent so far (each try counts) and, of these, writes. */
typedef struct {
	guint64 requests;
	guint64 writes;
	guint64 retries;
} KubeClientCounters;
void kube_client_counters(KubeClient *client, KubeClientCounters *counters);

/* One object. NULL with KUBE_ERROR_NOT_FOUND. `name_space` is ignored for cluster-scoped kinds,
 * here and below. */
json_t *kube_get(KubeClient *client, const KubeResource *resource, const char *name_space,
		 const char *name, GError **error);

/* Its metadata alone (PartialObjectMetadata): never brings a Secret's content. */
json_t *kube_get_metadata(KubeClient *client, const KubeResource *resource, const char *name_space,
			  const char *name, GError **error);

/* Any member may be NULL or 0. */
typedef struct {
	const char *label_selector;
	const char *field_selector;
	gint64 limit; /* objects a page; 0: KUBE_LIST_PAGE. kube_list returns one page if > 0 */
	const char *continue_; /* token of the page before (kube_list only) */
	const char *resource_version;
	gboolean metadata_only;
} KubeListOptions;

/* The list object. Without `limit` all pages are fetched and joined into one; with it, one page,
 * with metadata.continue for the next. `name_space` NULL: all. KUBE_ERROR_GONE if the token is too
 * old. */
json_t *kube_list(KubeClient *client, const KubeResource *resource, const char *name_space,
		  const KubeListOptions *options, GError **error);

/* What is asked of a write beyond the object. NULL for none. */
typedef struct {
	gboolean dry_run; /* everything is checked, nothing stored */
	const char
		*field_validation; /* "Strict", "Warn", "Ignore"; NULL: the server's own default */
	const char *field_manager; /* NULL: "espalier" */
	GPtrArray *warnings;       /* may be NULL; the server's warnings are added, char * */
	gboolean metadata_only;    /* of the answer only the metadata is wanted: a large object that
				      was just sent is neither sent back nor parsed */
} KubeWriteOptions;

/* KUBE_ERROR_ALREADY_EXISTS, _INVALID (kube_error_causes), _BAD_REQUEST; _NOT_FOUND if the
 * namespace is missing. `name_space` NULL: the object's. */
json_t *kube_create(KubeClient *client, const KubeResource *resource, const char *name_space,
		    const json_t *object, const KubeWriteOptions *options, GError **error);

/* Replaces the object (`subresource` NULL) or, with "status", its status. With
 * metadata.resourceVersion: KUBE_ERROR_CONFLICT if somebody was faster. */
json_t *kube_update(KubeClient *client, const KubeResource *resource, const char *name_space,
		    const char *name, const char *subresource, const json_t *object,
		    const KubeWriteOptions *options, GError **error);

/* RFC 7386. A metadata.resourceVersion in the patch makes it conditional (KUBE_ERROR_CONFLICT). */
json_t *kube_merge_patch(KubeClient *client, const KubeResource *resource, const char *name_space,
			 const char *name, const char *subresource, const json_t *patch,
			 const KubeWriteOptions *options, GError **error);

/* RFC 6902; `patch` is the array. A failed "test" is KUBE_ERROR_INVALID. */
json_t *kube_json_patch(KubeClient *client, const KubeResource *resource, const char *name_space,
			const char *name, const char *subresource, const json_t *patch,
			const KubeWriteOptions *options, GError **error);

typedef struct {
	const char *uid;              /* precondition: this very object, else KUBE_ERROR_CONFLICT */
	const char *resource_version; /* precondition */
	const char *propagation;      /* "Background" (default), "Foreground", "Orphan" */
	gboolean dry_run;
} KubeDeleteOptions;

/* Asks for deletion; with finalizers the object stays until they are gone. KUBE_ERROR_NOT_FOUND. */
gboolean kube_delete(KubeClient *client, const KubeResource *resource, const char *name_space,
		     const char *name, const KubeDeleteOptions *options, GError **error);

/* Any path ("/version", "/readyz"): the answer's body, yours. */
GBytes *kube_get_raw(KubeClient *client, const char *path, GError **error);

/* --- finalizers: JSON patches that never touch somebody else's entry --- */

/* Makes sure `finalizer` is on `object` (as it was read, with its resourceVersion). Returns the
 * metadata as it then is, yours; KUBE_ERROR_CONFLICT if it changed meanwhile: read again. */
json_t *kube_add_finalizer(KubeClient *client, const KubeResource *resource, const json_t *object,
			   const char *finalizer, GError **error);

/* Takes it off; TRUE also if it was not there or the object is gone. */
gboolean kube_remove_finalizer(KubeClient *client, const KubeResource *resource,
			       const json_t *object, const char *finalizer, GError **error);

/* --- for kube/cache.c --- */

/* The HTTP client below, and the one thread that carries all watches of this client (started at the
 * first call). Borrowed. */
HttpClient *kube_client_http(KubeClient *client);
HttpLoop *kube_client_loop(KubeClient *client);
