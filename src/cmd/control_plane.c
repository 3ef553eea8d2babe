#include "cmd/control_plane.h"

#include "apiserver/kubeconfig.h"
#include "apiserver/server.h"
#include "artefact/bundle.h"
#include "artefact/server.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "broker/local.h"
#include "cmd/tokens.h"
#include "controllers/controllers.h"
#include "http/pki.h"
#include "kube/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_FILE "api.sock"
#define CA_FILE "ca.crt"

enum {
	API_THREADS = 3,
	ARTEFACT_THREADS = 2,
	LOCK_TRIES = 25,
	LOCK_PAUSE_US = 20 * 1000,
};

struct ControlPlane {
	char *folder;
	char *address;
	char *artefacts_root;
	char *kubeconfig;
	BaseFileLock *lock;
	CmdPorts ports;
	HttpPki *pki;
	char *certificate_pem; /* of API and artefact server */
	char *key_pem;         /* secret */
	gboolean broker_stale; /* the broker has yet to read its new certificate */
	Broker *broker;
	Store *store;
	char *tokens[API_PERSONA_COUNT]; /* secret */
	ApiServer *api;
	KubeClient *client;
	Controllers *controllers;
	ArtefactServer *artefacts;
	ControlPlaneTimes times;
};

static char *in_folder(const ControlPlane *plane, const char *name)
{
	return cmd_data_path(plane->folder, name);
}

/* --- the folder and its certificates --- */

/* A process that was killed holds its lock until its last thread is gone, a moment later. */
static BaseFileLock *lock_with_patience(const char *path, GError **error)
{
	for (int i = 1;; i++) {
		g_autoptr(GError) fault = NULL;
		BaseFileLock *lock = base_file_lock(path, &fault);

		if (lock != NULL)
			return lock;
		if (i == LOCK_TRIES || !g_error_matches(fault, BASE_ERROR, BASE_ERROR_BUSY)) {
			g_propagate_error(error, g_steal_pointer(&fault));
			return NULL;
		}
		g_usleep(LOCK_PAUSE_US);
	}
}

static gboolean take_folder(ControlPlane *plane, gboolean *used, GError **error)
{
	g_autofree char *lock_path = in_folder(plane, "lock");
	g_autofree char *pid_path = in_folder(plane, "pid");
	g_autofree char *pid = g_strdup_printf("%d\n", (int)getpid());

	if (!base_folder_make(plane->folder, 0700, error))
		return FALSE;
	plane->lock = lock_with_patience(lock_path, error);
	if (plane->lock == NULL) {
		if (error != NULL && g_error_matches(*error, BASE_ERROR, BASE_ERROR_BUSY)) {
			*used = TRUE;
			g_clear_error(error);
			g_set_error(error, BASE_ERROR, BASE_ERROR_BUSY,
				    "another process (%d) already runs in %s: end it with "
				    "`espalier down "
				    "--data %s`, or give "
				    "another folder with --data",
				    cmd_data_folder_owner(plane->folder), plane->folder,
				    plane->folder);
		}
		return FALSE;
	}
	return base_folder_sweep(plane->folder, error) &&
	       base_file_write(pid_path, pid, strlen(pid), 0600, error);
}

static gboolean issue(ControlPlane *plane, const char *folder_name, char **certificate_pem,
		      char **key_pem, gboolean *renewed, GError **error)
{
	g_autofree char *folder = in_folder(plane, folder_name);
	g_autofree char *certificate = cmd_data_path(folder, "server.crt");
	g_autofree char *key = cmd_data_path(folder, "server.key");
	const char *const names[] = {plane->address, "127.0.0.1", "localhost", g_get_host_name(),
				     NULL};
	const char *const *from = strcmp(plane->address, "127.0.0.1") == 0 ? names + 1 : names;

	return base_folder_make(folder, 0700, error) &&
	       http_pki_ensure(plane->pki, certificate, key, from, certificate_pem, key_pem,
			       renewed, error);
}

