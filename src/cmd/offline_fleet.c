#include "cmd/offline_fleet.h"

#include "base/json.h"
#include "base/timezone.h"
#include "model/kinds.h"
#include "model/secret.h"

#include <string.h>

struct CmdOfflineFleet {
	GHashTable *objects; /* "Kind/namespace/name" -> const CmdManifest * */
	GHashTable *classes; /* the same -> ModelDeviceClass * */
	GHashTable *clusters;
	GPtrArray *groups; /* ModelDeviceGroup * */
	GPtrArray *devices;
};

static void device_free(gpointer data)
{
	CmdOfflineDevice *device = data;

	model_device_free(device->device);
	g_ptr_array_unref(device->groups);
	g_free(device);
}

void cmd_offline_fleet_free(CmdOfflineFleet *fleet)
{
	if (fleet == NULL)
		return;
	g_hash_table_unref(fleet->objects);
	g_hash_table_unref(fleet->classes);
	g_hash_table_unref(fleet->clusters);
	g_ptr_array_unref(fleet->groups);
	g_ptr_array_unref(fleet->devices);
	g_free(fleet);
}

/* Tells why an object cannot be used. TRUE if it can. */
static gboolean is_usable(const CmdManifest *manifest, const GError *error, GPtrArray *faults)
{
	const char *kind = base_json_get_string(manifest->object, "kind", NULL);
	const char *later = model_object_unsupported(kind, manifest->object);

	if (error != NULL)
		cmd_manifest_fault(faults, manifest, NULL, "%s", error->message);
	else if (later != NULL)
		cmd_manifest_fault(faults, manifest, later,
				   "%s is not supported yet; remove it for now", later);
	return error == NULL && later == NULL;
}

static void read_shared(CmdOfflineFleet *fleet, const CmdManifest *manifest, char *reference,
			GPtrArray *faults)
{
	const char *kind = base_json_get_string(manifest->object, "kind", NULL);
	g_autoptr(GError) error = NULL;

	if (strcmp(kind, MODEL_KIND_DEVICE_CLASS) == 0) {
		g_autoptr(ModelDeviceClass) class =
			model_device_class_from_json(manifest->object, &error);

		if (is_usable(manifest, error, faults))
			g_hash_table_insert(fleet->classes, g_strdup(reference),
					    g_steal_pointer(&class));
	} else if (strcmp(kind, MODEL_KIND_DEVICE_CLUSTER) == 0) {
		g_autoptr(ModelDeviceCluster) cluster =
			model_device_cluster_from_json(manifest->object, &error);

		if (is_usable(manifest, error, faults))
			g_hash_table_insert(fleet->clusters, g_strdup(reference),
					    g_steal_pointer(&cluster));
	} else if (strcmp(kind, MODEL_KIND_DEVICE_GROUP) == 0) {
		g_autoptr(ModelDeviceGroup) group =
			model_device_group_from_json(manifest->object, &error);

		if (is_usable(manifest, error, faults))
			g_ptr_array_add(fleet->groups, g_steal_pointer(&group));
	}
}

/* What `manifest` names at `field`, out of `table`; NULL after telling that it is missing. */
static gpointer find(const CmdOfflineFleet *fleet, GHashTable *table, const CmdManifest *manifest,
		     const char *field, const char *kind, const char *namespace, const char *name,
		     GPtrArray *faults)
{
	g_autofree char *reference = model_reference(kind, namespace, name);
	gpointer found = g_hash_table_lookup(table, reference);

	if (found == NULL && g_hash_table_contains(fleet->objects, reference))
		cmd_manifest_fault(faults, manifest, field,
				   "%s: %s '%s' has a fault of its own, see there", field, kind,
				   name);
	else if (found == NULL)
		cmd_manifest_fault(faults, manifest, field,
				   "%s: there is no good %s '%s' in namespace '%s' among the "
				   "manifests; add it or correct the name",
				   field, kind, name, namespace);
	return found;
}

static void add_device(CmdOfflineFleet *fleet, const CmdManifest *manifest, GPtrArray *faults)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(ModelDevice) device = model_device_from_json(manifest->object, &error);
	const ModelDeviceClass *class;
	const ModelDeviceCluster *cluster;
	CmdOfflineDevice *entry;

	if (!is_usable(manifest, error, faults))
		return;
	class = find(fleet, fleet->classes, manifest, "spec.deviceClassReference.name",
		     MODEL_KIND_DEVICE_CLASS, device->meta.namespace, device->class_name, faults);
	cluster = class == NULL ? NULL
				: find(fleet, fleet->clusters, manifest,
				       "spec.deviceClassReference.name", MODEL_KIND_DEVICE_CLUSTER,
				       class->meta.namespace, class->cluster_name, faults);
	if (cluster == NULL)
		return;
	entry = g_new0(CmdOfflineDevice, 1);
	entry->manifest = manifest;
	entry->device_class = class;
	entry->cluster = cluster;
	entry->groups = g_ptr_array_new();
	for (guint i = 0; i < fleet->groups->len; i++) {
		ModelDeviceGroup *group = g_ptr_array_index(fleet->groups, i);

		if (model_device_group_matches(group, &device->meta))
			g_ptr_array_add(entry->groups, group);
	}
	entry->device = g_steal_pointer(&device);
	g_ptr_array_add(fleet->devices, entry);
}

