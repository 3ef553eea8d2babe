/* kube/suite.h — one suite of the client, the cache and validation, run against any home: a real
 * control plane or `espalier`'s own. Cases are functions in a table; each gets a namespace of its
 * own name space and says by a GError what was not as expected. */
#pragma once

#include "kube/cache.h"
#include "kube/checks.h"
#include "kube/client.h"
#include "kube/conditions.h"
#include "kube/events.h"

typedef struct {
	KubeClient *client;
	char *name_space; /* made for this run */
	const char *kubeconfig;
	const char *kubectl; /* NULL: cases that need it are not in the run */
	const char *outage; /* a program: stops the server, deletes the device NAMESPACE NAME behind
			       its back, forgets old revisions, starts it again; NULL likewise */
	const char *cases;  /* the accept/reject table */
} Suite;

typedef struct {
	const char *name; /* a sentence */
	gboolean (*run)(Suite *suite, GError **error);
	gboolean needs_kubectl;
	gboolean needs_outage;
} SuiteCase;

extern const SuiteCase suite_object_cases[], suite_selection_cases[], suite_cache_cases[],
	suite_event_cases[];

/* Runs the accept/reject table; adds to the counts and prints what differs. */
gboolean suite_run_validation(Suite *suite, guint *passed, guint *failed, GError **error);

/* Checks that `fault` is a KUBE_ERROR of `code` whose message contains `text`. */
gboolean suite_expect(const GError *fault, KubeError code, const char *text, const char *where,
		      GError **error);
#define EXPECT(fault, code, text) GOOD(suite_expect(fault, code, text, SUITE_WHERE, error))

/* A Device, ConfigMap or Secret with that name, labelled test=NAME's text before the first '-'.
 * Yours. */
json_t *suite_device(const char *name);
json_t *suite_config_map(const char *name);
json_t *suite_secret(const char *name);

/* Creates it in the suite's namespace. Yours, or NULL. */
json_t *suite_create(Suite *suite, const KubeResource *resource, json_t *object, GError **error);
