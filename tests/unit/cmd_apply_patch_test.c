#include "cmd/apply_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *value = base_json_parse(text, strlen(text), NULL);

	assert_non_null(value);
	return value;
}

/* One row: what was applied before (NULL: made by others), what is there beside it, what is applied
 * now, and the patch without the annotation that remembers ("" for none). */
static const struct {
	const char *name;
	const char *before;
	const char *now;
	const char *wanted;
	const char *patch;
} rows[] = {
	{"the same again changes nothing",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"uid\":\"u\"},\"data\":{"
	 "\"a\":\"1\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\"}}", ""},
	{"null where nothing is changes nothing",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"location\":null}}",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{}}",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"location\":null}}", ""},
	{"a key that is no longer said goes",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\",\"b\":\"2\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\",\"b\":\"2\",\"c\":"
	 "\"others\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"1\"}}",
	 "{\"data\":{\"b\":null}}"},
	{"what others have set stays",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"location\":\"a\"}}",
	 "{\"apiVersion\":\"x/"
	 "v1\",\"kind\":\"Device\",\"spec\":{\"location\":\"a\",\"suspended\":true}}",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"location\":\"b\"}}",
	 "{\"spec\":{\"location\":\"b\"}}"},
	{"lists are replaced whole", NULL,
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"settings\":[1,2]}}",
	 "{\"apiVersion\":\"x/v1\",\"kind\":\"Device\",\"spec\":{\"settings\":[2]}}",
	 "{\"spec\":{\"settings\":[2]}}"},
	{"a Secret's data are the manifest's alone", NULL,
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"MQ==\",\"b\":\"Mg==\"}}",
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"stringData\":{\"a\":\"1\"}}",
	 "{\"data\":{\"b\":null}}"},
};

static void forget_annotation(json_t *patch)
{
	json_t *metadata = json_object_get(patch, "metadata");
	json_t *annotations = json_object_get(metadata, "annotations");

	json_object_del(annotations, CMD_LAST_APPLIED);
	if (annotations != NULL && json_object_size(annotations) == 0)
		json_object_del(metadata, "annotations");
	if (metadata != NULL && json_object_size(metadata) == 0)
		json_object_del(patch, "metadata");
}

static void compares_what_was_is_and_shall_be(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(json_t) now = parse(rows[i].now);
		g_autoptr(json_t) wanted = parse(rows[i].wanted);
		g_autoptr(json_t) prepared = cmd_apply_prepared(wanted);
		g_autoptr(json_t) patch = NULL;
		g_autofree char *text = NULL;

		if (rows[i].before != NULL) {
			g_autoptr(json_t) before = parse(rows[i].before);
			g_autoptr(json_t) remembered = cmd_apply_prepared(before);
			json_t *metadata = base_json_ensure_object(now, "metadata");

			json_object_set(metadata, "annotations",
					base_json_get(remembered, "metadata", "annotations", NULL));
		}
		patch = cmd_apply_patch(prepared, now);
		if (patch != NULL)
			forget_annotation(patch);
		text = patch == NULL ? g_strdup("") : base_json_dump_canonical(patch);
		if (strcmp(text, rows[i].patch) != 0)
			fail_msg("%s: %s instead of %s", rows[i].name, text, rows[i].patch);
	}
}

static void remembers_no_secret_in_an_annotation(void **state)
{
	g_autoptr(json_t) secret =
		parse("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
		      "\"stringData\":{\"pass\":\"canary-0815\"}}");
	g_autoptr(json_t) prepared = cmd_apply_prepared(secret);
	g_autofree char *text = base_json_dump(prepared, NULL);

	(void)state;
	assert_null(base_json_get(prepared, "metadata", "annotations", NULL));
	assert_null(strstr(text, "canary-0815"));
	assert_string_equal(base_json_get_string(prepared, "data", "pass", NULL),
			    "Y2FuYXJ5LTA4MTU=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_what_was_is_and_shall_be),
		cmocka_unit_test(remembers_no_secret_in_an_annotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
