#include "broker/local_files.h"
#include "broker/local_users.h"
#include "broker/password.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void writes_the_line_that_mosquitto_passwd_writes(void **state)
{
	/* mosquitto_passwd 2.0.11: mosquitto_passwd -b FILE probe-1 correct-horse */
	static const char line[] = "probe-1:$7$101$jyr2n4VWHMogFkFj$tSVCyUlskdKkImDY4jz75d3rYn6M"
				   "iz0H9edyYqykwyrjjTQjJ/DIr3kV4YiweJdONW4ZaAJr5KjRdqiFFOdxZQ==";
	BrokerPassword hashed;
	g_autofree char *name = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	(void)state;
	assert_true(broker_password_read_line(line, &name, &hashed));
	assert_string_equal(name, "probe-1");
	broker_password_write_line(text, name, &hashed);
	g_string_truncate(text, text->len - 1);
	assert_string_equal(text->str, line);
	assert_true(broker_password_matches(&hashed, "correct-horse"));
	assert_false(broker_password_matches(&hashed, "correct-horsf"));
}

static void the_same_password_gets_another_salt_each_time(void **state)
{
	BrokerPassword one, two;

	(void)state;
	broker_password_set(&one, "secret");
	broker_password_set(&two, "secret");
	assert_memory_not_equal(&one, &two, sizeof one);
	assert_true(broker_password_matches(&one, "secret"));
	assert_true(broker_password_matches(&two, "secret"));
	assert_false(broker_password_matches(&two, ""));
}

static void refuses_lines_of_any_other_form(void **state)
{
	static const char *const lines[] = {
		"",
		"probe-1",
		":$7$101$AAAAAAAAAAAAAAAA$AAAA",
		"probe-1:plain",
		"probe-1:$6$AAAAAAAAAAAAAAAA$AAAA",
		"probe-1:$7$102$jyr2n4VWHMogFkFj$AAAA",
		"probe-1:$7$101$jyr2n4VWHMogFkFj",
		"probe-1:$7$101$short$AAAA",
		"probe-1:$7$101$jyr2n4VWHMogFkFj$AAAA",
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		BrokerPassword hashed;
		char *name = NULL;

		if (broker_password_read_line(lines[i], &name, &hashed) || name != NULL)
			fail_msg("line %zu is taken", i);
	}
}

static void a_name_has_the_shape_of_its_role(void **state)
{
	static const struct {
		const char *name;
		BrokerRole role;
		gboolean good;
	} table[] = {
		{"probe-1", BROKER_ROLE_DEVICE, TRUE},
		{"greenhouse.telegraf", BROKER_ROLE_READER, TRUE},
		{".espalier", BROKER_ROLE_SERVER, TRUE},
		{"probe.1", BROKER_ROLE_DEVICE, FALSE},
		{".espalier", BROKER_ROLE_DEVICE, FALSE},
		{".espalier", BROKER_ROLE_READER, FALSE},
		{"telegraf", BROKER_ROLE_READER, FALSE},
		{"", BROKER_ROLE_DEVICE, FALSE},
		{"a:b", BROKER_ROLE_DEVICE, FALSE},
		{"a b", BROKER_ROLE_DEVICE, FALSE},
		{"a\nuser b", BROKER_ROLE_DEVICE, FALSE},
		{"+", BROKER_ROLE_DEVICE, FALSE},
		{"a/b", BROKER_ROLE_DEVICE, FALSE},
		{"a#", BROKER_ROLE_DEVICE, FALSE},
		{"%u", BROKER_ROLE_DEVICE, FALSE},
	};
	g_autofree char *longest = g_strnfill(BROKER_NAME_MAX, 'a');
	g_autofree char *too_long = g_strnfill(BROKER_NAME_MAX + 1, 'a');

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		if (broker_name_check(table[i].name, table[i].role, &error) != table[i].good)
			fail_msg("'%s'", table[i].name);
		assert_true(table[i].good ||
			    g_error_matches(error, BROKER_ERROR, BROKER_ERROR_INVALID));
	}
	assert_true(broker_name_check(longest, BROKER_ROLE_DEVICE, NULL));
	assert_false(broker_name_check(too_long, BROKER_ROLE_DEVICE, NULL));
}

static void a_root_topic_has_nothing_that_would_widen_a_right(void **state)
{
	static const struct {
		const char *root;
		const char *message; /* NULL = good */
	} table[] = {
		{"homie", NULL},
		{"plants/north", NULL},
		{"", "has no or too many"},
		{"a//b", "empty level"},
		{"/a", "empty level"},
		{"a/", "empty level"},
		{"a+", "has a character"},
		{"#", "has a character"},
		{"$SYS", "has a character"},
		{"%u", "has a character"},
		{"a b", "has a character"},
		{"a\ntopic readwrite x", "has a character"},
	};
	g_autofree char *too_long = g_strnfill(BROKER_ROOT_MAX + 1, 'a');

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		gboolean good = broker_root_check(table[i].root, &error);

		assert_int_equal(good, table[i].message == NULL);
		if (!good)
			assert_non_null(strstr(error->message, table[i].message));
	}
	assert_false(broker_root_check(too_long, NULL));
}

