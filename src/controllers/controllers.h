/* controllers/controllers.h — the controllers of all kinds: read the world, compute the plan, make
 * the difference.
 *
 * They speak only the Kubernetes REST API (a KubeClient), the broker, the artefact places and MQTT.
 * Everything they do is level-triggered: what they missed while they were away they see at the next
 * start. */
#pragma once

#include "artefact/place.h"
#include "broker/broker.h"
#include "kube/client.h"

#include <glib.h>

enum {
	CONTROLLERS_SYNC_TIMEOUT_S = 60,  /* for the first lists */
	CONTROLLERS_STOP_TIMEOUT_S = 3,   /* for what is due when they are stopped */
	CONTROLLERS_LAST_SEEN_S = 5 * 60, /* status.lastSeen is patched at most this often */
};

/* Strings are copied, objects borrowed: they outlive the controllers. */
typedef struct {
	KubeClient *client;
	Broker *broker;             /* the local broker; NULL where there is none */
	const char *artefacts_root; /* folder of the directory places */
	const char *host_firmware;  /* program that host bundles are made of; NULL: installed */
	const char *artefact_url;   /* "https://127.0.0.1:8443", what devices are told */
	guint device_workers;       /* 0: 12 */
} ControllersOptions;

typedef struct Controllers Controllers;

/* Yours. Does nothing before controllers_start. */
Controllers *controllers_new(const ControllersOptions *options);

/* Starts the caches, waits for their first lists, then works. FALSE with KUBE_ERROR_UNAVAILABLE if
 * the server does not answer within CONTROLLERS_SYNC_TIMEOUT_S. */
gboolean controllers_start(Controllers *controllers, GError **error);

/* Takes no more work, ends what is due within CONTROLLERS_STOP_TIMEOUT_S, ends the watches and the
 * MQTT sessions. */
void controllers_stop(Controllers *controllers);

/* Stops first if need be. NULL is nothing. */
void controllers_free(Controllers *controllers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Controllers, controllers_free)

/* The broker went up or down, as its callback tells. Any thread, does not block. */
void controllers_broker_changed(Controllers *controllers);

/* A bundle was uploaded for this class. Any thread, does not block. */
void controllers_bundle_published(Controllers *controllers, const char *name_space,
				  const char *class_name);

/* The place in which the bundles of a class lie, a reference of yours, or NULL if class or Storage
 * are missing or not usable. Any thread. */
ArtefactPlace *controllers_class_place(Controllers *controllers, const char *name_space,
				       const char *class_name);

/* The inputs' hash of the bundle that a class offers at present, yours, or NULL. Any thread. */
char *controllers_class_current(Controllers *controllers, const char *name_space,
				const char *class_name);

/* If `password` is the current one of a device that is not suspended: its class's name, yours; else
 * NULL. Asks the API. Any thread. */
char *controllers_device_login(Controllers *controllers, const char *name_space, const char *device,
			       const char *password);

/* The device's config.bin, yours, or NULL. Asks the API. Any thread. */
GBytes *controllers_device_config(Controllers *controllers, const char *name_space,
				  const char *device);
