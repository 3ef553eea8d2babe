#include "fleet/fleet.h"
#include "integration/broker_world.h"

#include <signal.h>

#define CLUSTER WORLD_OWNER
#define SECRET "server-secret"
#define ANSWER "{\"id\":\"%s\",\"ok\":true,\"msg\":\"done\"}"

enum {
	ENOUGH_US = 20 * 1000 * 1000,
};

/* What the fleet told. */
typedef struct {
	World *world;
	Fleet *fleet;
	GMutex mutex;
	GCond changed;
	guint presence_changes;
	guint device_changes;
	guint session_changes;
	gboolean up;
	char reason[FLEET_REASON_MAX + 1];
} Ear;

static void device_changed(Fleet *fleet, const char *cluster, const char *device, FleetChange what,
			   gpointer user_data)
{
	Ear *ear = user_data;
	FleetDevice out;

	fleet_device_get(fleet, cluster, device, &out); /* allowed from here */
	g_mutex_lock(&ear->mutex);
	ear->device_changes++;
	ear->presence_changes += (what & FLEET_CHANGED_PRESENCE) != 0 ? 1 : 0;
	g_cond_broadcast(&ear->changed);
	g_mutex_unlock(&ear->mutex);
}

static void session_changed(Fleet *fleet, const char *cluster, const FleetSessionStatus *status,
			    gpointer user_data)
{
	Ear *ear = user_data;

	(void)fleet;
	(void)cluster;
	g_mutex_lock(&ear->mutex);
	ear->session_changes++;
	ear->up = status->up;
	g_strlcpy(ear->reason, status->reason, sizeof ear->reason);
	g_cond_broadcast(&ear->changed);
	g_mutex_unlock(&ear->mutex);
}

static FleetSessionOptions options_of(World *world, const char *password)
{
	BrokerEndpoint endpoint = broker_endpoint(world->broker);

	return (FleetSessionOptions){.host = endpoint.host,
				     .port = endpoint.port,
				     .ca_pem = endpoint.ca_pem,
				     .user = BROKER_SERVER_USER,
				     .password = password,
				     .root = "homie"};
}

static void wait_up(Ear *ear, gboolean up)
{
	gint64 end_us = g_get_monotonic_time() + ENOUGH_US;

	g_mutex_lock(&ear->mutex);
	while (ear->up != up)
		assert_true(g_cond_wait_until(&ear->changed, &ear->mutex, end_us));
	g_mutex_unlock(&ear->mutex);
}

static Ear *ear_new(const char *password)
{
	Ear *ear = g_new0(Ear, 1);
	FleetCallbacks callbacks = {.device_changed = device_changed,
				    .session_changed = session_changed,
				    .user_data = ear};
	FleetSessionOptions options;
	GError *error = NULL;

	ear->world = world_new();
	world_user(ear->world, BROKER_SERVER_USER, SECRET, BROKER_ROLE_SERVER);
	world_user(ear->world, "probe-1", "probe-1-secret", BROKER_ROLE_DEVICE);
	world_user(ear->world, "probe-2", "probe-2-secret", BROKER_ROLE_DEVICE);
	ear->fleet = fleet_new(&callbacks, NULL);
	options = options_of(ear->world, password);
	if (!fleet_session_ensure(ear->fleet, CLUSTER, &options, &error))
		fail_msg("%s", error->message);
	assert_true(fleet_device_declare(ear->fleet, CLUSTER, "probe-1", NULL));
	return ear;
}

static Ear *ear_up(void)
{
	Ear *ear = ear_new(SECRET);

	wait_up(ear, TRUE);
	return ear;
}

static void ear_free(Ear *ear)
{
	fleet_free(ear->fleet);
	world_free(ear->world);
	g_free(ear);
}

