#include "base/process.h"
#include "integration/broker_world.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SERVER BROKER_SERVER_USER

static World *world_with_users(void)
{
	World *world = world_new();

	world_user(world, SERVER, "server-secret", BROKER_ROLE_SERVER);
	world_user(world, "probe-1", "probe-1-secret", BROKER_ROLE_DEVICE);
	world_user(world, "probe-2", "probe-2-secret", BROKER_ROLE_DEVICE);
	world_user(world, "greenhouse.telegraf", "reader-secret", BROKER_ROLE_READER);
	return world;
}

/* After this the watcher has got everything that was published before: the broker delivers in
 * order. */
static void fence(Client *server, Client *watcher, const char *topic)
{
	static guint count;
	g_autofree char *payload = g_strdup_printf("fence-%u", ++count);
	g_autofree char *message = g_strdup_printf("%s=%s", topic, payload);

	client_publish(server, topic, payload, FALSE);
	client_expect(watcher, message);
}

static void a_mosquitto_left_over_is_ended(void **state)
{
	World *world = world_prepare();
	pid_t left_over = 0;
	int fds[2], status;
	pid_t program;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	program = fork();
	if (program == 0) {
		int pid;

		world_start(world);
		pid = broker_local_pid(world->broker);
		if (write(fds[1], &pid, sizeof pid) == (ssize_t)sizeof pid)
			pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &left_over, sizeof left_over), sizeof left_over);
	kill(left_over, SIGSTOP); /* so that the program's death does not end it */
	kill(program, SIGKILL);
	waitpid(program, &status, 0);
	assert_int_equal(kill(left_over, 0), 0);
	world_start(world);
	assert_int_not_equal(broker_local_pid(world->broker), left_over);
	close(fds[0]);
	close(fds[1]);
	world_free(world);
}

static void a_wrong_password_is_refused(void **state)
{
	World *world = world_with_users();
	static const struct {
		const char *user;
		const char *password;
		int code;
	} table[] = {
		{"probe-1", "probe-1-secret", 0},
		{"probe-1", "probe-2-secret", 5},
		{"probe-1", "", 5},
		{"nobody", "probe-1-secret", 5},
		{NULL, NULL, 5},
		{"PROBE-1", "probe-1-secret", 5},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		Client *client = client_new(world, "any-id", table[i].user, table[i].password);

		assert_int_equal(client->code, table[i].code);
		client_free(client);
	}
	world_free(world);
}

static void a_device_with_anothers_client_id_leaves_the_victim_connected(void **state)
{
	World *world = world_with_users();
	Client *victim = client_new(world, "probe-1", "probe-1", "probe-1-secret");
	Client *thief = client_new(world, "probe-1", "probe-2", "probe-2-secret");
	Client *server = client_new(world, "x", SERVER, "server-secret");

	(void)state;
	assert_int_equal(thief->code, 0);
	client_subscribe(victim, "homie/5/probe-1/#");
	fence(server, victim, "homie/5/probe-1/a/b/set");
	assert_int_equal(victim->disconnects, 0);
	assert_int_equal(victim->connects, 1);
	client_free(victim);
	client_free(thief);
	client_free(server);
	world_free(world);
}

