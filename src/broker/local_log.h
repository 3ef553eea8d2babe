/* broker/local_log.h — mosquitto.log: opened, read at its end, rotated. Any thread. */
#pragma once

#include <glib.h>

/* Opens `folder`/mosquitto.log for appending (0600), for what mosquitto says before it has read its
 * configuration. -1 if it cannot be. */
int local_log_open(const char *folder);

/* The last line without its time. Yours, or NULL. */
char *local_log_last_line(const char *folder);

/* The version that mosquitto named at its last start, "2.0.11". Yours, or NULL if that line is no
 * more among the last ones. */
char *local_log_version(const char *folder);

/* Renames a log that is larger than `max_bytes` to mosquitto.log.1; mosquitto opens a new one at
 * SIGHUP. TRUE if it did. */
gboolean local_log_rotate(const char *folder, goffset max_bytes);
