/* The device's way from boot to online and off again, and what it says on the way. */
#include "unit/firmware_world.h"
#include "unit/homie5_validator.h"
#include "wire/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CMD "fleet/1/probe-1/cmd"
#define ACK "fleet/1/probe-1/ack"
#define INFO "fleet/1/probe-1/info"
#define STATE "garden/5/probe-1/$state"

enum {
	HOUR_MS = 3600 * 1000,
};

static World *online_world(CoreDevice *device)
{
	World *world = world_new();

	core_start(device, &world->port);
	assert_true(world_run(world, device, HOUR_MS, CORE_ONLINE));
	return world;
}

static const char *last_payload(const World *world, const char *topic)
{
	for (guint i = world->publications->len; i > 0; i--) {
		const Publication *publication = world->publications->pdata[i - 1];

		if (strcmp(publication->topic, topic) == 0)
			return publication->payload;
	}
	return NULL;
}

static void validate(const World *world)
{
	g_autoptr(Homie5Validator) validator = homie5_validator_new("garden", "probe-1");

	for (guint i = 0; i < world->publications->len; i++) {
		const Publication *publication = world->publications->pdata[i];

		homie5_validator_feed(validator, publication->topic, publication->payload,
				      publication->retain);
	}
	if (validator->breach != NULL)
		fail_msg("Homie 5: %s", validator->breach);
}

static void starts_in_the_order_of_homie_5(void **state)
{
	static const char *const topics[] = {
		STATE,
		"garden/5/probe-1/$description",
		"garden/5/probe-1/climate/temperature",
		"garden/5/probe-1/climate/humidity",
		"garden/5/probe-1/climate/pressure",
		"garden/5/probe-1/bed/moisture",
		"garden/5/probe-1/bed/temperature",
		"garden/5/probe-1/power/voltage",
		"garden/5/probe-1/power/level",
		STATE,
		INFO,
	};
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	assert_int_equal(world->publications->len, G_N_ELEMENTS(topics));
	for (guint i = 0; i < G_N_ELEMENTS(topics); i++) {
		const Publication *publication = world->publications->pdata[i];

		assert_string_equal(publication->topic, topics[i]);
		assert_true(publication->retain);
	}
	assert_string_equal(((Publication *)world->publications->pdata[0])->payload, "init");
	assert_string_equal(world_retained(world, STATE), "ready");
	assert_int_equal(world->subscriptions->len, 1);
	assert_string_equal(world->subscriptions->pdata[0], CMD);
	validate(world);
}

static void gives_the_broker_its_will_and_its_credentials(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	assert_string_equal(world->will_topic, STATE);
	assert_string_equal(world->will_payload, "lost");
	assert_string_equal(world->login.host, "broker.example");
	assert_int_equal(world->login.port, 8884);
	assert_true(world->login.tls);
	assert_string_equal(world->login.ca_pem, "-----BEGIN CERTIFICATE-----");
	assert_string_equal(world->login.client_id, "probe-1");
	assert_string_equal(world->login.user, "probe-1");
	assert_string_equal(world->login.password, "canary-password");
	assert_int_equal(world->login.keepalive_s, 30);
}

static void logs_no_secret(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	world_break(world);
	world_run(world, &device, HOUR_MS, -1);
	world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
	world_run(world, &device, HOUR_MS, -1);
	assert_null(world_logged(world, "canary-password"));
}

