/* fleet/link.h — one MQTT connection over libmosquitto, driven from outside: no thread, no waiting
 * (but for a host name that must be looked up; numbers are not). One thread. */
#pragma once

#include "fleet/table.h"

typedef struct FleetLink FleetLink;

/* Called from within fleet_link_serve. */
typedef struct {
	/* The broker's answer: NULL = it let us in, else why not. */
	void (*connected)(const char *refusal, gpointer user_data);
	void (*message)(const FleetMessage *message, gpointer user_data);
	gpointer user_data;
} FleetLinkHandlers;

/* A TLS context that trusts `ca_pem` alone, for the certificate of `host`. Yours (SSL_CTX_free), or
 * NULL with FLEET_ERROR_INVALID. */
struct ssl_ctx_st *fleet_link_tls_new(const char *ca_pem, const char *host, GError **error);

/* Begins to connect. `options` and `tls` (NULL = none) are copied. Yours, or NULL with
 * FLEET_ERROR_NO_SESSION. */
FleetLink *fleet_link_new(const FleetSessionOptions *options, struct ssl_ctx_st *tls,
			  const FleetLinkHandlers *handlers, GError **error);
/* Says good-bye and closes. NULL is nothing. */
void fleet_link_free(FleetLink *link);

/* What to poll for. */
int fleet_link_fd(FleetLink *link);
short fleet_link_events(FleetLink *link);

/* Reads, writes and keeps alive. FALSE with FLEET_ERROR_NO_SESSION when the connection has ended.
 */
gboolean fleet_link_serve(FleetLink *link, short events, GError **error);

/* Queue a packet; what cannot be sent shows in fleet_link_serve. */
void fleet_link_subscribe(FleetLink *link, const char *filter);
void fleet_link_unsubscribe(FleetLink *link, const char *filter);
void fleet_link_publish(FleetLink *link, const char *topic, const char *payload, int qos,
			gboolean retain);
