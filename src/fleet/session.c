#include "fleet/session.h"

#include "base/clock.h"
#include "base/digest.h"
#include "fleet/link.h"
#include "wire/homie5.h"
#include "wire/topics.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* The broker delivers to us what we publish here behind everything that came before it, among that
 * the retained messages of a subscription: so we know when we have heard them all. */
#define MARKER_TOPIC "fleet/1/.espalier/sync"
#define FLEET_FILTER "fleet/1/#"

enum {
	CONNECT_MS = 10 * 1000, /* until the broker lets us in, and again until it has told all */
	MISC_MS = 5 * 1000,     /* between two looks at the keep-alive */
	MARKER_MAX_CHARS = 10,
	FILTER_MAX = WIRE_TOPIC_MAX + 2,
};

typedef enum {
	PHASE_AWAY,
	PHASE_CONNECTING,
	PHASE_LISTENING, /* to what is retained */
	PHASE_UP,
} Phase;

struct FleetSession {
	FleetShared *shared;
	char *cluster;

	/* guarded by the mutex */
	FleetSessionOptions wanted; /* owns its texts */
	SSL_CTX *wanted_tls;
	gboolean renewed; /* `wanted` has changed */
	gboolean hurry;
	gboolean retired;
	FleetTable *table;
	FleetSessionStatus status;
	GQueue commands_new; /* FleetCommand */
	GQueue clears_new;   /* FleetClear */
	GQueue ended_new;    /* names of devices */

	/* the thread's alone */
	FleetLink *link;
	Phase phase;
	char *root; /* as the link subscribed it */
	char *refusal;
	gint64 phase_end_us;
	gint64 next_connect_us;
	gint64 sweep_us; /* 0 = none due */
	guint failures;
	guint marker;      /* the last one sent */
	guint sync_marker; /* which ends PHASE_LISTENING */
	FleetCommands *commands;
	GPtrArray *clears; /* FleetClear in work */
};

FleetClear *fleet_clear_new(const char *device)
{
	FleetClear *clear = g_new0(FleetClear, 1);

	clear->references = 2;
	g_strlcpy(clear->device, device, sizeof clear->device);
	clear->topics = g_ptr_array_new_with_free_func(g_free);
	return clear;
}

void fleet_clear_unref(FleetClear *clear)
{
	if (--clear->references > 0)
		return;
	g_ptr_array_unref(clear->topics);
	g_clear_error(&clear->error);
	g_free(clear);
}

static void options_clear(FleetSessionOptions *options)
{
	g_free((char *)options->host);
	g_free((char *)options->ca_pem);
	g_free((char *)options->user);
	base_secret_free((char *)options->password);
	g_free((char *)options->root);
	*options = (FleetSessionOptions){0};
}

static FleetSessionOptions options_copy(const FleetSessionOptions *options)
{
	return (FleetSessionOptions){
		.host = g_strdup(options->host),
		.port = options->port,
		.ca_pem = g_strdup(options->ca_pem),
		.user = g_strdup(options->user),
		.password = g_strdup(options->password),
		.root = g_strdup(options->root),
	};
}

static gboolean options_equal(const FleetSessionOptions *a, const FleetSessionOptions *b)
{
	return g_strcmp0(a->host, b->host) == 0 && a->port == b->port &&
	       g_strcmp0(a->ca_pem, b->ca_pem) == 0 && g_strcmp0(a->user, b->user) == 0 &&
	       g_strcmp0(a->password, b->password) == 0 && g_strcmp0(a->root, b->root) == 0;
}

FleetSession *fleet_session_new(FleetShared *shared, const char *cluster)
{
	FleetSession *session = g_new0(FleetSession, 1);

	session->shared = shared;
	session->cluster = g_strdup(cluster);
	session->table = fleet_table_new("");
	session->commands = fleet_commands_new();
	session->clears = g_ptr_array_new();
	session->status.since_wall_us = base_clock_wall_us();
	g_strlcpy(session->status.reason, "not yet connected", sizeof session->status.reason);
	return session;
}

