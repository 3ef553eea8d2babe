#include "kube/suite.h"

#include "base/clock.h"
#include "base/digest.h"

#include <stdio.h>
#include <string.h>

gboolean suite_expect(const GError *fault, KubeError code, const char *text, const char *where,
		      GError **error)
{
	if (fault == NULL)
		return suite_fail(error, where, "no error where one was expected");
	if (!g_error_matches(fault, KUBE_ERROR, (int)code))
		return suite_fail(error, where, "error %d instead of %d: %s", fault->code,
				  (int)code, fault->message);
	if (strstr(fault->message, text) == NULL)
		return suite_fail(error, where, "'%s' is not in: %s", text, fault->message);
	return TRUE;
}

static json_t *metadata(const char *name)
{
	g_autofree char *label = g_strndup(name, strcspn(name, "-"));

	return json_pack("{s:s, s:{s:s}}", "name", name, "labels", "test", label);
}

json_t *suite_device(const char *name)
{
	return json_pack("{s:s, s:s, s:o, s:{s:{s:s}}}", "apiVersion", "espalier.dev/v1alpha1",
			 "kind", "Device", "metadata", metadata(name), "spec",
			 "deviceClassReference", "name", "soil-probe");
}

json_t *suite_config_map(const char *name)
{
	return json_pack("{s:s, s:s, s:o, s:{s:s}}", "apiVersion", "v1", "kind", "ConfigMap",
			 "metadata", metadata(name), "data", "key", "value");
}

json_t *suite_secret(const char *name)
{
	return json_pack("{s:s, s:s, s:o, s:{s:s}}", "apiVersion", "v1", "kind", "Secret",
			 "metadata", metadata(name), "data", "password", "Y2FuYXJ5");
}

json_t *suite_create(Suite *suite, const KubeResource *resource, json_t *object, GError **error)
{
	g_autoptr(json_t) owned = object;

	return kube_create(suite->client, resource, suite->name_space, owned, NULL, error);
}

static gboolean make_namespace(Suite *suite, GError **error)
{
	g_autofree char *id = base_random_uuid();
	g_autoptr(json_t) object = NULL;
	g_autoptr(json_t) made = NULL;

	suite->name_space = g_strdup_printf("suite-%.8s", id);
	object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
			   "metadata", "name", suite->name_space);
	made = kube_create(suite->client, &kube_namespaces, NULL, object, NULL, error);
	return made != NULL;
}

static void run_case(Suite *suite, const SuiteCase *one, guint *passed, guint *failed)
{
	g_autoptr(GError) error = NULL;
	gint64 began_us = base_clock_monotonic_us();

	if (one->run(suite, &error)) {
		(*passed)++;
		printf("  ok      %s (%.1f s)\n", one->name,
		       (double)(base_clock_monotonic_us() - began_us) / 1e6);
	} else {
		(*failed)++;
		printf("  FAILED  %s: %s\n", one->name,
		       error != NULL ? error->message : "(no reason given)");
	}
	fflush(stdout);
}

static void run_table(Suite *suite, const SuiteCase *cases, const char *only, guint *passed,
		      guint *failed)
{
	for (; cases->name != NULL; cases++) {
		if (only != NULL && strstr(cases->name, only) == NULL)
			continue;
		if ((cases->needs_kubectl && suite->kubectl == NULL) ||
		    (cases->needs_outage && suite->outage == NULL))
			continue;
		run_case(suite, cases, passed, failed);
	}
}

static int run_all(Suite *suite, const char *only, const char *home)
{
	guint passed = 0, failed = 0;
	g_autoptr(GError) error = NULL;

	run_table(suite, suite_object_cases, only, &passed, &failed);
	run_table(suite, suite_selection_cases, only, &passed, &failed);
	run_table(suite, suite_cache_cases, only, &passed, &failed);
	run_table(suite, suite_event_cases, only, &passed, &failed);
	if (suite->cases != NULL && (only == NULL || g_str_equal(only, "validation")) &&
	    !suite_run_validation(suite, &passed, &failed, &error)) {
		failed++;
		printf("  FAILED  validation: %s\n", error->message);
	}
	printf("kube suite, %s: %u passed, %u failed\n", home, passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	Suite suite = {0};
	g_autofree char *only = NULL, *home = NULL;
	g_autofree char *kubeconfig = NULL, *kubectl = NULL, *outage = NULL, *cases = NULL;
	const GOptionEntry options[] = {
		{"kubeconfig", 0, 0, G_OPTION_ARG_FILENAME, &kubeconfig, "the home", "FILE"},
		{"kubectl", 0, 0, G_OPTION_ARG_FILENAME, &kubectl, "a kubectl", "PROGRAM"},
		{"outage", 0, 0, G_OPTION_ARG_FILENAME, &outage, "makes an outage", "PROGRAM"},
		{"cases", 0, 0, G_OPTION_ARG_FILENAME, &cases, "accept/reject table", "FILE"},
		{"home", 0, 0, G_OPTION_ARG_STRING, &home, "its name in the count", "NAME"},
		{"only", 0, 0, G_OPTION_ARG_STRING, &only, "cases with TEXT in their name", "TEXT"},
		{NULL}};
	g_autoptr(GOptionContext) context = g_option_context_new("- the suite of kube/");
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config = NULL;
	g_autoptr(KubeClient) client = NULL;
	int status = 1;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) ||
	    (config = kube_config_load(kubeconfig, NULL, &error)) == NULL ||
	    (client = kube_client_new(config, &error)) == NULL) {
		fprintf(stderr, "kube-suite: %s\n", error->message);
		return 2;
	}
	suite.client = client;
	suite.kubeconfig = kubeconfig;
	suite.kubectl = kubectl;
	suite.outage = outage;
	suite.cases = cases;
	if (make_namespace(&suite, &error)) {
		status = run_all(&suite, only, home != NULL ? home : suite.kubeconfig);
		kube_delete(client, &kube_namespaces, NULL, suite.name_space, NULL, NULL);
	} else {
		fprintf(stderr, "kube-suite: %s\n", error->message);
	}
	g_free(suite.name_space);
	return status;
}
