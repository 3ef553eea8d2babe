/* Settings: which layer wins, whom a change reaches, what stands in the way. */
#include "kube/controllers_suite.h"

#include <string.h>

#define CANARY "canary-of-the-north"

/* Where the device has that key from, borrowed of `device`; NULL if it has none. */
static const char *source_of(const json_t *device, const char *setting)
{
	const json_t *sources = base_json_get(device, "status", "config", "sources", NULL);
	gsize i;
	json_t *source;

	json_array_foreach (sources, i, source)
		if (g_strcmp0(base_json_get_string(source, "key", NULL), setting) == 0)
			return base_json_get_string(source, "from", NULL);
	return NULL;
}

static gboolean check_source(Site *site, const char *name, const char *setting, const char *text,
			     GError **error)
{
	g_autoptr(json_t) device = site_get(site, &kube_devices, name, error);
	const char *from = source_of(device, setting);

	if (device == NULL)
		return FALSE;
	CHECK(from != NULL && strstr(from, text) != NULL, "%s of %s is from %s, not from %s",
	      setting, name, from != NULL ? from : "nowhere", text);
	return TRUE;
}

#define LAYER(key, value) "{namespace: settings, key: " key ", value: \"" value "\"}"

static gboolean nearest_layer_wins(Site *site, GError **error)
{
	g_autoptr(json_t) device = NULL;
	g_autofree char *text = NULL;

	GOOD(site_apply(site, SITE_FLEET, error));
	GOOD(site_patch(site, &kube_device_clusters, "greenhouse",
			"spec: {settings: [" LAYER("a", CANARY) ", " LAYER("b", "1") ", " LAYER(
				"c", "1") ", " LAYER("d", "1") "]}",
			error));
	GOOD(site_patch(
		site, &kube_device_classes, "probe",
		"spec: {settings: [" LAYER("b", "2") ", " LAYER("c", "2") ", " LAYER("d", "2") "]}",
		error));
	GOOD(site_apply(site,
			SITE_GROUP("far", "north", "priority: 1, settings: [" LAYER("c", "3") "]")
				SITE_GROUP("near", "north", "priority: 2, secret: {name: layer}")
					SITE_SECRET("layer", SITE_LABELLED, "c: \"4\", d: \"4\"")
						SITE_DEVICE("a", "site: north",
							    "settings: [" LAYER("d", "5") "]"),
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_settle(site, error));
	GOOD(check_source(site, "a", "settings.a", "DeviceCluster", error));
	GOOD(check_source(site, "a", "settings.b", "DeviceClass", error));
	GOOD(check_source(site, "a", "settings.c", "layer", error));
	GOOD(check_source(site, "a", "settings.d", "Device", error));
	device = site_get(site, &kube_devices, "a", error);
	text = device == NULL ? NULL : base_json_dump(device, NULL);
	CHECK(text != NULL && strstr(text, CANARY) == NULL, "a value stands in the device");
	return TRUE;
}

static gboolean secret_must_be_labelled(Site *site, GError **error)
{
	g_auto(GStrv) before = NULL;
	g_autofree char *rebuilt = NULL;

	GOOD(site_apply(site,
			SITE_FLEET SITE_SECRET("mine", "", "k: v")
				SITE_DEVICE("a", "site: north", "secret: {name: mine}")
					SITE_GROUP("north", "north", "secret: {name: mine}"),
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "SecretNotLabelled", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "kubectl label secret mine", error));
	GOOD(site_await(site, &kube_device_groups, "north", "Ready", KUBE_FALSE,
			"SecretNotLabelled", error));
	GOOD(site_says(site, &kube_device_groups, "north", "Ready", "kubectl label secret mine",
		       error));
	GOOD(site_patch(site, &kube_secrets, "mine",
			"metadata: {labels: {espalier.dev/settings: \"true\"}}", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(site_await(site, &kube_device_groups, "north", "Ready", KUBE_TRUE, NULL, error));
	before = site_config_versions(site, "a");
	GOOD(site_patch(site, &kube_secrets, "mine",
			"metadata: {labels: {espalier.dev/settings: null}}", error));
	GOOD(site_await(site, &kube_devices, "a", "ConfigReady", KUBE_FALSE, "SecretNotLabelled",
			error));
	rebuilt = site_rebuilt(site, "a", before);
	CHECK(*rebuilt == '\0', "the last good configuration was given up");
	return TRUE;
}

static gboolean missing_secret_appears(Site *site, GError **error)
{
	GOOD(site_apply(site,
			SITE_FLEET SITE_DEVICE("a", "", "secret: {name: mine}")
				SITE_DEVICE("b", "", "secret: {name: other}"),
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "SecretNotFound", error));
	GOOD(site_await(site, &kube_devices, "b", "Ready", KUBE_FALSE, "SecretNotFound", error));
	GOOD(site_says(site, &kube_devices, "a", "Ready", "mine", error));
	GOOD(site_settle(site, error));
	GOOD(site_apply(site,
			SITE_SECRET("mine", SITE_LABELLED, "k: v") SITE_SECRET("other", "", "k: v"),
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	/* Secrets without the label are not watched: this is seen when the device is looked at. */
	GOOD(site_patch(site, &kube_devices, "b", "metadata: {annotations: {x: y}}", error));
	return site_await(site, &kube_devices, "b", "Ready", KUBE_FALSE, "SecretNotLabelled",
			  error);
}

#define FOUR_DEVICES                                                                               \
	SITE_DEVICE("a", "site: north", "")                                                        \
	SITE_DEVICE("b", "site: north", "")                                                        \
	SITE_DEVICE("c", "site: south", "") SITE_DEVICE("d", "", "secret: {name: north-wifi}")
#define TWO_GROUPS                                                                                 \
	SITE_GROUP("north", "north", "priority: 5, secret: {name: north-wifi}")                    \
	SITE_GROUP("south", "south", "priority: 5, secret: {name: south-wifi}")                    \
	SITE_SECRET("north-wifi", SITE_LABELLED, "wifi.ssid: north")                               \
	SITE_SECRET("south-wifi", SITE_LABELLED, "wifi.ssid: south")

static gboolean await_all_ready(Site *site, const char *devices, GError **error)
{
	g_auto(GStrv) names = g_strsplit(devices, " ", -1);

	for (char **name = names; *name != NULL; name++)
		GOOD(site_await(site, &kube_devices, *name, "Ready", KUBE_TRUE, NULL, error));
	return site_settle(site, error);
}

static gboolean changed_secret_reaches_its_devices(Site *site, GError **error)
{
	g_auto(GStrv) before = NULL;
	g_auto(GStrv) then = NULL;
	g_autofree char *rebuilt = NULL;
	g_autofree char *again = NULL;

	GOOD(site_apply(site, SITE_FLEET TWO_GROUPS FOUR_DEVICES, error));
	GOOD(await_all_ready(site, "a b c d", error));
	before = site_config_versions(site, "a b c d");
	GOOD(site_patch(site, &kube_secrets, "north-wifi", "stringData: {wifi.ssid: changed}",
			error));
	GOOD(await_all_ready(site, "a b c d", error));
	rebuilt = site_rebuilt(site, "a b c d", before);
	CHECK(strcmp(rebuilt, "a b d") == 0, "rebuilt were: %s", rebuilt);
	then = site_config_versions(site, "a b c d");
	GOOD(site_patch(site, &kube_secrets, "north-wifi",
			"stringData: {wifi.ssid: changed}\nmetadata: {annotations: {x: y}}",
			error));
	GOOD(site_settle(site, error));
	again = site_rebuilt(site, "a b c d", then);
	CHECK(*again == '\0', "the same values rebuilt: %s", again);
	return TRUE;
}

static gboolean label_brings_the_other_group(Site *site, GError **error)
{
	g_auto(GStrv) before = NULL;
	g_autofree char *rebuilt = NULL;

	GOOD(site_apply(site, SITE_FLEET TWO_GROUPS FOUR_DEVICES, error));
	GOOD(await_all_ready(site, "a b c d", error));
	GOOD(check_source(site, "a", "wifi.ssid", "north", error));
	before = site_config_versions(site, "a b c d");
	GOOD(site_patch(site, &kube_devices, "a", "metadata: {labels: {site: south}}", error));
	GOOD(site_await_count(site, &kube_device_groups, "south", "devices", 2, error));
	GOOD(await_all_ready(site, "a b c d", error));
	GOOD(check_source(site, "a", "wifi.ssid", "south", error));
	GOOD(site_await_count(site, &kube_device_groups, "north", "devices", 1, error));
	rebuilt = site_rebuilt(site, "a b c d", before);
	CHECK(strcmp(rebuilt, "a") == 0, "rebuilt were: %s", rebuilt);
	return TRUE;
}

static gboolean equals_that_disagree(Site *site, GError **error)
{
	g_auto(GStrv) before = NULL;
	g_autofree char *rebuilt = NULL;
	g_autoptr(json_t) group = NULL;
	g_autofree char *conflicts = NULL;

	GOOD(site_apply(site,
			SITE_FLEET SITE_DEVICE("a", "site: north", "") SITE_GROUP(
				"one", "north", "priority: 5, settings: [" LAYER("k", "1") "]"),
			error));
	GOOD(await_all_ready(site, "a", error));
	before = site_config_versions(site, "a");
	GOOD(site_apply(site,
			SITE_GROUP("two", "north", "priority: 5, settings: [" LAYER("k", "2") "]"),
			error));
	GOOD(site_await(site, &kube_devices, "a", "ConfigReady", KUBE_FALSE, "SettingConflict",
			error));
	GOOD(site_says(site, &kube_devices, "a", "ConfigReady", "settings.k", error));
	GOOD(site_await(site, &kube_device_groups, "one", "Conflicting", KUBE_TRUE,
			"SettingConflict", error));
	GOOD(site_await(site, &kube_device_groups, "two", "Conflicting", KUBE_TRUE,
			"SettingConflict", error));
	GOOD(site_await_event(site, "a", "SettingConflict", error));
	group = site_get(site, &kube_device_groups, "one", error);
	conflicts = base_json_dump_canonical(base_json_get(group, "status", "conflicts", NULL));
	CHECK(g_strcmp0(conflicts, "[{\"groups\":[\"one\",\"two\"],\"key\":\"settings.k\"}]") == 0,
	      "status.conflicts is %s", conflicts);
	rebuilt = site_rebuilt(site, "a", before);
	CHECK(*rebuilt == '\0', "the last good configuration was given up");
	GOOD(site_patch(site, &kube_device_groups, "two", "spec: {priority: 6}", error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error));
	GOOD(check_source(site, "a", "settings.k", "two", error));
	return site_await(site, &kube_device_groups, "one", "Conflicting", KUBE_FALSE, NULL, error);
}

static gboolean too_much_does_not_fit(Site *site, GError **error)
{
	g_autofree char *value = g_strnfill(3500, 'x');
	g_autofree char *patch = g_strdup_printf("stringData: {a: \"%s\", b: \"%s\", c: \"%s\"}",
						 value, value, value);
	g_auto(GStrv) before = NULL;
	g_autofree char *rebuilt = NULL;

	GOOD(site_apply(site,
			SITE_FLEET SITE_SECRET("mine", SITE_LABELLED, "k: v")
				SITE_DEVICE("a", "", "secret: {name: mine}"),
			error));
	GOOD(await_all_ready(site, "a", error));
	before = site_config_versions(site, "a");
	GOOD(site_patch(site, &kube_secrets, "mine", patch, error));
	GOOD(site_await(site, &kube_devices, "a", "ConfigReady", KUBE_FALSE, "ConfigTooLarge",
			error));
	rebuilt = site_rebuilt(site, "a", before);
	CHECK(*rebuilt == '\0', "the last good configuration was given up");
	GOOD(site_patch(site, &kube_secrets, "mine", "data: {a: null, b: null, c: null}", error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

static gboolean one_value_of_a_config_map(Site *site, GError **error)
{
	GOOD(site_apply(
		site,
		SITE_FLEET SITE_DEVICE("a", "",
				       "settings: [{namespace: settings, key: k, valueFrom: "
				       "{configMapKeyRef: {name: map, key: there}}}]"),
		error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ConfigMapNotFound", error));
	GOOD(site_apply(site,
			"kind: ConfigMap\napiVersion: v1\nmetadata: {name: map, " SITE_LABELLED
			"}\ndata: {other: x}\n",
			error));
	GOOD(site_await(site, &kube_devices, "a", "Ready", KUBE_FALSE, "ConfigMapKeyNotFound",
			error));
	GOOD(site_patch(site, &kube_config_maps, "map", "data: {there: x}", error));
	return site_await(site, &kube_devices, "a", "Ready", KUBE_TRUE, NULL, error);
}

const SiteCase site_settings_cases[] = {
	{"the nearest layer wins, and the status says which", nearest_layer_wins},
	{"a settings Secret must be labelled", secret_must_be_labelled},
	{"a settings Secret that was missing appears", missing_secret_appears},
	{"a changed Secret rebuilds exactly the devices that it reaches",
	 changed_secret_reaches_its_devices},
	{"a label brings the other group and rebuilds one device", label_brings_the_other_group},
	{"groups of one priority that disagree are a condition", equals_that_disagree},
	{"settings that do not fit are a condition", too_much_does_not_fit},
	{"one value comes out of a ConfigMap", one_value_of_a_config_map},
	{NULL, NULL},
};