static void a_device_writes_only_below_its_own_topics(void **state)
{
	static const struct {
		const char *topic;
		gboolean passes;
	} table[] = {
		{"homie/5/probe-1/$state", TRUE},    {"homie/5/probe-1/climate/temperature", TRUE},
		{"fleet/1/probe-1/info", TRUE},      {"fleet/1/probe-1/ack", TRUE},
		{"homie/5/probe-2/$state", FALSE},   {"homie/5/probe-12/$state", FALSE},
		{"homie/5/$broadcast/alert", FALSE}, {"fleet/1/probe-2/info", FALSE},
		{"fleet/1/probe-1/cmd", FALSE},      {"homie/4/probe-1/$state", FALSE},
		{"fleet/1/probe-1/ota/state", TRUE}, {"homie/5/.espalier/x", FALSE},
	};
	World *world = world_with_users();
	Client *server = client_new(world, "x", SERVER, "server-secret");
	Client *device = client_new(world, "x", "probe-1", "probe-1-secret");

	(void)state;
	client_subscribe(server, "homie/#");
	client_subscribe(server, "fleet/#");
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		client_publish(device, table[i].topic, "from-1", FALSE);
	fence(server, server, "homie/5/$broadcast/fence");
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *message = g_strdup_printf("%s=from-1", table[i].topic);

		if (client_has(server, message) != table[i].passes)
			fail_msg("%s: expected %d", table[i].topic, table[i].passes);
	}
	assert_int_equal(device->disconnects, 0); /* refused, not thrown out */
	client_free(device);
	client_free(server);
	world_free(world);
}

static void a_device_reads_only_its_own_topics_and_the_broadcast(void **state)
{
	static const struct {
		const char *topic;
		gboolean passes;
	} table[] = {
		{"homie/5/probe-1/led/on/set", TRUE}, {"fleet/1/probe-1/cmd", TRUE},
		{"homie/5/$broadcast/alert", TRUE},   {"homie/5/probe-2/led/on/set", FALSE},
		{"fleet/1/probe-2/cmd", FALSE},       {"fleet/1/probe-1/ota/offer", TRUE},
		{"homie/5/probe-2/$state", FALSE},
	};
	World *world = world_with_users();
	Client *server = client_new(world, "x", SERVER, "server-secret");
	Client *device = client_new(world, "x", "probe-1", "probe-1-secret");

	(void)state;
	client_subscribe(device, "#");
	client_subscribe(device, "homie/5/probe-2/#");
	client_subscribe(device, "fleet/1/+/cmd");
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		client_publish(server, table[i].topic, "for-you", FALSE);
	fence(server, device, "homie/5/$broadcast/fence");
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *message = g_strdup_printf("%s=for-you", table[i].topic);

		if (client_has(device, message) != table[i].passes)
			fail_msg("%s: expected %d", table[i].topic, table[i].passes);
	}
	client_free(device);
	client_free(server);
	world_free(world);
}

static void a_reader_reads_the_tree_and_writes_nothing(void **state)
{
	World *world = world_with_users();
	Client *server = client_new(world, "x", SERVER, "server-secret");
	Client *reader = client_new(world, "x", "greenhouse.telegraf", "reader-secret");
	static const char *const topics[] = {
		"homie/5/probe-1/$state",
		"homie/5/greenhouse.telegraf/$state",
		"fleet/1/greenhouse.telegraf/info",
		"fleet/1/probe-1/cmd",
	};

	(void)state;
	client_subscribe(server, "#");
	client_subscribe(reader, "#");
	for (gsize i = 0; i < G_N_ELEMENTS(topics); i++)
		client_publish(reader, topics[i], "written", FALSE);
	client_publish(server, "fleet/1/probe-1/cmd", "secret-command", FALSE);
	fence(server, reader, "homie/5/probe-1/climate/temperature");
	fence(server, server, "homie/5/probe-1/climate/temperature");
	for (gsize i = 0; i < G_N_ELEMENTS(topics); i++) {
		g_autofree char *message = g_strdup_printf("%s=written", topics[i]);

		assert_false(client_has(server, message));
	}
	assert_false(client_has(reader, "fleet/1/probe-1/cmd=secret-command"));
	client_free(reader);
	client_free(server);
	world_free(world);
}

