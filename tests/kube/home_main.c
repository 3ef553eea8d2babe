/* kube/home_main.c — espalier's API server alone, as a home for the suite.
 *
 *   kube-home DIR                          serves until SIGTERM; DIR/admin.kubeconfig, DIR/port
 *   kube-home DIR --lose NAMESPACE NAME    with no server running: takes the device out of the
 *                                          store and compacts all history */
#include "apiserver/kubeconfig.h"
#include "apiserver/server.h"
#include "base/digest.h"
#include "base/file.h"
#include "http/pki.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPACTING_WRITES = 400 };

static char *in(const char *folder, const char *name)
{
	return g_build_filename(folder, name, NULL);
}

/* The file's text, made by `make` if it is missing. Yours. */
static char *keep(const char *path, const char *otherwise)
{
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		text = g_strdup(otherwise);
		base_file_write(path, text, strlen(text), 0600, NULL);
	}
	return text;
}

static gboolean write_kubeconfig(const char *folder, guint16 port, const char *ca_pem,
				 const char *token, GError **error)
{
	g_autofree char *path = in(folder, "admin.kubeconfig");
	g_autofree char *server = g_strdup_printf("https://127.0.0.1:%u", port);
	ApiKubeconfig config = {.server = server,
				.ca_pem = ca_pem,
				.token = token,
				.user = "administrator",
				.cluster = "espalier"};

	return api_kubeconfig_write(path, &config, error);
}

static void wait_for_end(void)
{
	sigset_t set;
	int signal_number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &signal_number);
}

static gboolean serve(const char *folder, Store *store, GError **error)
{
	static const char *const names[] = {"127.0.0.1", "localhost", NULL};
	g_autoptr(HttpPki) pki = http_pki_open(folder, error);
	g_autofree char *port_path = in(folder, "port"), *token_path = in(folder, "token");
	g_autofree char *port_text = keep(port_path, "0"), *fresh = base_random_password();
	g_autofree char *token = keep(token_path, fresh);
	g_autofree char *certificate = NULL, *key = NULL;
	g_autoptr(ApiServer) server = NULL;
	ApiServerOptions options = {.store = store, .listen_address = "127.0.0.1"};

	if (pki == NULL || !http_pki_issue(pki, names, &certificate, &key, error))
		return FALSE;
	options.port = (guint16)g_ascii_strtoull(port_text, NULL, 10);
	options.certificate_pem = certificate;
	options.key_pem = key;
	options.tokens[API_PERSONA_ADMINISTRATOR] = token;
	server = api_server_new(&options, error);
	if (server == NULL ||
	    !write_kubeconfig(folder, api_server_port(server), http_pki_ca_pem(pki), token, error))
		return FALSE;
	g_free(port_text);
	port_text = g_strdup_printf("%u", api_server_port(server));
	if (!base_file_write(port_path, port_text, strlen(port_text), 0600, error))
		return FALSE;
	printf("ready\n");
	fflush(stdout);
	wait_for_end();
	return TRUE;
}

static gboolean write_once(Store *store, StoreAction action, const char *key, GError **error)
{
	g_autoptr(GBytes) value = g_bytes_new_static("{}", 2);
	StoreOperation operation = {
		.action = action,
		.key = key,
		.value = action == STORE_CREATE ? value : NULL,
		.revision_at = STORE_REVISION_NOWHERE,
	};
	gboolean done = store_transact(store, &operation, 1, error);

	if (operation.stored != NULL)
		g_bytes_unref(operation.stored);
	return done;
}

static gboolean lose(Store *store, const char *name_space, const char *name, GError **error)
{
	g_autofree char *key = g_strdup_printf("/espalier.dev/devices/%s/%s", name_space, name);
	gint64 before = store_revision(store);

	if (!write_once(store, STORE_DELETE, key, error))
		return FALSE;
	for (guint i = 0; i < COMPACTING_WRITES; i++)
		if (!write_once(store, i % 2 == 0 ? STORE_CREATE : STORE_DELETE, "/test/x/y",
				error))
			return FALSE;
	if (store_compacted_revision(store) > before)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_CLOSED, "the store kept its history");
	return FALSE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	g_autoptr(Store) store = NULL;
	StoreOptions forgetful = {.history_revisions = 1, .history_bytes = 1};
	gboolean losing = argc == 5 && g_str_equal(argv[2], "--lose");
	sigset_t set;

	if (argc != 2 && !losing) {
		fprintf(stderr, "usage: kube-home DIR [--lose NAMESPACE NAME]\n");
		return 2;
	}
	/* Before any thread is there, so that all inherit it and only sigwait gets the signal. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	path = in(argv[1], "state.db");
	store = store_open(path, losing ? &forgetful : NULL, &error);
	if (store == NULL ||
	    !(losing ? lose(store, argv[3], argv[4], &error) : serve(argv[1], store, &error))) {
		fprintf(stderr, "kube-home: %s\n", error->message);
		return 1;
	}
	return 0;
}
