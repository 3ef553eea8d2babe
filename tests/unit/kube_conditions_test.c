#include "kube/conditions.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *transition(const json_t *status)
{
	return base_json_get_string(kube_condition_find(status, "Ready"), "lastTransitionTime",
				    NULL);
}

static void moves_the_transition_time_only_when_the_truth_flips(void **state)
{
	g_autoptr(json_t) status = json_object();
	g_autofree char *first = NULL;

	(void)state;
	assert_true(kube_condition_set(status, "Ready", KUBE_FALSE, "ClassNotFound", 1,
				       "class '%s' is missing", "soil"));
	first = g_strdup(transition(status));
	assert_non_null(first);
	base_clock_shift_wall(10 * G_USEC_PER_SEC);
	assert_false(kube_condition_set(status, "Ready", KUBE_FALSE, "ClassNotFound", 1,
					"class 'soil' is missing"));
	assert_true(kube_condition_set(status, "Ready", KUBE_FALSE, "StorageNotFound", 2, "other"));
	assert_string_equal(transition(status), first);
	assert_string_equal(kube_condition_reason(status, "Ready"), "StorageNotFound");
	assert_string_equal(kube_condition_message(status, "Ready"), "other");
	assert_true(kube_condition_set(status, "Ready", KUBE_TRUE, "Ready", 2, "done"));
	assert_string_not_equal(transition(status), first);
	base_clock_shift_wall(0);
}

static void a_new_generation_alone_is_a_change(void **state)
{
	g_autoptr(json_t) status = json_object();

	(void)state;
	kube_condition_set(status, "Ready", KUBE_TRUE, "Ready", 1, "done");
	assert_false(kube_condition_set(status, "Ready", KUBE_TRUE, "Ready", 1, "done"));
	assert_true(kube_condition_set(status, "Ready", KUBE_TRUE, "Ready", 2, "done"));
}

static void conditions_keep_their_places(void **state)
{
	g_autoptr(json_t) status = json_object();
	const json_t *conditions;

	(void)state;
	kube_condition_set(status, "Ready", KUBE_FALSE, "A", 1, "a");
	kube_condition_set(status, "Flashed", KUBE_UNKNOWN, "B", 1, "b");
	kube_condition_set(status, "Ready", KUBE_TRUE, "C", 1, "c");
	conditions = json_object_get(status, "conditions");
	assert_int_equal(json_array_size(conditions), 2);
	assert_ptr_equal(json_array_get(conditions, 0), kube_condition_find(status, "Ready"));
	assert_int_equal(kube_condition_truth(status, "Flashed"), KUBE_UNKNOWN);
	assert_int_equal(kube_condition_truth(status, "Connected"), KUBE_UNKNOWN);
	assert_true(kube_condition_is_true(status, "Ready"));
	assert_true(kube_condition_remove(status, "Ready"));
	assert_false(kube_condition_remove(status, "Ready"));
	assert_false(kube_condition_is_true(status, "Ready"));
	assert_string_equal(kube_condition_reason(status, "Ready"), "");
}

static void cuts_a_long_message_between_characters(void **state)
{
	g_autoptr(json_t) status = json_object();
	GString *text = g_string_new(NULL);
	const char *message;

	(void)state;
	for (guint i = 0; i < KUBE_CONDITION_MESSAGE_MAX_BYTES; i++)
		g_string_append(text, "é");
	kube_condition_set(status, "Ready", KUBE_FALSE, "A", 1, "%s", text->str);
	message = kube_condition_message(status, "Ready");
	assert_true(strlen(message) <= KUBE_CONDITION_MESSAGE_MAX_BYTES);
	assert_true(strlen(message) > KUBE_CONDITION_MESSAGE_MAX_BYTES - 4);
	assert_true(g_utf8_validate(message, -1, NULL));
	assert_true(g_str_has_suffix(message, "é…"));
	g_string_free(text, TRUE);
}

static void a_message_that_is_not_utf8_is_made_so(void **state)
{
	g_autoptr(json_t) status = json_object();

	(void)state;
	kube_condition_set(status, "Ready", KUBE_FALSE, "A", 1, "%s", "caf\xe9");
	assert_true(g_utf8_validate(kube_condition_message(status, "Ready"), -1, NULL));
}

static void compares_statuses_whatever_their_order(void **state)
{
	static const struct {
		const char *before, *after, *patch; /* NULL: equal */
	} table[] = {
		{"{}", "{}", NULL},
		{"{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"c\":2},\"a\":1}", NULL},
		{"{}", "{\"a\":1}", "{\"status\":{\"a\":1}}"},
		{"{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"status\":{\"a\":null}}"},
		{"{\"f\":{\"x\":1,\"y\":2}}", "{\"f\":{\"x\":1,\"y\":3}}",
		 "{\"status\":{\"f\":{\"y\":3}}}"},
		{"{\"f\":{\"x\":1,\"y\":2}}", "{\"f\":{\"x\":1}}",
		 "{\"status\":{\"f\":{\"y\":null}}}"},
		{"{\"l\":[1,2]}", "{\"l\":[2,1]}", "{\"status\":{\"l\":[2,1]}}"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(json_t) before = json_loads(table[i].before, 0, NULL);
		g_autoptr(json_t) after = json_loads(table[i].after, 0, NULL);
		g_autoptr(json_t) patch = kube_status_patch(before, after);
		g_autofree char *text = patch != NULL ? base_json_dump_canonical(patch) : NULL;

		assert_int_equal(kube_status_equal(before, after), table[i].patch == NULL);
		assert_int_equal(g_strcmp0(text, table[i].patch), 0);
	}
	assert_true(kube_status_equal(NULL, NULL));
	assert_null(kube_status_patch(NULL, NULL));
}

static void a_copy_of_a_missing_status_is_empty(void **state)
{
	g_autoptr(json_t) object = json_pack("{s:{}}", "metadata");
	g_autoptr(json_t) status = kube_status_copy(object);

	(void)state;
	assert_true(json_is_object(status));
	assert_int_equal(json_object_size(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_the_transition_time_only_when_the_truth_flips),
		cmocka_unit_test(a_new_generation_alone_is_a_change),
		cmocka_unit_test(conditions_keep_their_places),
		cmocka_unit_test(cuts_a_long_message_between_characters),
		cmocka_unit_test(a_message_that_is_not_utf8_is_made_so),
		cmocka_unit_test(compares_statuses_whatever_their_order),
		cmocka_unit_test(a_copy_of_a_missing_status_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
