/* Whatever is lost on the way, at whichever message: the device comes online again, and what it
 * leaves at the broker is what it would have left without the loss. */
#include "unit/firmware_world.h"
#include "unit/homie5_validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define STATE "garden/5/probe-1/$state"

enum {
	HOUR_MS = 3600 * 1000,
	OPERATIONS = 13, /* connect, init, description, 7 values, subscribe, ready, info */
};

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

static void a_start_has_the_operations_that_are_gone_through(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	assert_int_equal(world->operation, OPERATIONS);
}

static void converges_after_a_loss_at_any_message(void **state)
{
	(void)state;
	for (gint operation = 0; operation < OPERATIONS; operation++) {
		for (Fault fault = FAULT_NOT_SENT; fault < N_FAULTS; fault++) {
			g_autoptr(World) world = world_new();
			CoreDevice device;

			world->fault_at = operation;
			world->fault = fault;
			core_start(&device, &world->port);
			if (!world_run(world, &device, HOUR_MS, CORE_ONLINE))
				fail_msg("fault %d at operation %d: phase %d", (int)fault,
					 operation, (int)device.phase);
			assert_int_equal(device.in_flight, 0);
			assert_string_equal(world_retained(world, STATE), "ready");
			assert_non_null(world_retained(world, "fleet/1/probe-1/info"));
			assert_int_equal(g_hash_table_size(world->retained), 10);
			validate(world);
		}
	}
}

static void converges_after_losses_at_random(void **state)
{
	(void)state;
	for (guint32 seed = 1; seed <= 300; seed++) {
		g_autoptr(World) world = world_new();
		CoreDevice device;

		world->random = seed;
		core_start(&device, &world->port);
		for (guint loss = 0; loss < 8; loss++) {
			world->fault_at = (gint)(world->operation + random_bits(world) % 20);
			world->fault = FAULT_NOT_SENT + random_bits(world) / 7 % (N_FAULTS - 1);
			world_run(world, &device, random_bits(world) % (5 * 60 * 1000), -1);
		}
		world->fault_at = -1;
		assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
		assert_string_equal(world_retained(world, STATE), "ready");
		validate(world);
	}
}

static void takes_a_broker_that_acknowledges_nothing_for_lost(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;
	guint64 began_ms;

	(void)state;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
	world->silent = TRUE;
	began_ms = world->now_ms;
	assert_true(world_run(world, &device, HOUR_MS, CORE_WAITING));
	assert_non_null(world_logged(world, "the broker acknowledges nothing"));
	/* The next measurement is due after 30 s at the latest. */
	assert_true(world->now_ms - began_ms <= 30 * 1000 + CORE_ACK_TIMEOUT_MS);
	assert_string_equal(world_retained(world, STATE), "lost");
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
}

/* Without an answer to CONNECT at all. */
static bool connect_into_the_void(void *context, const CoreLogin *login)
{
	World *world = context;

	(void)login;
	g_array_append_val(world->connects_ms, world->now_ms);
	return true;
}

static void gives_up_a_connection_that_never_answers(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->port.mqtt_connect = connect_into_the_void;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, CORE_CONNECT_TIMEOUT_MS + 1000, CORE_WAITING));
	assert_non_null(world_logged(world, "broker broker.example: no answer; trying again in "));
	world->port.mqtt_connect = mqtt_connect;
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
}

/* The waits between attempts to connect, for `for_ms`. */
static void waits_are_within(World *world, CoreDevice *device, guint64 first_ms, guint64 max_ms)
{
	guint64 full_ms = first_ms;

	core_start(device, &world->port);
	world_run(world, device, 6 * (guint64)HOUR_MS, -1);
	assert_true(world->connects_ms->len > 20);
	for (guint i = 1; i < world->connects_ms->len; i++) {
		guint64 wait_ms = g_array_index(world->connects_ms, guint64, i) -
				  g_array_index(world->connects_ms, guint64, i - 1);

		assert_in_range(wait_ms, full_ms / 2, full_ms + 1);
		full_ms = MIN(full_ms * 2, max_ms);
	}
}

