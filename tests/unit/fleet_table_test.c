#include "fleet/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define INFO                                                                                       \
	"{\"v\":1,\"fw\":{\"ver\":\"1.4.2\",\"sha256\":"                                           \
	"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"slot\":\"ota_0\"}" \
	","                                                                                        \
	"\"cfg\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","            \
	"\"chip\":\"host\",\"rev\":100,\"mac\":\"02:00:5e:10:00:01\",\"heap\":%u,\"rssi\":-60,"    \
	"\"ip\":\"127.0.0.1\",\"reset\":\"power-on\",\"boots\":%u,\"up\":7}"

enum {
	STEP_US = FLEET_LAST_SEEN_STEP_MS * 1000,
};

static FleetNow at(gint64 us)
{
	return (FleetNow){.wall_us = 1000000000 + us, .monotonic_us = 1 + us};
}

static FleetHeard hear(FleetTable *table, const char *topic, const char *payload, gboolean retained,
		       gint64 us)
{
	FleetMessage message = {.topic = topic,
				.payload = payload,
				.size_bytes = strlen(payload),
				.retained = retained};
	FleetNow now = at(us);
	FleetHeard heard;

	fleet_table_hear(table, &message, &now, &heard);
	return heard;
}

static FleetDevice get(const FleetTable *table, const char *device)
{
	FleetDevice out;

	assert_true(fleet_table_get(table, device, &out));
	return out;
}

static void presence_follows_the_words_of_homie(void **state)
{
	static const struct {
		const char *payload;
		FleetPresence presence;
		gboolean connected;
		gboolean changed;
	} table[] = {
		{"init", FLEET_PRESENCE_CONNECTING, FALSE, TRUE},
		{"ready", FLEET_PRESENCE_READY, TRUE, TRUE},
		{"ready", FLEET_PRESENCE_READY, TRUE, FALSE},
		{"init", FLEET_PRESENCE_CONNECTING, TRUE, TRUE}, /* reconfigures: stays connected */
		{"ready", FLEET_PRESENCE_READY, TRUE, TRUE},
		{"sleeping", FLEET_PRESENCE_SLEEPING, TRUE, TRUE},
		{"nonsense", FLEET_PRESENCE_SLEEPING, TRUE, FALSE},
		{"readyy", FLEET_PRESENCE_SLEEPING, TRUE, FALSE},
		{"lost", FLEET_PRESENCE_LOST, FALSE, TRUE},
		{"init", FLEET_PRESENCE_CONNECTING, FALSE, TRUE},
		{"ready", FLEET_PRESENCE_READY, TRUE, TRUE},
		{"disconnected", FLEET_PRESENCE_DISCONNECTED, FALSE, TRUE},
		{"", FLEET_PRESENCE_UNKNOWN, FALSE, TRUE}, /* removed from the tree */
	};
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");

	(void)state;
	assert_true(fleet_table_declare(fleet, "probe-1"));
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		FleetHeard heard =
			hear(fleet, "homie/5/probe-1/$state", table[i].payload, FALSE, (gint64)i);
		FleetDevice device = get(fleet, "probe-1");

		assert_string_equal(heard.device, "probe-1");
		if (device.presence != table[i].presence ||
		    device.connected != table[i].connected ||
		    ((heard.changed & FLEET_CHANGED_PRESENCE) != 0) != table[i].changed)
			fail_msg("word %zu, '%s'", i, table[i].payload);
		assert_int_equal(fleet_table_online(fleet), table[i].connected ? 1 : 0);
	}
}

