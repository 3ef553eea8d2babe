#include "kube/config.h"

#include "base/file.h"
#include "kube/error.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PEM "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
#define PEM64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="

#define CONFIG(cluster, user)                                                                      \
	"apiVersion: v1\nkind: Config\ncurrent-context: c\n"                                       \
	"contexts: [{name: c, context: {cluster: k, user: u, namespace: garden}}]\n"               \
	"clusters: [{name: k, cluster: {" cluster "}}]\n"                                          \
	"users: [{name: u, user: {" user "}}]\n"

static KubeConfig *parse(const char *text, const char *folder, GError **error)
{
	return kube_config_parse(text, strlen(text), "test.yaml", folder, NULL, error);
}

static char *make_folder(void)
{
	char *folder = g_dir_make_tmp("kubeconfig-XXXXXX", NULL);

	assert_non_null(folder);
	return folder;
}

static void put_file(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	assert_true(base_file_write(path, text, strlen(text), 0600, NULL));
}

static void reads_tokens_data_and_namespace(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config =
		parse(CONFIG("server: 'https://10.0.0.1:6443', certificate-authority-data: " PEM64
			     ", tls-server-name: kubernetes",
			     "token: abc"),
		      NULL, &error);

	(void)state;
	assert_non_null(config);
	assert_string_equal(config->server, "https://10.0.0.1:6443");
	assert_string_equal(config->token, "abc");
	assert_string_equal(config->name_space, "garden");
	assert_string_equal(config->context, "c");
	assert_string_equal(config->ca_pem, PEM);
	assert_string_equal(config->server_name, "kubernetes");
	assert_false(config->insecure_skip_verify);
}

