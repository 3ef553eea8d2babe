/* Firmware: bundles built once, kept while in use, and what cannot be built. */
#include "kube/controllers_suite.h"

#include "artefact/place.h"

#include <string.h>

static ArtefactPlace *place_of(Site *site, GError **error)
{
	return artefact_place_directory_new(site->artefacts_root, SITE_DIRECTORY, error);
}

/* The stored bundles of the class, how many. -1 with an error. */
static int count_bundles(Site *site, GError **error)
{
	g_autoptr(ArtefactPlace) place = place_of(site, error);
	g_autoptr(GPtrArray) versions =
		place == NULL ? NULL
			      : artefact_place_versions(place, site->name_space, "probe", error);

	return versions == NULL ? -1 : (int)versions->len;
}

static char *input_hash(Site *site)
{
	g_autoptr(json_t) class = site_get(site, &kube_device_classes, "probe", NULL);

	return g_strdup(base_json_get_string(class, "status", "firmware", "inputHash", NULL));
}

static gboolean is_stored(Site *site, const char *hash)
{
	ArtefactKey key = {site->name_space, "probe", hash};
	g_autoptr(ArtefactPlace) place = place_of(site, NULL);

	return place != NULL && artefact_place_has(place, &key, NULL);
}

static gboolean go_to_version(Site *site, const char *version, GError **error)
{
	g_autofree char *patch = g_strdup_printf("spec: {firmware: {version: %s}}", version);
	g_autoptr(json_t) class = NULL;

	GOOD(site_patch(site, &kube_device_classes, "probe", patch, error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_TRUE, NULL, error));
	class = site_get(site, &kube_device_classes, "probe", error);
	CHECK(g_strcmp0(base_json_get_string(class, "status", "firmware", "version", NULL),
			version) == 0,
	      "the class offers another version than %s", version);
	return site_settle(site, error);
}

static gboolean built_once(Site *site, GError **error)
{
	g_auto(GStrv) before = NULL;
	g_autofree char *hash = NULL;
	g_autofree char *hash_after = NULL;
	g_autofree char *rebuilt = NULL;
	g_autofree char *device = NULL;
	g_autofree char *device_after = NULL;
	guint64 writes;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", "") SITE_DEVICE("b", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await_event(site, "probe", "BuildSucceeded", error));
	GOOD(site_settle(site, error));
	hash = input_hash(site);
	CHECK(count_bundles(site, error) == 1, "there is not one bundle");
	before = site_config_versions(site, "a b");
	device = site_version(site, &kube_devices, "a");
	site_stop_controllers(site);
	GOOD(site_start_controllers(site, error));
	GOOD(site_settle(site, error));
	writes = site_writes(site);
	hash_after = input_hash(site);
	rebuilt = site_rebuilt(site, "a b", before);
	device_after = site_version(site, &kube_devices, "a");
	CHECK(g_strcmp0(hash, hash_after) == 0 && count_bundles(site, error) == 1,
	      "a restart built another bundle");
	CHECK(*rebuilt == '\0', "a restart rebuilt %s", rebuilt);
	CHECK(strcmp(device, device_after) == 0, "a restart wrote a device's status");
	CHECK(writes == 0, "a restart wrote %" G_GUINT64_FORMAT " times", writes);
	return TRUE;
}

static gboolean another_version_is_another_bundle(Site *site, GError **error)
{
	g_autofree char *first = NULL;
	g_autoptr(json_t) class = NULL;
	const json_t *history;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	first = input_hash(site);
	GOOD(go_to_version(site, "2.0.0", error));
	class = site_get(site, &kube_device_classes, "probe", error);
	history = base_json_get(class, "status", "history", NULL);
	CHECK(json_array_size(history) == 1 &&
		      g_strcmp0(base_json_get_string(json_array_get(history, 0), "version", NULL),
				"1.0.0") == 0 &&
		      g_strcmp0(base_json_get_string(json_array_get(history, 0), "inputHash", NULL),
				first) == 0,
	      "the history does not hold the first version");
	/* keepVersions is 1, and no device runs the first. */
	CHECK(count_bundles(site, error) == 1, "the first bundle was not collected");
	return TRUE;
}