static void removal_and_a_new_password_end_a_connection(void **state)
{
	World *world = world_with_users();
	Client *removed = client_new(world, "x", "probe-1", "probe-1-secret");
	Client *renewed = client_new(world, "x", "probe-2", "probe-2-secret");
	Client *again;

	(void)state;
	assert_true(broker_remove_user(world->broker, "probe-1", NULL));
	assert_true(broker_remove_user(world->broker, "probe-1", NULL));
	client_wait(removed, removed->disconnects > 0);
	client_free(removed);
	world_user(world, "probe-2", "another-secret", BROKER_ROLE_DEVICE);
	client_wait(renewed, renewed->disconnects > 0);
	client_free(renewed);
	again = client_new(world, "x", "probe-2", "another-secret");
	assert_int_equal(again->code, 0);
	client_free(again);
	again = client_new(world, "x", "probe-1", "probe-1-secret");
	assert_int_equal(again->code, 5);
	client_free(again);
	world_free(world);
}

static void a_change_leaves_others_connected_and_nothing_is_written_twice(void **state)
{
	World *world = world_with_users();
	Client *device = client_new(world, "x", "probe-1", "probe-1-secret");
	g_autofree char *path = g_build_filename(world->folder, "passwd", NULL);
	struct stat before, after;

	(void)state;
	world_user(world, "probe-3", "probe-3-secret", BROKER_ROLE_DEVICE);
	stat(path, &before);
	world_user(world, "probe-3", "probe-3-secret", BROKER_ROLE_DEVICE);
	world_user(world, "probe-1", "probe-1-secret", BROKER_ROLE_DEVICE);
	assert_true(broker_remove_user(world->broker, "nobody", NULL));
	stat(path, &after);
	assert_int_equal(before.st_ino, after.st_ino);
	client_subscribe(device, "homie/5/probe-1/#");
	assert_int_equal(device->disconnects, 0);
	client_free(device);
	world_free(world);
}

static void a_killed_broker_comes_back_on_its_port_with_its_users(void **state)
{
	World *world = world_with_users();
	Client *device = client_new(world, "x", "probe-1", "probe-1-secret");
	int pid = broker_local_pid(world->broker);
	gint64 killed_us;
	BrokerStatus status;

	(void)state;
	assert_int_equal(world->ups, 1);
	broker_status(world->broker, &status);
	assert_true(status.up);
	assert_true(g_str_has_prefix(status.version, "2."));
	killed_us = g_get_monotonic_time();
	kill(pid, SIGKILL);
	world_wait_ups(world, 2);
	print_message("broker back %.0f ms after kill -9\n",
		      (double)(g_get_monotonic_time() - killed_us) / 1000);
	assert_int_equal(world->downs, 1);
	broker_status(world->broker, &status);
	assert_int_equal(status.restarts, 1);
	assert_string_equal(status.reason, "");
	client_free(device);
	device = client_new(world, "x", "probe-1", "probe-1-secret");
	assert_int_equal(device->code, 0);
	client_free(device);
	world_user(world, "probe-9", "probe-9-secret", BROKER_ROLE_DEVICE);
	device = client_new(world, "x", "probe-9", "probe-9-secret");
	assert_int_equal(device->code, 0);
	client_free(device);
	world_free(world);
}

static void says_why_a_killed_broker_is_down(void **state)
{
	World *world = world_with_users();
	g_autofree char *config = g_build_filename(world->folder, "mosquitto.conf", NULL);
	gint64 end_us = g_get_monotonic_time() + WORLD_PATIENCE_US;
	BrokerStatus status;

	(void)state;
	assert_int_equal(unlink(config), 0); /* so that it cannot start */
	kill(broker_local_pid(world->broker), SIGKILL);
	do {
		assert_true(g_get_monotonic_time() < end_us);
		g_usleep(1000);
		broker_status(world->broker, &status);
	} while (status.up || status.restarts == 0 ||
		 strstr(status.reason, "exited with status") == NULL);
	assert_non_null(strstr(status.reason, "its log ends: "));
	world_free(world);
}

