#include "broker/local_log.h"

#include "base/file.h"
#include "broker/local_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STARTING "mosquitto version "

enum {
	TAIL_BYTES = 8 * 1024,
};

static char *log_path(const char *folder)
{
	return g_build_filename(folder, LOCAL_FILE_LOG, NULL);
}

int local_log_open(const char *folder)
{
	g_autofree char *path = log_path(folder);

	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Its last TAIL_BYTES as text. */
static char *read_tail(const char *folder)
{
	g_autofree char *path = log_path(folder);
	g_auto(BaseFd) fd = open(path, O_RDONLY | O_CLOEXEC);
	char tail[TAIL_BYTES + 1];
	struct stat status;
	ssize_t got;

	if (fd < 0 || fstat(fd, &status) != 0)
		return NULL;
	got = pread(fd, tail, TAIL_BYTES, MAX(status.st_size - TAIL_BYTES, 0));
	if (got <= 0)
		return NULL;
	return g_utf8_make_valid(tail, got);
}

/* Behind "2026-01-02T03:04:05: ". */
static const char *without_time(const char *line)
{
	const char *colon = strstr(line, ": ");

	return g_ascii_isdigit(line[0]) && colon != NULL ? colon + 2 : line;
}

char *local_log_last_line(const char *folder)
{
	g_autofree char *tail = read_tail(folder);
	char *line;

	if (tail == NULL || *g_strchomp(tail) == '\0')
		return NULL;
	line = strrchr(tail, '\n');
	return g_strdup(without_time(line != NULL ? line + 1 : tail));
}

char *local_log_version(const char *folder)
{
	g_autofree char *tail = read_tail(folder);
	const char *at = tail != NULL ? g_strrstr(tail, STARTING) : NULL;

	if (at == NULL)
		return NULL;
	at += strlen(STARTING);
	return g_strndup(at, strspn(at, "0123456789."));
}

gboolean local_log_rotate(const char *folder, goffset max_bytes)
{
	g_autofree char *path = log_path(folder);
	g_autofree char *old = g_strconcat(path, ".1", NULL);
	struct stat status;

	return stat(path, &status) == 0 && status.st_size > max_bytes && rename(path, old) == 0;
}
