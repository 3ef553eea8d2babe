#include "kube/checks.h"

#include "base/clock.h"

enum { WAIT_STEP_US = 20 * 1000 };

gboolean suite_fail(GError **error, const char *where, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, g_quark_from_static_string("suite-check"), 0, "%s: %s", where, text);
	return FALSE;
}

gboolean suite_wait(SuiteQuestion is_so, gpointer user_data, guint seconds)
{
	gint64 until_us = base_clock_monotonic_us() + (gint64)seconds * G_USEC_PER_SEC;

	while (!is_so(user_data)) {
		if (base_clock_monotonic_us() > until_us)
			return FALSE;
		g_usleep(WAIT_STEP_US);
	}
	return TRUE;
}
