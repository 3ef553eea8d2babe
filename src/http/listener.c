#include "http/listener.h"

#include "base/file.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* As long as the kernel allows: a unix socket's connect fails at once when it is full. */
	BACKLOG = SOMAXCONN,
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 20,
	KEEPALIVE_PROBES = 3,
};

typedef union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
} SocketAddress;

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof value);
}

static gboolean parse_address(const char *address, guint16 port, SocketAddress *parsed,
			      socklen_t *size)
{
	memset(parsed, 0, sizeof *parsed);
	if (inet_pton(AF_INET, address, &parsed->v4.sin_addr) == 1) {
		parsed->v4.sin_family = AF_INET;
		parsed->v4.sin_port = htons(port);
		*size = sizeof parsed->v4;
		return TRUE;
	}
	if (inet_pton(AF_INET6, address, &parsed->v6.sin6_addr) == 1) {
		parsed->v6.sin6_family = AF_INET6;
		parsed->v6.sin6_port = htons(port);
		*size = sizeof parsed->v6;
		return TRUE;
	}
	return FALSE;
}

static void fail_tcp(GError **error, int errno_value, const char *address, guint16 port)
{
	if (errno_value == EADDRINUSE)
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_ADDRESS_USED,
			    "port %u of %s is taken by another process; end that one, or choose "
			    "another port (0: a free one)",
			    port, address);
	else
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_FAILED, "listening on %s, port %u: %s",
			    address, port, g_strerror(errno_value));
}

int http_listen_tcp(const char *address, guint16 port, GError **error)
{
	SocketAddress parsed;
	socklen_t size;
	g_auto(BaseFd) fd = -1;
	int listening;

	if (!parse_address(address, port, &parsed, &size)) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "'%s' is not a numeric address such as 127.0.0.1 or ::1", address);
		return -1;
	}
	fd = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		/* Connections inherit these: a peer that lost its power is noticed in two minutes.
		 */
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
		set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
		set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	}
	if (fd < 0 || bind(fd, &parsed.any, size) != 0 || listen(fd, BACKLOG) != 0) {
		fail_tcp(error, errno, address, port);
		return -1;
	}
	listening = fd;
	fd = -1;
	return listening;
}

/* Removes a socket whose process is gone. FALSE if somebody listens on it. */
static gboolean clear_dead_socket(const SocketAddress *address)
{
	g_auto(BaseFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, &address->any, sizeof address->local) == 0)
		return FALSE;
	if (errno == ECONNREFUSED)
		unlink(address->local.sun_path);
	return TRUE;
}

int http_listen_unix(const char *path, GError **error)
{
	SocketAddress address = {.local.sun_family = AF_UNIX};
	g_auto(BaseFd) fd = -1;
	int listening;

	if (strlen(path) >= sizeof address.local.sun_path) {
		g_set_error(
			error, HTTP_ERROR, HTTP_ERROR_INVALID,
			"unix socket %s: the path has %zu bytes, the system allows %zu; choose a "
			"shorter data folder",
			path, strlen(path), sizeof address.local.sun_path - 1);
		return -1;
	}
	g_strlcpy(address.local.sun_path, path, sizeof address.local.sun_path);
	if (!clear_dead_socket(&address)) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_ADDRESS_USED,
			    "unix socket %s is held by another process; end that one first", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* The mode of the socket becomes that of its file, so it is never open to others. */
	if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, &address.any, sizeof address.local) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_FAILED, "listening on %s: %s", path,
			    g_strerror(errno));
		return -1;
	}
	listening = fd;
	fd = -1;
	return listening;
}

guint16 http_listener_port(int fd)
{
	SocketAddress address = {0};
	socklen_t size = sizeof address;

	if (getsockname(fd, &address.any, &size) != 0)
		return 0;
	if (address.any.sa_family == AF_INET)
		return ntohs(address.v4.sin_port);
	return address.any.sa_family == AF_INET6 ? ntohs(address.v6.sin6_port) : 0;
}
