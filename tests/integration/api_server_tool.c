/* The store and the API server in a folder, for tests that want them without the rest:
 *
 *     api_server_tool FOLDER [PORT]
 *
 * Prints "kubeconfig PATH", "socket PATH" and "ready", serves until SIGTERM or SIGINT, ends with
 * status 0. State, authority, tokens and kubeconfigs are kept in FOLDER and used again. */
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

enum {
	TOKEN_MAX_BYTES = 256,
};

typedef struct {
	const char *folder;
	guint16 port;
	char *certificate;
	char *key;
	char *socket;
	char *tokens[API_PERSONA_COUNT];
} Place;

static gboolean read_token(const char *folder, ApiPersona persona, char **token, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/token.%s", folder, api_persona_name(persona));
	g_autoptr(GBytes) bytes = base_file_read(path, TOKEN_MAX_BYTES, NULL);

	if (bytes != NULL) {
		*token = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
		return TRUE;
	}
	*token = base_random_password();
	return base_file_write(path, *token, strlen(*token), 0600, error);
}

static gboolean write_kubeconfigs(const Place *place, const HttpPki *pki, guint16 port,
				  GError **error)
{
	g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u", port);

	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++) {
		const char *name = api_persona_name((ApiPersona)i);
		gboolean main_one = i == API_PERSONA_ADMINISTRATOR;
		g_autofree char *path = g_strdup_printf("%s/kubeconfig%s%s", place->folder,
							main_one ? "" : ".", main_one ? "" : name);
		ApiKubeconfig config = {.server = url,
					.ca_pem = http_pki_ca_pem(pki),
					.token = place->tokens[i],
					.user = name,
					.cluster = "espalier"};

		if (!api_kubeconfig_write(path, &config, error))
			return FALSE;
	}
	return TRUE;
}

static void wait_for_signal(void)
{
	sigset_t signals;
	int number = 0;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigwait(&signals, &number);
}

static gboolean serve(Place *place, Store *store, HttpPki *pki, GError **error)
{
	static const char *const names[] = {"127.0.0.1", "localhost", NULL};
	ApiServerOptions options = {.store = store,
				    .listen_address = "127.0.0.1",
				    .port = place->port,
				    .socket_path = place->socket};
	g_autoptr(ApiServer) server = NULL;

	if (!http_pki_issue(pki, names, &place->certificate, &place->key, error))
		return FALSE;
	options.certificate_pem = place->certificate;
	options.key_pem = place->key;
	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++) {
		if (!read_token(place->folder, (ApiPersona)i, &place->tokens[i], error))
			return FALSE;
		options.tokens[i] = place->tokens[i];
	}
	server = api_server_new(&options, error);
	if (server == NULL || !write_kubeconfigs(place, pki, api_server_port(server), error))
		return FALSE;
	printf("kubeconfig %s/kubeconfig\nsocket %s\nready\n", place->folder, place->socket);
	fflush(stdout);
	wait_for_signal();
	return TRUE;
}

static gboolean run(Place *place, GError **error)
{
	g_autofree char *database = g_build_filename(place->folder, "state.db", NULL);
	g_autoptr(HttpPki) pki = NULL;
	g_autoptr(Store) store = NULL;

	if (!base_folder_make(place->folder, 0700, error))
		return FALSE;
	pki = http_pki_open(place->folder, error);
	if (pki == NULL)
		return FALSE;
	store = store_open(database, NULL, error);
	return store != NULL && serve(place, store, pki, error);
}

static void place_clear(Place *place)
{
	g_free(place->certificate);
	base_secret_free(place->key);
	g_free(place->socket);
	for (guint i = 0; i < API_PERSONA_COUNT; i++)
		base_secret_free(place->tokens[i]);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	Place place = {0};
	gboolean ok;
	sigset_t signals;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: api_server_tool FOLDER [PORT]\n");
		return 2;
	}
	/* Blocked before any thread begins, so that sigwait gets them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);

	place.folder = argv[1];
	place.port = argc > 2 ? (guint16)g_ascii_strtoull(argv[2], NULL, 10) : 0;
	place.socket = g_build_filename(place.folder, "api.sock", NULL);
	ok = run(&place, &error);
	if (!ok)
		fprintf(stderr, "api_server_tool: %s\n", error->message);
	place_clear(&place);
	return ok ? 0 : 1;
}
