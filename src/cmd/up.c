#include "cmd/apply.h"
#include "cmd/commands.h"
#include "cmd/control_plane.h"
#include "cmd/detach.h"
#include "cmd/wait.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "kube/config.h"
#include "model/kinds.h"

#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	DEFAULT_TIMEOUT_S = 120,
	RENEW_INTERVAL_S = 3600,
	STOP_TIMEOUT_S = 10, /* then the process ends whatever still runs */
	MALLOC_ARENAS = 2,   /* threads share: memory counts more here than contention */
	/* Large buffers go back to the system at once. Fixed, since glibc else raises it to the
	 * largest list that was ever answered, and what is freed below it stays. */
	MALLOC_MMAP_BYTES = 32 * 1024,
	TRIM_INTERVAL_S = 10,
};

static char *data_option, *listen_option, *artefacts_option;
static char **file_options;
static int port_option = -1, broker_port_option = -1, artefact_port_option = -1;
static int timeout_option = DEFAULT_TIMEOUT_S;
static char *output_option;
static gboolean detach_option, wait_option, verbose_option;

static const GOptionEntry options[] = {
	{"filename", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &file_options,
	 "apply these manifests once it runs (repeatable)", "FILE|DIR"},
	{"data", 0, 0, G_OPTION_ARG_FILENAME, &data_option, "folder of all state", "DIR"},
	{"listen", 0, 0, G_OPTION_ARG_STRING, &listen_option,
	 "address to listen on and to tell devices (default 127.0.0.1)", "ADDR"},
	{"port", 0, 0, G_OPTION_ARG_INT, &port_option, "port of the API; 0: a free one", "PORT"},
	{"broker-port", 0, 0, G_OPTION_ARG_INT, &broker_port_option,
	 "port of the MQTT broker; 0: a free one", "PORT"},
	{"artefact-port", 0, 0, G_OPTION_ARG_INT, &artefact_port_option,
	 "port of the artefact server; 0: a free one", "PORT"},
	{"artefacts-root", 0, 0, G_OPTION_ARG_FILENAME, &artefacts_option,
	 "folder of the directory Storages", "DIR"},
	{"detach", 0, 0, G_OPTION_ARG_NONE, &detach_option,
	 "return once it runs; the log goes to DIR/log", NULL},
	{"wait", 0, 0, G_OPTION_ARG_NONE, &wait_option,
	 "return only once everything applied is Ready", NULL},
	{"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_option,
	 "how long --wait waits, in seconds (default 120)", "SECONDS"},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option,
	 "json: where everything is, for scripts", "json"},
	{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose_option, "log more", NULL},
	G_OPTION_ENTRY_NULL,
};

/* --- signals --- */

static void end_at_once(int signal_number)
{
	(void)signal_number;
	_exit(CMD_FAILED);
}

static gboolean on_signal(gpointer loop)
{
	g_main_loop_quit(loop);
	return G_SOURCE_REMOVE;
}

/* From here on a second signal, or a stop that takes too long, ends the process; the broker goes
 * with it. */
static void arm_the_end(void)
{
	struct sigaction action = {.sa_handler = end_at_once};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	alarm(STOP_TIMEOUT_S);
}

static gboolean on_renewal(gpointer plane)
{
	g_autoptr(GError) error = NULL;

	if (!control_plane_renew(plane, &error))
		base_log(BASE_LOG_ERROR, "up", "renewing certificates: %s", error->message);
	return G_SOURCE_CONTINUE;
}

/* Pages that a burst left free between what stays go back to the system. */
static gboolean on_trim(gpointer unused)
{
	(void)unused;
	malloc_trim(0);
	return G_SOURCE_CONTINUE;
}

/* --- what a person reads --- */