gboolean fleet_session_set_options(FleetSession *session, const FleetSessionOptions *options,
				   GError **error)
{
	SSL_CTX *tls = NULL;

	if (options_equal(&session->wanted, options))
		return TRUE;
	if (options->ca_pem != NULL) {
		tls = fleet_link_tls_new(options->ca_pem, options->host, error);
		if (tls == NULL)
			return FALSE;
	}
	options_clear(&session->wanted);
	SSL_CTX_free(session->wanted_tls);
	session->wanted = options_copy(options);
	session->wanted_tls = tls;
	session->renewed = TRUE;
	fleet_table_set_root(session->table, options->root);
	return TRUE;
}

FleetTable *fleet_session_table(FleetSession *session)
{
	return session->table;
}

void fleet_session_get_status(const FleetSession *session, FleetSessionStatus *out)
{
	*out = session->status;
	out->devices = fleet_table_devices(session->table);
	out->online = fleet_table_online(session->table);
}

void fleet_session_hurry(FleetSession *session)
{
	session->hurry = TRUE;
}

void fleet_session_add_command(FleetSession *session, FleetCommand *command)
{
	g_queue_push_tail(&session->commands_new, command);
}

void fleet_session_add_ended(FleetSession *session, const char *device)
{
	g_queue_push_tail(&session->ended_new, g_strdup(device));
}

void fleet_session_add_clear(FleetSession *session, FleetClear *clear)
{
	g_queue_push_tail(&session->clears_new, clear);
}

void fleet_session_retire(FleetSession *session)
{
	session->retired = TRUE;
}

gboolean fleet_session_is_retired(const FleetSession *session)
{
	return session->retired;
}

static void lock(FleetSession *session)
{
	g_mutex_lock(&session->shared->mutex);
}

static void unlock(FleetSession *session)
{
	g_mutex_unlock(&session->shared->mutex);
}

static FleetNow now(void)
{
	return (FleetNow){.wall_us = base_clock_wall_us(),
			  .monotonic_us = base_clock_monotonic_us()};
}

/* Sets and tells the session's status, if it is another one. */
static void set_status(FleetSession *session, gboolean up, const char *reason)
{
	const FleetCallbacks *callbacks = &session->shared->callbacks;
	FleetSessionStatus status;
	gboolean news, retired;

	lock(session);
	retired = session->retired;
	news = session->status.up != up || strcmp(session->status.reason, reason) != 0;
	if (session->status.up != up)
		session->status.since_wall_us = base_clock_wall_us();
	session->status.up = up;
	session->status.connects += up && news ? 1 : 0;
	g_strlcpy(session->status.reason, reason, sizeof session->status.reason);
	fleet_session_get_status(session, &status);
	unlock(session);
	if (news && !retired && callbacks->session_changed != NULL)
		callbacks->session_changed(session->shared->fleet, session->cluster, &status,
					   callbacks->user_data);
}

static void tell_device(FleetSession *session, const char *device, FleetChange changed)
{
	const FleetCallbacks *callbacks = &session->shared->callbacks;

	if (changed != 0 && callbacks->device_changed != NULL)
		callbacks->device_changed(session->shared->fleet, session->cluster, device, changed,
					  callbacks->user_data);
}

/* With the mutex held: answers a clear and drops the session's reference. */
static void finish_clear(FleetSession *session, FleetClear *clear, const GError *error)
{
	if (error != NULL)
		clear->error = g_error_copy(error);
	clear->done = TRUE;
	g_cond_broadcast(&session->shared->changed);
	fleet_clear_unref(clear);
}

static void fail_clears(FleetSession *session, const GError *error)
{
	lock(session);
	for (guint i = 0; i < session->clears->len; i++)
		finish_clear(session, g_ptr_array_index(session->clears, i), error);
	g_ptr_array_set_size(session->clears, 0);
	unlock(session);
}

static gint64 next_backoff_us(guint failures)
{
	gint64 pause_us = (gint64)FLEET_BACKOFF_MIN_MS * 1000 << MIN(failures, 16);

	pause_us = MIN(pause_us, (gint64)FLEET_BACKOFF_MAX_MS * 1000);
	return pause_us - (gint64)(g_random_double() * (double)pause_us / 4);
}

