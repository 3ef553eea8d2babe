#include "ports/posix/log.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_prefixes[] = {
	[CORE_LOG_ERROR] = "error: ",
	[CORE_LOG_WARNING] = "warning: ",
	[CORE_LOG_INFO] = "",
};

void posix_log(const char *label, CoreLogLevel level, const char *message)
{
	g_autofree char *line =
		g_strconcat(label, ": ", level_prefixes[level], message, "\n", NULL);
	ssize_t written = write(STDERR_FILENO, line, strlen(line));

	(void)written; /* a device goes on without anybody reading */
}