static void reports_what_it_is(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	const char *payload = world_retained(world, INFO);
	WireInfo info;

	(void)state;
	assert_true(wire_info_decode(payload, strlen(payload), &info));
	assert_string_equal(info.firmware_version, "1.4.2");
	assert_string_equal(info.firmware_sha256, "ab12");
	assert_string_equal(info.slot, "ota_0");
	assert_string_equal(info.config,
			    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
	assert_string_equal(info.chip, "host");
	assert_string_equal(info.mac, "02:00:5e:10:00:01");
	assert_string_equal(info.ip, "127.0.0.1");
	assert_string_equal(info.reset, "power-on");
	assert_int_equal(info.boots, 1);
	assert_int_equal(info.uptime_s, 0);
}

static void counts_its_boots(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	core_start(&device, &world->port);
	assert_int_equal(device.boots, 2);
	world->own_is_broken = TRUE;
	core_start(&device, &world->port);
	assert_int_equal(device.boots, 3);
	assert_non_null(world_logged(world, "cannot count this boot in the partition nvs"));
	assert_int_equal(device.phase, CORE_NETWORK);
}

static void waits_for_the_network(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->network_answers = FALSE;
	core_start(&device, &world->port);
	assert_false(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	assert_int_equal(device.phase, CORE_NETWORK);
	world_push(world, (CoreEvent){.type = CORE_EVENT_NETWORK_UP});
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	world_push(world, (CoreEvent){.type = CORE_EVENT_NETWORK_DOWN});
	assert_true(world_run(world, &device, 1000, CORE_NETWORK));
	assert_string_equal(world_retained(world, STATE), "lost");
	world_push(world, (CoreEvent){.type = CORE_EVENT_NETWORK_UP});
	assert_true(world_run(world, &device, 1000, CORE_ONLINE));
	validate(world);
}

typedef struct {
	const char *space, *key, *text;
	const char *message;
} Unusable;

static void says_what_its_configuration_lacks(void **state)
{
	static const Unusable table[] = {
		{"espalier", "name", NULL,
		 "no identity: the configuration has no key espalier/name"},
		{"espalier", "name", "Probe 1", "espalier/name is not the name of a device"},
		{"mqtt", "host", NULL, "no broker: the configuration has no usable key mqtt/host"},
		{"mqtt", "host", "", "no broker: the configuration has no usable key mqtt/host"},
		{"mqtt", "user", NULL, "no broker: the configuration has no usable key mqtt/user"},
		{"mqtt", "pass", NULL, "no broker: the configuration has no usable key mqtt/pass"},
		{"mqtt", "ca", NULL, "no broker: the configuration has no usable key mqtt/ca"},
		{"mqtt", "conv", "tasmota", "this firmware does not speak the convention tasmota"},
	};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(World) world = world_new();
		const char *line;
		CoreDevice device;

		world_set_text(world, table[i].space, table[i].key, table[i].text);
		core_start(&device, &world->port);
		assert_int_equal(device.phase, CORE_HALTED);
		line = world_logged(world, table[i].message);
		assert_non_null(line);
		assert_true(g_str_has_prefix(line, "0 "));
		assert_non_null(strstr(line, "; flash this device again with `espalier flash`"));
		world_run(world, &device, HOUR_MS, -1);
		assert_int_equal(world->connects_ms->len, 0);
		world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
		assert_true(world_run(world, &device, 1000, CORE_STOPPED));
	}
}

static void leaves_out_sensors_that_it_cannot_use(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world_set_text(world, "sensors", "s0", "{\"name\":\"bed\"}");
	world_set_text(world, "sensors", "s2", "{\"name\":\"bed\",\"driver\":\"battery\"}");
	world_set_text(world, "sensors", "s15", "{\"name\":\"gas\",\"driver\":\"mq135\"}");
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	assert_int_equal(device.config.n_sensors, 1);
	assert_non_null(world_logged(world, "sensors/s0 is not a sensor; left out"));
	assert_non_null(world_logged(world, "sensors/s2: there is already a sensor called bed"));
	assert_non_null(world_logged(world, "sensors/s15: this firmware has no driver mq135"));
	validate(world);
}

static void add_sixteen_sensors(World *world, GPtrArray *texts)
{
	for (unsigned i = 0; i < WIRE_NVS_SENSORS_MAX; i++) {
		char *key = g_strdup_printf("s%u", i);
		char *json = g_strdup_printf(
			"{\"name\":\"a-name-as-long-as-names-are-%03u\",\"driver\":\"bme280\"}", i);

		g_ptr_array_add(texts, key);
		g_ptr_array_add(texts, json);
		world_set_text(world, "sensors", key, json);
	}
}

static void speaks_with_sixteen_sensors(void **state)
{
	g_autoptr(World) world = world_new();
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	CoreDevice device;

	(void)state;
	add_sixteen_sensors(world, texts);
	core_start(&device, &world->port);
	assert_int_equal(device.config.n_sensors, WIRE_NVS_SENSORS_MAX);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	assert_int_equal(world->publications->len, 4 + 3 * WIRE_NVS_SENSORS_MAX);
	validate(world);
}

static void sends_no_more_than_the_broker_acknowledges(void **state)
{
	g_autoptr(World) world = world_new();
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	CoreDevice device;

	(void)state;
	add_sixteen_sensors(world, texts);
	world->fault_at = 1;
	world->fault = FAULT_SILENCE;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, 1000, CORE_ANNOUNCING));
	world_run(world, &device, 1000, -1);
	assert_int_equal(device.in_flight, 2 + 4 * 3); /* one more sensor would be above 16 */
	assert_int_equal(world_count(world, STATE), 1);
}

static void is_not_ready_before_all_is_acknowledged(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->fault_at = 10; /* the subscription */
	world->fault = FAULT_SILENCE;
	core_start(&device, &world->port);
	world_run(world, &device, CORE_ACK_TIMEOUT_MS - 1000, -1);
	assert_int_equal(device.phase, CORE_ANNOUNCING);
	assert_int_equal(device.step, CORE_STEP_READY);
	assert_string_equal(world_retained(world, STATE), "init");
}

