#include "kube/config.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "kube/error.h"

#include <string.h>

#define SERVICE_ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

void kube_config_free(KubeConfig *config)
{
	if (config == NULL)
		return;
	g_free(config->server);
	g_free(config->unix_socket);
	g_free(config->server_name);
	g_free(config->ca_pem);
	g_free(config->client_certificate_pem);
	base_secret_free(config->client_key_pem);
	base_secret_free(config->token);
	g_free(config->token_file);
	g_free(config->username);
	base_secret_free(config->password);
	g_free(config->proxy_url);
	g_free(config->name_space);
	g_free(config->context);
	g_free(config);
}

/* --- several files read as one --- */

/* One file of KUBECONFIG. */
typedef struct {
	char *name;
	char *folder; /* NULL: paths in it are refused */
	json_t *value;
} Source;

static void free_source(gpointer data)
{
	Source *source = data;

	g_free(source->name);
	g_free(source->folder);
	json_decref(source->value);
	g_free(source);
}

/* An entry of clusters, users or contexts: its body and the file it came from. */
typedef struct {
	const Source *source;
	const json_t *body;
	char *path; /* "users[admin].user", for messages */
} Entry;

static void clear_entry(Entry *entry)
{
	g_free(entry->path);
	*entry = (Entry){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, clear_entry)

static gboolean add_source(GPtrArray *sources, const char *text, gsize size_bytes, const char *name,
			   const char *folder, GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) value = base_yaml_parse(text, size_bytes, name, &fault);
	Source *source;

	if (value == NULL)
		return kube_error_set(error, KUBE_ERROR_CONFIG, "%s", fault->message);
	if (!json_is_object(value))
		return kube_error_set(error, KUBE_ERROR_CONFIG, "%s: this is no kubeconfig", name);
	source = g_new0(Source, 1);
	source->name = g_strdup(name);
	source->folder = g_strdup(folder);
	source->value = g_steal_pointer(&value);
	g_ptr_array_add(sources, source);
	return TRUE;
}

static gboolean add_file(GPtrArray *sources, const char *path, GError **error)
{
	g_autoptr(GBytes) bytes = base_file_read(path, KUBE_CONFIG_MAX_BYTES, error);
	g_autofree char *folder = g_path_get_dirname(path);
	gsize size_bytes = 0;
	const char *text;

	if (bytes == NULL)
		return FALSE;
	text = g_bytes_get_data(bytes, &size_bytes);
	return add_source(sources, text != NULL ? text : "", size_bytes, path, folder, error);
}

/* The entry called `name` of `list`; the first file that has it wins. */
static gboolean find_entry(const GPtrArray *sources, const char *list, const char *member,
			   const char *name, Entry *found, GError **error)
{
	for (guint i = 0; i < sources->len; i++) {
		const Source *source = sources->pdata[i];
		const json_t *entries = json_object_get(source->value, list);
		size_t at;
		json_t *entry;

		json_array_foreach (entries, at, entry) {
			if (g_strcmp0(base_json_get_string(entry, "name", NULL), name) != 0)
				continue;
			found->source = source;
			found->body = json_object_get(entry, member);
			found->path = g_strdup_printf("%s[%s].%s", list, name, member);
			return TRUE;
		}
	}
	return kube_error_set(error, KUBE_ERROR_CONFIG,
			      "%s: there is no entry '%s' in its list '%s'",
			      ((Source *)sources->pdata[0])->name, name, list);
}

static const char *current_context(const GPtrArray *sources)
{
	for (guint i = 0; i < sources->len; i++) {
		const char *name = base_json_get_string(((Source *)sources->pdata[i])->value,
							"current-context", NULL);

		if (name != NULL && name[0] != '\0')
			return name;
	}
	return NULL;
}

/* --- fields --- */

static gboolean refuse(const Entry *entry, const char *field, const char *what, GError **error)
{
	/* Only entries that were found are read. */
	g_assert(entry->source != NULL);
	return kube_error_set(error, KUBE_ERROR_CONFIG, "%s: %s.%s %s", entry->source->name,
			      entry->path, field, what);
}

/* A string member; an empty one counts as missing. FALSE if it is something else. */
static gboolean read_string(const Entry *entry, const char *field, char **out, GError **error)
{
	const json_t *value = json_object_get(entry->body, field);

	if (value == NULL || json_is_null(value))
		return TRUE;
	if (!json_is_string(value))
		return refuse(entry, field, "has to be a string: put it in quotes", error);
	if (json_string_length(value) != strlen(json_string_value(value)))
		return refuse(entry, field, "contains a NUL character", error);
	if (json_string_length(value) > 0) {
		g_free(*out);
		*out = g_strdup(json_string_value(value));
	}
	return TRUE;
}

static char *resolve(const Entry *entry, const char *field, const char *path, GError **error)
{
	if (g_path_is_absolute(path))
		return g_strdup(path);
	if (entry->source->folder != NULL)
		return g_build_filename(entry->source->folder, path, NULL);
	refuse(entry, field, "is a relative path, but there is no folder to start from", error);
	return NULL;
}

