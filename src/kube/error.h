/* kube/error.h — what an API server answers when it refuses (metav1.Status), as GError. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define KUBE_ERROR (kube_error_quark())
GQuark kube_error_quark(void);

/* Codes a caller can act on. The message is the server's, or names server and remedy where there
 * was no answer. */
typedef enum {
	KUBE_ERROR_OTHER,          /* any other refusal; see kube_error_status_code */
	KUBE_ERROR_NOT_FOUND,      /* 404 */
	KUBE_ERROR_CONFLICT,       /* 409 Conflict: read again, decide again */
	KUBE_ERROR_ALREADY_EXISTS, /* 409 AlreadyExists */
	KUBE_ERROR_INVALID,        /* 422: see kube_error_causes */
	KUBE_ERROR_BAD_REQUEST,    /* 400: unknown fields, malformed body */
	KUBE_ERROR_UNAUTHORIZED,   /* 401: token missing, wrong or expired */
	KUBE_ERROR_FORBIDDEN,      /* 403 */
	KUBE_ERROR_GONE,           /* 410: the resourceVersion or continue token is too old */
	KUBE_ERROR_TOO_MANY,       /* 429, after waiting as the server asked */
	KUBE_ERROR_TOO_LARGE,      /* 413, or an answer over our limit */
	KUBE_ERROR_UNSUPPORTED,    /* 405, 406, 415 */
	KUBE_ERROR_UNAVAILABLE,    /* no connection, time-out, 500, 502, 503, 504: try later */
	KUBE_ERROR_CANCELLED,      /* kube_client_cancel */
	KUBE_ERROR_PROTOCOL,       /* the answer is not what the protocol says */
	KUBE_ERROR_CONFIG,         /* kubeconfig or in-cluster files; the message names the field */
} KubeError;

/* One cause of a refusal, as in metav1.StatusCause. */
typedef struct {
	char *reason;  /* "FieldValueInvalid" …; may be NULL */
	char *message; /* may be NULL */
	char *field;   /* "spec.settings[0].key"; may be NULL */
} KubeErrorCause;

/* The causes of a KUBE_ERROR (elements KubeErrorCause *), empty or NULL if there are none. Borrowed
 * from `error`. NULL for errors of other domains. */
const GPtrArray *kube_error_causes(const GError *error);

/* Status.reason ("NotFound"), or NULL. Borrowed from `error`. */
const char *kube_error_reason(const GError *error);

/* HTTP status, or 0 where there was no answer. */
guint kube_error_status_code(const GError *error);

/* Makes the error of an answer `http_status` with `body` (a metav1.Status as JSON, or anything
 * else). `what` names the request for answers without a Status, for example "GET /api/v1/…". Always
 * returns FALSE. */
gboolean kube_error_set_from_answer(GError **error, guint http_status, GBytes *body,
				    const char *what);

/* The same from a Status that is already parsed (the object of a watch's ERROR event). */
gboolean kube_error_set_from_status(GError **error, const json_t *status, guint http_status,
				    const char *what);

/* Sets KUBE_ERROR `code` with a message of ours. Always returns FALSE. */
gboolean kube_error_set(GError **error, KubeError code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* TRUE if trying the same again later may help (UNAVAILABLE, TOO_MANY, CONFLICT). */
gboolean kube_error_is_transient(const GError *error);
