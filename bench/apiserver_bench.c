/* The API server under load, beside kube-apiserver with etcd in the same run: creates, gets, lists
 * and watch events a second, also a second of the servers' processor time, and memory. The same
 * client, the same objects, TLS, eight connections. The peer runs where scripts/testbed.sh has
 * built it. */
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "http/client.h"
#include "kube/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/apis/espalier.dev/v1alpha1/namespaces/default/devices"

enum {
	OBJECTS = 2000,
	GETS = 8000,
	LISTS = 40,
	UPDATES = 1000,
	WATCHERS = 10,
	THREADS = 8,
	PIDS_MAX = 2,
	FSYNCS = 32,
	WAIT_S = 60,
};

typedef enum {
	FIGURE_CREATES,
	FIGURE_GETS,
	FIGURE_LISTED,
	FIGURE_EVENTS,
	FIGURE_CREATES_CORE,
	FIGURE_GETS_CORE,
	FIGURE_LISTED_CORE,
	FIGURE_EVENTS_CORE,
	FIGURE_IDLE_PRIVATE,
	FIGURE_IDLE_RESIDENT,
	FIGURE_FULL_PRIVATE,
	FIGURE_FULL_RESIDENT,
	FIGURE_COUNT,
} Figure;

/* The unit of a rate is "a second"; where less is better the ratio is turned round. */
static const struct {
	const char *name;
	gboolean memory;
} figures[FIGURE_COUNT] = {
	[FIGURE_CREATES] = {"creates a second", FALSE},
	[FIGURE_GETS] = {"gets a second", FALSE},
	[FIGURE_LISTED] = {"objects listed a second", FALSE},
	[FIGURE_EVENTS] = {"watch events a second (10 watchers)", FALSE},
	[FIGURE_CREATES_CORE] = {"creates a second a core", FALSE},
	[FIGURE_GETS_CORE] = {"gets a second a core", FALSE},
	[FIGURE_LISTED_CORE] = {"objects listed a second a core", FALSE},
	[FIGURE_EVENTS_CORE] = {"watch events a second a core", FALSE},
	[FIGURE_IDLE_PRIVATE] = {"private memory idle, MB", TRUE},
	[FIGURE_IDLE_RESIDENT] = {"resident memory idle, MB", TRUE},
	[FIGURE_FULL_PRIVATE] = {"private memory after it, MB", TRUE},
	[FIGURE_FULL_RESIDENT] = {"resident memory after it, MB", TRUE},
};

/* One server being measured. */
typedef struct {
	const char *name;
	HttpClient *client;
	pid_t pids[PIDS_MAX];
	gsize n_pids;
	double figures[FIGURE_COUNT];
} Server;

static void die(const char *what, const GError *error)
{
	fprintf(stderr, "apiserver_bench: %s: %s\n", what, error == NULL ? "?" : error->message);
	exit(1);
}

/* --- what the kernel knows of the servers --- */

static double cpu_seconds(const Server *server)
{
	double ticks = 0;

	for (gsize i = 0; i < server->n_pids; i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)server->pids[i]);
		g_autofree char *text = NULL;
		g_auto(GStrv) fields = NULL;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			continue;
		/* After the name in brackets: state is field 3, utime 14, stime 15. */
		fields = g_strsplit(strrchr(text, ')') + 2, " ", -1);
		ticks += g_ascii_strtod(fields[11], NULL) + g_ascii_strtod(fields[12], NULL);
	}
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

/* The sum of lines such as "Private_Dirty:  12 kB" that begin with `prefix`, in MB. */
static double memory_mb(const Server *server, const char *prefix)
{
	double kb = 0;

	for (gsize i = 0; i < server->n_pids; i++) {
		g_autofree char *path =
			g_strdup_printf("/proc/%d/smaps_rollup", (int)server->pids[i]);
		g_autofree char *text = NULL;
		g_auto(GStrv) lines = NULL;

		if (!g_file_get_contents(path, &text, NULL, NULL))
			continue;
		lines = g_strsplit(text, "\n", -1);
		for (gsize j = 0; lines[j] != NULL; j++) {
			if (g_str_has_prefix(lines[j], prefix))
				kb += g_ascii_strtod(strchr(lines[j], ':') + 1, NULL);
		}
	}
	return kb / 1024;
}

