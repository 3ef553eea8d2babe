/* The whole control plane in this process, with a real mosquitto: what is renewed while it runs. */
#include "cmd/control_plane.h"

#include "base/clock.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	LEAF_AGE_DAYS = 300, /* of 365: less than a third is left */
};
#define DAY_US ((gint64)24 * 3600 * G_USEC_PER_SEC)

static int connect_to(guint16 port)
{
	struct sockaddr_in where = {.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof where), 0);
	return fd;
}

/* Days that the certificate which is shown at `port` is still good for. */
static int days_left(guint16 port)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	int fd = connect_to(port);
	X509 *leaf;
	int days = 0, seconds = 0;

	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	assert_int_equal(SSL_connect(ssl), 1);
	leaf = SSL_get1_peer_certificate(ssl);
	assert_non_null(leaf);
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)), 1);
	X509_free(leaf);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	return days;
}

static void assert_days_left(const ControlPlane *plane, int least, int most)
{
	const CmdPorts *ports = control_plane_ports(plane);
	const guint16 all[] = {ports->api, ports->broker, ports->artefacts};

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		assert_in_range(days_left(all[i]), least, most);
}

/* A plane whose leaves were issued long ago. */
static ControlPlane *start_old(const char *folder)
{
	ControlPlaneOptions options = {
		.folder = folder, .address = "127.0.0.1", .ports = {0, 0, 0}};
	g_autoptr(GError) error = NULL;
	gboolean used = FALSE;
	ControlPlane *plane;

	base_clock_shift_wall(-LEAF_AGE_DAYS * DAY_US);
	plane = control_plane_start(&options, &used, &error);
	base_clock_shift_wall(0);
	if (plane == NULL)
		fail_msg("%s", error->message);
	return plane;
}

static void all_three_listeners_show_renewed_certificates(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-plane-XXXXXX", NULL);
	g_autoptr(ControlPlane) plane = start_old(folder);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_days_left(plane, 60, 66);
	assert_true(control_plane_renew(plane, &error));
	assert_days_left(plane, 360, 366);
	assert_true(control_plane_renew(plane, &error));
	g_clear_pointer(&plane, control_plane_free);
	assert_true(base_tree_remove(folder, NULL));
}

/* A file that cannot be written once must not leave anybody with the old certificate for good. */
static void a_renewal_that_failed_half_way_is_made_up_for(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-plane-XXXXXX", NULL);
	g_autofree char *broker = cmd_data_path(folder, "broker");
	g_autofree char *aside = cmd_data_path(folder, "aside");
	g_autoptr(ControlPlane) plane = start_old(folder);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_int_equal(rename(broker, aside), 0);
	assert_true(base_file_write(broker, "", 0, 0600, NULL));
	assert_false(control_plane_renew(plane, &error));
	assert_non_null(error);
	g_clear_error(&error);
	assert_in_range(days_left(control_plane_ports(plane)->api), 360, 366);
	assert_int_equal(unlink(broker), 0);
	assert_int_equal(rename(aside, broker), 0);
	assert_true(control_plane_renew(plane, &error));
	assert_days_left(plane, 360, 366);
	g_clear_pointer(&plane, control_plane_free);
	assert_true(base_tree_remove(folder, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_three_listeners_show_renewed_certificates),
		cmocka_unit_test(a_renewal_that_failed_half_way_is_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