static void only_a_devices_own_live_words_count_as_seen(void **state)
{
	static const struct {
		const char *topic;
		const char *payload;
		gboolean retained;
		gboolean seen;
	} table[] = {
		{"homie/5/probe-1/climate/temperature", "21.5", FALSE, TRUE},
		{"homie/5/probe-1/$state", "ready", FALSE, TRUE},
		{"fleet/1/probe-1/info", "{}", FALSE, TRUE},
		{"fleet/1/probe-1/ack", "{}", FALSE, TRUE},
		{"homie/5/probe-1/climate/temperature", "21.5", TRUE, FALSE},
		{"homie/5/probe-1/$state", "ready", TRUE, FALSE},
		{"homie/5/probe-1/$state", "lost", FALSE, FALSE},          /* the broker's word */
		{"homie/5/probe-1/led/on/set", "true", FALSE, FALSE},      /* said to it */
		{"homie/5/probe-1/climate/temperature", "", FALSE, FALSE}, /* cleared */
		{"fleet/1/probe-1/cmd", "{}", FALSE, FALSE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(FleetTable) fleet = fleet_table_new("homie");

		hear(fleet, table[i].topic, table[i].payload, table[i].retained, 5);
		if ((get(fleet, "probe-1").last_seen_wall_us != 0) != table[i].seen)
			fail_msg("%s %s", table[i].topic, table[i].payload);
	}
}

static void last_seen_is_told_at_most_once_a_step(void **state)
{
	static const struct {
		gint64 us;
		gboolean told;
	} table[] = {
		{0, TRUE},       {1, FALSE},           {STEP_US - 1, FALSE},
		{STEP_US, TRUE}, {STEP_US + 1, FALSE}, {3 * STEP_US, TRUE},
	};
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		FleetHeard heard = hear(fleet, "homie/5/probe-1/a/b", "1", FALSE, table[i].us);

		assert_int_equal((heard.changed & FLEET_CHANGED_SEEN) != 0, table[i].told);
		assert_true(get(fleet, "probe-1").last_seen_wall_us == at(table[i].us).wall_us);
	}
}

static void info_is_told_when_something_that_matters_changes(void **state)
{
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");
	g_autofree char *first = g_strdup_printf(INFO, 1000u, 1u);
	g_autofree char *less_heap = g_strdup_printf(INFO, 900u, 1u);
	g_autofree char *next_boot = g_strdup_printf(INFO, 900u, 2u);
	const struct {
		const char *payload;
		gboolean retained;
		gboolean told;
	} table[] = {
		{first, TRUE, TRUE},      {first, FALSE, FALSE},       {less_heap, FALSE, FALSE},
		{next_boot, FALSE, TRUE}, {"{\"v\":2}", FALSE, FALSE}, {"", FALSE, FALSE},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		FleetHeard heard = hear(fleet, "fleet/1/probe-1/info", table[i].payload,
					table[i].retained, (gint64)i);

		assert_int_equal((heard.changed & FLEET_CHANGED_INFO) != 0, table[i].told);
		if (i == 0)
			assert_true(get(fleet, "probe-1").info_wall_us == 0);
	}
	assert_true(get(fleet, "probe-1").has_info);
	assert_int_equal(get(fleet, "probe-1").info.boots, 2);
	assert_int_equal(get(fleet, "probe-1").info.heap_bytes, 900);
	assert_true(get(fleet, "probe-1").info_wall_us == at(3).wall_us);
}

static void foreign_topics_change_nothing(void **state)
{
	static const char *const topics[] = {
		"",
		"homie",
		"homie/5",
		"homie/5/",
		"homie/5/probe-1",
		"homie/5//$state",
		"homie/5/.espalier/$state",
		"homie/5/$broadcast/alert",
		"homie/5/Probe/$state",
		"homie/4/probe-1/$state",
		"homies/5/probe-1/$state",
		"other/5/probe-1/$state",
		"fleet/2/probe-1/info",
		"fleet/1/probe-1/other",
		"fleet/1/probe-1/info/more",
		"homie/5/a-name-that-is-one-character-longer-than-a-device-may-x/$state",
	};
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(topics); i++) {
		FleetHeard heard = hear(fleet, topics[i], "ready", FALSE, 1);

		if (heard.changed != 0 || fleet_table_strangers(fleet) != 0)
			fail_msg("%s", topics[i]);
	}
}

static void strangers_are_few_and_become_known_when_declared(void **state)
{
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");
	FleetHeard heard;
	FleetDevice out;

	(void)state;
	for (guint i = 0; i < FLEET_STRANGERS_MAX + 10; i++) {
		g_autofree char *topic = g_strdup_printf("homie/5/stranger-%u/$state", i);

		heard = hear(fleet, topic, "ready", TRUE, 1);
		assert_int_equal(heard.changed != 0, i < FLEET_STRANGERS_MAX);
		assert_int_equal(heard.device[0] != '\0', i < FLEET_STRANGERS_MAX);
	}
	assert_int_equal(fleet_table_strangers(fleet), FLEET_STRANGERS_MAX);
	assert_int_equal(fleet_table_online(fleet), 0);
	assert_true(fleet_table_declare(fleet, "stranger-0")); /* its state was heard already */
	assert_true(fleet_table_declare(fleet, "stranger-0"));
	assert_int_equal(fleet_table_devices(fleet), 1);
	assert_int_equal(fleet_table_online(fleet), 1);
	assert_int_equal(hear(fleet, "homie/5/stranger-999/$state", "ready", TRUE, 1).changed,
			 FLEET_CHANGED_PRESENCE);
	fleet_table_forget(fleet, "stranger-0");
	fleet_table_forget(fleet, "stranger-0");
	assert_false(fleet_table_get(fleet, "stranger-0", &out));
	assert_int_equal(fleet_table_online(fleet), 0);
	assert_false(fleet_table_declare(fleet, "no.device"));
	assert_false(fleet_table_declare(fleet, ""));
}

