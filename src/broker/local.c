#include "broker/local.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "broker/local_control.h"
#include "broker/local_files.h"
#include "broker/local_log.h"
#include "broker/local_port.h"
#include "broker/local_users.h"

#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CONNECT_AGAIN_US = 3 * 1000, /* while mosquitto starts */
	GATHER_US = 2 * 1000,
	LOOK_AT_LOG_S = 60,
	PID_MAX_BYTES = 32,
	CA_MAX_BYTES = 64 * 1024,
};

typedef struct {
	Broker base;
	char *folder;
	char *address;
	char *program;
	char *config_path;
	char *ca_pem;
	char *control_password;
	guint16 port;
	BaseSupervised *supervised;
	GThread *worker;

	GMutex mutex; /* guards all that follows */
	GCond changed;
	LocalUsers *users;  /* changed by the worker alone */
	GPtrArray *changes; /* LocalChange, waiting for the worker */
	BrokerStatus status;
	gboolean announced_up;
	guint life;       /* counts mosquitto's starts */
	gboolean running; /* this life has not ended */
	gboolean started; /* between start and stop */
	gboolean stopping;
	gboolean committing; /* the worker has taken changes and not yet answered them */

	LocalControl *control; /* this and what follows: the worker's alone */
	guint control_life;
	guint last_batch; /* changes in the last write */
} Local;

static Local *local_of(Broker *broker)
{
	return (Local *)broker;
}

static char *file_of(const Local *local, const char *name)
{
	return g_build_filename(local->folder, name, NULL);
}

/* With the mutex held. */
static void set_up(Local *local, gboolean up, const char *reason)
{
	if (local->status.up != up)
		local->status.since_wall_us = base_clock_wall_us();
	local->status.up = up;
	g_strlcpy(local->status.reason, reason, sizeof local->status.reason);
}

/* After an end that was not clean, what is retained on disk names devices as ready that nobody has
 * seen since. */
static void drop_unclean_retained(const Local *local)
{
	g_autofree char *pid = file_of(local, LOCAL_FILE_PID);
	g_autofree char *retained = file_of(local, LOCAL_FILE_RETAINED);

	if (access(pid, F_OK) != 0)
		return;
	unlink(retained);
	unlink(pid);
}

static char *why_it_ended(const Local *local, const BaseExit *exit)
{
	g_autofree char *how = base_exit_describe(exit);
	g_autofree char *line = local_log_last_line(local->folder);

	return g_strdup_printf("mosquitto %s%s%s", how, line != NULL ? "; its log ends: " : "",
			       line != NULL ? line : "");
}

/* On the thread of base/process. */
static void on_process(BaseSupervisedEvent event, const BaseSupervisedReport *report,
		       gpointer user_data)
{
	Local *local = user_data;
	g_autofree char *reason = NULL;

	if (event == BASE_SUPERVISED_EXITED) {
		reason = why_it_ended(local, &report->exit);
		drop_unclean_retained(local);
	}
	g_mutex_lock(&local->mutex);
	local->status.restarts = report->restarts;
	local->running = event == BASE_SUPERVISED_STARTED;
	if (event == BASE_SUPERVISED_STARTED)
		local->life++;
	else
		set_up(local, FALSE, reason != NULL ? reason : report->message);
	g_cond_broadcast(&local->changed);
	g_mutex_unlock(&local->mutex);
}

/* Tells the listener, on the worker alone so that the order is right. */
static void announce(Local *local)
{
	BrokerStatus status;
	gboolean news;

	g_mutex_lock(&local->mutex);
	status = local->status;
	news = status.up != local->announced_up;
	local->announced_up = status.up;
	g_mutex_unlock(&local->mutex);
	if (news && local->base.on_change != NULL)
		local->base.on_change(&local->base, &status, local->base.on_change_data);
}

/* The life that runs now, or 0 if none does or the broker is being stopped. */
static guint running_life(Local *local)
{
	guint life;

	g_mutex_lock(&local->mutex);
	life = local->running && !local->stopping ? local->life : 0;
	g_mutex_unlock(&local->mutex);
	return life;
}

static void forget_control(Local *local)
{
	g_clear_pointer(&local->control, local_control_free);
}

static void greet_done(Local *local, guint life)
{
	g_autofree char *version = local_log_version(local->folder);
	g_autofree char *pid = file_of(local, LOCAL_FILE_PID);

	chmod(pid, 0600); /* mosquitto leaves it to the umask */
	g_mutex_lock(&local->mutex);
	if (local->running && local->life == life) {
		set_up(local, TRUE, "");
		if (version != NULL)
			g_strlcpy(local->status.version, version, sizeof local->status.version);
		local_users_mark_all_known(local->users);
	}
	g_cond_broadcast(&local->changed);
	g_mutex_unlock(&local->mutex);
	announce(local);
}

