#include "kube/suite.h"

#include "base/process.h"

#include <string.h>

/* Runs kubectl with the home's kubeconfig. Yours, or NULL. */
static char *kubectl(Suite *suite, const char *const *arguments, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GBytes) output = NULL;
	BaseSpawn spawn = {0};

	g_ptr_array_add(argv, (gpointer)suite->kubectl);
	g_ptr_array_add(argv, (gpointer) "--kubeconfig");
	g_ptr_array_add(argv, (gpointer)suite->kubeconfig);
	g_ptr_array_add(argv, (gpointer) "--namespace");
	g_ptr_array_add(argv, suite->name_space);
	for (gsize i = 0; arguments[i] != NULL; i++)
		g_ptr_array_add(argv, (gpointer)arguments[i]);
	g_ptr_array_add(argv, NULL);
	spawn.argv = (const char *const *)argv->pdata;
	if (!base_process_run(&spawn, NULL, 256 * 1024, 30 * G_USEC_PER_SEC, &output, error))
		return NULL;
	return g_strndup(g_bytes_get_data(output, NULL), g_bytes_get_size(output));
}

static gboolean describe_shows_events_and_their_series(Suite *suite, GError **error)
{
	static const char *const describe[] = {"describe", "devices.espalier.dev", "told", NULL};
	g_autoptr(json_t) device = suite_create(suite, &kube_devices, suite_device("told"), error);
	g_autoptr(KubeRecorder) recorder = kube_recorder_new(suite->client, "device");
	g_autofree char *text = NULL;
	KubeEventCounters counters;
	KubeRef reference;

	GOOD(device != NULL);
	reference = kube_ref_of(&kube_devices, device);
	kube_event(recorder, KUBE_EVENT_NORMAL, &reference, "ConfigBuilt",
		   "configuration %s, %u bytes used", "5f2c", 412);
	for (guint i = 0; i < 5; i++)
		kube_event(recorder, KUBE_EVENT_WARNING, &reference, "BrokerUnreachable",
			   "broker 127.0.0.1:8883 refuses connections");
	CHECK(kube_recorder_stop(recorder, 20 * G_USEC_PER_SEC), "events are left");
	kube_recorder_counters(recorder, &counters);
	CHECK(counters.created == 2, "%u created", (guint)counters.created);
	CHECK(counters.joined == 4 && counters.dropped == 0, "%u joined, %u dropped",
	      (guint)counters.joined, (guint)counters.dropped);
	text = kubectl(suite, describe, error);
	GOOD(text != NULL);
	CHECK(strstr(text, "ConfigBuilt") != NULL, "no ConfigBuilt in:\n%s", text);
	CHECK(strstr(text, "configuration 5f2c, 412 bytes used") != NULL, "no note in:\n%s", text);
	CHECK(strstr(text, "BrokerUnreachable") != NULL, "no warning in:\n%s", text);
	CHECK(strstr(text, "(x5 over") != NULL, "no series in:\n%s", text);
	CHECK(strstr(text, "espalier.dev/device") != NULL, "nobody reports in:\n%s", text);
	return TRUE;
}

static gboolean events_are_seen_in_both_groups(Suite *suite, GError **error)
{
	g_autoptr(json_t) device = suite_create(suite, &kube_devices, suite_device("both"), error);
	g_autoptr(KubeRecorder) recorder = kube_recorder_new(suite->client, "device");
	KubeListOptions by_name = {.field_selector = "involvedObject.name=both"};
	g_autoptr(json_t) core = NULL;
	g_autoptr(json_t) all = NULL;
	const json_t *event;
	KubeRef reference;

	GOOD(device != NULL);
	reference = kube_ref_of(&kube_devices, device);
	kube_event(recorder, KUBE_EVENT_NORMAL, &reference, "CredentialsMinted", "minted");
	CHECK(kube_recorder_stop(recorder, 20 * G_USEC_PER_SEC), "events are left");
	core = kube_list(suite->client, &kube_core_events, suite->name_space, &by_name, error);
	GOOD(core != NULL);
	CHECK(json_array_size(json_object_get(core, "items")) == 1, "%zu in core",
	      json_array_size(json_object_get(core, "items")));
	event = json_array_get(json_object_get(core, "items"), 0);
	CHECK(g_strcmp0(base_json_get_string(event, "message", NULL), "minted") == 0, "message");
	CHECK(g_strcmp0(base_json_get_string(event, "involvedObject", "uid", NULL),
			kube_object_uid(device)) == 0,
	      "uid");
	all = kube_list(suite->client, &kube_events, suite->name_space, NULL, error);
	GOOD(all != NULL);
	CHECK(json_array_size(json_object_get(all, "items")) >= 1, "none in events.k8s.io");
	return TRUE;
}

const SuiteCase suite_event_cases[] = {
	{"describe shows events and their series", describe_shows_events_and_their_series, TRUE,
	 FALSE},
	{"events are seen in both groups", events_are_seen_in_both_groups, FALSE, FALSE},
	{NULL, NULL, FALSE, FALSE},
};
