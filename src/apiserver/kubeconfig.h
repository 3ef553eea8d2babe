/* apiserver/kubeconfig.h — a kubeconfig file for one persona. Any thread. */
#pragma once

#include <glib.h>

typedef struct {
	const char *server; /* "https://127.0.0.1:6443" */
	const char *ca_pem; /* goes in as certificate-authority-data */
	const char *token;
	const char *user;      /* the persona's name */
	const char *cluster;   /* for example "espalier" */
	const char *namespace; /* NULL = default */
} ApiKubeconfig;

/* Writes `path` atomically with mode 0600, if its content differs. FALSE with BASE_ERROR_*. */
gboolean api_kubeconfig_write(const char *path, const ApiKubeconfig *config, GError **error);