static void retained_messages_outlast_a_stop_but_not_a_kill(void **state)
{
	World *world = world_with_users();
	Client *device = client_new(world, "x", "probe-1", "probe-1-secret");
	Client *server;

	(void)state;
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	client_free(device);
	broker_free(world->broker);
	world_start(world);
	server = client_new(world, "x", SERVER, "server-secret");
	client_subscribe(server, "homie/5/+/$state");
	client_expect(server, "*homie/5/probe-1/$state=ready");
	client_free(server);

	kill(broker_local_pid(world->broker), SIGKILL);
	world_wait_ups(world, 3);
	server = client_new(world, "x", SERVER, "server-secret");
	client_subscribe(server, "homie/5/+/$state");
	fence(server, server, "homie/5/probe-1/$state");
	assert_false(client_has(server, "*homie/5/probe-1/$state=ready"));
	client_free(server);
	world_free(world);
}

static void a_stop_publishes_the_wills_of_who_is_connected(void **state)
{
	World *world = world_with_users();
	Client *device = client_new_with_will(world, "x", "probe-1", "probe-1-secret",
					      "homie/5/probe-1/$state");
	Client *server;

	(void)state;
	client_publish(device, "homie/5/probe-1/$state", "ready", TRUE);
	broker_free(world->broker);
	client_free(device);
	world_start(world);
	server = client_new(world, "x", SERVER, "server-secret");
	client_subscribe(server, "homie/5/+/$state");
	client_expect(server, "*homie/5/probe-1/$state=lost");
	client_free(server);
	world_free(world);
}

static void a_second_cluster_is_told_who_has_the_broker(void **state)
{
	World *world = world_new();
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(broker_claim(world->broker, "default/other", "homie", &error));
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_CLAIMED));
	assert_non_null(strstr(error->message, "belongs to DeviceCluster default/greenhouse"));
	g_clear_error(&error);
	broker_free(world->broker);
	world_start(world); /* a claim outlasts a restart */
	assert_false(broker_claim(world->broker, "default/other", "homie", &error));
	assert_true(broker_release(world->broker, WORLD_OWNER, NULL));
	assert_true(broker_claim(world->broker, "default/other", "plants", NULL));
	world_free(world);
}

static void a_port_in_use_is_named_with_the_way_out(void **state)
{
	World *world = world_prepare();
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(world->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	world->broker = world_make_broker(world);
	assert_false(broker_start(world->broker, &error));
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_PORT_IN_USE));
	assert_non_null(strstr(error->message, "in use by another program"));
	assert_non_null(strstr(error->message, "--broker-port"));
	close(fd);
	assert_true(broker_start(world->broker, NULL));
	world_free(world);
}

static void a_missing_program_and_a_broken_key_are_named(void **state)
{
	World *world = world_prepare();
	g_autoptr(GError) error = NULL;
	g_autofree char *key = g_build_filename(world->folder, "server.key", NULL);

	(void)state;
	world->broker = broker_local_new(&(BrokerLocalOptions){.folder = world->folder,
							       .address = "127.0.0.1",
							       .port = world->port,
							       .program = "no-mosquitto-here"},
					 NULL);
	assert_false(broker_start(world->broker, &error));
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_MISSING));
	assert_non_null(strstr(error->message, "apt install mosquitto"));
	broker_free(world->broker);
	g_clear_error(&error);
	assert_true(base_file_write(key, "none", 4, 0600, NULL));
	world->broker = world_make_broker(world);
	assert_false(broker_start(world->broker, &error));
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE));
	assert_non_null(strstr(error->message, "its log ends: "));
	world_free(world);
}