/* Makes sure that the control connection leads to the life that runs. FALSE with
 * BROKER_ERROR_UNAVAILABLE if it ended first or does not answer before `end_us`. */
static gboolean ensure_control(Local *local, gint64 end_us, GError **error)
{
	guint life = running_life(local);

	if (life != 0 && local->control != NULL && local->control_life == life)
		return TRUE;
	forget_control(local);
	while (life != 0 && running_life(local) == life && base_clock_monotonic_us() < end_us) {
		g_clear_error(error);
		local->control = local_control_connect(local->folder, LOCAL_CONTROL_USER,
						       local->control_password,
						       end_us - base_clock_monotonic_us(), error);
		if (local->control != NULL) {
			local->control_life = life;
			greet_done(local, life);
			return TRUE;
		}
		g_usleep(CONNECT_AGAIN_US);
	}
	if (error != NULL && *error == NULL)
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE,
			    "the local broker is not running; it is started again by itself");
	return FALSE;
}

/* One attempt: SIGHUP, then two pings (local.h says why two). */
static gboolean reload_once(Local *local, gint64 end_us, GError **error)
{
	if (!ensure_control(local, end_us, error))
		return FALSE;
	base_supervised_signal(local->supervised, SIGHUP);
	for (int i = 0; i < 2; i++) {
		if (local_control_ping(local->control, end_us - base_clock_monotonic_us(), error))
			continue;
		forget_control(local);
		return FALSE;
	}
	return TRUE;
}

/* Waits a moment, or until something changes. */
static void pause_until_change(Local *local, gint64 pause_us)
{
	g_mutex_lock(&local->mutex);
	if (!local->stopping)
		g_cond_wait_until(&local->changed, &local->mutex,
				  g_get_monotonic_time() + pause_us);
	g_mutex_unlock(&local->mutex);
}

static gboolean is_stopping(Local *local)
{
	gboolean stopping;

	g_mutex_lock(&local->mutex);
	stopping = local->stopping;
	g_mutex_unlock(&local->mutex);
	return stopping;
}

/* Makes the running broker read its files. A broker that runs but does not answer is ended, and
 * started again by its supervisor. */
static gboolean reload(Local *local, GError **error)
{
	gint64 end_us = base_clock_monotonic_us() + (gint64)BROKER_LOCAL_ANSWER_MS * 1000;
	g_autoptr(GError) failure = NULL;

	while (!is_stopping(local) && base_clock_monotonic_us() < end_us) {
		g_clear_error(&failure);
		if (reload_once(local, end_us, &failure))
			return TRUE;
		announce(local);
		pause_until_change(local, CONNECT_AGAIN_US);
	}
	if (!is_stopping(local) && running_life(local) != 0)
		base_supervised_signal(local->supervised, SIGKILL);
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE,
		    "%s; the change is written and holds when it is back",
		    failure != NULL ? failure->message : "the local broker was stopped");
	return FALSE;
}

static void finish_all(GPtrArray *changes, const GError *error)
{
	for (guint i = 0; i < changes->len; i++)
		local_change_finish(g_ptr_array_index(changes, i), error);
	g_ptr_array_set_size(changes, 0);
}

static void undo_all(Local *local, GPtrArray *changes)
{
	g_mutex_lock(&local->mutex);
	for (guint i = changes->len; i > 0; i--)
		local_users_undo(local->users, g_ptr_array_index(changes, i - 1));
	g_mutex_unlock(&local->mutex);
}

/* All that was asked for since the last time: one write, one reload. */
static void commit(Local *local, GPtrArray *changes)
{
	g_autoptr(GError) error = NULL;

	g_mutex_lock(&local->mutex);
	for (guint i = 0; i < changes->len; i++)
		local_users_apply(local->users, g_ptr_array_index(changes, i));
	g_mutex_unlock(&local->mutex);
	if (!local_users_write(local->users, &error)) {
		undo_all(local, changes);
	} else if (reload(local, &error)) {
		g_mutex_lock(&local->mutex);
		for (guint i = 0; i < changes->len; i++)
			local_users_mark_known(local->users, g_ptr_array_index(changes, i));
		g_mutex_unlock(&local->mutex);
	}
	finish_all(changes, error);
}

static void look_at_log(Local *local)
{
	if (local_log_rotate(local->folder, BROKER_LOCAL_LOG_BYTES) && local->control != NULL)
		base_supervised_signal(local->supervised, SIGHUP);
}