static gboolean make_certificates(ControlPlane *plane, GError **error)
{
	g_autofree char *broker_folder = in_folder(plane, "broker");
	g_autofree char *broker_ca = cmd_data_path(broker_folder, CA_FILE);
	const char *ca_pem;

	plane->pki = http_pki_open(plane->folder, error);
	if (plane->pki == NULL ||
	    !issue(plane, "tls", &plane->certificate_pem, &plane->key_pem, NULL, error) ||
	    !issue(plane, "broker", NULL, NULL, NULL, error))
		return FALSE;
	ca_pem = http_pki_ca_pem(plane->pki);
	return base_file_update(broker_ca, ca_pem, strlen(ca_pem), 0600, NULL, error);
}

/* --- broker --- */

static void on_broker_changed(Broker *broker, const BrokerStatus *status, gpointer data)
{
	ControlPlane *plane = data;
	Controllers *controllers = g_atomic_pointer_get(&plane->controllers);

	(void)broker;
	base_log(status->up ? BASE_LOG_INFO : BASE_LOG_WARNING, "broker", "%s%s%s",
		 status->up ? "up" : "down", status->up ? "" : ": ", status->reason);
	if (controllers != NULL)
		controllers_broker_changed(controllers);
}

static gboolean start_broker(ControlPlane *plane, GError **error)
{
	g_autofree char *folder = in_folder(plane, "broker");
	BrokerLocalOptions options = {
		.folder = folder,
		.address = plane->address,
		.port = plane->ports.broker,
		.on_change = on_broker_changed,
		.on_change_data = plane,
	};

	gint64 began_us = base_clock_monotonic_us();
	gboolean started;

	plane->broker = broker_local_new(&options, error);
	started = plane->broker != NULL && broker_start(plane->broker, error);
	plane->times.broker_us = base_clock_monotonic_us() - began_us;
	return started;
}

/* --- API --- */

static gboolean write_kubeconfigs(ControlPlane *plane, GError **error)
{
	g_autofree char *url = g_strdup_printf("https://%s:%u", plane->address, plane->ports.api);

	for (int persona = API_PERSONA_VIEWER; persona < API_PERSONA_COUNT; persona++) {
		const char *name = api_persona_name((ApiPersona)persona);
		g_autofree char *file = persona == API_PERSONA_ADMINISTRATOR
						? g_strdup("kubeconfig")
						: g_strconcat("kubeconfig.", name, NULL);
		g_autofree char *path = in_folder(plane, file);
		ApiKubeconfig config = {
			.server = url,
			.ca_pem = http_pki_ca_pem(plane->pki),
			.token = plane->tokens[persona],
			.user = name,
			.cluster = "espalier",
		};

		if (!api_kubeconfig_write(path, &config, error))
			return FALSE;
	}
	plane->kubeconfig = in_folder(plane, "kubeconfig");
	return TRUE;
}

static gboolean start_api(ControlPlane *plane, GError **error)
{
	g_autofree char *database = in_folder(plane, "state.db");
	g_autofree char *socket = in_folder(plane, SOCKET_FILE);
	ApiServerOptions options = {
		.listen_address = plane->address,
		.port = plane->ports.api,
		.certificate_pem = plane->certificate_pem,
		.key_pem = plane->key_pem,
		.socket_path = socket,
		.threads = API_THREADS,
	};

	if (!cmd_tokens_load(plane->folder, plane->tokens, error))
		return FALSE;
	for (int persona = 0; persona < API_PERSONA_COUNT; persona++)
		options.tokens[persona] = plane->tokens[persona];
	plane->store = store_open(database, NULL, error);
	if (plane->store == NULL)
		return FALSE;
	options.store = plane->store;
	plane->api = api_server_new(&options, error);
	return plane->api != NULL && write_kubeconfigs(plane, error);
}

/* --- artefact server: who may have what is asked of the API and the controllers --- */

static char *on_device_class(const char *space, const char *device, const char *password,
			     gpointer data)
{
	return controllers_device_login(((ControlPlane *)data)->controllers, space, device,
					password);
}

