#include "base/process_spawn.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	/* How often children are asked for where the kernel gives no descriptor for one. */
	FALLBACK_POLL_MS = 20,
	BACKOFF_DOUBLINGS_MAX = 20,
};

struct BaseProcess {
	int references;
	pid_t pid; /* 0 once reaped */
	int pidfd; /* -1 where the kernel has none */
	gboolean ended;
	BaseExit exit;
	BaseSupervised *supervised; /* borrowed; NULL if alone */
};

struct BaseSupervised {
	BaseSpawnPlan *plan;
	BaseSupervision supervision;
	BaseProcess *process; /* NULL between two lives */
	gint64 started_us;
	gint64 next_start_us; /* 0 = none planned */
	guint failures;       /* short lives in a row */
	guint restarts;
	gboolean stopped;
	gboolean reporting; /* a callback is due or runs */
};

/* A caller's wish that the room's thread starts a child. */
typedef struct {
	const BaseSpawnPlan *plan;
	BaseSupervised *supervised;
	BaseProcess *process;
	GError *error;
	gboolean done;
} Request;

/* All of it is guarded by `mutex`; only the thread changes `children`. */
static struct {
	GMutex mutex;
	GCond changed;
	int wake_fd;
	GQueue requests;       /* Request, borrowed from waiting callers */
	GPtrArray *children;   /* BaseProcess, one reference each */
	GPtrArray *supervised; /* BaseSupervised, borrowed */
} room;

static void wake(void)
{
	guint64 one = 1;

	if (write(room.wake_fd, &one, sizeof one) < 0)
		return; /* the counter is full, so the thread wakes anyway */
}

