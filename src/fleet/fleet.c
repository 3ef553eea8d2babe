#include "fleet/session.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "wire/text.h"
#include "wire/topics.h"

#include <mosquitto.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

G_DEFINE_QUARK(espalier - fleet - error - quark, fleet_error)

struct Fleet {
	FleetShared shared;
	GThread *thread;
	BaseFd wake_fd;
	int open_commands; /* atomic */

	/* guarded by shared.mutex */
	GHashTable *sessions; /* cluster → FleetSession, the live ones */
	GPtrArray *all;       /* with those that are being ended; only the thread removes */
	guint waiters;        /* callers in fleet_clear_retained */
	gboolean quit;
};

static const char *const presence_names[] = {
	[FLEET_PRESENCE_UNKNOWN] = "Unknown",
	[FLEET_PRESENCE_CONNECTING] = "Connecting",
	[FLEET_PRESENCE_READY] = "Ready",
	[FLEET_PRESENCE_SLEEPING] = "Sleeping",
	[FLEET_PRESENCE_DISCONNECTED] = "Disconnected",
	[FLEET_PRESENCE_LOST] = "Lost",
};

const char *fleet_presence_name(FleetPresence presence)
{
	return presence_names[presence];
}

static void wake(Fleet *fleet)
{
	guint64 one = 1;

	if (write(fleet->wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full, so the thread wakes anyway */
}

/* With the mutex held. */
static FleetSession *find(Fleet *fleet, const char *cluster)
{
	return g_hash_table_lookup(fleet->sessions, cluster);
}

/* The same; FALSE with FLEET_ERROR_NO_SESSION. */
static FleetSession *find_or_fail(Fleet *fleet, const char *cluster, GError **error)
{
	FleetSession *session = find(fleet, cluster);

	if (session == NULL)
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION,
			    "cluster %s has no MQTT session", cluster);
	return session;
}

static FleetSession *find_up(Fleet *fleet, const char *cluster, GError **error)
{
	FleetSession *session = find_or_fail(fleet, cluster, error);
	FleetSessionStatus status;

	if (session == NULL)
		return NULL;
	fleet_session_get_status(session, &status);
	if (status.up)
		return session;
	g_set_error(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION,
		    "the MQTT session of cluster %s is down: %s", cluster, status.reason);
	return NULL;
}

/* A copy of the list of sessions; those that were retired are freed first. */
static GPtrArray *sessions_now(Fleet *fleet, gboolean *quit)
{
	g_autoptr(GPtrArray) retired = g_ptr_array_new();
	GPtrArray *live = g_ptr_array_new();

	g_mutex_lock(&fleet->shared.mutex);
	*quit = fleet->quit;
	for (guint i = fleet->all->len; i > 0; i--) {
		FleetSession *session = g_ptr_array_index(fleet->all, i - 1);

		if (fleet->quit || fleet_session_is_retired(session))
			g_ptr_array_add(retired, g_ptr_array_remove_index_fast(fleet->all, i - 1));
		else
			g_ptr_array_add(live, session);
	}
	g_mutex_unlock(&fleet->shared.mutex);
	for (guint i = 0; i < retired->len; i++)
		fleet_session_free(g_ptr_array_index(retired, i));
	return live;
}

static int poll_timeout_ms(gint64 next_us)
{
	gint64 left_us;

	if (next_us == G_MAXINT64)
		return -1;
	left_us = CLAMP(next_us - base_clock_monotonic_us(), 0, (gint64)G_USEC_PER_SEC * 60);
	return (int)((left_us + 999) / 1000);
}

static void serve_all(Fleet *fleet, const GPtrArray *sessions, gint64 next_us)
{
	struct pollfd fds[FLEET_SESSIONS_MAX * 2 + 1] = {{.fd = fleet->wake_fd, .events = POLLIN}};
	guint64 count;

	for (guint i = 0; i < sessions->len; i++)
		fds[i + 1].fd =
			fleet_session_fd(g_ptr_array_index(sessions, i), &fds[i + 1].events);
	poll(fds, sessions->len + 1, poll_timeout_ms(next_us));
	if (fds[0].revents != 0 && read(fleet->wake_fd, &count, sizeof count) < 0)
		return;
	for (guint i = 0; i < sessions->len; i++)
		fleet_session_serve(g_ptr_array_index(sessions, i), fds[i + 1].revents);
}

static gpointer run(gpointer data)
{
	Fleet *fleet = data;
	gboolean quit = FALSE;

	while (!quit) {
		g_autoptr(GPtrArray) sessions = sessions_now(fleet, &quit);
		gint64 next_us = G_MAXINT64;

		for (guint i = 0; i < sessions->len; i++)
			next_us = MIN(next_us, fleet_session_turn(g_ptr_array_index(sessions, i)));
		if (!quit)
			serve_all(fleet, sessions, next_us);
	}
	return NULL;
}

Fleet *fleet_new(const FleetCallbacks *callbacks, GError **error)
{
	static gsize initialised;
	Fleet *fleet;

	if (g_once_init_enter(&initialised)) {
		mosquitto_lib_init();
		g_once_init_leave(&initialised, 1);
	}
	fleet = g_new0(Fleet, 1);
	fleet->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fleet->wake_fd < 0) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID,
			    "the fleet's thread: no descriptor is left");
		g_free(fleet);
		return NULL;
	}
	fleet->shared.fleet = fleet;
	fleet->shared.callbacks = *callbacks;
	g_mutex_init(&fleet->shared.mutex);
	g_cond_init(&fleet->shared.changed);
	fleet->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	fleet->all = g_ptr_array_new();
	fleet->thread = g_thread_new("fleet", run, fleet);
	return fleet;
}

