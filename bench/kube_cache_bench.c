/* What the caches of a control plane cost: private memory of this process, time of the first list,
 * and changes a second from write to handler. The API server is another process. */
#include "base/clock.h"
#include "base/file.h"
#include "base/process.h"
#include "kube/cache.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 1000, READY_S = 20, SYNC_S = 60 };

static gint changes; /* told to the handler so far */

static void count_change(KubeChange change, const char *name_space, const char *name,
			 const json_t *old, const json_t *now, gpointer user_data)
{
	(void)change, (void)name_space, (void)name, (void)old, (void)now, (void)user_data;
	g_atomic_int_inc(&changes);
}

static void by_class(const json_t *object, GPtrArray *values, gpointer user_data)
{
	const char *name =
		base_json_get_string(object, "spec", "deviceClassReference", "name", NULL);

	(void)user_data;
	if (name != NULL)
		g_ptr_array_add(values, g_strdup(name));
}

static double private_mib(void)
{
	g_autofree char *text = NULL;
	double kib = 0;

	if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL))
		return 0;
	for (char *at = text; (at = strstr(at, "Private_")) != NULL; at++)
		kib += g_ascii_strtod(strchr(at, ':') + 1, NULL);
	return kib / 1024;
}

static void die(const GError *error)
{
	fprintf(stderr, "kube_cache_bench: %s\n", error->message);
	exit(1);
}

static void make_devices(KubeClient *client)
{
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < DEVICES; i++) {
		g_autofree char *name = g_strdup_printf("bench-%04u", i);
		g_autoptr(json_t) device =
			json_pack("{s:s,s:s,s:{s:s,s:{s:s}},s:{s:{s:s},s:[{s:s,s:s,s:s}]}}",
				  "apiVersion", "espalier.dev/v1alpha1", "kind", "Device",
				  "metadata", "name", name, "labels", "site", "north", "spec",
				  "deviceClassReference", "name", "soil-probe", "settings",
				  "namespace", "wifi", "key", "ssid", "value", "greenhouse");
		g_autoptr(json_t) made =
			kube_create(client, &kube_devices, "default", device, NULL, &error);

		if (made == NULL)
			die(error);
	}
}

static gint64 change_devices(KubeClient *client)
{
	g_autoptr(json_t) patch = json_pack("{s:{s:s}}", "spec", "location", "bed 3");
	gint64 began_us = base_clock_monotonic_us();
	gint before = g_atomic_int_get(&changes);

	for (guint i = 0; i < DEVICES; i++) {
		g_autofree char *name = g_strdup_printf("bench-%04u", i);
		G_GNUC_UNUSED g_autoptr(json_t) after = kube_merge_patch(
			client, &kube_devices, "default", name, NULL, patch, NULL, NULL);
	}
	while (g_atomic_int_get(&changes) - before < DEVICES)
		g_usleep(200);
	return base_clock_monotonic_us() - began_us;
}

static void measure(KubeClient *client)
{
	static const KubeResource *const resources[] = {
		&kube_devices,  &kube_device_classes, &kube_device_clusters, &kube_device_groups,
		&kube_storages, &kube_secrets,        &kube_config_maps,     &kube_namespaces,
	};
	KubeCache *caches[G_N_ELEMENTS(resources)];
	KubeCacheCounters counters;
	double before_mib = private_mib(), synced_mib;
	gint64 began_us = base_clock_monotonic_us(), list_us, change_us;

	for (gsize i = 0; i < G_N_ELEMENTS(resources); i++) {
		caches[i] = kube_cache_new(client, resources[i], NULL);
		if (i == 0)
			kube_cache_add_index(caches[i], "class", by_class, NULL);
		if (i == 0)
			kube_cache_on_event(caches[i], count_change, NULL);
		kube_cache_start(caches[i]);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(resources); i++)
		kube_cache_wait_synced(caches[i], (gint64)SYNC_S * G_USEC_PER_SEC);
	list_us = base_clock_monotonic_us() - began_us;
	synced_mib = private_mib();
	change_us = change_devices(client);
	kube_cache_counters(caches[0], &counters);
	printf("caches: %u devices in 8 caches listed in %.0f ms; %.1f KB of JSON held; private "
	       "memory %.2f MiB before, %.2f after the lists, %.2f after %u changes\n",
	       kube_cache_count(caches[0]), (double)list_us / 1e3, (double)counters.bytes / 1e3,
	       before_mib, synced_mib, private_mib(), DEVICES);
	printf("caches: %.0f changes a second from a patch (one at a time) to its handler\n",
	       DEVICES * 1e6 / (double)change_us);
	for (gsize i = 0; i < G_N_ELEMENTS(resources); i++)
		kube_cache_free(caches[i]);
}

static gboolean wait_ready(KubeClient *client)
{
	for (guint i = 0; i < READY_S * 50; i++) {
		g_autoptr(GBytes) answer = kube_get_raw(client, "/version", NULL);

		if (answer != NULL)
			return TRUE;
		g_usleep(20 * 1000);
	}
	return FALSE;
}

int main(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(self);
	g_autofree char *program = g_build_filename(folder, "api_server", NULL);
	g_autofree char *data = g_dir_make_tmp("cache-bench-XXXXXX", NULL);
	g_autofree char *socket_path = g_build_filename(data, "api.sock", NULL);
	const char *argv[] = {program, data, NULL};
	BaseSpawn spawn = {.argv = argv};
	g_autoptr(GError) error = NULL;
	BaseProcess *server = base_process_spawn(&spawn, &error);
	KubeConfig *config = kube_config_unix_socket(socket_path);
	KubeClient *client = kube_client_new(config, &error);

	if (server == NULL || client == NULL)
		die(error);
	if (wait_ready(client)) {
		make_devices(client);
		measure(client);
	}
	kube_client_free(client);
	kube_config_free(config);
	base_process_terminate(server, 5 * G_USEC_PER_SEC, NULL);
	base_process_free(server);
	base_tree_remove(data, NULL);
	return 0;
}
