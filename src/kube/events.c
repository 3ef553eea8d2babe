#include "kube/events.h"

#include "base/clock.h"

#include <string.h>
#include <unistd.h>

enum {
	RETRY_MIN_US = 200 * 1000, /* doubled with each try of one Event */
	MAX_NAME_BYTES = 253,      /* of an Event; the object's name is cut to leave room */
	NAME_SUFFIX_BYTES = 18,    /* ".<16 hex digits>" */
	MAX_INSTANCE_BYTES = 128,
};

#define REPORTING_PREFIX "espalier.dev/"
#define ACTION "Reconcile" /* events.k8s.io wants one; ours are all of this */

/* One thing that was told, from the first time until its series is over. */
typedef struct {
	char *identity; /* what makes two of them the same */
	char *controller;
	KubeEventType type;
	const KubeResource *resource;
	char *name_space; /* of the Event */
	char *regarding_space;
	char *name;
	char *uid;
	char *reason;
	char *note;
	char *event_name; /* set once it is created */
	gint64 first_wall_us;
	gint64 last_wall_us;
	gint64 last_us; /* monotonic, of the last time it was told */
	guint count;
	guint written_count; /* as the server has it */
	gint64 written_us;
	gboolean is_waiting; /* in the queue */
	guint tries;
	gint64 not_before_us; /* after a failed try */
} Fact;

/* What recorders of several controllers share. */
typedef struct {
	KubeClient *client;
	char *instance;
	GMutex lock;
	GCond changed;
	GThread *thread;
	GHashTable *facts; /* identity → Fact *, those of the last minutes */
	GQueue waiting;    /* Fact * to be created or patched */
	gboolean stopping; /* takes no more, sends what waits */
	gboolean ending;   /* ends now */
	gboolean idle;     /* the thread has nothing that is due */
	KubeEventCounters counters;
} Sender;

struct KubeRecorder {
	Sender *sender;
	gboolean owns_sender;
	char *controller;
};

static void free_fact(gpointer data)
{
	Fact *fact = data;

	g_free(fact->identity);
	g_free(fact->controller);
	g_free(fact->name_space);
	g_free(fact->regarding_space);
	g_free(fact->name);
	g_free(fact->uid);
	g_free(fact->reason);
	g_free(fact->note);
	g_free(fact->event_name);
	g_free(fact);
}

/* --- telling --- */