static void print_json(const char *folder, const char *address, const ControlPlane *plane)
{
	const CmdPorts *ports = control_plane_ports(plane);
	g_autofree char *api = g_strdup_printf("https://%s:%u", address, ports->api);
	g_autofree char *broker = g_strdup_printf("mqtts://%s:%u", address, ports->broker);
	g_autofree char *artefacts = g_strdup_printf("https://%s:%u", address, ports->artefacts);
	g_autoptr(json_t) all =
		json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "data", folder, "pid", (int)getpid(),
			  "kubeconfig", control_plane_kubeconfig(plane), "api", api, "broker",
			  broker, "artefacts", artefacts);
	g_autofree char *text = base_json_dump(all, NULL);

	puts(text);
}

static void print_where(const char *folder, const char *address, const ControlPlane *plane)
{
	const CmdPorts *ports = control_plane_ports(plane);
	ControlPlaneTimes times = control_plane_times(plane);

	printf("Espalier runs in %s, ready in %d ms (%d ms of them the broker)\n"
	       "  API         https://%s:%u\n"
	       "  broker      mqtts://%s:%u\n"
	       "  artefacts   https://%s:%u\n"
	       "  kubeconfig  %s\n"
	       "Next: export KUBECONFIG=%s ; kubectl get espalier   (or: espalier get espalier)\n",
	       folder, (int)(times.total_us / 1000), (int)(times.broker_us / 1000), address,
	       ports->api, address, ports->broker, address, ports->artefacts,
	       control_plane_kubeconfig(plane), control_plane_kubeconfig(plane));
}

/* --- -f and --wait --- */

static KubeClient *own_client(const char *folder, GError **error)
{
	g_autofree char *socket = cmd_data_path(folder, "api.sock");
	g_autoptr(KubeConfig) config = kube_config_unix_socket(socket);

	return kube_client_new(config, error);
}

/* Only our kinds become Ready. */
static GPtrArray *those_that_get_ready(const GPtrArray *applied)
{
	GPtrArray *ours = g_ptr_array_new();

	for (guint i = 0; i < applied->len; i++) {
		CmdObject *object = g_ptr_array_index(applied, i);

		if (strcmp(object->resource->group, MODEL_GROUP) == 0)
			g_ptr_array_add(ours, object);
	}
	return ours;
}

/* What is done once everything runs, on a thread of its own: signals are obeyed meanwhile. */
typedef struct {
	const char *folder;
	int report_fd; /* or -1 */
	KubeClient *client;
	GThread *thread;
} FirstApply;

static CmdExit apply_files(KubeClient *client)
{
	g_autoptr(GPtrArray) applied =
		g_ptr_array_new_with_free_func((GDestroyNotify)cmd_object_free);
	g_autoptr(GPtrArray) ours = NULL;

	if (!cmd_apply(client, (const char *const *)file_options, "default",
		       detach_option || output_option != NULL, applied))
		return CMD_FAILED;
	if (!wait_option)
		return CMD_DONE;
	ours = those_that_get_ready(applied);
	return cmd_wait_for(client, ours, MODEL_CONDITION_READY,
			    base_clock_monotonic_us() + (gint64)timeout_option * G_USEC_PER_SEC);
}

static gboolean was_cancelled(const FirstApply *first)
{
	return http_client_is_cancelled(kube_client_http(first->client));
}

static gpointer first_apply_work(gpointer data)
{
	FirstApply *first = data;
	CmdExit exit = first->client == NULL ? CMD_DONE : apply_files(first->client);

	if (exit == CMD_NOT_READY || (exit == CMD_FAILED && !was_cancelled(first)))
		g_printerr("espalier up: %s; the control plane goes on: correct it with `espalier "
			   "apply`, look again with `espalier wait`, or end it with `espalier down "
			   "--data %s`\n",
			   exit == CMD_NOT_READY ? "not everything was Ready in time"
						 : "not everything could be applied",
			   first->folder);
	else if (exit == CMD_DONE && wait_option && output_option == NULL && first->report_fd < 0)
		puts("Everything applied is Ready.");
	fflush(stdout);
	if (first->report_fd >= 0)
		cmd_detach_report(first->report_fd, first->folder, exit);
	malloc_trim(0);
	return NULL;
}

