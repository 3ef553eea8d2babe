/* base/log.h — one line an event: time, level, room, message. Any thread.
 *
 * Nothing secret is ever passed here. Library rooms log at debug level only; programs log once,
 * where they act. */
#pragma once

#include <glib.h>

typedef enum {
	BASE_LOG_ERROR,
	BASE_LOG_WARNING,
	BASE_LOG_INFO,
	BASE_LOG_DEBUG,
} BaseLogLevel;

/* Lines up to `level` are written; the default is BASE_LOG_INFO. */
void base_log_set_level(BaseLogLevel level);

/* From now on lines go to `path` (0600), which is renamed to `path`.1 when it passes
 * BASE_LOG_ROTATE_BYTES; NULL means standard error, the default. FALSE with BASE_ERROR_IO. */
enum { BASE_LOG_ROTATE_BYTES = 8 * 1024 * 1024 };
gboolean base_log_open(const char *path, GError **error);

/* "2026-01-02T03:04:05.678Z warning broker: message\n"; line breaks in the message become spaces.
 */
void base_log(BaseLogLevel level, const char *room, const char *format, ...) G_GNUC_PRINTF(3, 4);
