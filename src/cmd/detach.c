#include "cmd/detach.h"

#include "base/log.h"
#include "cmd/data_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the parent, while it waits: whoever interrupts the start wants no end of it left behind. */
static volatile sig_atomic_t starting_child;

static void pass_on(int signal_number)
{
	(void)signal_number;
	if (starting_child > 0)
		kill((pid_t)starting_child, SIGTERM);
}

static void pass_signals_on(pid_t child)
{
	struct sigaction action = {.sa_handler = pass_on};

	starting_child = child;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* Holds back what would end the caller, until both processes know what to do with it. Returns the
 * mask as it was. */
static sigset_t hold_signals(void)
{
	sigset_t held, before;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, &before);
	return before;
}

/* The child's report, or, if it ended without one, its exit status. */
static CmdExit await_report(int fd, pid_t child)
{
	guint8 report;
	ssize_t got;
	int status;

	do
		got = read(fd, &report, 1);
	while (got < 0 && errno == EINTR);
	close(fd);
	if (got == 1)
		return (CmdExit)report;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? (CmdExit)WEXITSTATUS(status) : CMD_FAILED;
}

gboolean cmd_detach(int *report_fd, CmdExit *exit)
{
	sigset_t mask = hold_signals();
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		sigprocmask(SIG_SETMASK, &mask, NULL);
		g_printerr("espalier: cannot start a process: %s\n", g_strerror(errno));
		*exit = CMD_FAILED;
		return FALSE;
	}
	if (child == 0) {
		close(ends[0]);
		setsid();
		sigprocmask(SIG_SETMASK, &mask, NULL);
		*report_fd = ends[1];
		return TRUE;
	}
	close(ends[1]);
	pass_signals_on(child);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	*exit = await_report(ends[0], child);
	return FALSE;
}

void cmd_detach_report(int report_fd, const char *folder, CmdExit exit)
{
	g_autofree char *log = cmd_data_path(folder, "log");
	g_autoptr(GError) error = NULL;
	guint8 report = (guint8)exit;
	int null_fd;

	if (!base_log_open(log, &error))
		g_printerr("espalier up: %s; the log is lost\n", error->message);
	fflush(stdout);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	if (null_fd > STDERR_FILENO)
		close(null_fd);
	if (write(report_fd, &report, 1) != 1)
		base_log(BASE_LOG_DEBUG, "up", "nobody waits for the report");
	close(report_fd);
}