/* The connection is gone, or was never made. */
static void leave(FleetSession *session, const char *reason)
{
	g_autoptr(GError) error = g_error_new(FLEET_ERROR, FLEET_ERROR_NO_SESSION, "%s", reason);

	g_clear_pointer(&session->link, fleet_link_free);
	session->phase = PHASE_AWAY;
	session->sweep_us = 0;
	session->next_connect_us = base_clock_monotonic_us() + next_backoff_us(session->failures++);
	fleet_commands_fail_all(session->commands, error);
	fail_clears(session, error);
	set_status(session, FALSE, reason);
}

/* Publishes a marker; returns its number. */
static guint send_marker(FleetSession *session)
{
	char text[MARKER_MAX_CHARS + 1];

	snprintf(text, sizeof text, "%u", ++session->marker);
	fleet_link_publish(session->link, MARKER_TOPIC, text, 0, FALSE);
	return session->marker;
}

static void on_connected(const char *refusal, gpointer user_data)
{
	FleetSession *session = user_data;
	char filter[FILTER_MAX];

	if (refusal != NULL) {
		session->refusal = g_strdup(refusal);
		return;
	}
	lock(session);
	fleet_table_begin(session->table);
	unlock(session);
	session->phase = PHASE_LISTENING;
	session->phase_end_us = base_clock_monotonic_us() + (gint64)CONNECT_MS * 1000;
	if (wire_topic_homie5(filter, sizeof filter, session->root, "#", ""))
		filter[strlen(filter) - 1] = '\0'; /* "<root>/5/#/" */
	fleet_link_subscribe(session->link, filter);
	fleet_link_subscribe(session->link, FLEET_FILTER);
	session->sync_marker = send_marker(session);
}

static void become_up(FleetSession *session)
{
	session->phase = PHASE_UP;
	session->failures = 0;
	session->sweep_us = base_clock_monotonic_us() + (gint64)FLEET_RETURN_GRACE_MS * 1000;
	set_status(session, TRUE, "");
}

/* Who did not come back in time is lost. */
static void sweep(FleetSession *session)
{
	g_auto(GStrv) lost = NULL;
	FleetNow when = now();

	session->sweep_us = 0;
	lock(session);
	lost = fleet_table_end(session->table, &when);
	unlock(session);
	for (char **device = lost; *device != NULL; device++)
		tell_device(session, *device, FLEET_CHANGED_PRESENCE);
}

/* Subscribes to (or leaves) exactly one device's topics, which makes the broker repeat them. */
static void device_filters(FleetSession *session, const char *device,
			   void (*act)(FleetLink *link, const char *filter))
{
	char filter[FILTER_MAX];

	if (wire_topic_homie5(filter, sizeof filter, session->root, device, "#"))
		act(session->link, filter);
	snprintf(filter, sizeof filter, "fleet/1/%s/#", device);
	act(session->link, filter);
}

static void begin_clear(FleetSession *session, FleetClear *clear)
{
	g_ptr_array_add(session->clears, clear);
	device_filters(session, clear->device, fleet_link_subscribe);
	clear->marker = send_marker(session);
}

/* All that the device retained is known: clear it. */
static void clear_collected(FleetSession *session, FleetClear *clear)
{
	for (guint i = 0; i < clear->topics->len; i++)
		fleet_link_publish(session->link, g_ptr_array_index(clear->topics, i), NULL, 0,
				   TRUE);
	device_filters(session, clear->device, fleet_link_unsubscribe);
	clear->clearing = TRUE;
	clear->marker = send_marker(session);
}

static void end_clear(FleetSession *session, FleetClear *clear)
{
	g_autoptr(GError) error = NULL;

	if (clear->too_many)
		g_set_error(&error, FLEET_ERROR, FLEET_ERROR_LIMIT,
			    "device '%s' retains more than %d topics: cleared so many, the rest "
			    "remains",
			    clear->device, FLEET_RETAINED_MAX);
	g_ptr_array_remove_fast(session->clears, clear);
	lock(session);
	fleet_table_forget(session->table, clear->device);
	finish_clear(session, clear, error);
	unlock(session);
}

