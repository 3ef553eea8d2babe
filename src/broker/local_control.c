#include "broker/local_control.h"

#include "base/clock.h"
#include "base/file.h"
#include "broker/local_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* MQTT 3.1.1, chapter 3 */
	MQTT_CONNECT = 0x10,
	MQTT_CONNACK = 0x20,
	MQTT_PINGREQ = 0xc0,
	MQTT_PINGRESP = 0xd0,
	MQTT_LEVEL_3_1_1 = 4,
	MQTT_FLAGS_USER_PASSWORD_CLEAN = 0xc2,
	SHORT_REMAINING_MAX = 127, /* a remaining length of one byte */
};

struct LocalControl {
	BaseFd fd;
};

static gboolean set_unavailable(GError **error, const char *what)
{
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_UNAVAILABLE, "mosquitto %s", what);
	return FALSE;
}

/* Reads exactly `size_bytes` before `end_us`. */
static gboolean receive(int fd, guint8 *out, gsize size_bytes, gint64 end_us, GError **error)
{
	gsize have = 0;

	while (have < size_bytes) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		gint64 left_us = end_us - base_clock_monotonic_us();
		ssize_t got;

		if (left_us <= 0 || poll(&ready, 1, (int)(left_us / 1000) + 1) == 0)
			return set_unavailable(error, "does not answer");
		got = recv(fd, out + have, size_bytes - have, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return set_unavailable(error, "closed our connection");
		if (got > 0)
			have += (gsize)got;
	}
	return TRUE;
}

static gboolean send_bytes(int fd, const guint8 *bytes, gsize size_bytes, GError **error)
{
	if (send(fd, bytes, size_bytes, MSG_NOSIGNAL) == (ssize_t)size_bytes)
		return TRUE;
	return set_unavailable(error, "closed our connection");
}

static void add_text(GByteArray *packet, const char *text)
{
	guint16 length = GUINT16_TO_BE((guint16)strlen(text));

	g_byte_array_append(packet, (const guint8 *)&length, sizeof length);
	g_byte_array_append(packet, (const guint8 *)text, (guint)strlen(text));
}

static gboolean log_in(int fd, const char *user, const char *password, gint64 end_us,
		       GError **error)
{
	static const guint8 head[] = {MQTT_LEVEL_3_1_1, MQTT_FLAGS_USER_PASSWORD_CLEAN, 0, 0};
	g_autoptr(GByteArray) packet = g_byte_array_new();
	guint8 start[] = {MQTT_CONNECT, 0};
	guint8 answer[4];

	g_byte_array_append(packet, start, sizeof start);
	add_text(packet, "MQTT");
	g_byte_array_append(packet, head, sizeof head);
	add_text(packet, user);
	add_text(packet, user);
	add_text(packet, password);
	g_assert(packet->len - sizeof start <= SHORT_REMAINING_MAX);
	packet->data[1] = (guint8)(packet->len - sizeof start);
	if (!send_bytes(fd, packet->data, packet->len, error) ||
	    !receive(fd, answer, sizeof answer, end_us, error))
		return FALSE;
	if (answer[0] == MQTT_CONNACK && answer[3] == 0)
		return TRUE;
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_INVALID,
		    "mosquitto refuses our own user (code %u): another mosquitto uses this folder, "
		    "or its "
		    "password file was changed by hand; stop it and start again",
		    answer[3]);
	return FALSE;
}

/* By a path through the folder's descriptor, since a socket's own path has at most 107 bytes. */
static int open_socket(const char *folder, GError **error)
{
	g_auto(BaseFd) folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_auto(BaseFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int connected = -1;

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" LOCAL_FILE_CONTROL,
		 folder_fd);
	if (folder_fd >= 0 && fd >= 0)
		connected = connect(fd, (const struct sockaddr *)&address, sizeof address);
	if (connected != 0) {
		set_unavailable(error, "does not listen on " LOCAL_FILE_CONTROL " yet");
		return -1;
	}
	return (int)g_steal_fd(&fd);
}

LocalControl *local_control_connect(const char *folder, const char *user, const char *password,
				    gint64 timeout_us, GError **error)
{
	g_auto(BaseFd) fd = open_socket(folder, error);
	LocalControl *control;

	if (fd < 0 || !log_in(fd, user, password, base_clock_monotonic_us() + timeout_us, error))
		return NULL;
	control = g_new0(LocalControl, 1);
	control->fd = g_steal_fd(&fd);
	return control;
}

gboolean local_control_ping(LocalControl *control, gint64 timeout_us, GError **error)
{
	static const guint8 ping[] = {MQTT_PINGREQ, 0};
	guint8 answer[2];

	if (!send_bytes(control->fd, ping, sizeof ping, error) ||
	    !receive(control->fd, answer, sizeof answer, base_clock_monotonic_us() + timeout_us,
		     error))
		return FALSE;
	if (answer[0] != MQTT_PINGRESP || answer[1] != 0)
		return set_unavailable(error, "answers a ping with something else");
	return TRUE;
}

void local_control_free(LocalControl *control)
{
	if (control == NULL)
		return;
	base_fd_close(&control->fd);
	g_free(control);
}