static char *cut_note(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	const char *end;

	if (strlen(valid) <= KUBE_EVENT_NOTE_MAX_BYTES)
		return g_steal_pointer(&valid);
	end = g_utf8_find_prev_char(valid, valid + KUBE_EVENT_NOTE_MAX_BYTES - strlen("…") + 1);
	return g_strdup_printf("%.*s…", (int)(end - valid), valid);
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static char *identity_of(const char *controller, KubeEventType type, const KubeRef *regarding,
			 const char *reason, const char *note)
{
	g_autofree char *all =
		g_strdup_printf("%s\n%d\n%s\n%s\n%s\n%s\n%s\n%s", controller, (int)type,
				regarding->resource->kind, or_empty(regarding->name_space),
				regarding->name, or_empty(regarding->uid), reason, note);

	/* Thousands are kept for minutes. */
	return g_compute_checksum_for_string(G_CHECKSUM_SHA1, all, -1);
}

static Fact *new_fact(const char *controller, KubeEventType type, const KubeRef *regarding,
		      const char *reason, char *note)
{
	Fact *fact = g_new0(Fact, 1);
	gboolean has_space = regarding->name_space != NULL && regarding->name_space[0] != '\0';

	fact->controller = g_strdup(controller);
	fact->type = type;
	fact->resource = regarding->resource;
	fact->regarding_space = g_strdup(has_space ? regarding->name_space : NULL);
	/* Events of cluster-scoped objects live in the namespace default. */
	fact->name_space = g_strdup(has_space ? regarding->name_space : "default");
	fact->name = g_strdup(regarding->name);
	fact->uid = g_strdup(regarding->uid);
	fact->reason = g_strdup(reason);
	fact->note = note;
	fact->first_wall_us = base_clock_wall_us();
	return fact;
}

/* Holds the lock. */
static void enqueue(Sender *sender, Fact *fact)
{
	if (fact->is_waiting)
		return;
	fact->is_waiting = TRUE;
	g_queue_push_tail(&sender->waiting, fact);
	g_cond_broadcast(&sender->changed);
}

static gpointer send_all(gpointer user_data);

/* Holds the lock. */
static void tell_again(Sender *sender, Fact *fact)
{
	gint64 now_us = base_clock_monotonic_us();

	sender->counters.joined++;
	fact->count++;
	fact->last_us = now_us;
	fact->last_wall_us = base_clock_wall_us();
	/* The second time is news, later counts are not: those go out now and then. */
	if (fact->written_count <= 1 ||
	    now_us - fact->written_us >= (gint64)KUBE_EVENT_REFRESH_S * G_USEC_PER_SEC)
		enqueue(sender, fact);
	else
		g_cond_broadcast(&sender->changed);
}

/* Holds the lock. Takes `identity` and `fact`. */
static void tell_first(Sender *sender, char *identity, Fact *fact)
{
	if (g_queue_get_length(&sender->waiting) >= KUBE_EVENT_QUEUE_MAX ||
	    g_hash_table_size(sender->facts) >= KUBE_EVENT_QUEUE_MAX + KUBE_EVENT_SERIES_MAX) {
		sender->counters.dropped++;
		g_free(identity);
		free_fact(fact);
		return;
	}
	fact->identity = identity;
	fact->count = 1;
	fact->last_us = base_clock_monotonic_us();
	fact->last_wall_us = fact->first_wall_us;
	g_hash_table_insert(sender->facts, fact->identity, fact);
	enqueue(sender, fact);
	if (sender->thread == NULL)
		sender->thread = g_thread_new("kube-events", send_all, sender);
}

/* Holds the lock. A series that was silent for long enough is over: the next time is news again. */
static Fact *find_series(Sender *sender, const char *identity)
{
	Fact *fact = g_hash_table_lookup(sender->facts, identity);
	gint64 silent_us;

	if (fact == NULL)
		return NULL;
	silent_us = base_clock_monotonic_us() - fact->last_us;
	if (silent_us < (gint64)KUBE_EVENT_SERIES_S * G_USEC_PER_SEC || fact->is_waiting)
		return fact;
	g_hash_table_remove(sender->facts, identity);
	return NULL;
}

void kube_event(KubeRecorder *recorder, KubeEventType type, const KubeRef *regarding,
		const char *reason, const char *format, ...)
{
	Sender *sender = recorder->sender;
	g_autofree char *text = NULL, *note = NULL, *identity = NULL;
	Fact *fact;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	note = cut_note(text);
	identity = identity_of(recorder->controller, type, regarding, reason, note);
	g_mutex_lock(&sender->lock);
	sender->counters.told++;
	fact = find_series(sender, identity);
	if (sender->stopping)
		sender->counters.dropped++;
	else if (fact != NULL)
		tell_again(sender, fact);
	else
		tell_first(sender, g_steal_pointer(&identity),
			   new_fact(recorder->controller, type, regarding, reason,
				    g_steal_pointer(&note)));
	g_mutex_unlock(&sender->lock);
}

/* --- sending: only the sender's thread, without the lock --- */

static const KubeWriteOptions write_options = {.metadata_only = TRUE};

/* A copy of what one request needs, since the fact may be told again meanwhile. */
typedef struct {
	guint count;
	gint64 last_wall_us;
} Moment;

static char *name_for(const Fact *fact)
{
	int room = MAX_NAME_BYTES - NAME_SUFFIX_BYTES;
	g_autofree char *head = g_strdup_printf("%.*s", room, fact->name);

	/* What was cut may have left a dot at the end, which a name may not have before another. */
	while (strlen(head) > 0 && strchr(".-", head[strlen(head) - 1]) != NULL)
		head[strlen(head) - 1] = '\0';
	return g_strdup_printf("%s.%016" G_GINT64_MODIFIER "x", head,
			       (guint64)fact->first_wall_us * 1000 +
				       (guint64)g_random_int_range(0, 1000));
}

static json_t *series_of(const Moment *moment)
{
	g_autofree char *last = base_clock_format_microtime(moment->last_wall_us);

	return json_pack("{s:i, s:s}", "count", (int)moment->count, "lastObservedTime", last);
}

static json_t *regarding_of(const Fact *fact)
{
	g_autofree char *api_version = kube_resource_api_version(fact->resource);
	json_t *regarding = json_pack("{s:s, s:s, s:s}", "apiVersion", api_version, "kind",
				      fact->resource->kind, "name", fact->name);

	base_json_set_string(regarding, "namespace", fact->regarding_space);
	base_json_set_string(regarding, "uid", fact->uid);
	return regarding;
}

static json_t *event_of(const Sender *sender, const Fact *fact, const Moment *moment)
{
	g_autofree char *time = base_clock_format_microtime(fact->first_wall_us);
	g_autofree char *controller = g_strconcat(REPORTING_PREFIX, fact->controller, NULL);
	json_t *event = json_pack(
		"{s:s, s:s, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "apiVersion",
		"events.k8s.io/v1", "kind", "Event", "metadata", "name", fact->event_name,
		"namespace", fact->name_space, "eventTime", time, "reportingController", controller,
		"reportingInstance", sender->instance, "action", ACTION, "reason", fact->reason,
		"type", fact->type == KUBE_EVENT_WARNING ? "Warning" : "Normal", "note", fact->note,
		"regarding", regarding_of(fact));

	if (moment->count > 1)
		json_object_set_new(event, "series", series_of(moment));
	return event;
}

static gboolean create(Sender *sender, Fact *fact, const Moment *moment, GError **error)
{
	g_autoptr(json_t) event = NULL;
	g_autoptr(json_t) answer = NULL;

	if (fact->event_name == NULL)
		fact->event_name = name_for(fact);
	event = event_of(sender, fact, moment);
	answer = kube_create(sender->client, &kube_events, fact->name_space, event, &write_options,
			     error);
	return answer != NULL;
}

static gboolean patch(Sender *sender, Fact *fact, const Moment *moment, GError **error)
{
	g_autoptr(json_t) change = json_pack("{s:o}", "series", series_of(moment));
	g_autoptr(json_t) answer =
		kube_merge_patch(sender->client, &kube_events, fact->name_space, fact->event_name,
				 NULL, change, &write_options, error);

	return answer != NULL;
}

/* FALSE with an error. An Event that has expired under a long series is made again; one that a lost
 * answer had made already is there. */
static gboolean send_one(Sender *sender, Fact *fact, const Moment *moment, gboolean *created,
			 GError **error)
{
	g_autoptr(GError) fault = NULL;

	*created = fact->written_count == 0;
	if (!*created && patch(sender, fact, moment, &fault))
		return TRUE;
	if (!*created && !g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	if (!*created)
		g_clear_pointer(&fact->event_name, g_free);
	*created = TRUE;
	g_clear_error(&fault);
	if (create(sender, fact, moment, &fault) ||
	    g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_ALREADY_EXISTS))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&fault));
	return FALSE;
}

