#include "base/error.h"

#include <errno.h>

G_DEFINE_QUARK(espalier - base - error - quark, base_error)

static BaseError code_of_errno(int errno_value)
{
	switch (errno_value) {
	case ENOENT:
		return BASE_ERROR_NOT_FOUND;
	case EEXIST:
		return BASE_ERROR_EXISTS;
	case EWOULDBLOCK:
		return BASE_ERROR_BUSY;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return BASE_ERROR_NO_SPACE;
	default:
		return BASE_ERROR_IO;
	}
}

gboolean base_error_set_errno(GError **error, int errno_value, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, BASE_ERROR, (int)code_of_errno(errno_value), "%s: %s", what,
		    g_strerror(errno_value));
	return FALSE;
}