CmdOfflineFleet *cmd_offline_fleet_new(const GPtrArray *good, GPtrArray *faults)
{
	CmdOfflineFleet *fleet = g_new0(CmdOfflineFleet, 1);

	fleet->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	fleet->classes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       (GDestroyNotify)model_device_class_free);
	fleet->clusters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						(GDestroyNotify)model_device_cluster_free);
	fleet->groups = g_ptr_array_new_with_free_func((GDestroyNotify)model_device_group_free);
	fleet->devices = g_ptr_array_new_with_free_func(device_free);
	for (guint i = 0; i < good->len; i++) {
		CmdManifest *manifest = g_ptr_array_index(good, i);
		const char *kind = base_json_get_string(manifest->object, "kind", NULL);
		ModelMeta meta;
		char *reference;

		model_meta_read(&meta, manifest->object);
		reference = model_reference(kind, meta.namespace, meta.name);
		g_hash_table_insert(fleet->objects, reference, manifest);
		read_shared(fleet, manifest, reference, faults);
	}
	for (guint i = 0; i < good->len; i++) {
		CmdManifest *manifest = g_ptr_array_index(good, i);

		if (strcmp(base_json_get_string(manifest->object, "kind", NULL),
			   MODEL_KIND_DEVICE) == 0)
			add_device(fleet, manifest, faults);
	}
	return fleet;
}

const GPtrArray *cmd_offline_fleet_devices(const CmdOfflineFleet *fleet)
{
	return fleet->devices;
}

gboolean cmd_offline_device_needs_endpoint(const CmdOfflineDevice *device)
{
	return device->cluster->endpoint_host == NULL;
}

static json_t *look_up(const char *kind, const char *namespace, const char *name,
		       gpointer user_data)
{
	const CmdOfflineFleet *fleet = user_data;
	g_autofree char *reference = model_reference(kind, namespace, name);
	const CmdManifest *manifest = g_hash_table_lookup(fleet->objects, reference);

	return manifest != NULL ? json_incref(manifest->object) : NULL;
}

/* ca.crt of the Secret that the cluster names for its endpoint. FALSE with an error; TRUE with NULL
 * if it names none. */
static gboolean endpoint_ca(const CmdOfflineFleet *fleet, const ModelDeviceCluster *cluster,
			    char **ca_pem, GError **error)
{
	static const char key[] = "ca.crt";
	const char *name = cluster->endpoint_ca_secret;
	g_autoptr(json_t) secret = NULL;

	if (name == NULL)
		return TRUE;
	secret = look_up("Secret", cluster->meta.namespace, name, (gpointer)fleet);
	*ca_pem = model_secret_text(secret, key);
	if (*ca_pem != NULL)
		return TRUE;
	g_set_error(error, MODEL_ERROR,
		    secret == NULL ? MODEL_ERROR_SECRET_NOT_FOUND
				   : MODEL_ERROR_SECRET_KEY_NOT_FOUND,
		    "DeviceCluster '%s': spec.mqtt.deviceEndpoint.tls.caSecret: %s '%s' %s",
		    cluster->meta.name, "Secret", name,
		    secret == NULL ? "is not among the manifests; add it" : "has no key ca.crt");
	return FALSE;
}

static char *artefact_url(const CmdOfflineDevice *device)
{
	const char *base = device->cluster->artefacts_public_url;

	if (base == NULL)
		return NULL;
	return g_strdup_printf("%s/v1/%s/classes/%s", base, device->device_class->meta.namespace,
			       device->device_class->meta.name);
}

ModelPlan *cmd_offline_plan(const CmdOfflineFleet *fleet, const CmdOfflineDevice *device,
			    const CmdOfflineEndpoint *endpoint, const char *password,
			    GError **error)
{
	const ModelDeviceCluster *cluster = device->cluster;
	gboolean told = cmd_offline_device_needs_endpoint(device);
	g_autofree char *ca_pem = NULL, *zone = NULL, *url = artefact_url(device);
	ModelPlanInputs inputs;

	if (!endpoint_ca(fleet, cluster, &ca_pem, error))
		return NULL;
	if (cluster->time_zone != NULL) {
		zone = base_timezone_posix(cluster->time_zone, error);
		if (zone == NULL) {
			g_prefix_error(error,
				       "DeviceCluster '%s': spec.time.zone: ", cluster->meta.name);
			return NULL;
		}
	}
	inputs = (ModelPlanInputs){
		.device = device->device,
		.device_class = device->device_class,
		.cluster = cluster,
		.groups = (const ModelDeviceGroup *const *)device->groups->pdata,
		.n_groups = device->groups->len,
		.lookup = look_up,
		.lookup_data = (gpointer)fleet,
		.username = device->device->meta.name,
		.password = password,
		.broker_host = told ? endpoint->broker_host : cluster->endpoint_host,
		.broker_port = told ? endpoint->broker_port : cluster->endpoint_port,
		.broker_tls = TRUE,
		.broker_ca_pem = ca_pem != NULL ? ca_pem : endpoint->broker_ca_pem,
		.artefact_url = url,
		.posix_tz = zone,
	};
	return model_plan_new(&inputs, error);
}
