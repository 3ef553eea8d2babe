/* kube/config.h — where the API server is and who we are: kubeconfig files, a Pod's service
 * account, or the unix socket of one-machine mode. Plain values; any thread. */
#pragma once

#include <glib.h>

enum {
	KUBE_CONFIG_MAX_BYTES = 1024 * 1024, /* one kubeconfig file */
	KUBE_CONFIG_MAX_FILES = 16,          /* entries of KUBECONFIG */
};

/* All strings are the struct's own; NULL where not given. */
typedef struct {
	char *server;      /* "https://127.0.0.1:6443" */
	char *unix_socket; /* instead of TCP; the caller there is the administrator */
	char *server_name; /* tls-server-name */
	char *ca_pem;      /* certificate-authority(-data) */
	char *client_certificate_pem;
	char *client_key_pem; /* secret */
	char *token;          /* secret */
	char *token_file;     /* read again every minute */
	char *username;
	char *password; /* secret */
	char *proxy_url;
	char *name_space; /* of the context; never NULL ("default") */
	char *context;    /* its name; NULL without kubeconfig */
	gboolean insecure_skip_verify;
} KubeConfig;

/* The current context (or `context`) of one kubeconfig file, YAML or JSON. Relative paths in it are
 * relative to its folder. Yours, or NULL with KUBE_ERROR_CONFIG (names file and field) or a
 * BASE_ERROR_* of reading it. */
KubeConfig *kube_config_load(const char *path, const char *context, GError **error);

/* The same from text. `name` is for messages, `folder` for relative paths (NULL: they are refused).
 */
KubeConfig *kube_config_parse(const char *text, gsize size_bytes, const char *name,
			      const char *folder, const char *context, GError **error);

/* What kubectl would take: `explicit_path` if not NULL, else the files of the variable KUBECONFIG
 * (separated by ':', the first to name a thing wins, missing ones are skipped), else
 * ~/.kube/config, else the Pod's service account. */
KubeConfig *kube_config_load_default(const char *explicit_path, const char *context,
				     GError **error);

/* The Pod's service account: KUBERNETES_SERVICE_HOST and _PORT, and token, ca.crt and namespace
 * below `folder` (NULL: /var/run/secrets/kubernetes.io/serviceaccount). KUBE_ERROR_CONFIG outside
 * of a Pod. */
KubeConfig *kube_config_in_cluster(const char *folder, GError **error);

/* One-machine mode: plain HTTP over a unix socket. */
KubeConfig *kube_config_unix_socket(const char *path);

/* Wipes secrets and frees. NULL is nothing. */
void kube_config_free(KubeConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeConfig, kube_config_free)
