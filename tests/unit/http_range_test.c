#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/digest.h"
#include "http/auth.h"
#include "http/range.h"

#include <string.h>

static void reads_a_range(void **state)
{
	static const struct {
		const char *text;
		guint64 size;
		HttpRangeKind kind;
		guint64 first, length;
	} rows[] = {
		{NULL, 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=0-0", 10, HTTP_RANGE_PART, 0, 1},
		{"bytes=0-9", 10, HTTP_RANGE_PART, 0, 10},
		{"bytes=0-99", 10, HTTP_RANGE_PART, 0, 10},
		{"Bytes= 3- ", 10, HTTP_RANGE_PART, 3, 7},
		{"bytes=-3", 10, HTTP_RANGE_PART, 7, 3},
		{"bytes=-30", 10, HTTP_RANGE_PART, 0, 10},
		{"bytes=9-", 10, HTTP_RANGE_PART, 9, 1},
		{"bytes=10-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-0", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=-1", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=5-4", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=1-2,3-4", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=-", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=a-", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=1-2x", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"items=1-2", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=18446744073709551616-", 10, HTTP_RANGE_WHOLE, 0, 0},
		{"bytes=1-18446744073709551615", 10, HTTP_RANGE_PART, 1, 9},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint64 first = 0, length = 0;

		assert_int_equal(http_range_parse(rows[i].text, rows[i].size, &first, &length),
				 rows[i].kind);
		assert_int_equal(first, rows[i].first);
		assert_int_equal(length, rows[i].length);
	}
}

static void finds_a_version_in_a_list(void **state)
{
	static const struct {
		const char *text;
		gboolean matches;
	} rows[] = {
		{NULL, FALSE},
		{"", FALSE},
		{"\"a\"", TRUE},
		{"W/\"a\"", TRUE},
		{"\"b\", \"a\"", TRUE},
		{"\"b\",\"c\"", FALSE},
		{"*", TRUE},
		{"\"x,\"a\"", FALSE},
		{"a", FALSE},
		{"\"a", FALSE},
		{"\"a\"x, \"b\"", FALSE},
		{"\"b,\" , \"a\" ", TRUE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_int_equal(http_etag_matches(rows[i].text, "\"a\""), rows[i].matches);
}

static void reads_basic_credentials(void **state)
{
	static const struct {
		const char *header, *user, *password;
	} rows[] = {
		{"Basic cHJvYmUtMTpzM2NyZXQ=", "probe-1", "s3cret"},
		{"basic  cHJvYmUtMTpzM2NyZXQ= ", "probe-1", "s3cret"},
		{"Basic YTpiOmM=", "a", "b:c"},
		{"Basic Og==", "", ""},
		{"Basic", NULL, NULL},
		{"Basic ", NULL, NULL},
		{"Bearer YTpiOmM=", NULL, NULL},
		{"Basic YTpiOmM", NULL, NULL},
		{"Basic YQ==", NULL, NULL},        /* no colon */
		{"Basic YQA6Yg==", NULL, NULL},    /* a NUL */
		{"Basic gDpi", NULL, NULL},        /* not UTF-8 */
		{"Basic YTpi!OmM=", NULL, NULL},   /* not base64 */
		{"Basic YTpiOmM====", NULL, NULL}, /* too much padding */
		{NULL, NULL, NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *user = NULL, *password = NULL;

		assert_int_equal(http_auth_basic(rows[i].header, &user, &password),
				 rows[i].user != NULL);
		if (rows[i].user != NULL) {
			assert_string_equal(user, rows[i].user);
			assert_string_equal(password, rows[i].password);
		}
		g_free(user);
		base_secret_free(password);
	}
}

static void reads_a_bearer_token_of_bounded_length(void **state)
{
	g_autofree char *longest = g_strnfill(HTTP_AUTH_MAX_CHARS, 'x');
	char *token = http_auth_bearer("Bearer abc.def ");

	(void)state;
	assert_string_equal(token, "abc.def");
	base_secret_free(token);
	memcpy(longest, "Bearer ", 7);
	token = http_auth_bearer(longest);
	assert_non_null(token);
	base_secret_free(token);
	g_free(longest);
	longest = g_strnfill(HTTP_AUTH_MAX_CHARS + 1, 'x');
	memcpy(longest, "Bearer ", 7);
	assert_null(http_auth_bearer(longest));
	assert_null(http_auth_bearer("Basic abc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_range),
		cmocka_unit_test(finds_a_version_in_a_list),
		cmocka_unit_test(reads_basic_credentials),
		cmocka_unit_test(reads_a_bearer_token_of_bounded_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