static void rights_are_patterns_for_devices_and_sections_for_people(void **state)
{
	static const char *const readers[] = {"greenhouse.telegraf", NULL};
	g_autofree char *text = local_rights_text("homie", readers);
	g_autofree char *nobody = local_rights_text(NULL, readers);

	(void)state;
	assert_string_equal(text, "# Written by espalier; changes are lost.\n"
				  "user .espalier\n"
				  "topic readwrite homie/#\n"
				  "topic readwrite fleet/1/#\n"
				  "user greenhouse.telegraf\n"
				  "topic deny homie/5/greenhouse.telegraf/#\n"
				  "topic deny fleet/1/greenhouse.telegraf/#\n"
				  "topic read homie/5/#\n"
				  "pattern readwrite homie/5/%u/#\n"
				  "pattern read homie/5/$broadcast/#\n"
				  "pattern write fleet/1/%u/info\n"
				  "pattern write fleet/1/%u/ack\n"
				  "pattern write fleet/1/%u/online\n"
				  "pattern read fleet/1/%u/cmd\n"
				  "pattern readwrite fleet/1/%u/ota/#\n");
	assert_string_equal(nobody, "# Written by espalier; changes are lost.\n");
}

static LocalChange *ensure(const char *name, const char *password)
{
	LocalChange *change = local_change_new(LOCAL_ENSURE, name, NULL, NULL);

	broker_password_set(&change->password, password);
	return change;
}

/* What a batch did is taken back whole, in reverse, when it cannot be written. */
static void undoing_a_batch_restores_users_and_claim(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-users-XXXXXX", NULL);
	g_autoptr(LocalUsers) users = local_users_load(folder, NULL);
	LocalChange *first = ensure("probe-1", "one");
	LocalChange *batch[] = {
		ensure("probe-1", "two"),
		ensure("probe-2", "two"),
		local_change_new(LOCAL_REMOVE, "probe-1", NULL, NULL),
		local_change_new(LOCAL_CLAIM, "default/other", NULL, NULL),
		ensure("probe-1", "three"),
	};
	BrokerPassword known;
	g_auto(GStrv) names = NULL;

	(void)state;
	batch[3]->root = g_strdup("homie");
	local_users_apply(users, first);
	local_users_mark_known(users, first);
	local_change_finish(first, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(batch); i++)
		local_users_apply(users, batch[i]);
	assert_false(local_users_known_password(users, "probe-1", &known));
	for (gsize i = G_N_ELEMENTS(batch); i > 0; i--)
		local_users_undo(users, batch[i - 1]);
	for (gsize i = 0; i < G_N_ELEMENTS(batch); i++)
		local_change_finish(batch[i], NULL);
	assert_true(local_users_known_password(users, "probe-1", &known));
	assert_true(broker_password_matches(&known, "one"));
	names = local_users_list(users);
	assert_int_equal(g_strv_length(names), 1);
	assert_true(local_users_write(users, NULL));
	assert_true(base_tree_remove(folder, NULL));
}

static void reads_back_what_it_wrote_without_the_control_user(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-users-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "passwd", NULL);
	static const char *const added[] = {"probe-2", ".espalier", "probe-1",
					    "greenhouse.telegraf"};
	g_autoptr(GBytes) bytes = NULL;
	g_auto(GStrv) names = NULL;

	(void)state;
	for (int round = 0; round < 2; round++) {
		g_autoptr(LocalUsers) users = local_users_load(folder, NULL);

		local_users_set_control(users, "control");
		for (gsize i = 0; round == 0 && i < G_N_ELEMENTS(added); i++) {
			LocalChange *change = ensure(added[i], "secret");

			local_users_apply(users, change);
			local_change_finish(change, NULL);
		}
		assert_true(local_users_write(users, NULL));
		g_strfreev(names);
		names = local_users_list(users);
	}
	assert_int_equal(g_strv_length(names), 3);
	assert_string_equal(names[0], "greenhouse.telegraf");
	assert_string_equal(names[2], "probe-2");
	bytes = base_file_read(path, G_MAXINT32, NULL);
	assert_non_null(g_strstr_len(g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes),
				     ".espalier:$7$101$"));
	assert_true(base_tree_remove(folder, NULL));
}

static void the_configuration_binds_client_ids_and_lets_nobody_in_unknown(void **state)
{
	g_autofree char *text = local_config_text("127.0.0.1", 8883, "root");
	g_autofree char *other = local_config_text("127.0.0.1", 8883, NULL);
	g_auto(GStrv) binds = g_strsplit(text, "use_username_as_clientid true\n", -1);

	(void)state;
	assert_int_equal(g_strv_length(binds), 3); /* on each of the two listeners */
	assert_non_null(strstr(text, "\nuser root\n"));
	assert_null(strstr(other, "\nuser "));
	assert_non_null(strstr(text, "\nallow_anonymous false\n"));
	assert_non_null(strstr(text, "\nlistener 8883 127.0.0.1\n"));
	assert_non_null(strstr(text, "\ntls_version tlsv1.2\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_line_that_mosquitto_passwd_writes),
		cmocka_unit_test(the_same_password_gets_another_salt_each_time),
		cmocka_unit_test(refuses_lines_of_any_other_form),
		cmocka_unit_test(a_name_has_the_shape_of_its_role),
		cmocka_unit_test(a_root_topic_has_nothing_that_would_widen_a_right),
		cmocka_unit_test(rights_are_patterns_for_devices_and_sections_for_people),
		cmocka_unit_test(undoing_a_batch_restores_users_and_claim),
		cmocka_unit_test(reads_back_what_it_wrote_without_the_control_user),
		cmocka_unit_test(the_configuration_binds_client_ids_and_lets_nobody_in_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