/* With the mutex held: TRUE if the worker has something to do. */
static gboolean has_work(const Local *local)
{
	return local->stopping || local->changes->len > 0 ||
	       local->status.up != local->announced_up ||
	       (local->running && (local->control == NULL || local->control_life != local->life));
}

/* With the mutex held: after a change that came with others, waits a moment for as many again, so
 * that callers who wait for each of their changes still share a write. */
static void gather(Local *local)
{
	gint64 end_us = g_get_monotonic_time() + GATHER_US;

	while (!local->stopping && local->changes->len > 0 &&
	       local->changes->len < local->last_batch)
		if (!g_cond_wait_until(&local->changed, &local->mutex, end_us))
			break;
	if (local->changes->len > 0)
		local->last_batch = local->changes->len;
}

/* Takes what waits; FALSE when the broker is being stopped. */
static gboolean wait_for_work(Local *local, GPtrArray **changes)
{
	gint64 end_us = g_get_monotonic_time() + LOOK_AT_LOG_S * G_TIME_SPAN_SECOND;
	gboolean go_on;

	g_mutex_lock(&local->mutex);
	local->committing = FALSE;
	while (!has_work(local))
		if (!g_cond_wait_until(&local->changed, &local->mutex, end_us))
			break;
	gather(local);
	*changes = local->changes;
	local->changes = g_ptr_array_new();
	local->committing = (*changes)->len > 0;
	go_on = !local->stopping;
	g_mutex_unlock(&local->mutex);
	return go_on;
}

static gpointer work(gpointer data)
{
	Local *local = data;
	GPtrArray *changes;

	while (wait_for_work(local, &changes)) {
		announce(local);
		ensure_control(local,
			       base_clock_monotonic_us() + (gint64)BROKER_LOCAL_START_MS * 1000,
			       NULL);
		if (changes->len > 0)
			commit(local, changes);
		g_ptr_array_unref(changes);
		look_at_log(local);
	}
	if (changes->len > 0)
		commit(local, changes); /* written, and answered with "stopped" */
	g_ptr_array_unref(changes);
	forget_control(local);
	return NULL;
}

static void end_leftover(const Local *local)
{
	g_autofree char *path = file_of(local, LOCAL_FILE_PID);
	g_autoptr(GBytes) bytes = base_file_read(path, PID_MAX_BYTES, NULL);
	g_autofree char *text = NULL;
	guint64 pid;

	if (bytes == NULL || g_bytes_get_size(bytes) == 0)
		return;
	text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	g_strstrip(text);
	if (g_ascii_string_to_unsigned(text, 10, 2, G_MAXINT32, &pid, NULL))
		base_process_end_leftover((pid_t)pid, local->config_path,
					  (gint64)BROKER_LOCAL_STOP_MS * 1000);
}

/* The name of the user that we are, if mosquitto would otherwise become another one. */
static char *user_to_stay(void)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (geteuid() != 0 || getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) != 0 ||
	    found == NULL)
		return NULL;
	return g_strdup(found->pw_name);
}

static gboolean write_files(Local *local, GError **error)
{
	g_autofree char *user = user_to_stay();
	g_autofree char *text = local_config_text(local->address, local->port, user);
	g_autoptr(GError) failure = NULL;

	if (!base_file_update(local->config_path, text, strlen(text), 0600, NULL, &failure)) {
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_IO, "%s", failure->message);
		return FALSE;
	}
	local_users_set_control(local->users, local->control_password);
	return local_users_write(local->users, error);
}

static gboolean read_ca(Local *local, GError **error)
{
	g_autofree char *path = file_of(local, LOCAL_FILE_CA);
	g_autoptr(GError) failure = NULL;
	g_autoptr(GBytes) bytes = base_file_read(path, CA_MAX_BYTES, &failure);

	if (bytes == NULL) {
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_IO, "the broker's authority: %s",
			    failure->message);
		return FALSE;
	}
	if (local->ca_pem == NULL)
		local->ca_pem = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return TRUE;
}

static gboolean spawn(Local *local, GError **error)
{
	const char *argv[] = {local->program, "-c", local->config_path, NULL};
	BaseSupervision supervision = {
		.backoff_max_us = (gint64)BROKER_LOCAL_BACKOFF_MAX_MS * 1000,
		.healthy_us = (gint64)BROKER_LOCAL_HEALTHY_MS * 1000,
		.on_event = on_process,
		.user_data = local,
	};
	g_auto(BaseFd) log_fd = local_log_open(local->folder);
	BaseSpawn what = {.argv = argv, .folder = local->folder, .output_fd = MAX(log_fd, 0)};
	g_autoptr(GError) failure = NULL;

	local->supervised = base_supervise(&what, &supervision, &failure);
	if (local->supervised != NULL)
		return TRUE;
	g_set_error(error, BROKER_ERROR,
		    g_error_matches(failure, BASE_ERROR, BASE_ERROR_NOT_FOUND)
			    ? BROKER_ERROR_MISSING
			    : BROKER_ERROR_UNAVAILABLE,
		    "the MQTT broker: %s (Debian: apt install mosquitto)", failure->message);
	return FALSE;
}