static gboolean what_runs_is_kept(Site *site, GError **error)
{
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;
	g_autoptr(Board) board = NULL;

	GOOD(site_apply(site, SITE_FLEET SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(board = board_connect(site, "a", error));
	GOOD(board_state(board, "ready", error));
	GOOD(board_report(board, "02:00:00:00:00:01", error));
	GOOD(site_await(site, &kube_devices, "a", "UpToDate", KUBE_TRUE, NULL, error));
	first = input_hash(site);
	GOOD(go_to_version(site, "2.0.0", error));
	GOOD(site_await(site, &kube_devices, "a", "UpToDate", KUBE_FALSE, "FirmwareOutdated",
			error));
	second = input_hash(site);
	GOOD(go_to_version(site, "3.0.0", error));
	CHECK(is_stored(site, first), "what a device runs was collected");
	CHECK(!is_stored(site, second), "what nobody runs was kept");
	CHECK(count_bundles(site, error) == 2, "there are not two bundles");
	GOOD(board_report(board, "02:00:00:00:00:01", error));
	return site_await(site, &kube_devices, "a", "UpToDate", KUBE_TRUE, NULL, error);
}

static gboolean no_builder(Site *site, GError **error)
{
	GOOD(site_apply(site,
			SITE_STORAGE SITE_CLUSTER
			"kind: DeviceClass\n"
			"apiVersion: espalier.dev/v1alpha1\n"
			"metadata: {name: probe}\n"
			"spec: {deviceClusterReference: {name: greenhouse}, chip: esp32c3, "
			"firmware: {builder: {}, version: 1.0.0}}\n"
			"---\n" SITE_DEVICE("a", "", ""),
			error));
	GOOD(site_await(site, &kube_device_classes, "probe", "FirmwareReady", KUBE_FALSE,
			"NoBuilder", error));
	GOOD(site_says(site, &kube_device_classes, "probe", "FirmwareReady",
		       "espalier push probe BUILD_DIR", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "NoBuilder", error));
	return site_await(site, &kube_devices, "a", "ConfigReady", KUBE_TRUE, NULL, error);
}

static gboolean bundle_that_nobody_pushed(Site *site, GError **error)
{
	g_autofree char *hash = g_strnfill(64, 'a');
	g_autofree char *yaml = g_strdup_printf("%skind: DeviceClass\n"
						"apiVersion: espalier.dev/v1alpha1\n"
						"metadata: {name: probe}\n"
						"spec: {deviceClusterReference: {name: greenhouse},"
						" chip: host, firmware: {prebuilt: {digest: "
						"\"sha256:%s\"}}}\n",
						SITE_STORAGE SITE_CLUSTER, hash);

	GOOD(site_apply(site, yaml, error));
	GOOD(site_await(site, &kube_device_classes, "probe", "FirmwareReady", KUBE_FALSE,
			"BundleNotFound", error));
	return site_says(site, &kube_device_classes, "probe", "FirmwareReady",
			 "espalier push probe BUILD_DIR", error);
}

static gboolean not_supported_yet(Site *site, GError **error)
{
	GOOD(site_apply(site,
			"kind: Storage\n"
			"apiVersion: espalier.dev/v1alpha1\n"
			"metadata: {name: bucket}\n"
			"spec: {s3: {endpoint: \"https://s3.example.org\", bucket: firmware, "
			"credentialsSecret: {name: keys}}}\n"
			"---\n" SITE_FLEET SITE_DEVICE("a", "", "firmware: {version: 0.9.0}"),
			error));
	GOOD(site_await(site, &kube_storages, "bucket", "Ready", KUBE_FALSE, "NotSupportedYet",
			error));
	GOOD(site_says(site, &kube_storages, "bucket", "Ready", "spec.s3", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "NotSupportedYet", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "spec.firmware.version", error));
	GOOD(site_patch(site, &kube_device_classes, "probe", "spec: {config: {encryption: HMAC}}",
			error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_FALSE, "NotSupportedYet",
			error));
	GOOD(site_says(site, &kube_device_classes, "probe", "Ready", "spec.config.encryption",
		       error));
	/* The device's own field stands for itself; what its class asks for stands in its way too.
	 */
	GOOD(site_patch(site, &kube_devices, "a", "spec: {firmware: null}", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "NotSupportedYet", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "spec.config.encryption of DeviceClass",
		       error));
	GOOD(site_patch(site, &kube_device_classes, "probe", "spec: {config: null}", error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

/* Where encryption was asked, plaintext is never written. */
static gboolean no_plaintext_instead(Site *site, GError **error)
{
	g_autofree char *image = NULL;

	GOOD(site_apply(site, SITE_FLEET, error));
	GOOD(site_patch(site, &kube_device_classes, "probe", "spec: {config: {encryption: HMAC}}",
			error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_FALSE, "NotSupportedYet",
			error));
	GOOD(site_apply(site, SITE_DEVICE("a", "", ""), error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "NotSupportedYet", error));
	GOOD(site_settle(site, error));
	image = site_secret_value(site, "a-device", MODEL_SECRET_KEY_CONFIG);
	CHECK(image == NULL, "a plain configuration was written where encryption was asked");
	return TRUE;
}

static gboolean lost_bundle_is_built_again(Site *site, GError **error)
{
	g_autofree char *hash = NULL;
	g_autoptr(ArtefactPlace) place = NULL;
	ArtefactKey key = {site->name_space, "probe", NULL};

	GOOD(site_apply(site, SITE_FLEET, error));
	GOOD(site_await(site, &kube_device_classes, "probe", "Ready", KUBE_TRUE, NULL, error));
	hash = input_hash(site);
	key.hash = hash;
	place = place_of(site, error);
	GOOD(place != NULL && artefact_place_remove(place, &key, error));
	GOOD(site_patch(site, &kube_device_classes, "probe", "metadata: {annotations: {x: y}}",
			error));
	GOOD(site_settle(site, error));
	CHECK(is_stored(site, hash), "a bundle that was lost is not built again");
	return TRUE;
}

const SiteCase site_firmware_cases[] = {
	{"a host bundle is built once, and a restart writes nothing", built_once},
	{"another version is another bundle, the old one is history",
	 another_version_is_another_bundle},
	{"what a device runs is kept, what nobody runs is not", what_runs_is_kept},
	{"a bundle that was lost is built again", lost_bundle_is_built_again},
	{"a chip without a builder says what to do", no_builder},
	{"a bundle that nobody pushed says what to do", bundle_that_nobody_pushed},
	{"what is not supported yet is named, and cured by leaving it out", not_supported_yet},
	{"no plain configuration where encryption was asked", no_plaintext_instead},
	{NULL, NULL},
};