static void wait_presence(Ear *ear, const char *device, FleetPresence presence)
{
	gint64 end_us = g_get_monotonic_time() + ENOUGH_US;
	FleetDevice out = {0};

	while (!fleet_device_get(ear->fleet, CLUSTER, device, &out) || out.presence != presence) {
		if (g_get_monotonic_time() > end_us)
			fail_msg("%s is %s, not %s", device, fleet_presence_name(out.presence),
				 fleet_presence_name(presence));
		g_usleep(1000);
	}
}

static Client *device_new(Ear *ear, const char *name)
{
	g_autofree char *password = g_strdup_printf("%s-secret", name);
	g_autofree char *topic = g_strdup_printf("homie/5/%s/$state", name);
	Client *device = client_new_with_will(ear->world, name, name, password, topic);

	assert_int_equal(device->code, 0);
	return device;
}

static void hears_what_was_retained_before_and_what_is_said_now(void **state)
{
	Ear *ear = ear_new("not-yet-right");
	Client *device = device_new(ear, "probe-1");
	FleetSessionOptions options = options_of(ear->world, SECRET);
	FleetSessionStatus status;
	FleetDevice out;

	(void)state;
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	client_publish(device, "fleet/1/probe-1/info",
		       "{\"v\":1,\"fw\":{\"ver\":\"1.2.3\"},\"chip\":\"host\",\"boots\":4}", TRUE);
	assert_true(fleet_session_ensure(ear->fleet, CLUSTER, &options, NULL));
	wait_up(ear, TRUE);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-1", &out));
	assert_int_equal(out.presence,
			 FLEET_PRESENCE_READY); /* up means: all that is retained was heard */
	assert_true(out.connected);
	assert_true(out.has_info);
	assert_int_equal(out.info.boots, 4);
	assert_true(out.last_seen_wall_us == 0);
	assert_true(fleet_session_status(ear->fleet, CLUSTER, &status));
	assert_int_equal(status.devices, 1);
	assert_int_equal(status.online, 1);
	assert_int_equal(status.connects, 1);
	client_publish(device, "homie/5/probe-1/$state", "sleeping", TRUE);
	wait_presence(ear, "probe-1", FLEET_PRESENCE_SLEEPING);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-1", &out));
	assert_true(out.last_seen_wall_us > 0);
	client_free(device);
	ear_free(ear);
}

/* Ends a client's connection without a good-bye, as a power cut does. */
static void pull_the_plug(Client *client)
{
	mosquitto_loop_stop(client->mosq, true);
	shutdown(mosquitto_socket(client->mosq), SHUT_RDWR);
}

static void a_lost_connection_is_told_once(void **state)
{
	Ear *ear = ear_up();
	Client *device = device_new(ear, "probe-1");

	(void)state;
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	wait_presence(ear, "probe-1", FLEET_PRESENCE_READY);
	pull_the_plug(device);
	wait_presence(ear, "probe-1", FLEET_PRESENCE_LOST);
	fleet_free(ear->fleet);
	ear->fleet = NULL;
	assert_int_equal(ear->presence_changes, 2);
	client_free(device);
	ear_free(ear);
}

static void a_device_that_was_thrown_out_is_lost(void **state)
{
	Ear *ear = ear_up();
	Client *device = device_new(ear, "probe-1");
	Client *other = device_new(ear, "probe-2");
	FleetDevice out;

	(void)state;
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	client_publish(other, "homie/5/probe-2/$state", "disconnected", TRUE);
	wait_presence(ear, "probe-1", FLEET_PRESENCE_READY);
	wait_presence(ear, "probe-2", FLEET_PRESENCE_DISCONNECTED);
	assert_true(broker_remove_user(ear->world->broker, "probe-1", NULL));
	assert_true(fleet_device_ended(ear->fleet, CLUSTER, "probe-1", NULL));
	assert_true(
		fleet_device_ended(ear->fleet, CLUSTER, "probe-2", NULL)); /* is not there anyway */
	assert_true(fleet_device_ended(ear->fleet, CLUSTER, "probe-9", NULL));
	wait_presence(ear, "probe-1", FLEET_PRESENCE_LOST);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-1", &out));
	assert_false(out.connected);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-2", &out));
	assert_int_equal(out.presence, FLEET_PRESENCE_DISCONNECTED);
	assert_false(fleet_device_get(ear->fleet, CLUSTER, "probe-9", &out));
	client_free(device);
	client_free(other);
	ear_free(ear);
}

