#include "cmd/data_folder.h"

#include "base/error.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char *make_folder(void)
{
	char *folder = g_dir_make_tmp("espalier-ports-XXXXXX", NULL);

	assert_non_null(folder);
	return folder;
}

/* A listener on a free port; the descriptor is the caller's. */
static int listen_somewhere(int *port)
{
	struct sockaddr_in where = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof where;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof where), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&where, &length), 0);
	*port = ntohs(where.sin_port);
	return fd;
}

static void keeps_ports_once_chosen(void **state)
{
	g_autofree char *folder = make_folder();
	CmdPortWishes free_ones = {0, 0, 0}, none = {-1, -1, -1};
	CmdPorts first, again;

	(void)state;
	assert_true(cmd_ports_choose(folder, "127.0.0.1", &free_ones, &first, NULL));
	assert_int_not_equal(first.api, 0);
	assert_true(cmd_ports_choose(folder, "127.0.0.1", &none, &again, NULL));
	assert_memory_equal(&first, &again, sizeof first);
	assert_true(cmd_ports_choose(folder, "127.0.0.1", &free_ones, &again, NULL));
	assert_memory_equal(&first, &again, sizeof first);
	base_tree_remove(folder, NULL);
}

static void refuses_a_wished_port_that_is_taken(void **state)
{
	g_autofree char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	CmdPortWishes wishes = {0, -1, -1};
	CmdPorts ports = {7, 7, 7};
	int fd = listen_somewhere(&wishes.broker);

	(void)state;
	assert_false(cmd_ports_choose(folder, "127.0.0.1", &wishes, &ports, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_BUSY));
	assert_non_null(strstr(error->message, "--broker-port"));
	assert_int_equal(ports.api, 7);
	close(fd);
	base_tree_remove(folder, NULL);
}

static void refuses_an_address_of_another_machine(void **state)
{
	g_autofree char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	CmdPortWishes wishes = {0, 0, 0};
	CmdPorts ports;

	(void)state;
	assert_false(cmd_ports_choose(folder, "192.0.2.1", &wishes, &ports, &error));
	assert_non_null(strstr(error->message, "--listen"));
	base_tree_remove(folder, NULL);
}

static void refuses_the_address_of_everything(void **state)
{
	g_autofree char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	CmdPortWishes wishes = {0, 0, 0};
	CmdPorts ports;

	(void)state;
	assert_false(cmd_ports_choose(folder, "0.0.0.0", &wishes, &ports, &error));
	assert_non_null(strstr(error->message, "--listen is also what devices are told"));
	base_tree_remove(folder, NULL);
}

/* Wished twice at once, and wished where another listener's is kept. */
static void refuses_one_port_for_two_listeners(void **state)
{
	g_autofree char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	CmdPortWishes free_ones = {0, 0, 0}, twice = {0, 0, 0}, kept = {-1, -1, -1};
	CmdPorts ports;
	int port;

	(void)state;
	close(listen_somewhere(&port));
	twice.api = twice.broker = port;
	assert_false(cmd_ports_choose(folder, "127.0.0.1", &twice, &ports, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
	assert_non_null(strstr(error->message, "by --port and --broker-port"));
	g_clear_error(&error);
	assert_true(cmd_ports_choose(folder, "127.0.0.1", &free_ones, &ports, NULL));
	kept.artefacts = ports.api;
	assert_false(cmd_ports_choose(folder, "127.0.0.1", &kept, &ports, &error));
	assert_non_null(strstr(error->message, "by --port and --artefact-port"));
	base_tree_remove(folder, NULL);
}

static void refuses_a_damaged_file(void **state)
{
	g_autofree char *folder = make_folder();
	g_autofree char *path = cmd_data_path(folder, "ports.json");
	g_autoptr(GError) error = NULL;
	CmdPorts ports;

	(void)state;
	assert_true(base_file_write(path, "{\"api\":70000}", 13, 0600, NULL));
	assert_false(cmd_ports_load(folder, &ports, &error));
	assert_non_null(strstr(error->message, "'api' is not a port"));
	base_tree_remove(folder, NULL);
}

static void names_the_owner_of_a_folder_only_while_it_is_locked(void **state)
{
	g_autofree char *folder = make_folder();
	g_autofree char *lock_path = cmd_data_path(folder, "lock");
	g_autofree char *pid_path = cmd_data_path(folder, "pid");
	g_autofree char *own = g_strdup_printf("%d\n", (int)getpid());
	BaseFileLock *lock = base_file_lock(lock_path, NULL);

	(void)state;
	assert_non_null(lock);
	assert_true(base_file_write(pid_path, "1\n", 2, 0600, NULL)); /* left over */
	assert_int_equal(cmd_data_folder_owner(folder), 0);
	assert_true(base_file_write(pid_path, own, strlen(own), 0600, NULL));
	assert_int_equal(cmd_data_folder_owner(folder), (int)getpid());
	base_file_lock_free(lock);
	assert_int_equal(cmd_data_folder_owner(folder), 0);
	base_tree_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_ports_once_chosen),
		cmocka_unit_test(refuses_a_wished_port_that_is_taken),
		cmocka_unit_test(refuses_an_address_of_another_machine),
		cmocka_unit_test(refuses_the_address_of_everything),
		cmocka_unit_test(refuses_one_port_for_two_listeners),
		cmocka_unit_test(refuses_a_damaged_file),
		cmocka_unit_test(names_the_owner_of_a_folder_only_while_it_is_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
