/* Whole fleets, and fleets of which something is missing. */
#include "kube/controllers_suite.h"

#include "base/file.h"

#include <string.h>

enum {
	SAMPLE_MAX_BYTES = 256 * 1024,
	SAMPLE_DEVICES = 10,
};

static gboolean apply_file(Site *site, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(site->samples, name, NULL);
	g_autoptr(GBytes) bytes = base_file_read(path, SAMPLE_MAX_BYTES, error);
	g_autofree char *text = NULL;

	if (bytes == NULL)
		return FALSE;
	text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return site_apply(site, text, error);
}

static gboolean secret_is_as_designed(Site *site, const char *device_name, GError **error)
{
	g_autofree char *name = g_strconcat(device_name, MODEL_DEVICE_SECRET_SUFFIX, NULL);
	g_autoptr(json_t) device = site_get(site, &kube_devices, device_name, error);
	g_autoptr(json_t) secret =
		device == NULL ? NULL : site_get(site, &kube_secrets, name, error);
	g_autofree char *user = NULL;

	if (secret == NULL)
		return FALSE;
	user = site_secret_value(site, name, MODEL_SECRET_KEY_USERNAME);
	CHECK(g_strcmp0(base_json_get_string(secret, "type", NULL), MODEL_SECRET_TYPE_DEVICE) == 0,
	      "the type of Secret %s", name);
	CHECK(kube_is_owned_by(secret, kube_object_uid(device)), "the owner of Secret %s", name);
	CHECK(g_strcmp0(kube_object_annotation(secret, MODEL_ANNOTATION_CONFIG_INPUTS),
			base_json_get_string(device, "status", "config", "digest", NULL)) == 0,
	      "the inputs' hash of Secret %s", name);
	CHECK(g_strcmp0(user, device_name) == 0, "the user in Secret %s is %s", name, user);
	CHECK(base_json_get_string(secret, "data", MODEL_SECRET_KEY_CONFIG, NULL) != NULL,
	      "Secret %s holds no config.bin", name);
	CHECK(site_broker_knows(site, device_name), "the broker does not know %s", device_name);
	return TRUE;
}

static gboolean sample_is_ready(Site *site, GError **error)
{
	static const char *const files[] = {"classes.yaml", "cluster.yaml",  "devices.yaml",
					    "groups.yaml",  "settings.yaml", "storage.yaml"};

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
		GOOD(apply_file(site, files[i], error));
	for (int i = 1; i <= SAMPLE_DEVICES; i++) {
		g_autofree char *name = g_strdup_printf("probe-%d", i);

		GOOD(site_await(site, &kube_devices, name, "Ready", KUBE_TRUE, "Ready", error));
		GOOD(site_await(site, &kube_devices, name, "Flashed", KUBE_FALSE, "NeverFlashed",
				error));
		GOOD(secret_is_as_designed(site, name, error));
	}
	GOOD(site_await(site, &kube_storages, "artefacts", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "Ready", KUBE_TRUE, NULL,
			error));
	GOOD(site_await(site, &kube_device_classes, "soil-probe", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_device_groups, "north", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await_count(site, &kube_device_clusters, "greenhouse", "devices", SAMPLE_DEVICES,
			      error));
	GOOD(site_await_count(site, &kube_device_groups, "everywhere", "devices", SAMPLE_DEVICES,
			      error));
	return site_await_count(site, &kube_device_groups, "north", "devices", SAMPLE_DEVICES / 2,
				error);
}

static gboolean missing_is_named(Site *site, GError **error)
{
	GOOD(site_apply(site, SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ClassNotFound", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "DeviceClass 'probe' is not there",
		       error));
	GOOD(site_apply(site, SITE_CLASS, error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_FALSE, "ClusterNotFound",
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ClusterNotFound", error));
	GOOD(site_apply(site, SITE_CLUSTER, error));
	GOOD(site_await(site, &kube_device_classes, "probe", "FirmwareReady", KUBE_FALSE,
			"StorageNotFound", error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "ArtefactsReachable", KUBE_FALSE,
			"StorageNotFound", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "StorageNotFound", error));
	GOOD(site_await(site, &kube_devices, "a", "ConfigReady", KUBE_TRUE, NULL, error));
	GOOD(site_apply(site, SITE_STORAGE, error));
	GOOD(site_await(site, &kube_device_clusters, "greenhouse", "ArtefactsReachable", KUBE_TRUE,
			NULL, error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

static gboolean deletion_is_not_blocked(Site *site, GError **error)
{
	GOOD(site_apply(site,
			SITE_FLEET SITE_DEVICE("a", "site: north", "")
				SITE_GROUP("north", "north", ""),
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_delete(site, &kube_device_groups, "north", error));
	GOOD(site_await_gone(site, &kube_device_groups, "north", SITE_PATIENCE_S, error));
	GOOD(site_delete(site, &kube_storages, "artefacts", error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_FALSE, "StorageNotFound",
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "StorageNotFound", error));
	GOOD(site_delete(site, &kube_device_clusters, "greenhouse", error));
	GOOD(site_await_gone(site, &kube_device_clusters, "greenhouse", SITE_PATIENCE_S, error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ClusterNotFound", error));
	GOOD(site_delete(site, &kube_device_classes, "probe", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ClassNotFound", error));
	GOOD(site_delete(site, &kube_devices, "a", error));
	return site_await_gone(site, &kube_devices, "a", SITE_PATIENCE_S, error);
}

const SiteCase site_reference_cases[] = {
	{"the greenhouse sample becomes Ready whole", sample_is_ready},
	{"what is missing is named, and taken up when it appears", missing_is_named},
	{"a deletion is never blocked, and who depends on it says so", deletion_is_not_blocked},
	{NULL, NULL},
};