static gboolean wait_until_up(Local *local, GError **error)
{
	gint64 end_us = g_get_monotonic_time() + (gint64)BROKER_LOCAL_START_MS * 1000;
	g_autofree char *reason = NULL;
	gboolean up;

	g_mutex_lock(&local->mutex);
	while (!local->status.up && local->running)
		if (!g_cond_wait_until(&local->changed, &local->mutex, end_us))
			break;
	up = local->status.up;
	reason = g_strdup(*local->status.reason != '\0' ? local->status.reason
							: "mosquitto does not answer");
	g_mutex_unlock(&local->mutex);
	if (!up)
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE,
			    "the MQTT broker does not start: %s", reason);
	return up;
}

static void stop(Broker *broker)
{
	Local *local = local_of(broker);

	g_mutex_lock(&local->mutex);
	local->stopping = TRUE;
	local->started = FALSE;
	g_cond_broadcast(&local->changed);
	g_mutex_unlock(&local->mutex);
	if (local->worker != NULL)
		g_thread_join(g_steal_pointer(&local->worker));
	if (local->supervised != NULL)
		base_supervised_stop(local->supervised, (gint64)BROKER_LOCAL_STOP_MS * 1000);
	g_clear_pointer(&local->supervised, base_supervised_free);
}

static gboolean start(Broker *broker, GError **error)
{
	Local *local = local_of(broker);
	g_autofree char *control = file_of(local, LOCAL_FILE_CONTROL);

	end_leftover(local);
	if (!local_port_check(local->address, local->port, error) || !read_ca(local, error) ||
	    !write_files(local, error))
		return FALSE;
	drop_unclean_retained(local);
	unlink(control);
	local->stopping = FALSE;
	if (!spawn(local, error))
		return FALSE;
	local->worker = g_thread_new("broker", work, local);
	if (!wait_until_up(local, error)) {
		stop(broker);
		return FALSE;
	}
	g_mutex_lock(&local->mutex);
	local->started = TRUE;
	g_mutex_unlock(&local->mutex);
	return TRUE;
}

/* Queues a change, or finishes it at once if nobody works on changes. */
static void submit(Local *local, LocalChange *change)
{
	g_autoptr(GError) error = NULL;
	gboolean queued;

	g_mutex_lock(&local->mutex);
	queued = local->started;
	if (queued)
		g_ptr_array_add(local->changes, change);
	g_cond_broadcast(&local->changed);
	g_mutex_unlock(&local->mutex);
	if (queued)
		return;
	g_set_error(&error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE,
		    "the local broker is not started");
	local_change_finish(change, error);
}

/* With the mutex held. */
static gboolean is_waiting(const Local *local, const char *name)
{
	for (guint i = 0; i < local->changes->len; i++)
		if (g_strcmp0(((const LocalChange *)g_ptr_array_index(local->changes, i))->name,
			      name) == 0)
			return TRUE;
	return FALSE;
}

static void ensure_user(Broker *broker, const char *name, const char *password, BrokerRole role,
			BrokerDone done, gpointer user_data)
{
	Local *local = local_of(broker);
	BrokerPassword known;
	gboolean may_be_known;
	LocalChange *change;

	(void)role; /* the name says it */
	g_mutex_lock(&local->mutex);
	may_be_known = local->started && !is_waiting(local, name) &&
		       local_users_known_password(local->users, name, &known);
	g_mutex_unlock(&local->mutex);
	if (may_be_known && broker_password_matches(&known, password)) {
		if (done != NULL)
			done(NULL, user_data);
		return;
	}
	change = local_change_new(LOCAL_ENSURE, name, done, user_data);
	broker_password_set(&change->password, password);
	submit(local, change);
}

static void remove_user(Broker *broker, const char *name, BrokerDone done, gpointer user_data)
{
	Local *local = local_of(broker);
	gboolean is_gone;

	g_mutex_lock(&local->mutex);
	is_gone = local->started && !local->committing && !is_waiting(local, name) &&
		  !local_users_has(local->users, name);
	g_mutex_unlock(&local->mutex);
	if (!is_gone)
		submit(local, local_change_new(LOCAL_REMOVE, name, done, user_data));
	else if (done != NULL)
		done(NULL, user_data);
}