static void process_unref(gpointer data)
{
	BaseProcess *process = data;

	if (--process->references > 0)
		return;
	if (process->pidfd >= 0)
		close(process->pidfd);
	g_free(process);
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* On the thread, without the mutex: forks, and waits for the exec. */
static BaseProcess *start(const BaseSpawnPlan *plan, BaseSupervised *supervised, GError **error)
{
	BaseProcess *process;
	pid_t pid = base_spawn_plan_start(plan, error);

	if (pid < 0)
		return NULL;
	process = g_new0(BaseProcess, 1);
	process->references = 1;
	process->pid = pid;
	process->pidfd = open_pidfd(pid);
	process->supervised = supervised;
	g_mutex_lock(&room.mutex);
	process->references++;
	g_ptr_array_add(room.children, process);
	g_mutex_unlock(&room.mutex);
	return process;
}

static void report(BaseSupervised *supervised, BaseSupervisedEvent event,
		   const BaseSupervisedReport *what)
{
	if (supervised->supervision.on_event != NULL)
		supervised->supervision.on_event(event, what, supervised->supervision.user_data);
	g_mutex_lock(&room.mutex);
	supervised->reporting = FALSE;
	g_cond_broadcast(&room.changed);
	g_mutex_unlock(&room.mutex);
}

/* With the mutex held: plans the next start; returns the pause, -1 if there is none. */
static gint64 plan_restart(BaseSupervised *supervised, gint64 now_us)
{
	gint64 pause_us;
	guint doublings;

	if (supervised->stopped)
		return -1;
	if (now_us - supervised->started_us >= supervised->supervision.healthy_us)
		supervised->failures = 0;
	doublings = MIN(supervised->failures, BACKOFF_DOUBLINGS_MAX);
	supervised->failures++;
	pause_us = MIN((gint64)BASE_PROCESS_BACKOFF_MIN_MS * 1000 << doublings,
		       supervised->supervision.backoff_max_us);
	pause_us -= (gint64)(g_random_double() * (double)pause_us / 4);
	supervised->next_start_us = now_us + pause_us;
	return pause_us;
}

static void begin_life(BaseSupervised *supervised, BaseProcess *process)
{
	g_mutex_lock(&room.mutex);
	supervised->process = process;
	supervised->started_us = g_get_monotonic_time();
	supervised->next_start_us = 0;
	supervised->reporting = TRUE;
	if (supervised->stopped) /* while it was being started */
		kill(process->pid, SIGKILL);
	g_mutex_unlock(&room.mutex);
	report(supervised, BASE_SUPERVISED_STARTED,
	       &(BaseSupervisedReport){
		       .pid = process->pid, .again_us = -1, .restarts = supervised->restarts});
}

static void run_requests(void)
{
	for (;;) {
		Request *request;
		BaseProcess *process;
		GError *failure = NULL;

		g_mutex_lock(&room.mutex);
		request = g_queue_pop_head(&room.requests);
		g_mutex_unlock(&room.mutex);
		if (request == NULL)
			return;
		process = start(request->plan, request->supervised, &failure);
		if (process != NULL && request->supervised != NULL)
			begin_life(request->supervised, process);
		g_mutex_lock(&room.mutex);
		if (process != NULL && request->supervised != NULL)
			g_ptr_array_add(room.supervised, request->supervised);
		request->process = process;
		request->error = failure;
		request->done = TRUE;
		g_cond_broadcast(&room.changed);
		g_mutex_unlock(&room.mutex);
	}
}

/* Takes a supervised child whose time to start again has come; it is `reporting` from then on, so
 * that nobody frees it. */
static BaseSupervised *take_due(void)
{
	gint64 now_us = g_get_monotonic_time();
	BaseSupervised *due = NULL;

	g_mutex_lock(&room.mutex);
	for (guint i = 0; due == NULL && i < room.supervised->len; i++) {
		BaseSupervised *supervised = g_ptr_array_index(room.supervised, i);

		if (supervised->next_start_us != 0 && supervised->next_start_us <= now_us &&
		    !supervised->stopped)
			due = supervised;
	}
	if (due != NULL) {
		due->next_start_us = 0;
		due->restarts++;
		due->reporting = TRUE;
	}
	g_mutex_unlock(&room.mutex);
	return due;
}

static void start_due(void)
{
	BaseSupervised *due;

	while ((due = take_due()) != NULL) {
		g_autoptr(GError) error = NULL;
		BaseSupervisedReport what = {.restarts = due->restarts};
		BaseProcess *process = start(due->plan, due, &error);

		if (process != NULL) {
			begin_life(due, process);
			continue;
		}
		g_mutex_lock(&room.mutex);
		what.message = error->message;
		due->started_us = g_get_monotonic_time();
		what.again_us = plan_restart(due, due->started_us);
		g_mutex_unlock(&room.mutex);
		report(due, BASE_SUPERVISED_FAILED, &what);
	}
}

/* With the mutex held. TRUE if the child has ended. */
static gboolean reap(BaseProcess *process)
{
	int status;
	pid_t got = waitpid(process->pid, &status, WNOHANG);

	if (got == 0 || (got < 0 && errno == EINTR))
		return FALSE;
	process->exit.signalled = got > 0 && WIFSIGNALED(status);
	if (got > 0)
		process->exit.code =
			process->exit.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
	process->pid = 0;
	process->ended = TRUE;
	return TRUE;
}

/* Reaps one child that has ended and tells everybody. FALSE if none has. */
static gboolean reap_one(void)
{
	BaseProcess *ended = NULL;
	BaseSupervised *supervised = NULL;
	BaseSupervisedReport what = {.again_us = -1};

	g_mutex_lock(&room.mutex);
	for (guint i = 0; ended == NULL && i < room.children->len; i++) {
		BaseProcess *process = g_ptr_array_index(room.children, i);

		if (reap(process))
			ended = g_ptr_array_steal_index_fast(room.children, i);
	}
	if (ended != NULL && ended->supervised != NULL) {
		supervised = ended->supervised;
		supervised->process = NULL;
		supervised->reporting = TRUE;
		what.exit = ended->exit;
		what.restarts = supervised->restarts;
		what.again_us = plan_restart(supervised, g_get_monotonic_time());
		process_unref(ended); /* the supervised child's own reference */
	}
	if (ended != NULL) {
		process_unref(ended);
		g_cond_broadcast(&room.changed);
	}
	g_mutex_unlock(&room.mutex);
	if (supervised != NULL)
		report(supervised, BASE_SUPERVISED_EXITED, &what);
	return ended != NULL;
}

/* The time until the next planned start in milliseconds, rounded up; -1 = none. */
static int pause_ms(gboolean blind)
{
	gint64 soonest_us = G_MAXINT64;
	gint64 left_us;

	for (guint i = 0; i < room.supervised->len; i++) {
		const BaseSupervised *supervised = g_ptr_array_index(room.supervised, i);

		if (supervised->next_start_us != 0)
			soonest_us = MIN(soonest_us, supervised->next_start_us);
	}
	if (soonest_us == G_MAXINT64)
		return blind ? FALLBACK_POLL_MS : -1;
	left_us = MAX(soonest_us - g_get_monotonic_time(), 0);
	left_us = MIN(left_us, (gint64)G_USEC_PER_SEC * 3600);
	return blind ? FALLBACK_POLL_MS : (int)((left_us + 999) / 1000);
}

static void wait_for_news(void)
{
	g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	struct pollfd own = {.fd = room.wake_fd, .events = POLLIN};
	gboolean blind = FALSE;
	guint64 count;
	int timeout_ms;

	g_mutex_lock(&room.mutex);
	g_array_append_val(fds, own);
	for (guint i = 0; i < room.children->len; i++) {
		const BaseProcess *process = g_ptr_array_index(room.children, i);
		struct pollfd child = {.fd = process->pidfd, .events = POLLIN};

		blind |= process->pidfd < 0;
		g_array_append_val(fds, child);
	}
	timeout_ms = pause_ms(blind);
	g_mutex_unlock(&room.mutex);
	poll((struct pollfd *)(void *)fds->data, fds->len, timeout_ms);
	if (read(room.wake_fd, &count, sizeof count) < 0)
		return; /* nobody woke us */
}

static gpointer run(gpointer unused)
{
	sigset_t all;

	(void)unused;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;) {
		run_requests();
		start_due();
		while (reap_one())
			continue;
		wait_for_news();
	}
	return NULL;
}

