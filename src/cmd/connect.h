/* cmd/connect.h — the API server that a command talks to, and the options that say which. One
 * client a process. */
#pragma once

#include "kube/client.h"

#include <glib.h>

extern char *cmd_connect_kubeconfig, *cmd_connect_data, *cmd_connect_name_space;

/* Rows for a command's option table. */
#define CMD_CONNECT_OPTIONS                                                                        \
	{"namespace",                                                                              \
	 'n',                                                                                      \
	 0,                                                                                        \
	 G_OPTION_ARG_STRING,                                                                      \
	 &cmd_connect_name_space,                                                                  \
	 "namespace (default: the kubeconfig's)",                                                  \
	 "NAME"},                                                                                  \
		{"kubeconfig",      0,     0, G_OPTION_ARG_FILENAME, &cmd_connect_kubeconfig,      \
		 "kubeconfig file", "FILE"},                                                       \
	{                                                                                          \
		"data", 0, 0, G_OPTION_ARG_FILENAME, &cmd_connect_data,                            \
			"folder of a local `espalier up`", "DIR"                                   \
	}

/* A client for --kubeconfig, --data, KUBECONFIG, the default data folder, or what kubectl would
 * take: the first that is there. Yours, or NULL with KUBE_ERROR_CONFIG. */
KubeClient *cmd_connect(GError **error);

/* The namespace of --namespace, else the kubeconfig's. Borrowed. */
const char *cmd_connect_namespace(KubeClient *client);

/* The path of the kubeconfig that cmd_connect would read, yours; NULL: kubectl's own rules. */
char *cmd_connect_kubeconfig_path(void);
