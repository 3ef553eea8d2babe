#include "cmd/connect.h"

#include "cmd/data_folder.h"
#include "kube/config.h"

char *cmd_connect_kubeconfig, *cmd_connect_data, *cmd_connect_name_space;

char *cmd_connect_kubeconfig_path(void)
{
	g_autofree char *folder = NULL;
	g_autofree char *path = NULL;

	if (cmd_connect_kubeconfig != NULL)
		return g_strdup(cmd_connect_kubeconfig);
	if (cmd_connect_data == NULL && g_getenv("KUBECONFIG") != NULL)
		return NULL;
	folder = cmd_data_folder(cmd_connect_data);
	path = cmd_data_path(folder, "kubeconfig");
	if (cmd_connect_data == NULL && !g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return g_steal_pointer(&path);
}

KubeClient *cmd_connect(GError **error)
{
	g_autofree char *path = cmd_connect_kubeconfig_path();
	g_autoptr(KubeConfig) config = kube_config_load_default(path, NULL, error);

	if (config == NULL) {
		g_prefix_error(error, "no API server to talk to (start one with `espalier up`): ");
		return NULL;
	}
	return kube_client_new(config, error);
}

const char *cmd_connect_namespace(KubeClient *client)
{
	return cmd_connect_name_space != NULL ? cmd_connect_name_space
					      : kube_client_namespace(client);
}