static void collect(FleetSession *session, const FleetMessage *message)
{
	char device[WIRE_DEVICE_NAME_MAX + 1];
	gboolean of_device;

	if (session->clears->len == 0 || !message->retained || message->size_bytes == 0)
		return;
	lock(session);
	of_device = fleet_table_device_of(session->table, message->topic, device);
	unlock(session);
	if (!of_device)
		return;
	for (guint i = 0; i < session->clears->len; i++) {
		FleetClear *clear = g_ptr_array_index(session->clears, i);

		if (clear->clearing || strcmp(clear->device, device) != 0)
			continue;
		if (clear->topics->len < FLEET_RETAINED_MAX)
			g_ptr_array_add(clear->topics, g_strdup(message->topic));
		else
			clear->too_many = TRUE;
	}
}

static void on_marker(FleetSession *session, const FleetMessage *message)
{
	g_autofree char *text =
		g_strndup(message->payload != NULL ? message->payload : "", message->size_bytes);
	guint64 number;

	if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT, &number, NULL))
		return;
	if (session->phase == PHASE_LISTENING && number == session->sync_marker)
		become_up(session);
	for (guint i = session->clears->len; i > 0; i--) {
		FleetClear *clear = g_ptr_array_index(session->clears, i - 1);

		if (clear->marker != number)
			continue;
		if (clear->clearing)
			end_clear(session, clear);
		else
			clear_collected(session, clear);
	}
}

static void on_message(const FleetMessage *message, gpointer user_data)
{
	FleetSession *session = user_data;
	FleetNow when = now();
	FleetHeard heard;

	if (strcmp(message->topic, MARKER_TOPIC) == 0) {
		on_marker(session, message);
		return;
	}
	collect(session, message);
	lock(session);
	fleet_table_hear(session->table, message, &when, &heard);
	unlock(session);
	tell_device(session, heard.device, heard.changed);
	if (heard.has_ack)
		fleet_commands_answer(session->commands, heard.device, &heard.ack);
}

static void begin_link(FleetSession *session)
{
	FleetLinkHandlers handlers = {
		.connected = on_connected, .message = on_message, .user_data = session};
	g_autoptr(GError) error = NULL;
	FleetSessionOptions options;
	SSL_CTX *tls;

	lock(session);
	options = options_copy(&session->wanted);
	tls = session->wanted_tls;
	if (tls != NULL)
		SSL_CTX_up_ref(tls);
	session->renewed = FALSE;
	session->hurry = FALSE;
	unlock(session);
	g_free(session->root);
	session->root = g_strdup(options.root);
	g_clear_pointer(&session->refusal, g_free);
	session->link = fleet_link_new(&options, tls, &handlers, &error);
	options_clear(&options);
	SSL_CTX_free(tls);
	if (session->link == NULL) {
		leave(session, error->message);
		return;
	}
	session->phase = PHASE_CONNECTING;
	session->phase_end_us = base_clock_monotonic_us() + (gint64)CONNECT_MS * 1000;
}

static void send_command(FleetSession *session, FleetCommand *command)
{
	g_autoptr(GError) error = NULL;
	char payload[WIRE_COMMAND_MAX_BYTES + 1];
	char topic[WIRE_TOPIC_MAX + 1];
	gsize size_bytes;

	if (session->phase != PHASE_UP) {
		g_set_error(&error, FLEET_ERROR, FLEET_ERROR_NO_SESSION,
			    "the session of %s is down", session->cluster);
		fleet_command_finish(command, NULL, error);
		return;
	}
	size_bytes = wire_command_encode(&command->command, payload, sizeof payload);
	g_assert(size_bytes > 0 &&
		 wire_topic_fleet(topic, sizeof topic, command->device, WIRE_FLEET_CMD));
	fleet_commands_add(session->commands, command);
	fleet_link_publish(session->link, topic, payload, 1, FALSE);
}