/* --- the thread; holds the lock except while it sends --- */

/* The first that waits and may be tried now, taken out of the queue. */
static Fact *next_fact(Sender *sender)
{
	gint64 now_us = base_clock_monotonic_us();

	for (GList *at = sender->waiting.head; at != NULL; at = at->next) {
		Fact *fact = at->data;

		if (fact->not_before_us <= now_us) {
			g_queue_delete_link(&sender->waiting, at);
			fact->is_waiting = FALSE;
			return fact;
		}
	}
	return NULL;
}

static void forget(Sender *sender, Fact *fact)
{
	g_hash_table_remove(sender->facts, fact->identity);
}

static void settle(Sender *sender, Fact *fact, const Moment *moment, gboolean created,
		   const GError *error)
{
	if (error == NULL) {
		fact->written_count = moment->count;
		fact->written_us = base_clock_monotonic_us();
		fact->tries = 0;
		fact->not_before_us = 0;
		if (created)
			sender->counters.created++;
		else
			sender->counters.patched++;
		/* Told a second time while the first was on its way. */
		if (moment->count == 1 && fact->count > 1)
			enqueue(sender, fact);
		return;
	}
	if (kube_error_is_transient(error) && ++fact->tries < KUBE_EVENT_MAX_TRIES) {
		fact->not_before_us =
			base_clock_monotonic_us() + ((gint64)RETRY_MIN_US << fact->tries);
		enqueue(sender, fact);
		return;
	}
	sender->counters.dropped++;
	forget(sender, fact);
}

static void send_fact(Sender *sender, Fact *fact)
{
	Moment moment = {fact->count, fact->last_wall_us};
	g_autoptr(GError) error = NULL;
	gboolean created = FALSE;

	/* Nobody else removes a fact: find_series leaves alone what is waiting. */
	fact->is_waiting = TRUE;
	g_mutex_unlock(&sender->lock);
	send_one(sender, fact, &moment, &created, &error);
	g_mutex_lock(&sender->lock);
	fact->is_waiting = FALSE;
	settle(sender, fact, &moment, created, error);
}

/* Series whose count is due to be written are queued; those that are over are forgotten, others too
 * where there are too many. */
