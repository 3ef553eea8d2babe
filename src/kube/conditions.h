/* kube/conditions.h — metav1.Condition lists in a status, and writing a status only when it says
 * something new.
 *
 *   status = kube_status_copy(object);
 *   kube_condition_set(status, "Ready", KUBE_FALSE, "ClassNotFound", generation, "…");
 *   kube_status_write(client, &kube_devices, object, status, &error);
 *
 * A status is a json_t object; all but kube_status_write is pure (the wall clock is read). */
#pragma once

#include "base/json.h"
#include "kube/client.h"

#include <glib.h>

enum { KUBE_CONDITION_MESSAGE_MAX_BYTES = 1024 }; /* longer messages are cut at a character */

typedef enum { KUBE_FALSE, KUBE_TRUE, KUBE_UNKNOWN } KubeTruth;

/* A copy of object.status to work on, an empty object if there is none. Yours. */
json_t *kube_status_copy(const json_t *object);

/* Sets status.conditions[type]. lastTransitionTime moves only when the truth flips; the entry keeps
 * its place. Returns TRUE if anything changed. */
gboolean kube_condition_set(json_t *status, const char *type, KubeTruth truth, const char *reason,
			    gint64 observed_generation, const char *format, ...)
	G_GNUC_PRINTF(6, 7);

/* Removes it; TRUE if it was there. */
gboolean kube_condition_remove(json_t *status, const char *type);

/* The entry, borrowed, or NULL. */
const json_t *kube_condition_find(const json_t *status, const char *type);

/* KUBE_UNKNOWN if it is missing. */
KubeTruth kube_condition_truth(const json_t *status, const char *type);
gboolean kube_condition_is_true(const json_t *status, const char *type);

/* Its reason or message, "" if missing. Borrowed. */
const char *kube_condition_reason(const json_t *status, const char *type);
const char *kube_condition_message(const json_t *status, const char *type);

/* TRUE if both say the same (the order of members does not matter). NULL equals {}. */
gboolean kube_status_equal(const json_t *a, const json_t *b);

/* The merge patch {"status": …} from `before` to `after`, or NULL if they are equal. Yours. */
json_t *kube_status_patch(const json_t *before, const json_t *after);

/* Writes `status` to the /status of `object` (as it was read) if it differs; `written` (may be
 * NULL) says whether it did. The patch carries no resourceVersion: a kind's status has one writer.
 * TRUE also if the object is gone. */
gboolean kube_status_write(KubeClient *client, const KubeResource *resource, const json_t *object,
			   const json_t *status, gboolean *written, GError **error);
