/* artefact/server.h — the HTTPS server that devices and people download from (docs: on the wire,
 * HTTP). Who may have what is the caller's to say, through callbacks; they run on the server's
 * threads, several at once, and may block for milliseconds.
 *
 * Unknown, unauthorised and absent are the same 404. Errors are JSON {"error","hint"}. Failed
 * logins of one user at one address are limited: after ARTEFACT_MAX_FAILED_LOGINS in a minute they
 * are answered 429 until the minute is over; other users of that address are served. All bearer
 * tokens of an address count as one user. */
#pragma once

#include "artefact/place.h"
#include "http/server.h"

#include <glib.h>

enum {
	ARTEFACT_MAX_FAILED_LOGINS = 30, /* an address, a minute */
	ARTEFACT_MAX_LOGIN_ADDRESSES = 4096,
	ARTEFACT_UPLOAD_IDLE_S = 3600, /* an upload that nothing was added to is thrown away */
};

typedef enum {
	ARTEFACT_READ,  /* a bundle's files */
	ARTEFACT_WRITE, /* push */
} ArtefactVerb;

typedef struct {
	/* Are these the credentials of a device of `space` that is not suspended? Then the class
	 * that it belongs to, yours; else NULL. Compare in constant time (base_secret_equal). */
	char *(*device_class)(const char *space, const char *device, const char *password,
			      gpointer user_data);
	/* May the person with this bearer token do that to classes of `space`? */
	gboolean (*person_may)(const char *token, ArtefactVerb verb, const char *space,
			       gpointer user_data);
	/* The device's config.bin, yours, or NULL if there is none. */
	GBytes *(*config)(const char *space, const char *device, gpointer user_data);
	/* The hash that `current` stands for, yours, or NULL. */
	char *(*current)(const char *space, const char *class_name, gpointer user_data);
	/* The place of a class's bundles, a reference of yours, or NULL if there is no such class
	 * or Storage. */
	ArtefactPlace *(*place)(const char *space, const char *class_name, gpointer user_data);
	/* A version became visible by an upload. May be NULL. */
	void (*published)(const char *space, const char *class_name, const char *hash,
			  gpointer user_data);
} ArtefactServerCallbacks;

typedef struct ArtefactServer ArtefactServer;

/* Serves `http` (address, port, certificate, limits; its begin, handle and user_data are not looked
 * at; max_body_bytes neither). `callbacks` is copied. Returns it, yours, or NULL with HTTP_ERROR_*.
 */
ArtefactServer *artefact_server_new(const HttpServerOptions *http,
				    const ArtefactServerCallbacks *callbacks, gpointer user_data,
				    GError **error);
void artefact_server_free(ArtefactServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactServer, artefact_server_free)

/* Borrowed: for its port and its certificate. */
HttpServer *artefact_server_http(ArtefactServer *server);