static gboolean on_person_may(const char *token, ArtefactVerb verb, const char *space,
			      gpointer data)
{
	ControlPlane *plane = data;
	ApiPersona persona = API_PERSONA_NONE;

	(void)space;
	if (!api_server_authenticate(plane->api, token, &persona))
		return FALSE;
	return persona >=
	       (verb == ARTEFACT_WRITE ? API_PERSONA_CLUSTER_MANAGER : API_PERSONA_VIEWER);
}

static GBytes *on_config(const char *space, const char *device, gpointer data)
{
	return controllers_device_config(((ControlPlane *)data)->controllers, space, device);
}

static char *on_current(const char *space, const char *class_name, gpointer data)
{
	return controllers_class_current(((ControlPlane *)data)->controllers, space, class_name);
}

static ArtefactPlace *on_place(const char *space, const char *class_name, gpointer data)
{
	return controllers_class_place(((ControlPlane *)data)->controllers, space, class_name);
}

static void on_published(const char *space, const char *class_name, const char *hash, gpointer data)
{
	(void)hash;
	controllers_bundle_published(((ControlPlane *)data)->controllers, space, class_name);
}

static gboolean start_artefacts(ControlPlane *plane, GError **error)
{
	static const ArtefactServerCallbacks callbacks = {
		.device_class = on_device_class,
		.person_may = on_person_may,
		.config = on_config,
		.current = on_current,
		.place = on_place,
		.published = on_published,
	};
	HttpServerOptions http = {
		.address = plane->address,
		.port = plane->ports.artefacts,
		.certificate_pem = plane->certificate_pem,
		.key_pem = plane->key_pem,
		.n_threads = ARTEFACT_THREADS,
	};

	plane->artefacts = artefact_server_new(&http, &callbacks, plane, error);
	return plane->artefacts != NULL;
}

/* --- controllers --- */

static gboolean make_controllers(ControlPlane *plane, GError **error)
{
	g_autofree char *socket = in_folder(plane, SOCKET_FILE);
	g_autoptr(KubeConfig) config = kube_config_unix_socket(socket);
	g_autofree char *program = artefact_host_firmware_path(NULL);
	g_autofree char *url =
		g_strdup_printf("https://%s:%u", plane->address, plane->ports.artefacts);
	ControllersOptions options = {
		.broker = plane->broker,
		.artefacts_root = plane->artefacts_root,
		/* A class that asks for it says what is missing. */
		.host_firmware = program != NULL ? program : "espalier-host-firmware",
		.artefact_url = url,
	};

	if (!base_folder_make(plane->artefacts_root, 0700, error))
		return FALSE;
	plane->client = kube_client_new(config, error);
	if (plane->client == NULL)
		return FALSE;
	options.client = plane->client;
	g_atomic_pointer_set(&plane->controllers, controllers_new(&options));
	return TRUE;
}

static gboolean start_all(ControlPlane *plane, const ControlPlaneOptions *options, gboolean *used,
			  GError **error)
{
	return take_folder(plane, used, error) &&
	       cmd_ports_choose(plane->folder, plane->address, &options->ports, &plane->ports,
				error) &&
	       make_certificates(plane, error) && start_broker(plane, error) &&
	       start_api(plane, error) && make_controllers(plane, error) &&
	       start_artefacts(plane, error) && controllers_start(plane->controllers, error);
}

/* One row a listener: what its "taken" error is, and the option that moves it. */
static const struct {
	GQuark (*domain)(void);
	int code;
} taken_errors[] = {
	{http_error_quark, HTTP_ERROR_ADDRESS_USED},
	{broker_error_quark, BROKER_ERROR_PORT_IN_USE},
};

