#include "cmd/locate.h"

#include "artefact/place.h"
#include "base/digest.h"
#include "cmd/connect.h"
#include "cmd/data_folder.h"
#include "kube/config.h"
#include "kube/error.h"

#include <string.h>

enum {
	TRANSFER_TIMEOUT_MS = 10 * 60 * 1000,
};

void cmd_artefacts_clear(CmdArtefacts *artefacts)
{
	g_free(artefacts->url);
	base_secret_free(artefacts->token);
	http_client_free(artefacts->http);
	memset(artefacts, 0, sizeof *artefacts);
}

/* "https://host:port" of a longer URL, or NULL. Yours. */
static char *origin_of(const char *url)
{
	const char *scheme_end = url != NULL ? strstr(url, "://") : NULL;

	if (scheme_end == NULL)
		return NULL;
	return g_strndup(url, (gsize)(scheme_end - url) + 3 + strcspn(scheme_end + 3, "/"));
}

static char *without_slash(const char *url)
{
	char *copy = g_strdup(url);

	while (g_str_has_suffix(copy, "/"))
		copy[strlen(copy) - 1] = '\0';
	return copy;
}

/* The host of the API beside the port that the data folder keeps. */
static char *url_of_data_folder(const KubeConfig *config, const char *kubeconfig)
{
	g_autofree char *folder = kubeconfig != NULL ? g_path_get_dirname(kubeconfig) : NULL;
	g_autofree char *origin = origin_of(config->server);
	CmdPorts ports;
	char *colon;

	if (folder == NULL || origin == NULL || !cmd_ports_load(folder, &ports, NULL) ||
	    ports.artefacts == 0)
		return NULL;
	colon = strrchr(origin, ':');
	if (colon != NULL && strchr(colon, ']') == NULL && colon[1] != '/')
		*colon = '\0';
	return g_strdup_printf("%s:%u", origin, ports.artefacts);
}

static char *find_url(KubeClient *client, const json_t *device_class, const KubeConfig *config,
		      const char *kubeconfig)
{
	const char *cluster_name =
		base_json_get_string(device_class, "spec", "deviceClusterReference", "name", NULL);
	g_autoptr(json_t) cluster = NULL;
	const char *public_url;
	char *url;

	if (cluster_name != NULL)
		cluster = kube_get(client, &kube_device_clusters,
				   kube_object_namespace(device_class), cluster_name, NULL);
	public_url = base_json_get_string(cluster, "spec", "artefacts", "publicUrl", NULL);
	if (public_url != NULL)
		return without_slash(public_url);
	url = origin_of(base_json_get_string(device_class, "status", "firmware", "artefact", NULL));
	return url != NULL ? url : url_of_data_folder(config, kubeconfig);
}

gboolean cmd_artefacts_locate(KubeClient *client, const json_t *device_class,
			      CmdArtefacts *artefacts, GError **error)
{
	g_autofree char *kubeconfig = cmd_connect_kubeconfig_path();
	g_autoptr(KubeConfig) config = kube_config_load_default(kubeconfig, NULL, error);
	HttpClientOptions options = {0};

	if (config == NULL)
		return FALSE;
	if (kubeconfig == NULL)
		kubeconfig = g_strdup(g_getenv("KUBECONFIG"));
	artefacts->url = find_url(client, device_class, config, kubeconfig);
	if (artefacts->url == NULL) {
		g_set_error(
			error, KUBE_ERROR, KUBE_ERROR_CONFIG,
			"nobody says where the artefact server is: set spec.artefacts.publicUrl "
			"of the DeviceCluster, or use the kubeconfig in the folder of `espalier "
			"up`");
		return FALSE;
	}
	artefacts->token = g_strdup(config->token);
	options.base_url = artefacts->url;
	options.ca_pem = config->ca_pem;
	options.bearer_token = config->token;
	options.bearer_token_file = config->token_file;
	artefacts->http = http_client_new(&options, error);
	return artefacts->http != NULL;
}

static char *path_of(const json_t *device_class, const char *hash, const char *file)
{
	return g_strdup_printf("/v1/%s/classes/%s/%s/%s", kube_object_namespace(device_class),
			       kube_object_name(device_class), hash, file);
}

/* What the server said, or what its status means. */
static gboolean fail_status(const CmdArtefacts *artefacts, const char *file,
			    const HttpResponse *response, GError **error)
{
	gsize size;
	const char *text = g_bytes_get_data(response->body, &size);
	g_autoptr(json_t) body = base_json_parse(text != NULL ? text : "", size, NULL);
	const char *said = base_json_get_string(body, "error", NULL);
	const char *hint = base_json_get_string(body, "hint", NULL);

	if (response->status == 404)
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND,
			    "%s: %s has no %s for you: may your role do this, and is the class's "
			    "Storage there? (espalier describe deviceclass NAME)",
			    artefacts->url, "the artefact server", file);
	else
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID, "%s: %s: %s; %s",
			    artefacts->url, file, said != NULL ? said : "an answer that is no JSON",
			    hint != NULL ? hint : "is this the artefact server?");
	return FALSE;
}

GBytes *cmd_artefacts_get(const CmdArtefacts *artefacts, const json_t *device_class,
			  const char *hash, const char *file, GError **error)
{
	g_autofree char *path = path_of(device_class, hash, file);
	HttpRequest request = {.path = path,
			       .timeout_ms = TRANSFER_TIMEOUT_MS,
			       .max_body_bytes = ARTEFACT_MAX_FILE_BYTES};
	g_autoptr(HttpResponse) response = http_client_send(artefacts->http, &request, error);

	if (response == NULL)
		return NULL;
	if (response->status == 200)
		return g_bytes_ref(response->body);
	fail_status(artefacts, file, response, error);
	return NULL;
}

gboolean cmd_artefacts_put(const CmdArtefacts *artefacts, const json_t *device_class,
			   const char *hash, const char *file, GBytes *bytes, gboolean *published,
			   GError **error)
{
	g_autofree char *path = path_of(device_class, hash, file);
	HttpRequest request = {
		.method = "PUT", .path = path, .body = bytes, .timeout_ms = TRANSFER_TIMEOUT_MS};
	g_autoptr(HttpResponse) response = http_client_send(artefacts->http, &request, error);

	if (response == NULL)
		return FALSE;
	if (response->status != 201 && response->status != 202)
		return fail_status(artefacts, file, response, error);
	*published = response->status == 201;
	return TRUE;
}
