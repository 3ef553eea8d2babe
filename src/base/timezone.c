#include "base/timezone.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum {
	ZONE_FILE_MAX_BYTES = 64 * 1024,
	ZONE_NAME_MAX = 64,
	FOOTER_MAX = 63,
};

char *base_timezone_footer(const guint8 *data, gsize size_bytes)
{
	gsize end = size_bytes, start;

	if (size_bytes < 5 || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
		return NULL;
	if (data[end - 1] != '\n')
		return NULL;
	end--;
	for (start = end; start > 0 && data[start - 1] != '\n'; start--)
		if (data[start - 1] < ' ' || data[start - 1] > '~' || end - start >= FOOTER_MAX)
			return NULL;
	if (start == 0 || start == end)
		return NULL;
	return g_strndup((const char *)data + start, end - start);
}

/* Names are joined to a path, so they are words of letters, digits, '_', '+' and '-' between single
 * slashes. */
static gboolean is_zone_name(const char *zone)
{
	char before = '/';

	if (strlen(zone) > ZONE_NAME_MAX)
		return FALSE;
	for (const char *c = zone; *c != '\0'; before = *c++)
		if (*c == '/' ? before == '/' : !g_ascii_isalnum(*c) && strchr("_+-", *c) == NULL)
			return FALSE;
	return before != '/';
}

char *base_timezone_posix(const char *zone, GError **error)
{
	g_autofree char *path = NULL;
	g_autoptr(GBytes) file = NULL;
	char *footer;

	if (!is_zone_name(zone)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "'%s' is no name of a time zone; write one such as Europe/Zurich",
			    zone);
		return NULL;
	}
	if (strcmp(zone, "UTC") == 0)
		return g_strdup(BASE_TIMEZONE_UTC);
	path = g_build_filename(ZONE_FOLDER, zone, NULL);
	file = base_file_read(path, ZONE_FILE_MAX_BYTES, NULL);
	if (file == NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
			    "time zone '%s' is not known to this system; correct it, or install "
			    "the package tzdata",
			    zone);
		return NULL;
	}
	footer = base_timezone_footer(g_bytes_get_data(file, NULL), g_bytes_get_size(file));
	if (footer == NULL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s has no POSIX rule; choose another time zone", path);
	return footer;
}
