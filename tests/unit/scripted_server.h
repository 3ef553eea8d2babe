/* unit/scripted_server.h — an HTTP server that answers what a test says, also what no real server
 * would: half chunks, lines that are no JSON, silence. For faults only; the rest is tested against
 * real peers. */
#pragma once

#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct ScriptedServer ScriptedServer;

/* One request. The handler answers with scripted_write and returns; `close` ends the connection. */
typedef struct {
	ScriptedServer *server;
	int fd;
	char *method;
	char *path; /* with its query */
	char *head; /* request line and headers */
	char *body;
	gboolean close;
} ScriptedRequest;

typedef void (*ScriptedHandler)(ScriptedRequest *request, gpointer user_data);

struct ScriptedServer {
	char *folder;
	char *socket_path; /* NULL with TCP */
	guint16 port;
	int listener;
	ScriptedHandler handler;
	gpointer user_data;
	GMutex lock;
	GCond changed;
	GArray *fds; /* open connections */
	GThread *acceptor;
	GPtrArray *threads; /* GThread *; the acceptor adds to it while it runs */
	GPtrArray *log;     /* "GET /path?query" of every request, in order */
	gboolean stopping;
};

G_GNUC_UNUSED static gboolean scripted_write(ScriptedRequest *request, const char *text)
{
	gsize left = strlen(text);

	while (left > 0) {
		gssize sent = send(request->fd, text, left, MSG_NOSIGNAL);

		if (sent <= 0)
			return FALSE;
		text += sent;
		left -= (gsize)sent;
	}
	return TRUE;
}

/* A whole answer with its length. `extra` are header lines, each with its line end. */
G_GNUC_UNUSED static void scripted_answer(ScriptedRequest *request, int status, const char *extra,
					  const char *body)
{
	g_autofree char *text =
		g_strdup_printf("HTTP/1.1 %d X\r\nContent-Type: "
				"application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
				status, extra, strlen(body), body);

	scripted_write(request, text);
}

/* Begins a chunked answer; each chunk is one call. */
G_GNUC_UNUSED static void scripted_begin_chunks(ScriptedRequest *request)
{
	scripted_write(request, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				"Transfer-Encoding: chunked\r\n\r\n");
}

G_GNUC_UNUSED static void scripted_chunk(ScriptedRequest *request, const char *text)
{
	g_autofree char *chunk = g_strdup_printf("%zx\r\n%s\r\n", strlen(text), text);

	scripted_write(request, chunk);
}

/* Waits until the other side is gone or the server stops. */
G_GNUC_UNUSED static void scripted_hang(ScriptedRequest *request)
{
	char byte;

	while (recv(request->fd, &byte, 1, 0) > 0)
		;
	request->close = TRUE;
}

/* How many requests there were whose line begins with `prefix`. */
G_GNUC_UNUSED static guint scripted_count(ScriptedServer *server, const char *prefix)
{
	guint count = 0;

	g_mutex_lock(&server->lock);
	for (guint i = 0; i < server->log->len; i++)
		count += g_str_has_prefix(server->log->pdata[i], prefix) ? 1 : 0;
	g_mutex_unlock(&server->lock);
	return count;
}

/* Reads up to the end of the head; returns it and what came after it. */
static gboolean scripted_read_head(int fd, GString *head, GString *rest)
{
	char buffer[4096];
	char *end;

	g_string_append_len(head, rest->str, (gssize)rest->len);
	g_string_truncate(rest, 0);
	while ((end = strstr(head->str, "\r\n\r\n")) == NULL) {
		gssize got = recv(fd, buffer, sizeof buffer, 0);

		if (got <= 0)
			return FALSE;
		g_string_append_len(head, buffer, got);
	}
	g_string_append(rest, end + 4);
	g_string_truncate(head, (gsize)(end - head->str) + 4);
	return TRUE;
}

static gsize scripted_body_length(const char *head)
{
	g_autofree char *lower = g_ascii_strdown(head, -1);
	const char *at = strstr(lower, "content-length:");

	return at != NULL ? (gsize)g_ascii_strtoull(at + 15, NULL, 10) : 0;
}

static gboolean scripted_read_body(int fd, gsize length, GString *body, GString *rest)
{
	char buffer[4096];

	while (rest->len < length) {
		gssize got = recv(fd, buffer, MIN(sizeof buffer, length - rest->len), 0);

		if (got <= 0)
			return FALSE;
		g_string_append_len(rest, buffer, got);
	}
	g_string_append_len(body, rest->str, (gssize)length);
	g_string_erase(rest, 0, (gssize)length);
	return TRUE;
}

static void scripted_handle(ScriptedServer *server, ScriptedRequest *request)
{
	g_auto(GStrv) words = g_strsplit(request->head, " ", 3);

	request->method = words[0];
	request->path = words[1];
	g_mutex_lock(&server->lock);
	g_ptr_array_add(server->log, g_strdup_printf("%s %s", words[0], words[1]));
	g_cond_broadcast(&server->changed);
	g_mutex_unlock(&server->lock);
	server->handler(request, server->user_data);
}