static void ensure_room(void)
{
	static gsize started;

	if (!g_once_init_enter(&started))
		return;
	room.children = g_ptr_array_new();
	room.supervised = g_ptr_array_new();
	room.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g_assert(room.wake_fd >= 0);
	g_thread_unref(g_thread_new("processes", run, NULL));
	g_once_init_leave(&started, 1);
}

static BaseProcess *request_start(const BaseSpawnPlan *plan, BaseSupervised *supervised,
				  GError **error)
{
	Request request = {.plan = plan, .supervised = supervised};

	ensure_room();
	g_mutex_lock(&room.mutex);
	g_queue_push_tail(&room.requests, &request);
	wake();
	while (!request.done)
		g_cond_wait(&room.changed, &room.mutex);
	g_mutex_unlock(&room.mutex);
	if (request.error != NULL)
		g_propagate_error(error, request.error);
	return request.process;
}

BaseProcess *base_process_spawn(const BaseSpawn *spawn, GError **error)
{
	g_autoptr(BaseSpawnPlan) plan = base_spawn_plan_new(spawn, error);

	return plan == NULL ? NULL : request_start(plan, NULL, error);
}

pid_t base_process_pid(BaseProcess *process)
{
	pid_t pid;

	g_mutex_lock(&room.mutex);
	pid = process->pid;
	g_mutex_unlock(&room.mutex);
	return pid;
}

/* With the mutex held. */
static gboolean wait_locked(BaseProcess *process, gint64 timeout_us)
{
	gint64 end_us = g_get_monotonic_time() + timeout_us;

	while (!process->ended) {
		if (timeout_us < 0)
			g_cond_wait(&room.changed, &room.mutex);
		else if (!g_cond_wait_until(&room.changed, &room.mutex, end_us))
			break;
	}
	return process->ended;
}

