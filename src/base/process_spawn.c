#include "base/process_spawn.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STANDARD_FDS = 3,
	FDS_MAX = STANDARD_FDS + BASE_PROCESS_FDS_MAX,
	/* Duplicates lie above every number that a child's descriptor can get, so that putting one
	 * into place never overwrites another. */
	FIRST_DUPLICATE = 64,
	OPEN_FDS_GUESS = 4096, /* where close_range does not exist */
	STATUS_CANNOT_EXEC = 127,
};

struct BaseSpawnPlan {
	char *program;
	char **argv;
	char **env;
	char *folder;
	int fds[FDS_MAX]; /* what becomes descriptor 0, 1, 2, 3, … */
	gsize n_fds;
};

static const char *const system_folders[] = {"/usr/local/sbin", "/usr/sbin", "/sbin"};

char *base_process_find(const char *program, GError **error)
{
	g_autofree char *found = g_find_program_in_path(program);

	for (gsize i = 0;
	     found == NULL && strchr(program, '/') == NULL && i < G_N_ELEMENTS(system_folders);
	     i++) {
		g_autofree char *path = g_build_filename(system_folders[i], program, NULL);

		if (access(path, X_OK) == 0)
			found = g_steal_pointer(&path);
	}
	if (found == NULL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
			    "no program '%s' in PATH or the system's sbin folders: install it",
			    program);
	return g_steal_pointer(&found);
}

static gboolean add_fd(BaseSpawnPlan *plan, int fd, GError **error)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_DUPLICATE);

	if (copy < 0)
		return base_error_set_errno(error, errno, "handing descriptor %d to %s", fd,
					    plan->program);
	plan->fds[plan->n_fds++] = copy;
	return TRUE;
}

static gboolean add_fds(BaseSpawnPlan *plan, const BaseSpawn *spawn, GError **error)
{
	g_auto(BaseFd) nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int output = spawn->output_fd > 0 ? spawn->output_fd : nothing;

	if (nothing < 0)
		return base_error_set_errno(error, errno, "opening /dev/null");
	if (!add_fd(plan, spawn->input_fd > 0 ? spawn->input_fd : nothing, error) ||
	    !add_fd(plan, output, error) ||
	    !add_fd(plan, spawn->error_fd > 0 ? spawn->error_fd : output, error))
		return FALSE;
	for (gsize i = 0; i < spawn->n_fds; i++)
		if (!add_fd(plan, spawn->fds[i], error))
			return FALSE;
	return TRUE;
}

static gboolean check_limits(const BaseSpawn *spawn, GError **error)
{
	if (spawn->argv == NULL || spawn->argv[0] == NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "no program to start");
		return FALSE;
	}
	if (g_strv_length((char **)spawn->argv) > BASE_PROCESS_ARGS_MAX ||
	    (spawn->env != NULL && g_strv_length((char **)spawn->env) > BASE_PROCESS_ARGS_MAX)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "starting %s: more than %d arguments or variables", spawn->argv[0],
			    BASE_PROCESS_ARGS_MAX);
		return FALSE;
	}
	if (spawn->n_fds > BASE_PROCESS_FDS_MAX) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "starting %s: more than %d descriptors", spawn->argv[0],
			    BASE_PROCESS_FDS_MAX);
		return FALSE;
	}
	return TRUE;
}

BaseSpawnPlan *base_spawn_plan_new(const BaseSpawn *spawn, GError **error)
{
	g_autoptr(BaseSpawnPlan) plan = g_new0(BaseSpawnPlan, 1);

	if (!check_limits(spawn, error))
		return NULL;
	plan->program = base_process_find(spawn->argv[0], error);
	if (plan->program == NULL)
		return NULL;
	plan->argv = g_strdupv((char **)spawn->argv);
	plan->env = g_strdupv((char **)spawn->env);
	plan->folder = g_strdup(spawn->folder);
	if (!add_fds(plan, spawn, error))
		return NULL;
	return g_steal_pointer(&plan);
}

void base_spawn_plan_free(BaseSpawnPlan *plan)
{
	if (plan == NULL)
		return;
	for (gsize i = 0; i < plan->n_fds; i++)
		close(plan->fds[i]);
	g_free(plan->program);
	g_strfreev(plan->argv);
	g_strfreev(plan->env);
	g_free(plan->folder);
	g_free(plan);
}

/* Everything from here to child_main runs in the child of a threaded program: only
 * async-signal-safe calls, no memory. */
static void child_reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL); /* fails for a few; those are default anyway */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_close_on_exec_from(int first)
{
	if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = first; fd < OPEN_FDS_GUESS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static gboolean child_place_fds(const BaseSpawnPlan *plan)
{
	for (gsize i = 0; i < plan->n_fds; i++)
		if (dup2(plan->fds[i], (int)i) < 0)
			return FALSE;
	return TRUE;
}

static _Noreturn void child_main(const BaseSpawnPlan *plan, pid_t parent, int report_fd)
{
	int reason = 0;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before prctl */
		_exit(STATUS_CANNOT_EXEC);
	child_reset_signals();
	if (!child_place_fds(plan)) {
		reason = errno;
	} else if (plan->folder != NULL && chdir(plan->folder) != 0) {
		reason = errno;
	} else {
		child_close_on_exec_from((int)plan->n_fds);
		execve(plan->program, plan->argv, plan->env != NULL ? plan->env : environ);
		reason = errno;
	}
	if (write(report_fd, &reason, sizeof reason) < 0)
		_exit(STATUS_CANNOT_EXEC);
	_exit(STATUS_CANNOT_EXEC);
}

/* The child's errno if it could not exec, 0 if it did (its end of the pipe closed without a word).
 */
static int read_report(int fd)
{
	int reason = 0;
	ssize_t got;

	do
		got = read(fd, &reason, sizeof reason);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof reason ? reason : 0;
}

static pid_t fork_child(const BaseSpawnPlan *plan, int report_fd)
{
	pid_t parent = getpid();
	sigset_t all, before;
	pid_t pid;
	int saved;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child_main(plan, parent, report_fd);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}

pid_t base_spawn_plan_start(const BaseSpawnPlan *plan, GError **error)
{
	int pipe_fds[2];
	g_auto(BaseFd) reader = -1;
	g_auto(BaseFd) writer = -1;
	pid_t pid;
	int reason;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		base_error_set_errno(error, errno, "starting %s", plan->program);
		return -1;
	}
	reader = pipe_fds[0];
	/* Out of the way of the descriptors that the child puts into place. */
	writer = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, FIRST_DUPLICATE);
	close(pipe_fds[1]);
	pid = writer < 0 ? -1 : fork_child(plan, writer);
	if (pid < 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_CHILD, "starting %s: %s", plan->program,
			    g_strerror(errno));
		return -1;
	}
	base_fd_close(&writer);
	reason = read_report(reader);
	if (reason == 0)
		return pid;
	waitpid(pid, NULL, 0);
	g_set_error(error, BASE_ERROR, reason == ENOENT ? BASE_ERROR_NOT_FOUND : BASE_ERROR_CHILD,
		    "starting %s%s%s: %s", plan->program, plan->folder != NULL ? " in " : "",
		    plan->folder != NULL ? plan->folder : "", g_strerror(reason));
	return -1;
}