/* The text of `field` (a path) or of `field`-data (base64), which wins as it does for kubectl. */
static gboolean read_pem(const Entry *entry, const char *field, char **out, GError **error)
{
	g_autofree char *data_field = g_strconcat(field, "-data", NULL);
	g_autofree char *encoded = NULL, *path = NULL, *full = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) fault = NULL;
	gsize size_bytes = 0;
	const char *text;

	if (!read_string(entry, data_field, &encoded, error) ||
	    !read_string(entry, field, &path, error))
		return FALSE;
	if (encoded != NULL) {
		guchar *decoded = g_base64_decode(encoded, &size_bytes);

		bytes = g_bytes_new_take(decoded, size_bytes);
		field = data_field;
	} else if (path != NULL) {
		full = resolve(entry, field, path, error);
		if (full == NULL)
			return FALSE;
		bytes = base_file_read(full, KUBE_CONFIG_MAX_BYTES, &fault);
		if (bytes == NULL)
			return refuse(entry, field, fault->message, error);
	} else {
		return TRUE;
	}
	text = g_bytes_get_data(bytes, &size_bytes);
	if (text == NULL || g_strstr_len(text, (gssize)size_bytes, "-----BEGIN ") == NULL)
		return refuse(entry, field, "holds no PEM (\"-----BEGIN …\")", error);
	*out = g_strndup(text, size_bytes);
	return TRUE;
}

static gboolean read_cluster(const Entry *entry, KubeConfig *config, GError **error)
{
	const json_t *skip = json_object_get(entry->body, "insecure-skip-tls-verify");

	if (!json_is_object(entry->body))
		return kube_error_set(error, KUBE_ERROR_CONFIG, "%s: %s is missing",
				      entry->source->name, entry->path);
	if (!read_string(entry, "server", &config->server, error) ||
	    !read_string(entry, "tls-server-name", &config->server_name, error) ||
	    !read_string(entry, "proxy-url", &config->proxy_url, error) ||
	    !read_pem(entry, "certificate-authority", &config->ca_pem, error))
		return FALSE;
	config->insecure_skip_verify = json_is_true(skip);
	if (config->server == NULL)
		return refuse(entry, "server", "is missing", error);
	if (!g_str_has_prefix(config->server, "https://") &&
	    !g_str_has_prefix(config->server, "http://"))
		return refuse(entry, "server", "has to begin with https:// or http://", error);
	return TRUE;
}

static gboolean read_user(const Entry *entry, KubeConfig *config, GError **error)
{
	g_autofree char *token_file = NULL;

	/* Somebody without credentials of his own, which a server may let in. */
	if (!json_is_object(entry->body))
		return TRUE;
	if (json_object_get(entry->body, "exec") != NULL ||
	    json_object_get(entry->body, "auth-provider") != NULL)
		return refuse(
			entry, "exec",
			"and auth-provider start programs of others, which espalier does not: "
			"use a token, tokenFile or a client certificate",
			error);
	if (!read_string(entry, "token", &config->token, error) ||
	    !read_string(entry, "tokenFile", &token_file, error) ||
	    !read_string(entry, "username", &config->username, error) ||
	    !read_string(entry, "password", &config->password, error) ||
	    !read_pem(entry, "client-certificate", &config->client_certificate_pem, error) ||
	    !read_pem(entry, "client-key", &config->client_key_pem, error))
		return FALSE;
	if ((config->client_certificate_pem == NULL) != (config->client_key_pem == NULL))
		return refuse(entry, "client-certificate",
			      "and client-key belong together: one is missing", error);
	if (token_file == NULL)
		return TRUE;
	config->token_file = resolve(entry, "tokenFile", token_file, error);
	return config->token_file != NULL;
}

static gboolean read_context(const GPtrArray *sources, const char *name, KubeConfig *config,
			     GError **error)
{
	g_auto(Entry) context = {0}, cluster = {0}, user = {0};
	g_autofree char *cluster_name = NULL, *user_name = NULL;

	if (!find_entry(sources, "contexts", "context", name, &context, error) ||
	    !read_string(&context, "cluster", &cluster_name, error) ||
	    !read_string(&context, "user", &user_name, error) ||
	    !read_string(&context, "namespace", &config->name_space, error))
		return FALSE;
	if (cluster_name == NULL)
		return refuse(&context, "cluster", "is missing", error);
	if (!find_entry(sources, "clusters", "cluster", cluster_name, &cluster, error) ||
	    !read_cluster(&cluster, config, error))
		return FALSE;
	if (user_name == NULL)
		return TRUE;
	return find_entry(sources, "users", "user", user_name, &user, error) &&
	       read_user(&user, config, error);
}

