/* base/process.h — child processes: started without a shell, watched, ended by id.
 *
 * One thread of this room, started with the first child and never ended, starts and reaps all
 * children: the signal that a child gets at our death (PR_SET_PDEATHSIG) is tied to the thread that
 * started it. Children therefore never outlive this program, whichever way it ends: they get
 * SIGTERM. Every function may be called from any thread, except where a callback says otherwise.
 *
 * Between fork and exec a child makes only async-signal-safe calls; it gets default signal
 * handlers, an empty signal mask, a process group of its own (what is typed at our terminal is ours
 * to pass on), and no descriptor but those it was given. Secrets do not belong into arguments or
 * the environment: others can read the first and crash reports the second. */
#pragma once

#include <glib.h>
#include <sys/types.h>

enum {
	BASE_PROCESS_ARGS_MAX = 256,      /* arguments, and variables of the environment */
	BASE_PROCESS_FDS_MAX = 16,        /* descriptors handed over */
	BASE_PROCESS_BACKOFF_MIN_MS = 50, /* the first pause before a restart */
};

/* What to start. Everything is borrowed for the time of the call; zero is a good default. */
typedef struct {
	const char *const *argv; /* NULL-ended; argv[0] is a path, or a name that is looked for in
				    PATH and then in the system's sbin folders */
	const char *const *env;  /* "NAME=value", NULL-ended; NULL = ours */
	const char *folder;      /* working folder; NULL = ours */
	int input_fd;            /* standard input; 0 = /dev/null */
	int output_fd;  /* standard output and error; 0 = /dev/null. A file or a pipe's end */
	int error_fd;   /* standard error alone; 0 = where output_fd leads */
	const int *fds; /* further descriptors: they become 3, 4, … in the child */
	gsize n_fds;
} BaseSpawn;

/* How a child ended. */
typedef struct {
	gboolean
		signalled; /* by a signal, whose number is `code`; else `code` is the exit status */
	int code;
} BaseExit;

typedef struct BaseProcess BaseProcess;

/* The path of a program as BaseSpawn.argv[0] is looked for. Yours, or NULL with
 * BASE_ERROR_NOT_FOUND. */
char *base_process_find(const char *program, GError **error);

/* Starts a child. Returns it, yours, once it runs the program; or NULL with BASE_ERROR_NOT_FOUND
 * (no such program), BASE_ERROR_INVALID (too many arguments or descriptors) or BASE_ERROR_CHILD. */
BaseProcess *base_process_spawn(const BaseSpawn *spawn, GError **error);

/* Its process id; valid until the child has been waited for, 0 afterwards. */
pid_t base_process_pid(BaseProcess *process);

/* Waits until the child has ended, at most `timeout_us` (-1 = for ever). TRUE with `exit` (may be
 * NULL) filled; FALSE if it still runs. Several threads may wait; each gets the same answer. */
gboolean base_process_wait(BaseProcess *process, gint64 timeout_us, BaseExit *exit);

/* Sends a signal, if the child still runs. FALSE if it does not: no other process ever gets it. */
gboolean base_process_signal(BaseProcess *process, int signal_number);

/* SIGTERM, then after `grace_us` SIGKILL; returns when the child is gone. */
void base_process_terminate(BaseProcess *process, gint64 grace_us, BaseExit *exit);

/* Ends a running child at once (SIGKILL) and frees. NULL is nothing. */
void base_process_free(BaseProcess *process);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaseProcess, base_process_free)

/* "exited with status 3", "was ended by signal 9 (Killed)". Yours. */
char *base_exit_describe(const BaseExit *exit);

/* Runs a program to its end: `input` (may be NULL) on its standard input, its standard output and
 * error together returned as `output` (yours; may be NULL) up to `max_output_bytes` (more is read
 * and dropped). After `timeout_us` (-1 = none) it is ended. TRUE if it exited with status 0; else
 * FALSE with BASE_ERROR_CHILD, whose message has the output's last line. */
gboolean base_process_run(const BaseSpawn *spawn, GBytes *input, gsize max_output_bytes,
			  gint64 timeout_us, GBytes **output, GError **error);

/* Ends a process that is not our child (a left-over of an earlier run): SIGTERM, then after
 * `grace_us` SIGKILL. It is only touched while /proc/<pid>/cmdline has `argument` as one of its
 * arguments, so a process id that was given to someone else harms nobody. TRUE if it is gone. */
gboolean base_process_end_leftover(pid_t pid, const char *argument, gint64 grace_us);

/* A child that is started again whenever it ends: at once after it ran for `healthy_us`, else after
 * a pause that doubles from BASE_PROCESS_BACKOFF_MIN_MS to `backoff_max_us`, each with up to a
 * quarter of jitter. */
typedef struct BaseSupervised BaseSupervised;

typedef enum {
	BASE_SUPERVISED_STARTED, /* `pid` runs */
	BASE_SUPERVISED_EXITED,  /* `exit` tells how; `again_us` until the next start (-1: none) */
	BASE_SUPERVISED_FAILED,  /* a restart failed: `message`; `again_us` as above */
} BaseSupervisedEvent;

typedef struct {
	pid_t pid;
	BaseExit exit;
	gint64 again_us;
	const char *message; /* borrowed, or NULL */
	guint restarts;      /* starts after the first */
} BaseSupervisedReport;

typedef struct {
	gint64 backoff_max_us;
	gint64 healthy_us;
	/* Called on the room's thread, for the very first start too, and before the next start: it
	 * may prepare files, must be quick, and must not call into this room. May be NULL. */
	void (*on_event)(BaseSupervisedEvent event, const BaseSupervisedReport *report,
			 gpointer user_data);
	gpointer user_data;
} BaseSupervision;

/* Starts. Returns it, yours, when the program runs for the first time; NULL as base_process_spawn.
 * `spawn` is copied; its descriptors are duplicated. */
BaseSupervised *base_supervise(const BaseSpawn *spawn, const BaseSupervision *supervision,
			       GError **error);

/* The running child's id, or 0 between two lives. */
pid_t base_supervised_pid(BaseSupervised *supervised);
/* Sends a signal to the running child. FALSE if none runs. */
gboolean base_supervised_signal(BaseSupervised *supervised, int signal_number);
/* Ends the child as base_process_terminate and starts it no more. No callback runs after it has
 * returned. */
void base_supervised_stop(BaseSupervised *supervised, gint64 grace_us);
/* Stops at once if it was not stopped, and frees. NULL is nothing. */
void base_supervised_free(BaseSupervised *supervised);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaseSupervised, base_supervised_free)
