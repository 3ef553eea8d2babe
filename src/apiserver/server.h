/* apiserver/server.h — the Kubernetes REST protocol over a store, for one-machine mode.
 *
 * Serves what kubectl asks for, for the fixed table of apiserver/kinds.h, on two listeners: HTTPS,
 * where a bearer token names the persona, and (if asked) a unix socket of mode 0600, whose callers
 * are the administrator. Discovery, OpenAPI, Tables, patches, both Event views, self reviews,
 * watches, garbage collection by owner references and the emptying of deleted namespaces belong to
 * it. Any thread may call. */
#pragma once

#include "store/store.h"

#include <glib.h>

/* Who calls. The order is that of rights: each may do what the one before may. */
typedef enum {
	API_PERSONA_NONE, /* nobody: no or a wrong token */
	API_PERSONA_VIEWER,
	API_PERSONA_DEVICE_MANAGER,
	API_PERSONA_CLUSTER_MANAGER,
	API_PERSONA_ADMINISTRATOR,
	API_PERSONA_COUNT,
} ApiPersona;

/* "administrator", "espalier-viewer", "espalier-device-manager", "espalier-cluster-manager";
 * "system:anonymous" for API_PERSONA_NONE. Borrowed. */
const char *api_persona_name(ApiPersona persona);

/* The persona called `name`, or API_PERSONA_NONE. */
ApiPersona api_persona_find(const char *name);

typedef struct {
	Store *store; /* borrowed; outlives the server */

	/* The HTTPS listener; certificate and key are PEM texts. No listener if address is NULL. */
	const char *listen_address;
	guint16 port; /* 0 = a free one */
	const char *certificate_pem;
	const char *key_pem;

	/* The unix socket. None if NULL. */
	const char *socket_path;

	/* The bearer token of each persona (API_PERSONA_NONE's is not read); NULL = no way in.
	 * Copied. */
	const char *tokens[API_PERSONA_COUNT];

	guint threads; /* of each listener; 0 = 4 */
} ApiServerOptions;

typedef struct ApiServer ApiServer;

/* Starts the server: makes the Namespace `default` where it is missing, listens. When it returns
 * requests are answered. Returns it, yours, or NULL with an error that names the address or path.
 */
ApiServer *api_server_new(const ApiServerOptions *options, GError **error);

/* Ends all watches and requests, stops listening. NULL is nothing. */
void api_server_free(ApiServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiServer, api_server_free)

/* The port of the HTTPS listener; 0 without one. */
guint16 api_server_port(const ApiServer *server);

/* From the next connection on this certificate is shown. */
gboolean api_server_set_certificate(ApiServer *server, const char *certificate_pem,
				    const char *key_pem, GError **error);

/* Whose token `bearer` (the text after "Bearer ") is. FALSE, `persona` untouched, if it is
 * nobody's. Takes as long for any wrong token. */
gboolean api_server_authenticate(ApiServer *server, const char *bearer, ApiPersona *persona);
