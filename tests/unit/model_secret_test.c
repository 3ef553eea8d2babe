#include "base/digest.h"
#include "model/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void reads_members_as_the_api_and_as_manifests_have_them(void **state)
{
	static const struct {
		const char *secret;
		const char *text; /* NULL: none */
		gssize n_bytes;   /* -1: none */
	} rows[] = {
		{"{\"data\":{\"k\":\"YWJj\"}}", "abc", 3},
		{"{\"stringData\":{\"k\":\"abc\"}}", "abc", 3},
		{"{\"stringData\":{\"k\":\"new\"},\"data\":{\"k\":\"b2xk\"}}", "new", 3},
		{"{\"data\":{\"k\":\"YQBi\"}}", NULL, 3}, /* a NUL inside */
		{"{\"data\":{\"k\":\"\"}}", NULL, 0},
		{"{\"data\":{\"k\":\"YWJ\"}}", NULL, -1}, /* no padding */
		{"{\"data\":{\"k\":\"Y*Jj\"}}", NULL, -1},
		{"{\"data\":{\"k\":7}}", NULL, -1},
		{"{\"data\":{}}", NULL, -1},
		{"[]", NULL, -1},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(json_t) secret =
			base_json_parse(rows[i].secret, strlen(rows[i].secret), NULL);
		g_autoptr(GBytes) bytes = model_secret_bytes(secret, "k");
		char *text = model_secret_text(secret, "k");

		assert_int_equal(bytes == NULL ? -1 : (gssize)g_bytes_get_size(bytes),
				 rows[i].n_bytes);
		if (rows[i].text == NULL)
			assert_null(text);
		else
			assert_string_equal(text, rows[i].text);
		base_secret_free(text);
	}
	assert_null(model_secret_bytes(NULL, "k"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_members_as_the_api_and_as_manifests_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