static void takes_no_command_while_it_stops(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	world->silent = TRUE;
	world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
	world_command(world, CMD, "{\"id\":\"a-1\",\"do\":\"identify\"}");
	assert_true(world_run(world, &device, HOUR_MS, CORE_STOPPED));
	assert_int_equal(world->identified, 0);
}

static void measures_at_each_interval(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	world_run(world, &device, 10 * 60 * 1000 + 500, -1);
	assert_int_equal(world_count(world, "garden/5/probe-1/climate/temperature"), 21);
	assert_int_equal(world_count(world, "garden/5/probe-1/bed/moisture"), 11);
	assert_int_equal(world_count(world, "garden/5/probe-1/power/level"), 11);
	validate(world);
}

static void makes_up_for_no_missed_measurement(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	guint before = world_count(world, "garden/5/probe-1/climate/humidity");

	(void)state;
	world->now_ms += HOUR_MS; /* asleep, or held up */
	for (guint i = 0; i < 5; i++)
		core_step(&device);
	assert_int_equal(world_count(world, "garden/5/probe-1/climate/humidity"), before + 1);
}

static void send(World *world, CoreDevice *device, const char *payload)
{
	world_command(world, CMD, payload);
	world_run(world, device, 50, -1);
}

static void carries_out_commands_and_answers(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	guint infos = world_count(world, INFO);
	guint values = world_count(world, "garden/5/probe-1/bed/moisture");
	WireAck ack;

	(void)state;
	send(world, &device, "{\"id\":\"a-1\",\"do\":\"identify\"}");
	assert_int_equal(world->identified, 1);
	assert_string_equal(last_payload(world, ACK), "{\"id\":\"a-1\",\"ok\":true,\"msg\":\"\"}");
	send(world, &device, "{\"id\":\"a-2\",\"do\":\"report\"}");
	assert_int_equal(world_count(world, INFO), infos + 1);
	assert_int_equal(world_count(world, "garden/5/probe-1/bed/moisture"), values + 1);
	send(world, &device, "{\"id\":\"a-3\",\"do\":\"config\"}");
	assert_true(
		wire_ack_decode(last_payload(world, ACK), strlen(last_payload(world, ACK)), &ack));
	assert_false(ack.ok);
	assert_string_equal(ack.message,
			    "this firmware takes a new configuration only by flashing; "
			    "use `espalier flash`");
	send(world, &device, "{\"id\":\"a-4\",\"do\":\"dance\"}");
	assert_true(
		wire_ack_decode(last_payload(world, ACK), strlen(last_payload(world, ACK)), &ack));
	assert_false(ack.ok);
	assert_string_equal(
		ack.message,
		"this firmware does not know that command; it knows reboot, identify and report");
	assert_null(world_retained(world, ACK));
	validate(world);
}

static void runs_a_command_that_comes_twice_once(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	send(world, &device, "{\"id\":\"a-1\",\"do\":\"identify\"}");
	send(world, &device, "{\"id\":\"a-1\",\"do\":\"identify\"}");
	assert_int_equal(world->identified, 1);
	assert_int_equal(world_count(world, ACK), 2);
	world_break(world);
	assert_true(world_run(world, &device, HOUR_MS, CORE_WAITING));
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	send(world, &device, "{\"id\":\"a-1\",\"do\":\"identify\"}");
	assert_int_equal(world->identified, 1);
	assert_int_equal(world_count(world, ACK), 3);
}

static void remembers_sixteen_commands(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	for (guint round = 0; round < 2; round++)
		for (guint i = 0; i < CORE_HISTORY_MAX; i++) {
			g_autofree char *json =
				g_strdup_printf("{\"id\":\"c%u\",\"do\":\"identify\"}", i);
			send(world, &device, json);
		}
	assert_int_equal(world->identified, CORE_HISTORY_MAX);
	send(world, &device, "{\"id\":\"one-more\",\"do\":\"identify\"}");
	send(world, &device, "{\"id\":\"c0\",\"do\":\"identify\"}");
	assert_int_equal(world->identified, CORE_HISTORY_MAX + 2);
}

static void ignores_what_is_no_command_for_it(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	send(world, &device, "reboot");
	assert_non_null(world_logged(world, "a message that is no command was ignored"));
	world_command(world, "fleet/1/probe-2/cmd", "{\"id\":\"x\",\"do\":\"identify\"}");
	world_command(world, "fleet/1/probe-1/ack", "{\"id\":\"x\",\"do\":\"identify\"}");
	world_push(world,
		   (CoreEvent){.type = CORE_EVENT_MESSAGE,
			       .topic = CMD,
			       .retained = true,
			       .payload = "{\"id\":\"x\",\"do\":\"identify\"}",
			       .payload_bytes = strlen("{\"id\":\"x\",\"do\":\"identify\"}")});
	world_run(world, &device, 50, -1);
	assert_int_equal(world->identified, 0);
	assert_int_equal(world_count(world, ACK), 0);
	assert_int_equal(device.phase, CORE_ONLINE);
}

