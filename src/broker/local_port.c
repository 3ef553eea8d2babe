#include "broker/local_port.h"

#include "base/file.h"
#include "broker/broker.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

gboolean local_port_check(const char *address, guint16 port, GError **error)
{
	g_autofree char *service = g_strdup_printf("%u", port);
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	g_auto(BaseFd) fd = -1;
	int on = 1, failure = 0;

	if (getaddrinfo(address, service, &hints, &found) != 0) {
		g_set_error(
			error, BROKER_ERROR, BROKER_ERROR_INVALID,
			"the broker cannot listen on '%s': give a numeric address of this machine",
			address);
		return FALSE;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
		failure = errno;
	freeaddrinfo(found);
	if (failure == 0)
		return TRUE;
	g_set_error(error, BROKER_ERROR,
		    failure == EADDRINUSE ? BROKER_ERROR_PORT_IN_USE : BROKER_ERROR_INVALID,
		    failure == EADDRINUSE ? "port %u of %s, which devices know as their broker's, "
					    "is in use by another "
					    "program: end it (ss -ltnp shows it), or choose "
					    "another with --broker-port and "
					    "flash the devices again"
					  : "the broker cannot listen on port %u of %s: choose "
					    "another port or address",
		    port, address);
	return FALSE;
}