static void sweep(Sender *sender, gboolean all)
{
	gint64 now_us = base_clock_monotonic_us();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, sender->facts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Fact *fact = value;
		gint64 silent_us = now_us - fact->last_us;
		gboolean dirty = fact->count != fact->written_count;

		if (fact->is_waiting)
			continue;
		if (dirty && (all || now_us - fact->written_us >=
					     (gint64)KUBE_EVENT_REFRESH_S * G_USEC_PER_SEC))
			enqueue(sender, fact);
		else if (!dirty && (silent_us >= (gint64)KUBE_EVENT_SERIES_S * G_USEC_PER_SEC ||
				    g_hash_table_size(sender->facts) > KUBE_EVENT_SERIES_MAX))
			g_hash_table_iter_remove(&iter);
	}
}

/* The earliest moment at which something is to do without anybody telling more. */
static gint64 next_wake_us(Sender *sender)
{
	gint64 wake_us = base_clock_monotonic_us() + (gint64)KUBE_EVENT_REFRESH_S * G_USEC_PER_SEC;

	for (GList *at = sender->waiting.head; at != NULL; at = at->next)
		wake_us = MIN(wake_us, ((Fact *)at->data)->not_before_us);
	return wake_us;
}

static gpointer send_all(gpointer user_data)
{
	Sender *sender = user_data;

	g_mutex_lock(&sender->lock);
	while (!sender->ending) {
		Fact *fact;

		fact = next_fact(sender);
		if (fact == NULL) {
			sweep(sender, sender->stopping);
			fact = next_fact(sender);
		}
		if (fact != NULL) {
			sender->idle = FALSE;
			send_fact(sender, fact);
			continue;
		}
		sender->idle = g_queue_is_empty(&sender->waiting);
		g_cond_broadcast(&sender->changed);
		if (!sender->ending)
			g_cond_wait_until(&sender->changed, &sender->lock, next_wake_us(sender));
	}
	g_mutex_unlock(&sender->lock);
	return NULL;
}

/* --- recorders --- */

KubeRecorder *kube_recorder_new(KubeClient *client, const char *controller)
{
	KubeRecorder *recorder = g_new0(KubeRecorder, 1);
	Sender *sender = g_new0(Sender, 1);

	sender->client = client;
	sender->instance = g_strdup_printf("%.*s", MAX_INSTANCE_BYTES, g_get_host_name());
	g_mutex_init(&sender->lock);
	g_cond_init(&sender->changed);
	g_queue_init(&sender->waiting);
	sender->facts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_fact);
	recorder->sender = sender;
	recorder->owns_sender = TRUE;
	recorder->controller = g_strdup(controller);
	return recorder;
}

KubeRecorder *kube_recorder_named(KubeRecorder *recorder, const char *controller)
{
	KubeRecorder *view = g_new0(KubeRecorder, 1);

	view->sender = recorder->sender;
	view->controller = g_strdup(controller);
	return view;
}

gboolean kube_recorder_stop(KubeRecorder *recorder, gint64 timeout_us)
{
	Sender *sender = recorder->sender;
	gint64 until_us = g_get_monotonic_time() + timeout_us;
	GThread *thread;
	gboolean complete;

	g_mutex_lock(&sender->lock);
	sender->stopping = TRUE;
	sender->idle = sender->thread == NULL;
	g_cond_broadcast(&sender->changed);
	while (!sender->idle && g_cond_wait_until(&sender->changed, &sender->lock, until_us))
		;
	complete = sender->idle;
	sender->ending = TRUE;
	thread = g_steal_pointer(&sender->thread);
	g_cond_broadcast(&sender->changed);
	g_mutex_unlock(&sender->lock);
	if (thread != NULL)
		g_thread_join(thread);
	return complete;
}

void kube_recorder_free(KubeRecorder *recorder)
{
	if (recorder == NULL)
		return;
	if (recorder->owns_sender) {
		Sender *sender = recorder->sender;

		kube_recorder_stop(recorder, 0);
		g_queue_clear(&sender->waiting);
		g_hash_table_unref(sender->facts);
		g_mutex_clear(&sender->lock);
		g_cond_clear(&sender->changed);
		g_free(sender->instance);
		g_free(sender);
	}
	g_free(recorder->controller);
	g_free(recorder);
}

void kube_recorder_counters(KubeRecorder *recorder, KubeEventCounters *counters)
{
	Sender *sender = recorder->sender;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&sender->lock);

	*counters = sender->counters;
	counters->waiting = g_queue_get_length(&sender->waiting);
}