static void who_has_no_state_in_a_new_session_is_lost_once(void **state)
{
	static const char *const words[] = {"ready", "sleeping", "init", "disconnected", "lost"};
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");
	FleetNow now = at(9);
	g_auto(GStrv) lost = NULL;
	g_auto(GStrv) again = NULL;

	(void)state;
	fleet_table_begin(fleet);
	assert_true(fleet_table_declare(fleet, "never-heard"));
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *topic = g_strdup_printf("homie/5/gone-%s/$state", words[i]);

		hear(fleet, topic, words[i], FALSE, 1);
	}
	hear(fleet, "homie/5/stays/$state", "ready", FALSE, 1);
	fleet_table_begin(fleet);
	hear(fleet, "homie/5/stays/$state", "ready", TRUE, 2);
	lost = fleet_table_end(fleet, &now);
	assert_int_equal(g_strv_length(lost), 3);
	assert_true(g_strv_contains((const char *const *)lost, "gone-ready"));
	assert_true(g_strv_contains((const char *const *)lost, "gone-sleeping"));
	assert_true(g_strv_contains((const char *const *)lost, "gone-init"));
	assert_int_equal(get(fleet, "gone-ready").presence, FLEET_PRESENCE_LOST);
	assert_int_equal(get(fleet, "stays").presence, FLEET_PRESENCE_READY);
	assert_int_equal(get(fleet, "never-heard").presence, FLEET_PRESENCE_UNKNOWN);
	again = fleet_table_end(fleet, &now);
	assert_int_equal(g_strv_length(again), 0);
}

static void an_answer_is_handed_on_unless_it_is_repeated(void **state)
{
	g_autoptr(FleetTable) fleet = fleet_table_new("homie");
	static const char answer[] = "{\"id\":\"a-1\",\"ok\":true,\"msg\":\"done\"}";
	FleetHeard heard = hear(fleet, "fleet/1/probe-1/ack", answer, FALSE, 1);

	(void)state;
	assert_true(heard.has_ack);
	assert_string_equal(heard.ack.id, "a-1");
	assert_true(heard.ack.ok);
	assert_false(hear(fleet, "fleet/1/probe-1/ack", answer, TRUE, 1).has_ack);
	assert_false(hear(fleet, "fleet/1/probe-1/ack", "{", FALSE, 1).has_ack);
	assert_false(hear(fleet, "fleet/1/probe-1/info", answer, FALSE, 1).has_ack);
}

static void silence_is_measured_on_the_clock_that_never_jumps(void **state)
{
	FleetTable *table = fleet_table_new("homie");

	(void)state;
	hear(table, "homie/5/probe-1/$state", "ready", TRUE, 1000);
	assert_int_equal(get(table, "probe-1").last_seen_wall_us, 0);
	assert_int_equal(get(table, "probe-1").heard_us, at(1000).monotonic_us);
	hear(table, "fleet/1/probe-1/online", "1", FALSE, 2000);
	assert_int_equal(get(table, "probe-1").heard_us, at(2000).monotonic_us);
	fleet_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presence_follows_the_words_of_homie),
		cmocka_unit_test(only_a_devices_own_live_words_count_as_seen),
		cmocka_unit_test(last_seen_is_told_at_most_once_a_step),
		cmocka_unit_test(info_is_told_when_something_that_matters_changes),
		cmocka_unit_test(foreign_topics_change_nothing),
		cmocka_unit_test(strangers_are_few_and_become_known_when_declared),
		cmocka_unit_test(who_has_no_state_in_a_new_session_is_lost_once),
		cmocka_unit_test(an_answer_is_handed_on_unless_it_is_repeated),
		cmocka_unit_test(silence_is_measured_on_the_clock_that_never_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