static void a_full_disk_leaves_the_old_users_whole(void **state)
{
	World *world = world_with_users();
	g_autofree char *path = g_build_filename(world->folder, "passwd", NULL);
	g_autoptr(GBytes) before = base_file_read(path, G_MAXINT32, NULL);
	g_autoptr(GBytes) after = NULL;
	g_autoptr(GError) error = NULL;
	struct rlimit limit, small;
	Client *device;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_false(
		broker_ensure_user(world->broker, "probe-7", "secret", BROKER_ROLE_DEVICE, &error));
	assert_false(broker_remove_user(world->broker, "probe-1", NULL));
	assert_false(
		broker_ensure_user(world->broker, "probe-2", "changed", BROKER_ROLE_DEVICE, NULL));
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_IO));
	after = base_file_read(path, G_MAXINT32, NULL);
	assert_true(g_bytes_equal(before, after));
	world_user(world, "probe-2", "probe-2-secret", BROKER_ROLE_DEVICE);
	device = client_new(world, "x", "probe-2", "probe-2-secret");
	assert_int_equal(device->code, 0);
	client_free(device);
	/* What failed was taken back: it does not come into force with the next change. */
	device = client_new(world, "x", "probe-1", "probe-1-secret");
	assert_int_equal(device->code, 0);
	client_free(device);
	world_user(world, "probe-7", "secret", BROKER_ROLE_DEVICE);
	device = client_new(world, "x", "probe-7", "secret");
	assert_int_equal(device->code, 0);
	client_free(device);
	world_free(world);
}

static void lines_of_mosquittos_own_tool_are_taken(void **state)
{
	World *world = world_prepare();
	g_autofree char *path = g_build_filename(world->folder, "passwd", NULL);
	const char *const argv[] = {"mosquitto_passwd",  "-b", path, "probe-1",
				    "from-its-own-tool", NULL};
	Client *client;

	(void)state;
	assert_true(base_file_write(path, "", 0, 0600, NULL));
	assert_true(base_process_run(&(BaseSpawn){.argv = argv}, NULL, 4096, WORLD_PATIENCE_US,
				     NULL, NULL));
	world_start(world);
	assert_true(broker_claim(world->broker, WORLD_OWNER, "homie", NULL));
	client = client_new(world, "x", "probe-1", "from-its-own-tool");
	assert_int_equal(client->code, 0);
	client_free(client);
	world_free(world);
}

static const char *canary;

static int look_into(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	g_autoptr(GBytes) bytes = NULL;

	(void)walk;
	if (kind != FTW_F || !S_ISREG(status->st_mode))
		return 0;
	if ((status->st_mode & 077) != 0)
		fail_msg("%s may be read by others", path);
	bytes = base_file_read(path, G_MAXINT32, NULL);
	if (bytes != NULL && memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), canary,
				    strlen(canary)) != NULL)
		fail_msg("%s holds the password", path);
	return 0;
}

static void no_password_is_in_files_logs_or_arguments(void **state)
{
	World *world = world_new();
	int pid = broker_local_pid(world->broker);
	g_autofree char *command = g_strdup_printf("/proc/%d/cmdline", pid);
	g_autofree char *variables = g_strdup_printf("/proc/%d/environ", pid);
	g_autofree char *retained = g_build_filename(world->folder, "mosquitto.db", NULL);
	struct stat status = {.st_mode = S_IFREG};
	Client *client;

	(void)state;
	canary = "canary-9f2b71";
	world_user(world, "probe-1", canary, BROKER_ROLE_DEVICE);
	client = client_new(world, "x", "probe-1", canary);
	client_publish(client, "homie/5/probe-1/$state", "ready", TRUE);
	client_free(client);
	client = client_new(world, "x", "probe-2", canary);
	client_free(client);
	look_into(command, &status, FTW_F, NULL);
	look_into(variables, &status, FTW_F, NULL);
	nftw(world->folder, look_into, 4, FTW_PHYS);
	broker_stop(world->broker);
	assert_int_equal(access(retained, F_OK), 0);
	nftw(world->folder, look_into, 4, FTW_PHYS);
	world_free(world);
}

typedef struct {
	GMutex mutex;
	GCond changed;
	guint done;
	guint failed;
} Count;

static void count_done(const GError *error, gpointer user_data)
{
	Count *count = user_data;

	g_mutex_lock(&count->mutex);
	count->done++;
	count->failed += error != NULL ? 1 : 0;
	g_cond_signal(&count->changed);
	g_mutex_unlock(&count->mutex);
}