static KubeConfig *read_sources(const GPtrArray *sources, const char *context, GError **error)
{
	g_autoptr(KubeConfig) config = g_new0(KubeConfig, 1);

	if (context == NULL)
		context = current_context(sources);
	if (context == NULL) {
		kube_error_set(error, KUBE_ERROR_CONFIG,
			       "%s: current-context is not set: name a context",
			       ((Source *)sources->pdata[0])->name);
		return NULL;
	}
	config->context = g_strdup(context);
	if (!read_context(sources, context, config, error))
		return NULL;
	if (config->name_space == NULL)
		config->name_space = g_strdup("default");
	return g_steal_pointer(&config);
}

/* --- the ways in --- */

KubeConfig *kube_config_load(const char *path, const char *context, GError **error)
{
	g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(free_source);

	return add_file(sources, path, error) ? read_sources(sources, context, error) : NULL;
}

KubeConfig *kube_config_parse(const char *text, gsize size_bytes, const char *name,
			      const char *folder, const char *context, GError **error)
{
	g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(free_source);

	if (size_bytes > KUBE_CONFIG_MAX_BYTES) {
		kube_error_set(error, KUBE_ERROR_CONFIG, "%s: a kubeconfig has at most %d bytes",
			       name, KUBE_CONFIG_MAX_BYTES);
		return NULL;
	}
	if (!add_source(sources, text, size_bytes, name, folder, error))
		return NULL;
	return read_sources(sources, context, error);
}

/* The files of KUBECONFIG that exist. */
static gboolean add_listed(GPtrArray *sources, const char *list, GError **error)
{
	g_auto(GStrv) paths = g_strsplit(list, ":", KUBE_CONFIG_MAX_FILES);

	for (gsize i = 0; paths[i] != NULL; i++) {
		g_autoptr(GError) fault = NULL;

		if (paths[i][0] == '\0' || add_file(sources, paths[i], &fault))
			continue;
		if (!g_error_matches(fault, BASE_ERROR, BASE_ERROR_NOT_FOUND)) {
			g_propagate_error(error, g_steal_pointer(&fault));
			return FALSE;
		}
	}
	return TRUE;
}

KubeConfig *kube_config_load_default(const char *explicit_path, const char *context, GError **error)
{
	const char *listed = g_getenv("KUBECONFIG");
	g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(free_source);
	g_autofree char *home = g_build_filename(g_get_home_dir(), ".kube", "config", NULL);

	if (explicit_path != NULL)
		return kube_config_load(explicit_path, context, error);
	if (!add_listed(sources, listed != NULL && listed[0] != '\0' ? listed : home, error))
		return NULL;
	if (sources->len > 0)
		return read_sources(sources, context, error);
	if (g_getenv("KUBERNETES_SERVICE_HOST") != NULL)
		return kube_config_in_cluster(NULL, error);
	kube_error_set(
		error, KUBE_ERROR_CONFIG,
		"no kubeconfig: neither %s exists nor are we in a Pod; use --kubeconfig FILE",
		listed != NULL && listed[0] != '\0' ? listed : home);
	return NULL;
}

static char *read_text(const char *folder, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GBytes) bytes = base_file_read(path, KUBE_CONFIG_MAX_BYTES, error);
	gsize size_bytes = 0;
	const char *text = bytes != NULL ? g_bytes_get_data(bytes, &size_bytes) : NULL;

	if (bytes == NULL)
		return NULL;
	return g_strndup(text != NULL ? text : "", size_bytes);
}

KubeConfig *kube_config_in_cluster(const char *folder, GError **error)
{
	const char *host = g_getenv("KUBERNETES_SERVICE_HOST");
	const char *port = g_getenv("KUBERNETES_SERVICE_PORT");
	g_autoptr(KubeConfig) config = g_new0(KubeConfig, 1);
	g_autoptr(GError) fault = NULL;
	gboolean is_ipv6 = host != NULL && strchr(host, ':') != NULL;

	if (host == NULL || port == NULL) {
		kube_error_set(error, KUBE_ERROR_CONFIG,
			       "not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT "
			       "are not set");
		return NULL;
	}
	folder = folder != NULL ? folder : SERVICE_ACCOUNT_FOLDER;
	config->server = g_strdup_printf(is_ipv6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
	config->token_file = g_build_filename(folder, "token", NULL);
	config->ca_pem = read_text(folder, "ca.crt", &fault);
	if (config->ca_pem == NULL || !g_file_test(config->token_file, G_FILE_TEST_IS_REGULAR)) {
		kube_error_set(
			error, KUBE_ERROR_CONFIG,
			"no service account in %s: %s (is automountServiceAccountToken off?)",
			folder, fault != NULL ? fault->message : "the token is missing");
		return NULL;
	}
	config->name_space = read_text(folder, "namespace", NULL);
	if (config->name_space == NULL || g_strstrip(config->name_space)[0] == '\0') {
		g_free(config->name_space);
		config->name_space = g_strdup("default");
	}
	return g_steal_pointer(&config);
}

KubeConfig *kube_config_unix_socket(const char *path)
{
	KubeConfig *config = g_new0(KubeConfig, 1);

	config->server = g_strdup("http://localhost");
	config->unix_socket = g_strdup(path);
	config->name_space = g_strdup("default");
	return config;
}