static char *owner_of(Broker *broker)
{
	Local *local = local_of(broker);
	char *owner;

	g_mutex_lock(&local->mutex);
	owner = g_strdup(local_users_owner(local->users));
	g_mutex_unlock(&local->mutex);
	return owner;
}

static char **list_users(Broker *broker, GError **error)
{
	Local *local = local_of(broker);
	char **list;

	(void)error;
	g_mutex_lock(&local->mutex);
	list = local_users_list(local->users);
	g_mutex_unlock(&local->mutex);
	return list;
}

static void get_status(Broker *broker, BrokerStatus *out)
{
	Local *local = local_of(broker);

	g_mutex_lock(&local->mutex);
	*out = local->status;
	g_mutex_unlock(&local->mutex);
}

static BrokerEndpoint endpoint(Broker *broker)
{
	const Local *local = local_of(broker);

	return (BrokerEndpoint){
		.host = local->address, .port = local->port, .ca_pem = local->ca_pem};
}

static void free_local(Broker *broker)
{
	Local *local = local_of(broker);

	g_ptr_array_unref(local->changes);
	local_users_free(local->users);
	base_secret_free(local->control_password);
	g_free(local->folder);
	g_free(local->address);
	g_free(local->program);
	g_free(local->config_path);
	g_free(local->ca_pem);
	g_mutex_clear(&local->mutex);
	g_cond_clear(&local->changed);
	g_free(local);
}

static void claim(Broker *broker, const char *owner, const char *root, BrokerDone done,
		  gpointer user_data)
{
	Local *local = local_of(broker);
	gboolean is_claimed;
	LocalChange *change;

	/* Asked at every look at a cluster: the broker reads its files again only for news. */
	g_mutex_lock(&local->mutex);
	is_claimed = local->started && local->status.up && !local->committing &&
		     local->changes->len == 0 && local_users_is_claimed(local->users, owner, root);
	g_mutex_unlock(&local->mutex);
	if (is_claimed) {
		if (done != NULL)
			done(NULL, user_data);
		return;
	}
	change = local_change_new(LOCAL_CLAIM, owner, done, user_data);
	change->root = g_strdup(root);
	submit(local, change);
}

static void release(Broker *broker, const char *owner, BrokerDone done, gpointer user_data)
{
	submit(local_of(broker), local_change_new(LOCAL_RELEASE, owner, done, user_data));
}

static void reload_certificate(Broker *broker, BrokerDone done, gpointer user_data)
{
	submit(local_of(broker), local_change_new(LOCAL_RELOAD, NULL, done, user_data));
}

static const BrokerDriver local_driver = {
	.start = start,
	.stop = stop,
	.free = free_local,
	.claim = claim,
	.release = release,
	.ensure_user = ensure_user,
	.remove_user = remove_user,
	.owner = owner_of,
	.list_users = list_users,
	.reload_certificate = reload_certificate,
	.status = get_status,
	.endpoint = endpoint,
};

int broker_local_pid(Broker *broker)
{
	const Local *local = local_of(broker);

	return local->supervised != NULL ? base_supervised_pid(local->supervised) : 0;
}

Broker *broker_local_new(const BrokerLocalOptions *options, GError **error)
{
	g_autoptr(GError) failure = NULL;
	g_autoptr(LocalUsers) users = NULL;
	Local *local;

	if (!g_path_is_absolute(options->folder) || strpbrk(options->folder, "\r\n") != NULL ||
	    options->port == 0) {
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_INVALID,
			    "the broker needs an absolute folder and a port, not '%s' and %u",
			    options->folder, options->port);
		return NULL;
	}
	if (!base_folder_make(options->folder, 0700, &failure) ||
	    !base_folder_sweep(options->folder, &failure)) {
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_IO, "%s", failure->message);
		return NULL;
	}
	users = local_users_load(options->folder, error);
	if (users == NULL)
		return NULL;
	local = g_new0(Local, 1);
	local->base = (Broker){.driver = &local_driver,
			       .on_change = options->on_change,
			       .on_change_data = options->on_change_data};
	local->folder = g_strdup(options->folder);
	local->address = g_strdup(options->address);
	local->program = g_strdup(options->program != NULL ? options->program : "mosquitto");
	local->config_path = file_of(local, LOCAL_FILE_CONFIG);
	local->control_password = base_random_password();
	local->port = options->port;
	g_mutex_init(&local->mutex);
	g_cond_init(&local->changed);
	local->users = g_steal_pointer(&users);
	local->changes = g_ptr_array_new();
	return &local->base;
}
