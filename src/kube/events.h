/* kube/events.h — events.k8s.io/v1: telling people what happened to an object.
 *
 * Telling never blocks and never fails: a thread sends, the queue is bounded, what does not fit is
 * dropped and counted. The same thing told again within KUBE_EVENT_SERIES_S (same object, type,
 * reason and note) becomes a series with a count instead of a new Event. Never put a secret into a
 * note. */
#pragma once

#include "kube/client.h"

#include <glib.h>

enum {
	KUBE_EVENT_QUEUE_MAX = 4096,      /* waiting to be sent: some for each of 1,000 devices */
	KUBE_EVENT_SERIES_MAX = 1024,     /* remembered for de-duplication */
	KUBE_EVENT_SERIES_S = 6 * 60,     /* silence after which a series is over */
	KUBE_EVENT_REFRESH_S = 30,        /* a series' count is written at most this often … */
	KUBE_EVENT_NOTE_MAX_BYTES = 1024, /* longer notes are cut at a character, "…" added */
	KUBE_EVENT_MAX_TRIES = 5,         /* then it is dropped */
};

typedef enum { KUBE_EVENT_NORMAL, KUBE_EVENT_WARNING } KubeEventType;

typedef struct KubeRecorder KubeRecorder;

/* Reports as "espalier.dev/<controller>" (for example "device"). `client` must outlive it. Yours.
 * The thread starts with the first event. One recorder may serve all controllers of a process:
 * kube_recorder_named makes cheap views of it. */
KubeRecorder *kube_recorder_new(KubeClient *client, const char *controller);

/* Another controller's name over the same queue and thread. Yours; free it before `recorder`. */
KubeRecorder *kube_recorder_named(KubeRecorder *recorder, const char *controller);

/* Sends what waits for at most `timeout_us`, series counts included, then ends the thread. Later
 * events are dropped. FALSE if something was left. A request that is on its way is waited for:
 * kube_client_cancel cuts that short. */
gboolean kube_recorder_stop(KubeRecorder *recorder, gint64 timeout_us);

/* Stops at once if not stopped. NULL is nothing. */
void kube_recorder_free(KubeRecorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeRecorder, kube_recorder_free)

/* Tells. `reason` is CamelCase and documented; the note is a sentence for people. Any thread. */
void kube_event(KubeRecorder *recorder, KubeEventType type, const KubeRef *regarding,
		const char *reason, const char *format, ...) G_GNUC_PRINTF(5, 6);

typedef struct {
	guint64 told;    /* calls of kube_event */
	guint64 created; /* Events made */
	guint64 joined;  /* told again within a series */
	guint64 patched; /* series counts written */
	guint64 dropped; /* queue full, or refused by the server */
	guint waiting;
} KubeEventCounters;
void kube_recorder_counters(KubeRecorder *recorder, KubeEventCounters *counters);