/* --- the load: THREADS threads share one counter --- */

typedef void (*Request)(Server *server, guint index);

typedef struct {
	Server *server;
	Request request;
	guint n;
	gint next;
} Load;

static gpointer work(gpointer data)
{
	Load *load = data;
	guint index;

	while ((index = (guint)g_atomic_int_add(&load->next, 1)) < load->n)
		load->request(load->server, index);
	return NULL;
}

static void run(Server *server, Request request, guint n)
{
	Load load = {.server = server, .request = request, .n = n};
	GThread *threads[THREADS];

	for (guint i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("load", work, &load);
	for (guint i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
}

/* Runs it and sets the rate of `per_request` things, in time and in the servers' time. */
static void measure(Server *server, Request request, guint n, double per_request, Figure figure)
{
	double cpu = cpu_seconds(server);
	gint64 start = g_get_monotonic_time();

	run(server, request, n);
	server->figures[figure] =
		n * per_request * G_USEC_PER_SEC / (double)(g_get_monotonic_time() - start);
	server->figures[figure + (FIGURE_CREATES_CORE - FIGURE_CREATES)] =
		n * per_request / MAX(cpu_seconds(server) - cpu, 0.01);
}

static void ask(Server *server, const char *method, const char *path, const char *type,
		const char *text, guint wanted)
{
	g_autofree char *header = g_strdup_printf("Content-Type: %s", type);
	const char *headers[] = {"Accept: application/json", header, NULL};
	g_autoptr(GBytes) body = text == NULL ? NULL : g_bytes_new(text, strlen(text));
	HttpRequest request = {.method = method, .path = path, .headers = headers, .body = body};
	g_autoptr(GError) error = NULL;
	g_autoptr(HttpResponse) response = http_client_send(server->client, &request, &error);

	if (response == NULL)
		die(server->name, error);
	if (response->status != wanted) {
		fprintf(stderr, "apiserver_bench: %s: %s %s: %u %.*s\n", server->name, method, path,
			response->status, (int)MIN(g_bytes_get_size(response->body), 300),
			(const char *)g_bytes_get_data(response->body, NULL));
		exit(1);
	}
}

static void create(Server *server, guint index)
{
	g_autofree char *text = g_strdup_printf(
		"{\"apiVersion\":\"espalier.dev/v1alpha1\",\"kind\":\"Device\",\"metadata\":{"
		"\"name\":\"bench-%u\",\"labels\":{\"site\":\"north\",\"floor\":\"%u\"}},\"spec\":{"
		"\"deviceClassReference\":{\"name\":\"probe\"},\"displayName\":\"Tomatoes\","
		"\"location\":\"north wing, bed %u\",\"settings\":[{\"namespace\":\"settings\","
		"\"key\":\"name\",\"type\":\"string\",\"value\":\"bed %u\"}]}}",
		index, index % 10, index, index);

	ask(server, "POST", DEVICES "?fieldValidation=Strict", "application/json", text, 201);
}

/* A real server answers 429 for a while after a definition was made. */
static void wait_until_served(Server *server)
{
	const HttpRequest request = {.path = DEVICES};

	for (guint i = 0; i < WAIT_S * 10; i++) {
		g_autoptr(HttpResponse) response = http_client_send(server->client, &request, NULL);

		if (response != NULL && response->status == 200)
			return;
		g_usleep(G_USEC_PER_SEC / 10);
	}
	die("the server does not answer", NULL);
}

static void get(Server *server, guint index)
{
	g_autofree char *path = g_strdup_printf(DEVICES "/bench-%u", index * 7 % OBJECTS);

	ask(server, "GET", path, "application/json", NULL, 200);
}

static void list(Server *server, guint index)
{
	(void)index;
	ask(server, "GET", DEVICES, "application/json", NULL, 200);
}

static void update(Server *server, guint index)
{
	g_autofree char *path = g_strdup_printf(DEVICES "/bench-%u", index);

	ask(server, "PATCH", path, "application/merge-patch+json",
	    "{\"spec\":{\"location\":\"elsewhere\"}}", 200);
}

/* --- watches --- */

typedef struct {
	Server *server;
	HttpLoop *loop;
	gint events;
} Watches;

static gboolean on_line(const char *line, gsize size_bytes, gpointer user_data)
{
	Watches *watches = user_data;

	(void)line;
	(void)size_bytes;
	g_atomic_int_inc(&watches->events);
	return TRUE;
}

static void on_done(const HttpResponse *response, const GError *error, gpointer user_data)
{
	Watches *watches = user_data;

	fprintf(stderr, "apiserver_bench: %s: a watch ended (%u %s)\n", watches->server->name,
		response == NULL ? 0 : response->status, error == NULL ? "" : error->message);
	exit(1);
}

static const HttpCallHandlers watch_handlers = {.on_line = on_line, .on_done = on_done};

static void start_watches(gpointer user_data)
{
	Watches *watches = user_data;
	const HttpRequest request = {.path = DEVICES "?watch=true"};

	for (guint i = 0; i < WATCHERS; i++)
		http_loop_start(watches->loop, watches->server->client, &request, &watch_handlers,
				watches);
}

static void wait_for_events(Watches *watches, gint wanted)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_S * G_USEC_PER_SEC;

	while (g_atomic_int_get(&watches->events) < wanted) {
		if (g_get_monotonic_time() > deadline)
			die("watch events did not come", NULL);
		g_usleep(200);
	}
}

static void measure_watches(Server *server)
{
	Watches watches = {.server = server, .loop = http_loop_new("watch")};
	gint first = OBJECTS * WATCHERS; /* what is there comes first */
	double cpu;
	gint64 start;

	http_loop_invoke_wait(watches.loop, start_watches, &watches);
	wait_for_events(&watches, first);
	cpu = cpu_seconds(server);
	start = g_get_monotonic_time();
	run(server, update, UPDATES);
	wait_for_events(&watches, first + UPDATES * WATCHERS);
	server->figures[FIGURE_EVENTS] = (double)UPDATES * WATCHERS * G_USEC_PER_SEC /
					 (double)(g_get_monotonic_time() - start);
	server->figures[FIGURE_EVENTS_CORE] =
		(double)UPDATES * WATCHERS / MAX(cpu_seconds(server) - cpu, 0.01);
	http_loop_free(watches.loop);
}

static void measure_server(Server *server, const char *kubeconfig)
{
	g_autoptr(GError) error = NULL;
	KubeConfig *config = kube_config_load(kubeconfig, NULL, &error);
	HttpClientOptions options = {.max_idle = THREADS};

	if (config == NULL)
		die(kubeconfig, error);
	options.base_url = config->server;
	options.ca_pem = config->ca_pem;
	options.bearer_token = config->token;
	server->client = http_client_new(&options, &error);
	if (server->client == NULL)
		die(config->server, error);

	wait_until_served(server);
	server->figures[FIGURE_IDLE_PRIVATE] = memory_mb(server, "Private_");
	server->figures[FIGURE_IDLE_RESIDENT] = memory_mb(server, "Rss:");
	measure(server, create, OBJECTS, 1, FIGURE_CREATES);
	measure(server, get, GETS, 1, FIGURE_GETS);
	measure(server, list, LISTS, OBJECTS, FIGURE_LISTED);
	measure_watches(server);
	server->figures[FIGURE_FULL_PRIVATE] = memory_mb(server, "Private_");
	server->figures[FIGURE_FULL_RESIDENT] = memory_mb(server, "Rss:");
	http_client_free(server->client);
	kube_config_free(config);
}

/* --- the two servers --- */

static void measure_ours(Server *server, const char *folder)
{
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *place = g_path_get_dirname(program);
	g_autofree char *path = g_build_filename(place, "api_server", NULL);
	g_autofree char *kubeconfig = g_build_filename(folder, "kubeconfig", NULL);
	const char *const argv[] = {path, folder, NULL};
	const BaseSpawn spawn = {.argv = argv};
	g_autoptr(GError) error = NULL;
	g_autoptr(BaseProcess) process = base_process_spawn(&spawn, &error);

	if (process == NULL)
		die(path, error);
	for (guint i = 0; i < 200 && !g_file_test(kubeconfig, G_FILE_TEST_EXISTS); i++)
		g_usleep(20 * 1000);
	server->pids[server->n_pids++] = base_process_pid(process);
	measure_server(server, kubeconfig);
	base_process_terminate(process, (gint64)10 * G_USEC_PER_SEC, NULL);
}

static gboolean testbed(const char *verb, const char *folder)
{
	static const char script[] = ESPALIER_SOURCE_DIR "/scripts/testbed.sh";
	const char *const argv[] = {script, verb, folder, NULL};
	const BaseSpawn spawn = {.argv = argv};

	return base_process_run(&spawn, NULL, 4096, -1, NULL, NULL);
}

static void add_pid(Server *server, const char *folder, const char *name)
{
	g_autofree char *file = g_strdup_printf("%s/%s.pid", folder, name);
	g_autofree char *text = NULL;

	if (g_file_get_contents(file, &text, NULL, NULL))
		server->pids[server->n_pids++] = (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* The control plane that is to be taken down, however this program ends. */
static char *peer_folder;

static void take_down(void)
{
	if (peer_folder != NULL)
		testbed("down", peer_folder);
	g_clear_pointer(&peer_folder, g_free);
}

static gboolean measure_peer(Server *server, const char *folder)
{
	g_autofree char *kubeconfig = g_build_filename(folder, "admin.kubeconfig", NULL);

	if (!testbed("path", NULL))
		return FALSE;
	peer_folder = g_strdup(folder);
	atexit(take_down);
	if (!testbed("up", folder))
		return FALSE;
	add_pid(server, folder, "apiserver");
	add_pid(server, folder, "etcd");
	measure_server(server, kubeconfig);
	take_down();
	return TRUE;
}

/* Milliseconds of one fsync after 4 kB in `folder`: what a durable write costs on this disk. */
static double fsync_ms(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "fsync", NULL);
	g_auto(BaseFd) fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	char block[4096] = {0};
	gint64 start = g_get_monotonic_time();

	for (guint i = 0; i < FSYNCS; i++) {
		if (write(fd, block, sizeof(block)) != (gssize)sizeof(block) || fsync(fd) != 0)
			return -1;
	}
	return (double)(g_get_monotonic_time() - start) / FSYNCS / 1000;
}

static void print(const Server *ours, const Server *peer)
{
	printf("%-38s %12s %22s %8s\n", "", ours->name, peer == NULL ? "-" : peer->name, "ratio");
	for (Figure i = 0; i < FIGURE_COUNT; i++) {
		int digits = figures[i].memory ? 1 : 0;
		double mine = ours->figures[i];

		printf("%-38s %12.*f", figures[i].name, digits, mine);
		if (peer != NULL)
			printf(" %22.*f %7.1fx", digits, peer->figures[i],
			       figures[i].memory ? peer->figures[i] / mine
						 : mine / peer->figures[i]);
		printf("\n");
	}
}

int main(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = g_dir_make_tmp("espalier-bench-XXXXXX", &error);
	g_autofree char *own = NULL;
	g_autofree char *real = NULL;
	Server ours = {.name = "espalier"};
	Server peer = {.name = "kube-apiserver+etcd"};
	gboolean has_peer;

	if (folder == NULL)
		die("temporary folder", error);
	own = g_build_filename(folder, "own", NULL);
	real = g_build_filename(folder, "real", NULL);
	printf("API server: %d Devices of about 600 bytes, %d connections over TLS; one fsync here "
	       "takes %.2f ms: espalier waits for it, the peer's etcd runs without\n",
	       OBJECTS, THREADS, fsync_ms(folder));
	measure_ours(&ours, own);
	has_peer = measure_peer(&peer, real);
	print(&ours, has_peer ? &peer : NULL);
	base_tree_remove(folder, NULL);
	return 0;
}