static gboolean first_apply_start(FirstApply *first, GError **error)
{
	if (file_options != NULL) {
		first->client = own_client(first->folder, error);
		if (first->client == NULL)
			return FALSE;
	}
	first->thread = g_thread_new("first-apply", first_apply_work, first);
	return TRUE;
}

/* What is applied is; what is under way ends. */
static void first_apply_end(FirstApply *first)
{
	if (first->client != NULL)
		kube_client_cancel(first->client);
	if (first->thread != NULL)
		g_thread_join(first->thread);
	kube_client_free(first->client);
}

/* --- the process --- */

static void settle_process(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	mallopt(M_MMAP_THRESHOLD, MALLOC_MMAP_BYTES);
	if (verbose_option)
		base_log_set_level(BASE_LOG_DEBUG);
}

/* Runs until a signal ends it. `report_fd` (or -1) is told the exit status once everything that the
 * caller waits for is done. */
static CmdExit serve(const char *folder, const char *address, int report_fd)
{
	ControlPlaneOptions plane_options = {
		.folder = folder,
		.address = address,
		.artefacts_root = artefacts_option,
		.ports = {port_option, broker_port_option, artefact_port_option},
	};
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	FirstApply first = {.folder = folder, .report_fd = report_fd};
	ControlPlane *plane;
	g_autoptr(GError) error = NULL;
	gboolean used = FALSE;

	settle_process();
	plane = control_plane_start(&plane_options, &used, &error);
	if (plane == NULL) {
		cmd_fail("up", error);
		return used ? CMD_FOLDER_USED : CMD_FAILED;
	}
	g_unix_signal_add(SIGTERM, on_signal, loop);
	g_unix_signal_add(SIGINT, on_signal, loop);
	g_unix_signal_add(SIGHUP, on_signal, loop);
	g_timeout_add_seconds(RENEW_INTERVAL_S, on_renewal, plane);
	g_timeout_add_seconds(TRIM_INTERVAL_S, on_trim, NULL);
	if (output_option != NULL)
		print_json(folder, address, plane);
	else
		print_where(folder, address, plane);
	fflush(stdout);
	if (first_apply_start(&first, &error))
		g_main_loop_run(loop);
	arm_the_end();
	first_apply_end(&first);
	control_plane_free(plane);
	return error == NULL ? CMD_DONE : cmd_fail("up", error);
}

static gboolean ports_are_valid(void)
{
	const int ports[] = {port_option, broker_port_option, artefact_port_option};

	for (gsize i = 0; i < G_N_ELEMENTS(ports); i++)
		if (ports[i] < -1 || ports[i] > G_MAXUINT16)
			return FALSE;
	return TRUE;
}

static CmdExit run(int argc, char **argv)
{
	g_autofree char *folder = NULL;
	const char *address;
	int report_fd = -1;
	CmdExit exit;

	if (!cmd_parse(&cmd_up, &argc, &argv, &exit))
		return exit;
	if (argc > 1)
		return cmd_usage_error("up", "unexpected '%s'; manifests are given with -f",
				       argv[1]);
	if (!ports_are_valid())
		return cmd_usage_error("up", "a port is a number from 0 to 65535");
	if (output_option != NULL && strcmp(output_option, "json") != 0)
		return cmd_usage_error("up", "-o takes json, not '%s'", output_option);
	if (!cmd_timeout_check("up", timeout_option, &exit))
		return exit;
	folder = cmd_data_folder(data_option);
	address = listen_option != NULL ? listen_option : "127.0.0.1";
	if (detach_option && !cmd_detach(&report_fd, &exit))
		return exit;
	return serve(folder, address, report_fd);
}

const CmdCommand cmd_up = {
	.usage = "[-f FILE|DIR] [--data DIR] [--detach [--wait]] [-o json]",
	.examples =
		"  espalier up -f samples/greenhouse\n"
		"  espalier up --detach --wait -f samples/greenhouse\n"
		"  espalier up --data ~/greenhouse --listen \"$(hostname -I | cut -d' ' -f1)\"\n",
	.options = options,
	.run = run,
};
