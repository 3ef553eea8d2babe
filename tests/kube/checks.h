/* kube/checks.h — how the cases of both suites say what was not as expected. */
#pragma once

#include <glib.h>

/* Sets an error and returns FALSE. */
gboolean suite_fail(GError **error, const char *where, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define SUITE_TEXT_(x) #x
#define SUITE_TEXT(x) SUITE_TEXT_(x)
#define SUITE_WHERE __FILE__ ":" SUITE_TEXT(__LINE__)

/* Ends the case unless `condition` holds. */
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return suite_fail(error, SUITE_WHERE, __VA_ARGS__);                        \
	} while (0)

/* Ends the case unless `expression` is not NULL or FALSE; it sets `error`. */
#define GOOD(expression)                                                                           \
	do {                                                                                       \
		if (!(expression))                                                                 \
			return FALSE;                                                              \
	} while (0)

/* Waits up to `seconds` until `is_so` says TRUE. */
typedef gboolean (*SuiteQuestion)(gpointer user_data);
gboolean suite_wait(SuiteQuestion is_so, gpointer user_data, guint seconds);
