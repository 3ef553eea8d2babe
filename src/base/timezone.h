/* base/timezone.h — IANA zones as POSIX TZ strings, out of the system's zone files. Any thread. */
#pragma once

#include <glib.h>

#define BASE_TIMEZONE_UTC "UTC0"

/* The POSIX TZ string ("CET-1CEST,M3.5.0,M10.5.0/3") of a zone ("Europe/Zurich"), which is the
 * footer of its file. Yours, or NULL with BASE_ERROR_INVALID (no zone's name, or its file has no
 * footer) or BASE_ERROR_NOT_FOUND (this system has no such zone). */
char *base_timezone_posix(const char *zone, GError **error);

/* The footer of a TZif file's bytes (RFC 8536, version 2 and up). Yours, or NULL. Pure. */
char *base_timezone_footer(const guint8 *data, gsize size_bytes);
