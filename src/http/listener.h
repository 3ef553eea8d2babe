/* http/listener.h — sockets that listen. */
#pragma once

#include <glib.h>

/* Listens on a numeric address and port (0: a free one). Returns the descriptor, yours, or -1 with
 * HTTP_ERROR_ADDRESS_USED, _INVALID or _FAILED; the message names both and what to do. */
int http_listen_tcp(const char *address, guint16 port, GError **error);

/* Listens on a unix socket of mode 0600. A socket that nobody listens on any more is replaced. */
int http_listen_unix(const char *path, GError **error);

/* The port that `fd` is bound to; 0 for a unix socket. */
guint16 http_listener_port(int fd);
