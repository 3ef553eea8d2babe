/* base/error.h — the error domain of the base room. Messages name the thing and the remedy. */
#pragma once

#include <glib.h>

#define BASE_ERROR (base_error_quark())
GQuark base_error_quark(void);

typedef enum {
	BASE_ERROR_INVALID,   /* the bytes or the argument are wrong; the message says where */
	BASE_ERROR_TOO_LARGE, /* a named limit was passed */
	BASE_ERROR_NOT_FOUND, /* no such file or member */
	BASE_ERROR_EXISTS,    /* already there */
	BASE_ERROR_BUSY,      /* held by another process */
	BASE_ERROR_NO_SPACE,  /* disk full or a file size limit */
	BASE_ERROR_IO,        /* any other system error */
	BASE_ERROR_CHILD,     /* a child process failed or would not start */
	BASE_ERROR_CRYPTO,    /* OpenSSL refused */
} BaseError;

/* Sets `error` from `errno_value`: ENOENT, EEXIST, EWOULDBLOCK, ENOSPC, EDQUOT and EFBIG get their
 * own code. The message is "<what>: <strerror>", where `what` is printf-formatted. Always returns
 * FALSE. */
gboolean base_error_set_errno(GError **error, int errno_value, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