void fleet_free(Fleet *fleet)
{
	if (fleet == NULL)
		return;
	g_mutex_lock(&fleet->shared.mutex);
	fleet->quit = TRUE;
	g_hash_table_remove_all(fleet->sessions);
	g_mutex_unlock(&fleet->shared.mutex);
	wake(fleet);
	g_thread_join(fleet->thread);
	g_mutex_lock(&fleet->shared.mutex);
	while (fleet->waiters > 0)
		g_cond_wait(&fleet->shared.changed, &fleet->shared.mutex);
	g_mutex_unlock(&fleet->shared.mutex);
	g_hash_table_unref(fleet->sessions);
	g_ptr_array_unref(fleet->all);
	g_mutex_clear(&fleet->shared.mutex);
	g_cond_clear(&fleet->shared.changed);
	base_fd_close(&fleet->wake_fd);
	g_free(fleet);
}

static gboolean check_options(const char *cluster, const FleetSessionOptions *options,
			      GError **error)
{
	if (*cluster != '\0' && strlen(cluster) <= FLEET_KEY_MAX && options->host != NULL &&
	    options->port != 0 && options->user != NULL && options->root != NULL &&
	    *options->root != '\0' && strlen(options->root) < WIRE_TOPIC_MAX / 2 &&
	    strpbrk(options->root, "+#") == NULL)
		return TRUE;
	g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID,
		    "cluster '%s': its MQTT session needs a host, a port, a user and a root topic "
		    "without "
		    "wildcards",
		    cluster);
	return FALSE;
}

/* With the mutex held. A retired session counts until its thread has ended it. */
static FleetSession *add(Fleet *fleet, const char *cluster, GError **error)
{
	FleetSession *session;

	if (fleet->all->len >= FLEET_SESSIONS_MAX || fleet->quit) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_LIMIT,
			    "cluster %s: %d clusters have an MQTT session already", cluster,
			    FLEET_SESSIONS_MAX);
		return NULL;
	}
	session = fleet_session_new(&fleet->shared, cluster);
	g_hash_table_insert(fleet->sessions, g_strdup(cluster), session);
	g_ptr_array_add(fleet->all, session);
	return session;
}

gboolean fleet_session_ensure(Fleet *fleet, const char *cluster, const FleetSessionOptions *options,
			      GError **error)
{
	FleetSession *session;
	gboolean is_new, done;

	if (!check_options(cluster, options, error))
		return FALSE;
	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	is_new = session == NULL;
	if (is_new)
		session = add(fleet, cluster, error);
	done = session != NULL && fleet_session_set_options(session, options, error);
	if (is_new && session != NULL && !done) {
		g_hash_table_remove(fleet->sessions, cluster);
		fleet_session_retire(session);
	}
	g_mutex_unlock(&fleet->shared.mutex);
	wake(fleet);
	return done;
}

void fleet_session_remove(Fleet *fleet, const char *cluster)
{
	FleetSession *session;

	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	if (session != NULL) {
		g_hash_table_remove(fleet->sessions, cluster);
		fleet_session_retire(session);
	}
	g_mutex_unlock(&fleet->shared.mutex);
	wake(fleet);
}

gboolean fleet_session_status(Fleet *fleet, const char *cluster, FleetSessionStatus *out)
{
	FleetSession *session;

	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	if (session != NULL)
		fleet_session_get_status(session, out);
	g_mutex_unlock(&fleet->shared.mutex);
	return session != NULL;
}

void fleet_session_kick(Fleet *fleet, const char *cluster)
{
	FleetSession *session;

	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	if (session != NULL)
		fleet_session_hurry(session);
	g_mutex_unlock(&fleet->shared.mutex);
	wake(fleet);
}

