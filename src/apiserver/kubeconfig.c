#include "apiserver/kubeconfig.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

/* A JSON string is a YAML scalar that means the same. */
static char *quoted(const char *text)
{
	g_autoptr(json_t) value = json_string(text);

	return json_dumps(value, JSON_ENCODE_ANY);
}

gboolean api_kubeconfig_write(const char *path, const ApiKubeconfig *config, GError **error)
{
	g_autofree char *ca =
		g_base64_encode((const guchar *)config->ca_pem, strlen(config->ca_pem));
	g_autofree char *server = quoted(config->server);
	g_autofree char *cluster = quoted(config->cluster);
	g_autofree char *user = quoted(config->user);
	g_autofree char *token = quoted(config->token);
	g_autofree char *namespace =
		quoted(config->namespace != NULL ? config->namespace : "default");
	char *text = g_strdup_printf("apiVersion: v1\n"
				     "kind: Config\n"
				     "clusters:\n"
				     "- name: %s\n"
				     "  cluster:\n"
				     "    server: %s\n"
				     "    certificate-authority-data: %s\n"
				     "users:\n"
				     "- name: %s\n"
				     "  user:\n"
				     "    token: %s\n"
				     "contexts:\n"
				     "- name: %s\n"
				     "  context:\n"
				     "    cluster: %s\n"
				     "    user: %s\n"
				     "    namespace: %s\n"
				     "current-context: %s\n",
				     cluster, server, ca, user, token, cluster, cluster, user,
				     namespace, cluster);
	gboolean ok = base_file_update(path, text, strlen(text), 0600, NULL, error);

	base_secret_free(text);
	explicit_bzero(token, strlen(token));
	return ok;
}