typedef struct {
	World *world;
	guint first;
} Share;

static gpointer ensure_share(gpointer data)
{
	const Share *share = data;

	for (guint i = 0; i < 250; i++) {
		g_autofree char *name = g_strdup_printf("blocking-%u", share->first + i);

		world_user(share->world, name, "a-secret", BROKER_ROLE_DEVICE);
	}
	return NULL;
}

static void print_time(const char *what, gint64 start_us)
{
	print_message("%s: %.0f ms\n", what, (double)(g_get_monotonic_time() - start_us) / 1000);
}

static void a_thousand_users_at_once_are_few_writes(void **state)
{
	World *world = world_new();
	Count count = {0};
	GThread *threads[4];
	Share shares[4];
	gint64 start_us = g_get_monotonic_time();
	g_auto(GStrv) names = NULL;
	Client *client;

	(void)state;
	for (guint i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("probe-%u", i);

		broker_ensure_user_async(world->broker, name, "a-secret", BROKER_ROLE_DEVICE,
					 count_done, &count);
	}
	g_mutex_lock(&count.mutex);
	while (count.done < 1000)
		g_cond_wait(&count.changed, &count.mutex);
	g_mutex_unlock(&count.mutex);
	assert_int_equal(count.failed, 0);
	print_time("1,000 users at once", start_us);
	client = client_new(world, "x", "probe-999", "a-secret");
	assert_int_equal(client->code, 0);
	client_free(client);

	start_us = g_get_monotonic_time();
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
		shares[i] = (Share){world, i * 250};
		threads[i] = g_thread_new("ensure", ensure_share, &shares[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	print_time("1,000 more by 4 waiting threads", start_us);
	names = broker_list_users(world->broker, NULL);
	assert_int_equal(g_strv_length(names), 2000);
	assert_string_equal(names[0], "blocking-0");
	world_free(world);
}

static void a_stopped_broker_answers_instead_of_waiting(void **state)
{
	World *world = world_with_users();
	g_autoptr(GError) error = NULL;

	(void)state;
	broker_stop(world->broker);
	assert_false(broker_ensure_user(world->broker, "probe-5", "x", BROKER_ROLE_DEVICE, &error));
	assert_true(g_error_matches(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mosquitto_left_over_is_ended),
		cmocka_unit_test(a_wrong_password_is_refused),
		cmocka_unit_test(a_device_with_anothers_client_id_leaves_the_victim_connected),
		cmocka_unit_test(a_device_writes_only_below_its_own_topics),
		cmocka_unit_test(a_device_reads_only_its_own_topics_and_the_broadcast),
		cmocka_unit_test(a_reader_reads_the_tree_and_writes_nothing),
		cmocka_unit_test(removal_and_a_new_password_end_a_connection),
		cmocka_unit_test(a_change_leaves_others_connected_and_nothing_is_written_twice),
		cmocka_unit_test(a_killed_broker_comes_back_on_its_port_with_its_users),
		cmocka_unit_test(says_why_a_killed_broker_is_down),
		cmocka_unit_test(retained_messages_outlast_a_stop_but_not_a_kill),
		cmocka_unit_test(a_stop_publishes_the_wills_of_who_is_connected),
		cmocka_unit_test(a_second_cluster_is_told_who_has_the_broker),
		cmocka_unit_test(a_port_in_use_is_named_with_the_way_out),
		cmocka_unit_test(a_missing_program_and_a_broken_key_are_named),
		cmocka_unit_test(a_full_disk_leaves_the_old_users_whole),
		cmocka_unit_test(lines_of_mosquittos_own_tool_are_taken),
		cmocka_unit_test(no_password_is_in_files_logs_or_arguments),
		cmocka_unit_test(a_thousand_users_at_once_are_few_writes),
		cmocka_unit_test(a_stopped_broker_answers_instead_of_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