gboolean fleet_device_declare(Fleet *fleet, const char *cluster, const char *device, GError **error)
{
	FleetSession *session;
	gboolean is_name = wire_is_id(device, WIRE_DEVICE_NAME_MAX);
	gboolean done = FALSE;

	if (!is_name) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID, "'%s' is no name of a device",
			    device);
		return FALSE;
	}
	g_mutex_lock(&fleet->shared.mutex);
	session = find_or_fail(fleet, cluster, error);
	if (session != NULL)
		done = fleet_table_declare(fleet_session_table(session), device);
	g_mutex_unlock(&fleet->shared.mutex);
	if (session != NULL && !done)
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_LIMIT,
			    "device '%s': cluster %s has %d devices", device, cluster,
			    FLEET_DEVICES_MAX);
	return done;
}

gboolean fleet_device_ended(Fleet *fleet, const char *cluster, const char *device, GError **error)
{
	FleetSession *session;

	g_mutex_lock(&fleet->shared.mutex);
	session = find_up(fleet, cluster, error);
	if (session != NULL)
		fleet_session_add_ended(session, device);
	g_mutex_unlock(&fleet->shared.mutex);
	wake(fleet);
	return session != NULL;
}

void fleet_device_forget(Fleet *fleet, const char *cluster, const char *device)
{
	FleetSession *session;

	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	if (session != NULL)
		fleet_table_forget(fleet_session_table(session), device);
	g_mutex_unlock(&fleet->shared.mutex);
}

gboolean fleet_device_get(Fleet *fleet, const char *cluster, const char *device, FleetDevice *out)
{
	FleetSession *session;
	gboolean known;

	g_mutex_lock(&fleet->shared.mutex);
	session = find(fleet, cluster);
	known = session != NULL && fleet_table_get(fleet_session_table(session), device, out);
	g_mutex_unlock(&fleet->shared.mutex);
	return known;
}

static FleetCommand *command_new(Fleet *fleet, const char *device, WireDo action, gint64 timeout_us,
				 FleetCommandDone done, gpointer user_data)
{
	FleetCommand *command = g_new0(FleetCommand, 1);
	g_autofree char *id = base_random_uuid();

	command->command.action = action;
	g_strlcpy(command->command.id, id, sizeof command->command.id);
	g_strlcpy(command->device, device, sizeof command->device);
	command->end_us = base_clock_monotonic_us() + timeout_us;
	command->done = done;
	command->user_data = user_data;
	command->open = &fleet->open_commands;
	return command;
}

gboolean fleet_command(Fleet *fleet, const char *cluster, const char *device, WireDo action,
		       gint64 timeout_us, FleetCommandDone done, gpointer user_data, GError **error)
{
	FleetSession *session;

	if (!wire_is_id(device, WIRE_DEVICE_NAME_MAX) || wire_do_name(action) == NULL) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID,
			    "no such command, or '%s' is no device", device);
		return FALSE;
	}
	if (g_atomic_int_add(&fleet->open_commands, 1) >= FLEET_COMMANDS_MAX) {
		g_atomic_int_add(&fleet->open_commands, -1);
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_LIMIT,
			    "device '%s': %d commands wait for their answer already", device,
			    FLEET_COMMANDS_MAX);
		return FALSE;
	}
	g_mutex_lock(&fleet->shared.mutex);
	session = find_up(fleet, cluster, error);
	if (session != NULL)
		fleet_session_add_command(
			session, command_new(fleet, device, action, timeout_us, done, user_data));
	g_mutex_unlock(&fleet->shared.mutex);
	if (session == NULL)
		g_atomic_int_add(&fleet->open_commands, -1);
	wake(fleet);
	return session != NULL;
}

/* With the mutex held. */
static gboolean wait_for_clear(Fleet *fleet, FleetClear *clear, gint64 timeout_us, GError **error)
{
	gint64 end_us = g_get_monotonic_time() + timeout_us;

	while (!clear->done)
		if (!g_cond_wait_until(&fleet->shared.changed, &fleet->shared.mutex, end_us))
			break;
	if (!clear->done) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_TIMEOUT,
			    "the broker did not clear the topics of device '%s' in time",
			    clear->device);
		return FALSE;
	}
	if (clear->error == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&clear->error));
	return FALSE;
}

gboolean fleet_clear_retained(Fleet *fleet, const char *cluster, const char *device,
			      gint64 timeout_us, GError **error)
{
	FleetSession *session;
	gboolean done = FALSE;

	if (!wire_is_id(device, WIRE_DEVICE_NAME_MAX)) {
		g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID, "'%s' is no name of a device",
			    device);
		return FALSE;
	}
	g_mutex_lock(&fleet->shared.mutex);
	session = find_up(fleet, cluster, error);
	if (session != NULL) {
		FleetClear *clear = fleet_clear_new(device);

		fleet_session_add_clear(session, clear);
		wake(fleet);
		fleet->waiters++;
		done = wait_for_clear(fleet, clear, timeout_us, error);
		fleet->waiters--;
		g_cond_broadcast(&fleet->shared.changed);
		fleet_clear_unref(clear);
	}
	g_mutex_unlock(&fleet->shared.mutex);
	return done;
}