static void a_killed_broker_costs_nobody_who_comes_back(void **state)
{
	Ear *ear = ear_up();
	Client *stays = device_new(ear, "probe-1");
	Client *goes = device_new(ear, "probe-2");
	FleetDevice out;
	guint changes;

	(void)state;
	client_publish(stays, "homie/5/probe-1/$state", "ready", TRUE);
	client_publish(goes, "homie/5/probe-2/$state", "ready", TRUE);
	wait_presence(ear, "probe-1", FLEET_PRESENCE_READY);
	wait_presence(ear, "probe-2", FLEET_PRESENCE_READY);
	changes = ear->presence_changes;
	kill(broker_local_pid(ear->world->broker), SIGKILL);
	wait_up(ear, FALSE);
	wait_up(ear, TRUE);
	client_free(stays);
	client_free(goes);
	stays = device_new(ear, "probe-1");
	client_publish(stays, "homie/5/probe-1/$state", "ready", TRUE);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-2", &out));
	assert_int_equal(out.presence, FLEET_PRESENCE_READY); /* has time to return */
	wait_presence(ear, "probe-2", FLEET_PRESENCE_LOST);
	assert_true(fleet_device_get(ear->fleet, CLUSTER, "probe-1", &out));
	assert_int_equal(out.presence, FLEET_PRESENCE_READY);
	g_mutex_lock(&ear->mutex);
	assert_int_equal(ear->presence_changes, changes + 1);
	g_mutex_unlock(&ear->mutex);
	client_free(stays);
	ear_free(ear);
}