static void backs_off_with_jitter_up_to_a_bound(void **state)
{
	static const Fault faults[] = {FAULT_NOT_SENT, FAULT_UNDELIVERED, FAULT_BUSY};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autoptr(World) world = world_new();
		CoreDevice device;

		world->fault_at = 0;
		world->fault = faults[i];
		world->fault_stays = TRUE;
		waits_are_within(world, &device, CORE_BACKOFF_FIRST_MS, CORE_BACKOFF_MAX_MS);
	}
}

static void backs_off_longer_when_its_password_is_refused(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->fault_at = 0;
	world->fault = FAULT_REFUSED;
	world->fault_stays = TRUE;
	waits_are_within(world, &device, CORE_BACKOFF_UNAUTHORISED_FIRST_MS,
			 CORE_BACKOFF_UNAUTHORISED_MAX_MS);
	assert_non_null(world_logged(world, "broker broker.example: not authorised; trying"));
	world->fault_at = -1;
	world->fault_stays = FALSE;
	assert_true(world_run(world, &device, CORE_BACKOFF_UNAUTHORISED_MAX_MS, CORE_ONLINE));
}

static void does_not_stay_where_it_gets_no_commands(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	world->fault_at = 10; /* the subscription */
	world->fault = FAULT_REFUSED;
	core_start(&device, &world->port);
	assert_true(world_run(world, &device, 1000, CORE_WAITING));
	assert_non_null(world_logged(world, "the broker refuses the subscription to commands"));
	assert_string_equal(world_retained(world, STATE), "lost");
	assert_true(device.deadline_ms - world->now_ms >= CORE_BACKOFF_UNAUTHORISED_FIRST_MS / 2);
	assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
}

static void a_broker_that_accepts_and_drops_is_not_stormed(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	core_start(&device, &world->port);
	for (guint i = 0; i < 12; i++) {
		assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
		world_break(world);
		world_run(world, &device, 1, -1);
	}
	assert_true(device.deadline_ms - world->now_ms >= CORE_BACKOFF_MAX_MS / 2 - 1);
}

static void a_connection_that_held_ends_the_back_off(void **state)
{
	g_autoptr(World) world = world_new();
	CoreDevice device;

	(void)state;
	core_start(&device, &world->port);
	for (guint i = 0; i < 12; i++) {
		assert_true(world_run(world, &device, HOUR_MS, CORE_ONLINE));
		world_run(world, &device, CORE_STABLE_MS, -1);
		world_break(world);
		assert_true(world_run(world, &device, 1, CORE_WAITING));
		assert_true(device.deadline_ms - world->now_ms <= CORE_BACKOFF_FIRST_MS);
	}
}

static void devices_do_not_come_back_in_one_moment(void **state)
{
	g_autoptr(GHashTable) waits = g_hash_table_new(NULL, NULL);

	(void)state;
	for (guint32 i = 0; i < 100; i++) {
		CoreBackoff backoff = {.failures = 20};
		guint32 wait_ms = core_backoff_next(&backoff, false, i * 2654435761U);

		assert_in_range(wait_ms, CORE_BACKOFF_MAX_MS / 2, CORE_BACKOFF_MAX_MS);
		g_hash_table_add(waits, GUINT_TO_POINTER(wait_ms));
	}
	assert_true(g_hash_table_size(waits) > 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_has_the_operations_that_are_gone_through),
		cmocka_unit_test(converges_after_a_loss_at_any_message),
		cmocka_unit_test(converges_after_losses_at_random),
		cmocka_unit_test(takes_a_broker_that_acknowledges_nothing_for_lost),
		cmocka_unit_test(gives_up_a_connection_that_never_answers),
		cmocka_unit_test(backs_off_with_jitter_up_to_a_bound),
		cmocka_unit_test(backs_off_longer_when_its_password_is_refused),
		cmocka_unit_test(does_not_stay_where_it_gets_no_commands),
		cmocka_unit_test(a_broker_that_accepts_and_drops_is_not_stormed),
		cmocka_unit_test(a_connection_that_held_ends_the_back_off),
		cmocka_unit_test(devices_do_not_come_back_in_one_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
