/* The HTTP server alone: requests a second of CPU over one connection that is kept, and the private
 * memory of a thousand idle connections and of a thousand watchers. */
#include "http/server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 50000, CONNECTIONS = 1000, ANSWER_BYTES = 4096 };

static HttpStream *streams[CONNECTIONS];
static gint n_streams;

static void handle(HttpExchange *x, gpointer user_data)
{
	(void)user_data;
	if (strcmp(http_exchange_path(x), "/watch") == 0) {
		HttpStream *stream = http_reply_stream(x, 200, "application/json");

		streams[g_atomic_int_add(&n_streams, 1)] = stream;
		return;
	}
	http_reply_text(x, 200, "application/json", "{\"kind\":\"Status\"}");
}

static int dial(HttpServer *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(http_server_port(server)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		g_error("cannot connect");
	return fd;
}

static void ask(int fd, const char *path)
{
	char text[256];
	int size = g_snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);

	if (write(fd, text, (size_t)size) != size)
		g_error("cannot send");
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Private pages of this process, in kB. */
static double private_kb(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	double sum = 0;

	if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL))
		return 0;
	lines = g_strsplit(text, "\n", -1);
	for (gsize i = 0; lines[i] != NULL; i++)
		if (g_str_has_prefix(lines[i], "Private_"))
			sum += g_ascii_strtod(strchr(lines[i], ':') + 1, NULL);
	return sum;
}

int main(void)
{
	g_autoptr(HttpServer) server =
		http_server_new(&(HttpServerOptions){.handle = handle}, NULL);
	int fds[CONNECTIONS], fd = dial(server);
	char answer[ANSWER_BYTES];
	double before, kb;

	signal(SIGPIPE, SIG_IGN);
	before = cpu_s();
	for (guint i = 0; i < REQUESTS; i++) {
		ask(fd, "/x");
		if (read(fd, answer, sizeof answer) <= 0)
			g_error("no answer");
	}
	printf("http server: %.0f requests/s a core, client included\n",
	       REQUESTS / (cpu_s() - before));
	kb = private_kb();
	for (guint i = 0; i < CONNECTIONS; i++)
		fds[i] = dial(server);
	while (http_server_n_connections(server) < CONNECTIONS + 1)
		g_usleep(1000);
	printf("http server: %.1f kB private an idle connection\n",
	       (private_kb() - kb) / CONNECTIONS);
	for (guint i = 0; i < CONNECTIONS; i++)
		ask(fds[i], "/watch");
	while (g_atomic_int_get(&n_streams) < CONNECTIONS)
		g_usleep(1000);
	printf("http server: %.1f kB private a watcher\n", (private_kb() - kb) / CONNECTIONS);
	for (guint i = 0; i < CONNECTIONS; i++)
		http_stream_end(streams[i]);
	for (guint i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
	close(fd);
	return 0;
}
