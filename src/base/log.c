#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static GMutex mutex;
static BaseLogLevel max_level = BASE_LOG_INFO;
static int log_fd = STDERR_FILENO;
static char *log_path;
static gsize written_bytes;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void base_log_set_level(BaseLogLevel level)
{
	__atomic_store_n(&max_level, level, __ATOMIC_RELAXED);
}

/* With the mutex held. */
static int open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat status;

	if (fd < 0)
		return -1;
	written_bytes = fstat(fd, &status) == 0 ? (gsize)status.st_size : 0;
	return fd;
}

gboolean base_log_open(const char *path, GError **error)
{
	int fd, reason;

	g_mutex_lock(&mutex);
	fd = path == NULL ? STDERR_FILENO : open_log(path);
	reason = errno;
	if (fd >= 0) {
		if (log_fd != STDERR_FILENO)
			close(log_fd);
		log_fd = fd;
		g_free(log_path);
		log_path = g_strdup(path);
	}
	g_mutex_unlock(&mutex);
	return fd >= 0 || base_error_set_errno(error, reason, "opening the log %s", path);
}

/* Called with the mutex held. A rotation that fails leaves the log growing rather than silent. */
static void rotate_if_large(void)
{
	g_autofree char *old = NULL;
	int fd;

	if (log_path == NULL || written_bytes < BASE_LOG_ROTATE_BYTES)
		return;
	old = g_strconcat(log_path, ".1", NULL);
	if (rename(log_path, old) != 0)
		return;
	fd = open_log(log_path);
	if (fd < 0)
		return;
	close(log_fd);
	log_fd = fd;
}

void base_log(BaseLogLevel level, const char *room, const char *format, ...)
{
	g_autofree char *message = NULL;
	g_autofree char *time = NULL;
	g_autofree char *line = NULL;
	gint64 now_us = base_clock_wall_us();
	gsize length;
	va_list args;

	if (level > __atomic_load_n(&max_level, __ATOMIC_RELAXED))
		return;
	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_strdelimit(message, "\r\n", ' ');
	time = base_clock_format_time(now_us);
	line = g_strdup_printf("%.19s.%03dZ %s %s: %s\n", time, (int)(now_us / 1000 % 1000),
			       level_names[level], room, message);
	length = strlen(line);

	g_mutex_lock(&mutex);
	rotate_if_large();
	if (write(log_fd, line, length) == (ssize_t)length)
		written_bytes += length;
	g_mutex_unlock(&mutex);
}