static void bounds_what_is_in_flight(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	guint limit = CORE_IN_FLIGHT_MAX + CORE_ANSWERS_IN_FLIGHT;

	(void)state;
	world->silent = TRUE;
	for (guint i = 0; i < limit + 4; i++) {
		g_autofree char *json = g_strdup_printf("{\"id\":\"c%u\",\"do\":\"identify\"}", i);
		world_command(world, CMD, json);
	}
	core_step(&device);
	assert_int_equal(device.in_flight, limit);
	assert_int_equal(world->identified, limit);
	assert_non_null(world_logged(world, "too many commands at once; c27 was ignored"));
}

static void reboots_once_even_if_told_again_afterwards(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);

	(void)state;
	world_command(world, CMD, "{\"id\":\"r-1\",\"do\":\"reboot\"}");
	assert_true(world_run(world, &device, 1000, CORE_STOPPED));
	assert_int_equal(world->reboots, 1);
	assert_string_equal(world->reboot_reason, "software");
	assert_string_equal(last_payload(world, ACK), "{\"id\":\"r-1\",\"ok\":true,\"msg\":\"\"}");
	assert_string_equal(world_retained(world, STATE), "disconnected");

	core_start(&device, &world->port);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	send(world, &device, "{\"id\":\"r-1\",\"do\":\"reboot\"}");
	assert_int_equal(world->reboots, 1);
	assert_int_equal(world_count(world, ACK), 2);
	world_command(world, CMD, "{\"id\":\"r-2\",\"do\":\"reboot\"}");
	assert_true(world_run(world, &device, 1000, CORE_STOPPED));
	assert_int_equal(world->reboots, 2);
	validate(world);
}

static void stops_cleanly(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	guint before = world->publications->len;

	(void)state;
	world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
	assert_true(world_run(world, &device, 1000, CORE_STOPPED));
	assert_int_equal(world->publications->len, before + 1);
	assert_string_equal(world_retained(world, STATE), "disconnected");
	assert_false(world->connected);
	assert_int_equal(world->reboots, 0);
	assert_int_equal(core_step(&device), CORE_STEP_MAX_MS);
	validate(world);
}

static void stops_at_once_if_it_is_not_connected(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->fault_at = 0;
	world->fault = FAULT_NOT_SENT;
	world->fault_stays = TRUE;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, 1000, CORE_WAITING));
	world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
	core_step(&device);
	assert_int_equal(device.phase, CORE_STOPPED);
}

static void stops_in_bounded_time_without_an_answer(void **state)
{
	CoreDevice device;
	g_autoptr(World) world = online_world(&device);
	guint64 began_ms = world->now_ms;

	(void)state;
	world->silent = TRUE;
	world_push(world, (CoreEvent){.type = CORE_EVENT_STOP});
	assert_true(world_run(world, &device, HOUR_MS, CORE_STOPPED));
	assert_true(world->now_ms - began_ms <= CORE_STOP_TIMEOUT_MS);
	/* Not acknowledged, so not relied on: the will speaks. */
	assert_string_equal(world_retained(world, STATE), "lost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_in_the_order_of_homie_5),
		cmocka_unit_test(gives_the_broker_its_will_and_its_credentials),
		cmocka_unit_test(logs_no_secret),
		cmocka_unit_test(reports_what_it_is),
		cmocka_unit_test(counts_its_boots),
		cmocka_unit_test(waits_for_the_network),
		cmocka_unit_test(says_what_its_configuration_lacks),
		cmocka_unit_test(leaves_out_sensors_that_it_cannot_use),
		cmocka_unit_test(speaks_with_sixteen_sensors),
		cmocka_unit_test(sends_no_more_than_the_broker_acknowledges),
		cmocka_unit_test(is_not_ready_before_all_is_acknowledged),
		cmocka_unit_test(takes_no_command_while_it_stops),
		cmocka_unit_test(measures_at_each_interval),
		cmocka_unit_test(makes_up_for_no_missed_measurement),
		cmocka_unit_test(carries_out_commands_and_answers),
		cmocka_unit_test(runs_a_command_that_comes_twice_once),
		cmocka_unit_test(remembers_sixteen_commands),
		cmocka_unit_test(ignores_what_is_no_command_for_it),
		cmocka_unit_test(bounds_what_is_in_flight),
		cmocka_unit_test(reboots_once_even_if_told_again_afterwards),
		cmocka_unit_test(stops_cleanly),
		cmocka_unit_test(stops_at_once_if_it_is_not_connected),
		cmocka_unit_test(stops_in_bounded_time_without_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