static void says_why_a_session_is_down(void **state)
{
	Ear *ear = ear_new("wrong-secret");
	FleetSessionOptions options = options_of(ear->world, SECRET);
	g_autofree char *folder = g_dir_make_tmp("espalier-other-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "ca.crt", NULL);
	g_autofree char *other_ca = NULL;
	g_autoptr(GError) error = NULL;
	gint64 end_us = g_get_monotonic_time() + ENOUGH_US;

	(void)state;
	g_mutex_lock(&ear->mutex);
	while (strstr(ear->reason, "the broker refuses the server's user") == NULL)
		assert_true(g_cond_wait_until(&ear->changed, &ear->mutex, end_us));
	g_mutex_unlock(&ear->mutex);
	world_make_certificate(folder);
	assert_true(g_file_get_contents(path, &other_ca, NULL, NULL));
	options.ca_pem = other_ca;
	assert_true(fleet_session_ensure(ear->fleet, CLUSTER, &options, NULL));
	g_mutex_lock(&ear->mutex);
	while (strstr(ear->reason, "TLS") == NULL)
		assert_true(g_cond_wait_until(&ear->changed, &ear->mutex, end_us));
	assert_false(ear->up);
	g_mutex_unlock(&ear->mutex);
	options.ca_pem = "no certificate";
	assert_false(fleet_session_ensure(ear->fleet, CLUSTER, &options, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_INVALID));
	assert_true(base_tree_remove(folder, NULL));
	ear_free(ear);
}

/* The certificate is for 127.0.0.1 alone. */
static void a_certificate_for_another_host_is_refused(void **state)
{
	Ear *ear = ear_up();
	FleetSessionOptions options = options_of(ear->world, SECRET);
	gint64 end_us = g_get_monotonic_time() + ENOUGH_US;

	(void)state;
	options.host = "localhost";
	assert_true(fleet_session_ensure(ear->fleet, CLUSTER, &options, NULL));
	wait_up(ear, FALSE);
	g_mutex_lock(&ear->mutex);
	while (strstr(ear->reason, "TLS") == NULL)
		assert_true(g_cond_wait_until(&ear->changed, &ear->mutex, end_us));
	g_mutex_unlock(&ear->mutex);
	ear_free(ear);
}

typedef struct {
	GMutex mutex;
	GCond changed;
	guint acks;
	guint timeouts;
	guint no_session;
	char message[WIRE_ACK_MESSAGE_MAX + 1];
} Answers;

static void take_answer(const WireAck *ack, const GError *error, gpointer user_data)
{
	Answers *answers = user_data;

	g_mutex_lock(&answers->mutex);
	answers->acks += ack != NULL ? 1 : 0;
	answers->timeouts += g_error_matches(error, FLEET_ERROR, FLEET_ERROR_TIMEOUT) ? 1 : 0;
	answers->no_session += g_error_matches(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION) ? 1 : 0;
	if (ack != NULL)
		g_strlcpy(answers->message, ack->message, sizeof answers->message);
	g_cond_broadcast(&answers->changed);
	g_mutex_unlock(&answers->mutex);
}

static void wait_answers(Answers *answers, const guint *count, guint at_least)
{
	gint64 end_us = g_get_monotonic_time() + ENOUGH_US;

	g_mutex_lock(&answers->mutex);
	while (*count < at_least)
		assert_true(g_cond_wait_until(&answers->changed, &answers->mutex, end_us));
	g_mutex_unlock(&answers->mutex);
}

/* The id of the last command that the device got. */
static char *command_id(Client *device)
{
	WireCommand command;
	const char *message;

	client_wait(device, device->messages->len > 0);
	message = strchr(g_ptr_array_index(device->messages, device->messages->len - 1), '=') + 1;
	assert_true(wire_command_decode(message, strlen(message), &command));
	assert_int_equal(command.action, WIRE_DO_IDENTIFY);
	return g_strdup(command.id);
}

static void a_command_is_answered_by_its_device_alone(void **state)
{
	Ear *ear = ear_up();
	Client *device = device_new(ear, "probe-1");
	Client *other = device_new(ear, "probe-2");
	Answers answers = {0};
	g_autofree char *id = NULL;
	g_autofree char *answer = NULL;

	(void)state;
	client_subscribe(device, "fleet/1/probe-1/cmd");
	assert_true(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_IDENTIFY, ENOUGH_US,
				  take_answer, &answers, NULL));
	id = command_id(device);
	answer = g_strdup_printf(ANSWER, id);
	client_publish(other, "fleet/1/probe-2/ack", answer, FALSE);
	client_publish(other, "homie/5/probe-2/$state", "ready", TRUE);
	wait_presence(ear, "probe-2", FLEET_PRESENCE_READY);
	assert_int_equal(answers.acks, 0);
	client_publish(device, "fleet/1/probe-1/ack", answer, FALSE);
	wait_answers(&answers, &answers.acks, 1);
	assert_string_equal(answers.message, "done");
	assert_true(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_IDENTIFY, 50 * 1000,
				  take_answer, &answers, NULL));
	wait_answers(&answers, &answers.timeouts, 1);
	assert_true(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_IDENTIFY, ENOUGH_US,
				  take_answer, &answers, NULL));
	fleet_session_remove(ear->fleet, CLUSTER);
	wait_answers(&answers, &answers.no_session, 1);
	assert_false(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_IDENTIFY, 1, take_answer,
				   &answers, NULL));
	client_free(device);
	client_free(other);
	ear_free(ear);
}

static void open_commands_are_bounded(void **state)
{
	Ear *ear = ear_up();
	Answers answers = {0};
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int i = 0; i < FLEET_COMMANDS_MAX; i++)
		assert_true(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_REPORT, ENOUGH_US,
					  take_answer, &answers, NULL));
	assert_false(fleet_command(ear->fleet, CLUSTER, "probe-1", WIRE_DO_REPORT, ENOUGH_US,
				   take_answer, &answers, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_LIMIT));
	fleet_free(ear->fleet);
	ear->fleet = NULL;
	assert_int_equal(answers.no_session, FLEET_COMMANDS_MAX);
	ear_free(ear);
}

