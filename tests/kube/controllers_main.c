#include "kube/controllers_suite.h"

#include <mosquitto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct {
	guint passed;
	guint failed;
} Counts;

static void run_case(Site *site, const SiteCase *one, Counts *counts)
{
	g_autoptr(GError) error = NULL;
	gint64 began_us = g_get_monotonic_time();
	gboolean good = site_enter(site, &error) && one->run(site, &error);
	gint64 took_us = g_get_monotonic_time() - began_us;

	if (good)
		counts->passed++;
	else
		counts->failed++;
	if (good)
		printf("  ok      %s (%.1f s)\n", one->name, (double)took_us / 1e6);
	else
		printf("  FAILED  %s: %s\n", one->name,
		       error != NULL ? error->message : "(no reason given)");
	fflush(stdout);
	site_leave(site);
}

static Counts run_all(Site *site, const char *only)
{
	static const SiteCase *const tables[] = {
		site_reference_cases, site_settings_cases, site_secret_cases, site_cluster_cases,
		site_user_cases,      site_firmware_cases, site_device_cases, site_presence_cases,
	};
	Counts counts = {0};

	for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const SiteCase *one = tables[i]; one->name != NULL; one++)
			if (only == NULL || strstr(one->name, only) != NULL)
				run_case(site, one, &counts);
	return counts;
}

int main(int argc, char **argv)
{
	g_autofree char *only = NULL, *home = NULL, *kubeconfig = NULL, *firmware = NULL;
	g_autofree char *samples = NULL;
	const GOptionEntry options[] = {
		{"kubeconfig", 0, 0, G_OPTION_ARG_FILENAME, &kubeconfig, "the home", "FILE"},
		{"host-firmware", 0, 0, G_OPTION_ARG_FILENAME, &firmware, "for bundles", "PROGRAM"},
		{"samples", 0, 0, G_OPTION_ARG_FILENAME, &samples, "samples/greenhouse", "FOLDER"},
		{"home", 0, 0, G_OPTION_ARG_STRING, &home, "its name in the count", "NAME"},
		{"only", 0, 0, G_OPTION_ARG_STRING, &only, "cases with TEXT in their name", "TEXT"},
		{NULL}};
	g_autoptr(GOptionContext) context = g_option_context_new("- the suite of controllers/");
	g_autoptr(GError) error = NULL;
	Site *site = NULL;
	Counts counts;

	signal(SIGPIPE, SIG_IGN);
	mosquitto_lib_init();
	g_option_context_add_main_entries(context, options, NULL);
	if (g_option_context_parse(context, &argc, &argv, &error))
		site = site_new(kubeconfig, firmware, samples, &error);
	if (site == NULL) {
		fprintf(stderr, "controllers-suite: %s\n", error->message);
		return 2;
	}
	counts = run_all(site, only);
	site_free(site);
	mosquitto_lib_cleanup();
	printf("controllers suite, %s: %u passed, %u failed\n", home != NULL ? home : kubeconfig,
	       counts.passed, counts.failed);
	return counts.failed == 0 && counts.passed > 0 ? 0 : 1;
}