typedef struct {
	ScriptedServer *server;
	int fd;
} ScriptedConnection;

static gpointer scripted_serve(gpointer user_data)
{
	ScriptedConnection *connection = user_data;
	ScriptedServer *server = connection->server;
	GString *rest = g_string_new(NULL);
	gboolean go_on = TRUE;

	while (go_on) {
		GString *head = g_string_new(NULL), *body = g_string_new(NULL);

		go_on = scripted_read_head(connection->fd, head, rest) &&
			scripted_read_body(connection->fd, scripted_body_length(head->str), body,
					   rest);
		if (go_on) {
			ScriptedRequest request = {.server = server,
						   .fd = connection->fd,
						   .head = head->str,
						   .body = body->str};

			scripted_handle(server, &request);
			go_on = !request.close;
		}
		g_string_free(head, TRUE);
		g_string_free(body, TRUE);
	}
	g_string_free(rest, TRUE);
	g_mutex_lock(&server->lock);
	for (guint i = 0; i < server->fds->len; i++)
		if (g_array_index(server->fds, int, i) == connection->fd)
			g_array_remove_index_fast(server->fds, i--);
	close(connection->fd);
	g_mutex_unlock(&server->lock);
	g_free(connection);
	return NULL;
}

static gpointer scripted_accept(gpointer user_data)
{
	ScriptedServer *server = user_data;
	int fd;

	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		ScriptedConnection *connection = g_new0(ScriptedConnection, 1);

		connection->server = server;
		connection->fd = fd;
		g_mutex_lock(&server->lock);
		g_array_append_val(server->fds, fd);
		g_ptr_array_add(server->threads,
				g_thread_new("connection", scripted_serve, connection));
		g_mutex_unlock(&server->lock);
	}
	return NULL;
}

static int scripted_listen_unix(ScriptedServer *server)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(server->socket_path);
	g_strlcpy(address.sun_path, server->socket_path, sizeof address.sun_path);
	g_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

static int scripted_listen_tcp(ScriptedServer *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	getsockname(fd, (struct sockaddr *)&address, &size);
	server->port = ntohs(address.sin_port);
	return fd;
}

/* Starts listening; a server that was stopped listens again on its unix socket. */
G_GNUC_UNUSED static void scripted_start(ScriptedServer *server)
{
	server->stopping = FALSE;
	server->listener = server->socket_path != NULL ? scripted_listen_unix(server)
						       : scripted_listen_tcp(server);
	g_assert(listen(server->listener, 16) == 0);
	server->acceptor = g_thread_new("accept", scripted_accept, server);
}

/* Stops listening and cuts all connections. */
G_GNUC_UNUSED static void scripted_stop(ScriptedServer *server)
{
	if (server->listener < 0)
		return;
	shutdown(server->listener, SHUT_RDWR);
	g_thread_join(g_steal_pointer(&server->acceptor));
	close(server->listener);
	server->listener = -1;
	g_mutex_lock(&server->lock);
	server->stopping = TRUE;
	g_cond_broadcast(&server->changed);
	for (guint i = 0; i < server->fds->len; i++)
		shutdown(g_array_index(server->fds, int, i), SHUT_RDWR);
	g_mutex_unlock(&server->lock);
	for (guint i = 0; i < server->threads->len; i++)
		g_thread_join(server->threads->pdata[i]);
	g_ptr_array_set_size(server->threads, 0);
}

G_GNUC_UNUSED static ScriptedServer *scripted_new(gboolean tcp, ScriptedHandler handler,
						  gpointer user_data)
{
	ScriptedServer *server = g_new0(ScriptedServer, 1);

	server->folder = g_dir_make_tmp("scripted-XXXXXX", NULL);
	if (!tcp)
		server->socket_path = g_build_filename(server->folder, "sock", NULL);
	server->listener = -1;
	server->handler = handler;
	server->user_data = user_data;
	g_mutex_init(&server->lock);
	g_cond_init(&server->changed);
	server->fds = g_array_new(FALSE, FALSE, sizeof(int));
	server->threads = g_ptr_array_new();
	server->log = g_ptr_array_new_with_free_func(g_free);
	return server;
}

G_GNUC_UNUSED static void scripted_free(ScriptedServer *server)
{
	scripted_stop(server);
	if (server->socket_path != NULL)
		unlink(server->socket_path);
	rmdir(server->folder);
	g_array_unref(server->fds);
	g_ptr_array_unref(server->threads);
	g_ptr_array_unref(server->log);
	g_mutex_clear(&server->lock);
	g_cond_clear(&server->changed);
	g_free(server->socket_path);
	g_free(server->folder);
	g_free(server);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScriptedServer, scripted_free)