/* Says in a device's place what its will would have said. */
static void say_lost(FleetSession *session, const char *device)
{
	FleetDevice known = {0};
	char topic[WIRE_TOPIC_MAX + 1];

	lock(session);
	fleet_table_get(session->table, device, &known);
	unlock(session);
	if ((known.connected || known.presence == FLEET_PRESENCE_CONNECTING) &&
	    session->phase == PHASE_UP &&
	    wire_topic_homie5(topic, sizeof topic, session->root, device, WIRE_HOMIE5_STATE))
		fleet_link_publish(session->link, topic, wire_homie5_state_name(WIRE_HOMIE5_LOST),
				   1, TRUE);
}

/* Wishes that others left. */
static void take_wishes(FleetSession *session)
{
	gboolean renewed, hurry;
	GQueue commands, clears, ended;
	gpointer wish;

	lock(session);
	renewed = session->renewed;
	hurry = session->hurry;
	commands = session->commands_new;
	clears = session->clears_new;
	ended = session->ended_new;
	g_queue_init(&session->commands_new);
	g_queue_init(&session->ended_new);
	g_queue_init(&session->clears_new);
	session->hurry = FALSE;
	unlock(session);
	if (renewed && session->link != NULL)
		leave(session, "connecting anew");
	if (renewed || hurry)
		session->next_connect_us = 0;
	while ((wish = g_queue_pop_head(&commands)) != NULL)
		send_command(session, wish);
	for (; (wish = g_queue_pop_head(&ended)) != NULL; g_free(wish))
		say_lost(session, wish);
	while ((wish = g_queue_pop_head(&clears)) != NULL) {
		if (session->phase == PHASE_UP) {
			begin_clear(session, wish);
			continue;
		}
		g_ptr_array_add(session->clears, wish);
		fail_clears(session, &(const GError){.domain = FLEET_ERROR,
						     .code = FLEET_ERROR_NO_SESSION,
						     .message = (char *)"the session is down"});
	}
}

gint64 fleet_session_turn(FleetSession *session)
{
	gint64 now_us = base_clock_monotonic_us();
	gint64 next_us;

	take_wishes(session);
	if (session->phase == PHASE_AWAY && now_us >= session->next_connect_us)
		begin_link(session);
	if ((session->phase == PHASE_CONNECTING || session->phase == PHASE_LISTENING) &&
	    now_us >= session->phase_end_us)
		leave(session, "the broker does not answer");
	if (session->sweep_us != 0 && now_us >= session->sweep_us)
		sweep(session);
	next_us = MIN(fleet_commands_expire(session->commands, now_us),
		      now_us + (gint64)MISC_MS * 1000);
	if (session->phase == PHASE_AWAY)
		next_us = MIN(next_us, session->next_connect_us);
	if (session->phase == PHASE_CONNECTING || session->phase == PHASE_LISTENING)
		next_us = MIN(next_us, session->phase_end_us);
	return session->sweep_us != 0 ? MIN(next_us, session->sweep_us) : next_us;
}

int fleet_session_fd(FleetSession *session, short *events)
{
	if (session->link == NULL)
		return -1;
	*events = fleet_link_events(session->link);
	return fleet_link_fd(session->link);
}

void fleet_session_serve(FleetSession *session, short events)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reason = NULL;

	if (session->link == NULL || fleet_link_serve(session->link, events, &error))
		return;
	if (session->refusal != NULL)
		reason = g_strdup_printf("the broker refuses the server's user: %s",
					 session->refusal);
	leave(session, reason != NULL ? reason : error->message);
}

void fleet_session_free(FleetSession *session)
{
	gpointer command;

	lock(session);
	session->retired = TRUE;
	for (gpointer clear; (clear = g_queue_pop_head(&session->clears_new)) != NULL;)
		g_ptr_array_add(session->clears, clear);
	unlock(session);
	session->phase = PHASE_AWAY;
	while ((command = g_queue_pop_head(&session->commands_new)) != NULL)
		send_command(session, command); /* answered: the session is down */
	leave(session, "the session was ended");
	g_queue_clear_full(&session->ended_new, g_free);
	fleet_commands_free(session->commands);
	g_ptr_array_unref(session->clears);
	fleet_table_free(session->table);
	options_clear(&session->wanted);
	SSL_CTX_free(session->wanted_tls);
	g_free(session->refusal);
	g_free(session->root);
	g_free(session->cluster);
	g_free(session);
}
