/* The site: controllers with a broker of their own in a temporary folder, and a namespace a case.
 */
#include "kube/controllers_suite.h"

#include "base/digest.h"
#include "base/file.h"
#include "http/pki.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static guint16 free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size_bytes = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	gboolean bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, size_bytes) == 0 &&
			 getsockname(fd, (struct sockaddr *)&address, &size_bytes) == 0;

	if (fd >= 0)
		close(fd);
	return bound ? ntohs(address.sin_port) : 0;
}

static gboolean make_certificate(Site *site, GError **error)
{
	static const char *const names[] = {"127.0.0.1", NULL};
	g_autofree char *ca = g_build_filename(site->broker_folder, "ca.crt", NULL);
	g_autofree char *certificate = g_build_filename(site->broker_folder, "server.crt", NULL);
	g_autofree char *key = g_build_filename(site->broker_folder, "server.key", NULL);
	g_autoptr(HttpPki) pki = http_pki_open(site->folder, error);
	const char *pem = pki == NULL ? NULL : http_pki_ca_pem(pki);

	return pki != NULL && base_folder_make(site->broker_folder, 0700, error) &&
	       base_file_write(ca, pem, strlen(pem), 0600, error) &&
	       http_pki_ensure(pki, certificate, key, names, NULL, NULL, NULL, error);
}

static void on_broker_changed(Broker *broker, const BrokerStatus *status, gpointer data)
{
	Site *site = data;
	Controllers *controllers = g_atomic_pointer_get(&site->controllers);

	(void)broker;
	(void)status;
	if (controllers != NULL)
		controllers_broker_changed(controllers);
}

static gboolean start_broker(Site *site, GError **error)
{
	BrokerLocalOptions options = {
		.folder = site->broker_folder,
		.address = "127.0.0.1",
		.port = site->broker_port,
		.on_change = on_broker_changed,
		.on_change_data = site,
	};

	site->broker = broker_local_new(&options, error);
	return site->broker != NULL && broker_start(site->broker, error);
}

gboolean site_start_controllers(Site *site, GError **error)
{
	ControllersOptions options = {
		.broker = site->broker,
		.artefacts_root = site->artefacts_root,
		.host_firmware = site->host_firmware,
		.artefact_url = "https://127.0.0.1:1",
	};

	site->watched = kube_client_new(site->config, error);
	if (site->watched == NULL)
		return FALSE;
	options.client = site->watched;
	g_atomic_pointer_set(&site->controllers, controllers_new(&options));
	return controllers_start(site->controllers, error);
}

void site_stop_controllers(Site *site)
{
	Controllers *controllers = site->controllers;

	if (controllers != NULL)
		controllers_stop(controllers);
	g_atomic_pointer_set(&site->controllers, NULL);
	controllers_free(controllers);
	g_clear_pointer(&site->watched, kube_client_free);
}

static gboolean start_all(Site *site, const char *kubeconfig, GError **error)
{
	site->config = kube_config_load(kubeconfig, NULL, error);
	if (site->config == NULL)
		return FALSE;
	site->client = kube_client_new(site->config, error);
	return site->client != NULL && make_certificate(site, error) &&
	       base_folder_make(site->artefacts_root, 0700, error) && start_broker(site, error) &&
	       site_start_controllers(site, error);
}

Site *site_new(const char *kubeconfig, const char *host_firmware, const char *samples,
	       GError **error)
{
	Site *site = g_new0(Site, 1);

	site->host_firmware = host_firmware;
	site->samples = samples;
	site->folder = g_dir_make_tmp("espalier-controllers-XXXXXX", error);
	if (site->folder != NULL) {
		site->broker_folder = g_build_filename(site->folder, "broker", NULL);
		site->artefacts_root = g_build_filename(site->folder, "artefacts", NULL);
		site->broker_port = free_port();
		if (start_all(site, kubeconfig, error))
			return site;
	}
	site_free(site);
	return NULL;
}

void site_free(Site *site)
{
	if (site == NULL)
		return;
	if (site->controllers != NULL)
		controllers_stop(site->controllers);
	/* The broker calls back until it has stopped. */
	if (site->broker != NULL)
		broker_stop(site->broker);
	site_stop_controllers(site);
	broker_free(site->broker);
	kube_client_free(site->client);
	kube_config_free(site->config);
	if (site->folder != NULL)
		base_tree_remove(site->folder, NULL);
	g_free(site->broker_folder);
	g_free(site->artefacts_root);
	g_free(site->folder);
	g_free(site->name_space);
	g_free(site);
}

/* --- a namespace for each case --- */

gboolean site_enter(Site *site, GError **error)
{
	g_autofree char *id = base_random_uuid();
	g_autoptr(json_t) object = NULL;
	g_autoptr(json_t) made = NULL;

	g_free(site->name_space);
	site->name_space = g_strdup_printf("case-%.8s", id);
	object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
			   "metadata", "name", site->name_space);
	made = kube_create(site->client, &kube_namespaces, NULL, object, NULL, error);
	return made != NULL;
}

static void delete_all(Site *site, const KubeResource *resource)
{
	g_autoptr(json_t) list = kube_list(site->client, resource, site->name_space, NULL, NULL);
	gsize i;
	json_t *object;

	json_array_foreach (json_object_get(list, "items"), i, object)
		kube_delete(site->client, resource, site->name_space, kube_object_name(object),
			    NULL, NULL);
}

static gboolean no_device_is_left(gpointer data)
{
	Site *site = data;
	g_autoptr(json_t) list =
		kube_list(site->client, &kube_devices, site->name_space, NULL, NULL);

	return list != NULL && json_array_size(json_object_get(list, "items")) == 0;
}

/* The broker is one, so no cluster of a case may stay behind. */
void site_leave(Site *site)
{
	delete_all(site, &kube_devices);
	suite_wait(no_device_is_left, site, SITE_PATIENCE_S);
	delete_all(site, &kube_device_clusters);
	delete_all(site, &kube_device_classes);
	delete_all(site, &kube_device_groups);
	delete_all(site, &kube_storages);
	kube_delete(site->client, &kube_namespaces, NULL, site->name_space, NULL, NULL);
}