static void clearing_a_device_leaves_nothing_of_it_and_all_of_others(void **state)
{
	static const char *const topics[] = {
		"homie/5/probe-1/$state",
		"homie/5/probe-1/$description",
		"homie/5/probe-1/climate/temperature",
		"fleet/1/probe-1/info",
		"fleet/1/probe-1/ota/state",
	};
	Ear *ear = ear_up();
	Client *device = device_new(ear, "probe-1");
	Client *other = device_new(ear, "probe-2");
	Client *reader;
	FleetDevice out;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(topics); i++)
		client_publish(device, topics[i], "kept", TRUE);
	client_publish(other, "homie/5/probe-2/$state", "ready", TRUE);
	client_free(device);
	assert_true(broker_remove_user(ear->world->broker, "probe-1", NULL));
	assert_true(fleet_clear_retained(ear->fleet, CLUSTER, "probe-1", ENOUGH_US, NULL));
	assert_true(fleet_clear_retained(ear->fleet, CLUSTER, "probe-1", ENOUGH_US, NULL));
	assert_false(fleet_device_get(ear->fleet, CLUSTER, "probe-1", &out));
	fleet_free(ear->fleet); /* its session would be taken over by the next client */
	ear->fleet = NULL;
	reader = client_new(ear->world, "x", BROKER_SERVER_USER, SECRET);
	client_subscribe(reader, "homie/5/#");
	client_subscribe(reader, "fleet/1/#");
	client_publish(reader, "homie/5/fence", "x", FALSE);
	client_expect(reader, "homie/5/fence=x");
	assert_true(client_has(reader, "*homie/5/probe-2/$state=ready"));
	assert_int_equal(reader->messages->len, 2);
	client_free(reader);
	client_free(other);
	ear_free(ear);
}

static void clearing_without_a_session_fails_at_once(void **state)
{
	Ear *ear = ear_new("wrong-secret");
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(fleet_clear_retained(ear->fleet, CLUSTER, "probe-1", ENOUGH_US, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION));
	g_clear_error(&error);
	assert_false(fleet_clear_retained(ear->fleet, "no/cluster", "probe-1", ENOUGH_US, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION));
	ear_free(ear);
}

static void refuses_sessions_that_cannot_be_and_one_too_many(void **state)
{
	Ear *ear = ear_new(SECRET);
	FleetSessionOptions options = options_of(ear->world, SECRET);
	g_autoptr(GError) error = NULL;

	(void)state;
	options.root = "homie/#";
	assert_false(fleet_session_ensure(ear->fleet, "default/a", &options, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_INVALID));
	g_clear_error(&error);
	options = options_of(ear->world, "wrong-secret");
	for (int i = 1; i < FLEET_SESSIONS_MAX; i++) {
		g_autofree char *key = g_strdup_printf("default/%d", i);

		assert_true(fleet_session_ensure(ear->fleet, key, &options, NULL));
	}
	assert_false(fleet_session_ensure(ear->fleet, "default/last", &options, &error));
	assert_true(g_error_matches(error, FLEET_ERROR, FLEET_ERROR_LIMIT));
	ear_free(ear);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_what_was_retained_before_and_what_is_said_now),
		cmocka_unit_test(a_lost_connection_is_told_once),
		cmocka_unit_test(a_device_that_was_thrown_out_is_lost),
		cmocka_unit_test(a_killed_broker_costs_nobody_who_comes_back),
		cmocka_unit_test(says_why_a_session_is_down),
		cmocka_unit_test(a_certificate_for_another_host_is_refused),
		cmocka_unit_test(a_command_is_answered_by_its_device_alone),
		cmocka_unit_test(open_commands_are_bounded),
		cmocka_unit_test(clearing_a_device_leaves_nothing_of_it_and_all_of_others),
		cmocka_unit_test(clearing_without_a_session_fails_at_once),
		cmocka_unit_test(refuses_sessions_that_cannot_be_and_one_too_many),
	};

	signal(SIGPIPE, SIG_IGN); /* as main does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