static void add_remedy(const ControlPlane *plane, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(taken_errors); i++)
		if (g_error_matches(*error, taken_errors[i].domain(), taken_errors[i].code)) {
			g_autofree char *message = g_strdup_printf(
				"%s. The ports of %s were chosen once (ports.json), for flashed "
				"devices know them: end the "
				"other program, or choose others with --port, --broker-port or "
				"--artefact-port and flash "
				"the devices again",
				(*error)->message, plane->folder);

			g_clear_error(error);
			g_set_error_literal(error, BASE_ERROR, BASE_ERROR_BUSY, message);
			return;
		}
}

ControlPlane *control_plane_start(const ControlPlaneOptions *options, gboolean *used,
				  GError **error)
{
	ControlPlane *plane = g_new0(ControlPlane, 1);
	g_autoptr(GError) fault = NULL;
	gint64 began_us = base_clock_monotonic_us();

	plane->folder = g_strdup(options->folder);
	plane->address = g_strdup(options->address);
	plane->artefacts_root = options->artefacts_root != NULL
					? g_canonicalize_filename(options->artefacts_root, NULL)
					: in_folder(plane, "artefacts");
	*used = FALSE;
	if (start_all(plane, options, used, &fault)) {
		plane->times.total_us = base_clock_monotonic_us() - began_us;
		return plane;
	}
	add_remedy(plane, &fault);
	g_propagate_error(error, g_steal_pointer(&fault));
	control_plane_free(plane);
	return NULL;
}

void control_plane_free(ControlPlane *plane)
{
	if (plane == NULL)
		return;
	if (plane->controllers != NULL)
		controllers_stop(plane->controllers);
	artefact_server_free(plane->artefacts);
	api_server_free(plane->api);
	broker_free(plane->broker);
	controllers_free(plane->controllers);
	kube_client_free(plane->client);
	store_close(plane->store);
	http_pki_free(plane->pki);
	for (int persona = 0; persona < API_PERSONA_COUNT; persona++)
		base_secret_free(plane->tokens[persona]);
	g_free(plane->certificate_pem);
	base_secret_free(plane->key_pem);
	g_free(plane->kubeconfig);
	g_free(plane->artefacts_root);
	g_free(plane->address);
	g_free(plane->folder);
	base_file_lock_free(plane->lock);
	g_free(plane);
}

/* Shows API and artefact server's callers what is in the files now. Compared with what is shown,
 * not with what was just written: what failed half-way is made up for the next time. */
static gboolean show_certificate(ControlPlane *plane, GError **error)
{
	g_autofree char *certificate = NULL;
	char *key = NULL;
	gboolean shown = issue(plane, "tls", &certificate, &key, NULL, error);

	if (shown && strcmp(certificate, plane->certificate_pem) != 0) {
		shown = api_server_set_certificate(plane->api, certificate, key, error) &&
			http_server_set_certificate(artefact_server_http(plane->artefacts),
						    certificate, key, error);
		if (shown) {
			g_free(plane->certificate_pem);
			plane->certificate_pem = g_steal_pointer(&certificate);
		}
	}
	base_secret_free(key);
	return shown;
}

static gboolean show_broker_certificate(ControlPlane *plane, GError **error)
{
	gboolean renewed = FALSE;

	if (!issue(plane, "broker", NULL, NULL, &renewed, error))
		return FALSE;
	plane->broker_stale |= renewed;
	if (plane->broker_stale && !broker_reload_certificate(plane->broker, error))
		return FALSE;
	plane->broker_stale = FALSE;
	return TRUE;
}

gboolean control_plane_renew(ControlPlane *plane, GError **error)
{
	g_autoptr(GError) broker_error = NULL;
	gboolean shown = show_certificate(plane, error);

	/* One that fails is no reason to leave the other to its end. */
	if (show_broker_certificate(plane, &broker_error))
		return shown;
	if (shown)
		g_propagate_error(error, g_steal_pointer(&broker_error));
	return FALSE;
}

ControlPlaneTimes control_plane_times(const ControlPlane *plane)
{
	return plane->times;
}

const CmdPorts *control_plane_ports(const ControlPlane *plane)
{
	return &plane->ports;
}

const char *control_plane_kubeconfig(const ControlPlane *plane)
{
	return plane->kubeconfig;
}