static gboolean signal_locked(BaseProcess *process, int signal_number)
{
	return process->pid > 0 && kill(process->pid, signal_number) == 0;
}

static void terminate_locked(BaseProcess *process, gint64 grace_us)
{
	if (grace_us > 0 && signal_locked(process, SIGTERM) && wait_locked(process, grace_us))
		return;
	signal_locked(process, SIGKILL);
	wait_locked(process, -1);
}

gboolean base_process_wait(BaseProcess *process, gint64 timeout_us, BaseExit *exit)
{
	gboolean ended;

	g_mutex_lock(&room.mutex);
	ended = wait_locked(process, timeout_us);
	if (ended && exit != NULL)
		*exit = process->exit;
	g_mutex_unlock(&room.mutex);
	return ended;
}

gboolean base_process_signal(BaseProcess *process, int signal_number)
{
	gboolean sent;

	g_mutex_lock(&room.mutex);
	sent = signal_locked(process, signal_number);
	g_mutex_unlock(&room.mutex);
	return sent;
}

void base_process_terminate(BaseProcess *process, gint64 grace_us, BaseExit *exit)
{
	g_mutex_lock(&room.mutex);
	terminate_locked(process, grace_us);
	if (exit != NULL)
		*exit = process->exit;
	g_mutex_unlock(&room.mutex);
}

void base_process_free(BaseProcess *process)
{
	if (process == NULL)
		return;
	g_mutex_lock(&room.mutex);
	terminate_locked(process, 0);
	process_unref(process);
	g_mutex_unlock(&room.mutex);
}

BaseSupervised *base_supervise(const BaseSpawn *spawn, const BaseSupervision *supervision,
			       GError **error)
{
	g_autoptr(BaseSpawnPlan) plan = base_spawn_plan_new(spawn, error);
	BaseSupervised *supervised;

	if (plan == NULL)
		return NULL;
	supervised = g_new0(BaseSupervised, 1);
	supervised->plan = g_steal_pointer(&plan);
	supervised->supervision = *supervision;
	if (request_start(supervised->plan, supervised, error) == NULL) {
		base_spawn_plan_free(supervised->plan);
		g_free(supervised);
		return NULL;
	}
	return supervised;
}

pid_t base_supervised_pid(BaseSupervised *supervised)
{
	pid_t pid;

	g_mutex_lock(&room.mutex);
	pid = supervised->process != NULL ? supervised->process->pid : 0;
	g_mutex_unlock(&room.mutex);
	return pid;
}

gboolean base_supervised_signal(BaseSupervised *supervised, int signal_number)
{
	gboolean sent;

	g_mutex_lock(&room.mutex);
	sent = supervised->process != NULL && signal_locked(supervised->process, signal_number);
	g_mutex_unlock(&room.mutex);
	return sent;
}

void base_supervised_stop(BaseSupervised *supervised, gint64 grace_us)
{
	BaseProcess *process;

	g_mutex_lock(&room.mutex);
	supervised->stopped = TRUE;
	supervised->next_start_us = 0;
	process = supervised->process;
	if (process != NULL) {
		process->references++;
		terminate_locked(process, grace_us);
		process_unref(process);
	}
	while (supervised->reporting || supervised->process != NULL)
		g_cond_wait(&room.changed, &room.mutex);
	g_mutex_unlock(&room.mutex);
}

void base_supervised_free(BaseSupervised *supervised)
{
	if (supervised == NULL)
		return;
	base_supervised_stop(supervised, 0);
	g_mutex_lock(&room.mutex);
	g_ptr_array_remove_fast(room.supervised, supervised);
	g_mutex_unlock(&room.mutex);
	base_spawn_plan_free(supervised->plan);
	g_free(supervised);
}