static void reads_files_beside_the_kubeconfig(void **state)
{
	g_autofree char *folder = make_folder();
	g_autofree char *path = g_build_filename(folder, "config", NULL);
	g_autofree char *token = g_build_filename(folder, "token", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config = NULL;

	(void)state;
	put_file(folder, "ca.crt", PEM);
	put_file(folder, "me.crt", PEM);
	put_file(folder, "me.key", "-----BEGIN EC PRIVATE KEY-----\n");
	put_file(folder, "config",
		 CONFIG("server: 'https://h', certificate-authority: ca.crt",
			"client-certificate: me.crt, client-key: me.key, tokenFile: token"));
	config = kube_config_load(path, NULL, &error);
	assert_non_null(config);
	assert_string_equal(config->ca_pem, PEM);
	assert_string_equal(config->client_certificate_pem, PEM);
	assert_non_null(config->client_key_pem);
	assert_string_equal(config->token_file, token);
	base_tree_remove(folder, NULL);
}

static void refuses_with_file_and_field(void **state)
{
	static const struct {
		const char *text, *message;
	} table[] = {
		{"a: [", "test.yaml:"},
		{"[1]", "test.yaml: this is no kubeconfig"},
		{"kind: Config", "test.yaml: current-context is not set"},
		{"current-context: x", "test.yaml: there is no entry 'x' in its list 'contexts'"},
		{"current-context: x\ncontexts: [{name: x, context: {}}]",
		 "contexts[x].context.cluster is missing"},
		{"current-context: x\ncontexts: [{name: x, context: {cluster: k}}]",
		 "there is no entry 'k' in its list 'clusters'"},
		{CONFIG("", "token: a"), "clusters[k].cluster.server is missing"},
		{CONFIG("server: 'ftp://x'", "token: a"),
		 "clusters[k].cluster.server has to begin with https://"},
		{CONFIG("server: 5", "token: a"), "clusters[k].cluster.server has to be a string"},
		{CONFIG("server: 'https://h', certificate-authority-data: '!!!!'", "token: a"),
		 "clusters[k].cluster.certificate-authority-data holds no PEM"},
		{CONFIG("server: 'https://h', certificate-authority: ca.crt", "token: a"),
		 "clusters[k].cluster.certificate-authority is a relative path"},
		{CONFIG("server: 'https://h', certificate-authority: /no/such/ca.crt", "token: a"),
		 "clusters[k].cluster.certificate-authority"},
		{CONFIG("server: 'https://h'", "client-certificate-data: " PEM64),
		 "users[u].user.client-certificate and client-key belong together"},
		{CONFIG("server: 'https://h'", "exec: {command: aws}"),
		 "use a token, tokenFile or a client certificate"},
		{CONFIG("server: 'https://h'", "token: [a]"), "users[u].user.token has to be"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(KubeConfig) config = parse(table[i].text, NULL, &error);

		assert_null(config);
		assert_true(g_error_matches(error, KUBE_ERROR, KUBE_ERROR_CONFIG));
		if (strstr(error->message, table[i].message) == NULL)
			fail_msg("'%s' is not in '%s'", table[i].message, error->message);
	}
}

static void refuses_a_file_that_is_too_large(void **state)
{
	g_autofree char *text = g_strnfill(KUBE_CONFIG_MAX_BYTES + 1, ' ');
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(parse(text, NULL, &error));
	assert_non_null(strstr(error->message, "at most 1048576 bytes"));
}

static void several_files_are_read_as_one(void **state)
{
	g_autofree char *folder = make_folder();
	g_autofree char *list = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config = NULL;

	(void)state;
	put_file(folder, "one",
		 "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
		 "users: [{name: u, user: {token: first}}]\n");
	put_file(folder, "two", CONFIG("server: 'https://two'", "token: second"));
	list = g_strdup_printf("%s/none:%s/one::%s/two", folder, folder, folder);
	g_setenv("KUBECONFIG", list, TRUE);
	config = kube_config_load_default(NULL, NULL, &error);
	assert_non_null(config);
	assert_string_equal(config->token, "first");
	assert_string_equal(config->server, "https://two");
	assert_string_equal(config->name_space, "default");
	g_unsetenv("KUBECONFIG");
	base_tree_remove(folder, NULL);
}

static void says_where_it_looked(void **state)
{
	g_autoptr(GError) error = NULL;

	(void)state;
	g_setenv("KUBECONFIG", "/no/such/file", TRUE);
	g_unsetenv("KUBERNETES_SERVICE_HOST");
	assert_null(kube_config_load_default(NULL, NULL, &error));
	assert_non_null(strstr(error->message, "neither /no/such/file exists nor are we in a Pod"));
	g_unsetenv("KUBECONFIG");
}

static void finds_the_service_account_of_a_pod(void **state)
{
	g_autofree char *folder = make_folder();
	g_autofree char *token = g_build_filename(folder, "token", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config = NULL;

	(void)state;
	g_setenv("KUBERNETES_SERVICE_HOST", "fd00::1", TRUE);
	g_setenv("KUBERNETES_SERVICE_PORT", "443", TRUE);
	assert_null(kube_config_in_cluster(folder, &error));
	assert_non_null(strstr(error->message, "is automountServiceAccountToken off?"));
	g_clear_error(&error);
	put_file(folder, "ca.crt", PEM);
	put_file(folder, "token", "abc\n");
	put_file(folder, "namespace", "espalier\n");
	config = kube_config_in_cluster(folder, &error);
	assert_non_null(config);
	assert_string_equal(config->server, "https://[fd00::1]:443");
	assert_string_equal(config->token_file, token);
	assert_null(config->token);
	assert_string_equal(config->name_space, "espalier");
	g_unsetenv("KUBERNETES_SERVICE_HOST");
	assert_null(kube_config_in_cluster(folder, &error));
	assert_non_null(strstr(error->message, "not in a Pod"));
	base_tree_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_tokens_data_and_namespace),
		cmocka_unit_test(reads_files_beside_the_kubeconfig),
		cmocka_unit_test(refuses_with_file_and_field),
		cmocka_unit_test(refuses_a_file_that_is_too_large),
		cmocka_unit_test(several_files_are_read_as_one),
		cmocka_unit_test(says_where_it_looked),
		cmocka_unit_test(finds_the_service_account_of_a_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
