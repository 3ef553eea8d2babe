/* kube/queue.h — keys waiting to be reconciled, and the threads that do it.
 *
 * A key is in the queue once, however often it is added; it is never worked on by two threads at
 * once; added while it is being worked on, it is worked on once more afterwards. Any thread. */
#pragma once

#include <glib.h>

enum {
	KUBE_QUEUE_BACKOFF_MIN_US = 5 * 1000, /* after the first failure of a key, then doubled … */
	KUBE_QUEUE_BACKOFF_MAX_US = 5 * 60 * 1000 * 1000, /* … up to 5 minutes */
	KUBE_QUEUE_MAX_WORKERS = 64,
};

typedef enum {
	KUBE_RESULT_DONE,   /* the key's failures are forgotten */
	KUBE_RESULT_AGAIN,  /* the same, and it comes again after `after_us` */
	KUBE_RESULT_FAILED, /* it comes again after its back-off */
} KubeOutcome;

typedef struct {
	KubeOutcome outcome;
	gint64 after_us;
} KubeResult;

static inline KubeResult kube_done(void)
{
	return (KubeResult){.outcome = KUBE_RESULT_DONE};
}

static inline KubeResult kube_again_after(gint64 after_us)
{
	return (KubeResult){.outcome = KUBE_RESULT_AGAIN, .after_us = after_us};
}

static inline KubeResult kube_failed(void)
{
	return (KubeResult){.outcome = KUBE_RESULT_FAILED};
}

/* Works on one key, on a worker thread; may block. */
typedef KubeResult (*KubeReconcile)(const char *key, gpointer user_data);

typedef struct {
	const char *name; /* for threads and metrics; copied */
	guint workers;    /* 1 … KUBE_QUEUE_MAX_WORKERS; 0: 1 */
	KubeReconcile reconcile;
	gpointer user_data;
	gint64 backoff_min_us; /* 0: the limits above */
	gint64 backoff_max_us;
} KubeQueueOptions;

typedef struct KubeQueue KubeQueue;

/* Yours. Keys may be added at once; they wait for kube_queue_start. */
KubeQueue *kube_queue_new(const KubeQueueOptions *options);
void kube_queue_start(KubeQueue *queue);

void kube_queue_add(KubeQueue *queue, const char *key);

/* After `delay_us`; the earliest time that was asked wins. kube_queue_add at any moment brings it
 * forward. */
void kube_queue_add_after(KubeQueue *queue, const char *key, gint64 delay_us);

/* After the key's back-off, which doubles with each call until kube_queue_forget. */
void kube_queue_add_limited(KubeQueue *queue, const char *key);
void kube_queue_forget(KubeQueue *queue, const char *key);

/* Takes no more keys and works off those that are due, for at most `timeout_us`; delayed keys are
 * dropped. TRUE if nothing due was left behind. A reconcile that is still running then ends in its
 * own time: cancel what it waits for (kube_client_cancel) before kube_queue_free. */
gboolean kube_queue_stop(KubeQueue *queue, gint64 timeout_us);

/* Stops at once if not stopped, waits for running reconciles, frees. NULL is nothing. Not from a
 * reconcile. */
void kube_queue_free(KubeQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeQueue, kube_queue_free)

/* Waits until no key is due or being worked on (delayed ones do not count). FALSE after
 * `timeout_us`. */
gboolean kube_queue_wait_idle(KubeQueue *queue, gint64 timeout_us);

/* Named as workqueue_* and controller_runtime_* metrics are. Times in microseconds. */
typedef struct {
	guint depth;   /* due, waiting for a worker */
	guint delayed; /* waiting for their time */
	guint active;  /* being worked on */
	guint64 adds;
	guint64 retries; /* by back-off */
	guint64 done, again, failed;
	gint64 queue_us;        /* time waited, sum */
	gint64 work_us;         /* time worked, sum */
	gint64 longest_work_us; /* of one reconcile */
} KubeQueueCounters;
void kube_queue_counters(KubeQueue *queue, KubeQueueCounters *counters);
