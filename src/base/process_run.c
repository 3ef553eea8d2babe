#include "base/process.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 16 * 1024,
	COMMAND_LINE_MAX_BYTES = 64 * 1024,
	LEFTOVER_POLL_MS = 10,
};

char *base_exit_describe(const BaseExit *exit)
{
	if (exit->signalled)
		return g_strdup_printf("was ended by signal %d (%s)", exit->code,
				       g_strsignal(exit->code));
	return g_strdup_printf("exited with status %d", exit->code);
}

/* One socket pair carries a child's input and output: ours never raises SIGPIPE. */
typedef struct {
	BaseFd ours;
	const guint8 *input;
	gsize input_left;
	GByteArray *output;
	gsize max_output_bytes;
	gint64 end_us; /* 0 = none */
} Talk;

static void talk_send(Talk *talk)
{
	ssize_t sent = send(talk->ours, talk->input, talk->input_left, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent > 0) {
		talk->input += sent;
		talk->input_left -= (gsize)sent;
	} else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		talk->input_left =
			0; /* the child has closed its input: its exit status tells why */
	}
	if (talk->input_left == 0)
		shutdown(talk->ours, SHUT_WR);
}

/* FALSE at the end of the output. */
static gboolean talk_receive(Talk *talk)
{
	guint8 chunk[CHUNK_BYTES];
	ssize_t got = recv(talk->ours, chunk, sizeof chunk, MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (talk->output->len < talk->max_output_bytes)
		g_byte_array_append(
			talk->output, chunk,
			(guint)MIN((gsize)got, talk->max_output_bytes - talk->output->len));
	return got > 0;
}

static int talk_timeout_ms(const Talk *talk)
{
	gint64 left_us;

	if (talk->end_us == 0)
		return -1;
	left_us = CLAMP(talk->end_us - g_get_monotonic_time(), 0, (gint64)G_USEC_PER_SEC * 3600);
	return (int)((left_us + 999) / 1000);
}

/* TRUE when the child has closed its output, FALSE when the time is over. */
static gboolean talk_to_the_end(Talk *talk)
{
	if (talk->input_left == 0)
		shutdown(talk->ours, SHUT_WR);
	for (;;) {
		struct pollfd fd = {.fd = talk->ours, .events = POLLIN};

		if (talk->input_left > 0)
			fd.events |= POLLOUT;
		if (poll(&fd, 1, talk_timeout_ms(talk)) == 0)
			return FALSE;
		if ((fd.revents & POLLOUT) != 0 && talk->input_left > 0)
			talk_send(talk);
		if ((fd.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !talk_receive(talk))
			return TRUE;
	}
}

static char *last_line(const GByteArray *output)
{
	g_autofree char *text =
		g_strndup(output->len > 0 ? (const char *)output->data : "", output->len);
	char *line;

	g_strchomp(text);
	line = strrchr(text, '\n');
	return g_utf8_make_valid(line != NULL ? line + 1 : text, -1);
}

static gboolean judge(const char *program, gboolean in_time, const BaseExit *exit,
		      const GByteArray *output, GError **error)
{
	g_autofree char *how = base_exit_describe(exit);
	g_autofree char *line = last_line(output);

	if (in_time && !exit->signalled && exit->code == 0)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_CHILD, "%s %s%s%s", program,
		    in_time ? how : "did not end in time and was stopped",
		    *line != '\0' ? ": " : "", line);
	return FALSE;
}

gboolean base_process_run(const BaseSpawn *spawn, GBytes *input, gsize max_output_bytes,
			  gint64 timeout_us, GBytes **output, GError **error)
{
	g_autoptr(GByteArray) gathered = g_byte_array_new();
	g_autoptr(BaseProcess) process = NULL;
	g_auto(BaseFd) theirs = -1;
	Talk talk = {.output = gathered, .max_output_bytes = max_output_bytes};
	BaseSpawn joined = *spawn;
	BaseExit exit = {0};
	gint64 left_us = -1;
	gboolean in_time;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return base_error_set_errno(error, errno, "starting %s", spawn->argv[0]);
	talk.ours = fds[0];
	theirs = fds[1];
	joined.input_fd = theirs;
	joined.output_fd = theirs;
	talk.end_us = timeout_us < 0 ? 0 : g_get_monotonic_time() + timeout_us;
	if (input != NULL)
		talk.input = g_bytes_get_data(input, &talk.input_left);
	process = base_process_spawn(&joined, error);
	base_fd_close(&theirs);
	if (process == NULL) {
		base_fd_close(&talk.ours);
		return FALSE;
	}
	in_time = talk_to_the_end(&talk);
	base_fd_close(&talk.ours);
	if (timeout_us >= 0)
		left_us = MAX(talk.end_us - g_get_monotonic_time(), 0);
	in_time = in_time && base_process_wait(process, left_us, &exit);
	if (!in_time)
		base_process_terminate(process, 0, &exit);
	if (!judge(spawn->argv[0], in_time, &exit, gathered, error))
		return FALSE;
	if (output != NULL)
		*output = g_byte_array_free_to_bytes(g_steal_pointer(&gathered));
	return TRUE;
}

static gboolean has_argument(pid_t pid, const char *argument)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	g_auto(BaseFd) fd = open(path, O_RDONLY | O_CLOEXEC);
	g_autoptr(GBytes) line = NULL;
	const char *data;
	gsize size;

	if (fd < 0)
		return FALSE;
	line = base_file_read_fd(fd, path, COMMAND_LINE_MAX_BYTES, NULL);
	if (line == NULL)
		return FALSE;
	data = g_bytes_get_data(line, &size);
	for (gsize at = 0; at < size; at += strnlen(data + at, size - at) + 1)
		if (strnlen(data + at, size - at) == strlen(argument) &&
		    memcmp(data + at, argument, strlen(argument)) == 0)
			return TRUE;
	return FALSE;
}

/* Through a descriptor that stands for this very process, where the kernel has them. */
static void send_signal(pid_t pid, int pidfd, int signal_number)
{
	if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) != 0)
		kill(pid, signal_number);
}

/* The descriptor says so when the process has closed everything, also its listening sockets; its
 * command line is gone a moment earlier. */
static gboolean gone_within(pid_t pid, int pidfd, const char *argument, gint64 grace_us)
{
	gint64 end_us = g_get_monotonic_time() + grace_us;
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	if (pidfd >= 0)
		return poll(&ended, 1, (int)(grace_us / 1000)) == 1;
	while (has_argument(pid, argument)) {
		if (g_get_monotonic_time() >= end_us)
			return FALSE;
		g_usleep(LEFTOVER_POLL_MS * 1000);
	}
	return TRUE;
}

gboolean base_process_end_leftover(pid_t pid, const char *argument, gint64 grace_us)
{
	g_auto(BaseFd) pidfd = -1;

	if (pid <= 1)
		return TRUE;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (!has_argument(pid, argument))
		return TRUE;
	send_signal(pid, pidfd, SIGTERM);
	if (gone_within(pid, pidfd, argument, grace_us))
		return TRUE;
	send_signal(pid, pidfd, SIGKILL);
	return gone_within(pid, pidfd, argument, G_USEC_PER_SEC);
}
