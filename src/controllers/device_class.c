/* A DeviceClass: its firmware as a bundle in its Storage, named by the hash of its inputs. */
#include "controllers/class_firmware.h"
#include "controllers/world.h"

#include "base/clock.h"

#include <string.h>

enum {
	HISTORY_MAX = 10,
	RETRY_S = 30, /* what passes by itself, for example a full disk */
};

static void set_firmware_false(json_t *status, gint64 generation, const char *reason,
			       gboolean transient, const char *message)
{
	kube_condition_set(status, MODEL_CONDITION_FIRMWARE_READY, KUBE_FALSE, reason, generation,
			   "%s", message);
	world_set_ready(status, generation, reason, transient, message);
}

/* The version that the class offered until now goes on top of the history. */
static void remember(json_t *status)
{
	static const char *const kept[] = {"version", "digest", "inputHash", "builtAt"};
	json_t *firmware = json_object_get(status, "firmware");
	json_t *history = json_object_get(status, "history");
	json_t *entry;

	if (base_json_get_string(firmware, "inputHash", NULL) == NULL)
		return;
	if (!json_is_array(history)) {
		json_object_set_new(status, "history", json_array());
		history = json_object_get(status, "history");
	}
	entry = json_object();
	for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
		base_json_set_string(entry, kept[i], base_json_get_string(firmware, kept[i], NULL));
	json_array_insert_new(history, 0, entry);
	while (json_array_size(history) > HISTORY_MAX)
		json_array_remove(history, json_array_size(history) - 1);
}

static void set_firmware(World *world, const ModelDeviceClass *class, json_t *status,
			 const ClassFirmware *firmware)
{
	const char *old = base_json_get_string(status, "firmware", "inputHash", NULL);
	gboolean is_new = g_strcmp0(old, firmware->input_hash) != 0;
	json_t *json;

	if (is_new)
		remember(status);
	json = base_json_ensure_object(status, "firmware");
	base_json_set_string(json, "version", firmware->version);
	base_json_set_string(json, "digest", firmware->digest);
	base_json_set_string(json, "inputHash", firmware->input_hash);
	json_object_set_new(json, "sizeBytes", json_integer((json_int_t)firmware->size_bytes));
	json_object_set_new(json, "slotBytes", json_integer((json_int_t)firmware->slot_bytes));
	base_json_set_string(json, "artefact", firmware->artefact);
	if (is_new || base_json_get_string(json, "builtAt", NULL) == NULL) {
		g_autofree char *now = base_clock_format_time(base_clock_wall_us());

		base_json_set_string(json, "builtAt", now);
	}
	if (is_new && firmware->n_slots == 1)
		world_event(
			world, KUBE_EVENT_WARNING, &kube_device_classes, class->object,
			"SingleSlot",
			"the partition table of this bundle has one app slot: no update over the "
			"air is possible");
}

/* Whatever a device runs is kept, however old. */
static void retain(World *world, const ModelDeviceClass *class, const ModelStorage *storage,
		   ArtefactPlace *place, const json_t *status)
{
	g_autoptr(GPtrArray) in_use = g_ptr_array_new();
	const char *current = base_json_get_string(status, "firmware", "inputHash", NULL);
	g_autoptr(GError) error = NULL;
	gsize i;
	json_t *entry;

	g_ptr_array_add(in_use, (gpointer)current);
	json_array_foreach (json_object_get(status, "history"), i, entry) {
		const char *hash = base_json_get_string(entry, "inputHash", NULL);
		g_autofree char *running =
			g_strdup_printf("%s/%s/%s", class->meta.namespace, class->meta.name,
					base_json_get_string(entry, "version", NULL));

		if (hash != NULL && kube_cache_index_count(world->caches[WORLD_DEVICE],
							   WORLD_INDEX_RUNNING, running) > 0)
			g_ptr_array_add(in_use, (gpointer)hash);
	}
	g_ptr_array_add(in_use, NULL);
	if (!artefact_place_retain(place, class->meta.namespace, class->meta.name,
				   (guint)storage->keep_versions,
				   (const char *const *)in_use->pdata, NULL, &error))
		world_event(world, KUBE_EVENT_WARNING, &kube_device_classes, class->object,
			    MODEL_EVENT_STORAGE_UNREACHABLE, "removing old bundles: %s",
			    error->message);
}

/* Makes or finds the bundle; TRUE if the firmware is ready. */
static gboolean provide(World *world, const ModelDeviceClass *class, json_t *status)
{
	gint64 generation = class->meta.generation;
	g_autofree char *message = NULL;
	g_autoptr(ModelStorage) storage = NULL;
	g_autoptr(ArtefactPlace) place = NULL;
	g_autoptr(ClassFirmware) firmware = NULL;
	g_autoptr(GError) error = NULL;
	const char *reason = NULL;

	storage = world_storage_of_class(world, class, &reason, &message);
	if (storage == NULL) {
		set_firmware_false(status, generation, reason, FALSE, message);
		return FALSE;
	}
	place = world_place(world, storage, &error);
	if (place != NULL)
		firmware = class_firmware_provide(world, class, place, status, &error);
	if (firmware == NULL) {
		reason = class_firmware_reason(error);
		set_firmware_false(status, generation, reason,
				   strcmp(reason, MODEL_REASON_STORAGE_UNREACHABLE) == 0,
				   error->message);
		return FALSE;
	}
	set_firmware(world, class, status, firmware);
	retain(world, class, storage, place, status);
	if (firmware->stored) {
		g_autofree char *storage_key = model_meta_key(&storage->meta);

		world_enqueue(world, WORLD_STORAGE, storage_key, G_USEC_PER_SEC / 5);
	}
	return TRUE;
}

static void judge(World *world, const ModelDeviceClass *class, json_t *status)
{
	gint64 generation = class->meta.generation;
	const char *unsupported = model_device_class_unsupported(class);
	g_autoptr(ModelDeviceCluster) cluster =
		world_cluster(world, class->meta.namespace, class->cluster_name);

	if (unsupported != NULL) {
		world_set_not_supported(status, generation, unsupported);
		return;
	}
	if (cluster == NULL) {
		g_autofree char *message = g_strdup_printf(
			"DeviceCluster '%s' is not there: apply it", class->cluster_name);

		set_firmware_false(status, generation, MODEL_REASON_CLUSTER_NOT_FOUND, FALSE,
				   message);
		return;
	}
	if (!provide(world, class, status))
		return;
	kube_condition_set(status, MODEL_CONDITION_FIRMWARE_READY, KUBE_TRUE, MODEL_REASON_READY,
			   generation, "bundle %.12s is stored",
			   base_json_get_string(status, "firmware", "inputHash", NULL));
	world_set_ready(status, generation, NULL, FALSE, "the firmware can be flashed");
}

KubeResult device_class_reconcile(const char *key, gpointer data)
{
	World *world = data;
	g_autoptr(json_t) object = kube_cache_get_by_key(world->caches[WORLD_CLASS], key);
	g_autofree char *reference = g_strconcat(MODEL_KIND_DEVICE_CLASS "/", key, NULL);
	g_autoptr(ModelDeviceClass) class = NULL;
	g_autoptr(json_t) status = NULL;
	g_autoptr(GError) error = NULL;
	KubeResult result;

	if (object == NULL || kube_object_is_deleting(object))
		return kube_done();
	status = kube_status_copy(object);
	json_object_set_new(
		status, "devices",
		json_integer(kube_cache_index_count(world->caches[WORLD_DEVICE],
						    WORLD_INDEX_REFERENCES, reference)));
	class = model_device_class_from_json(object, &error);
	if (class == NULL)
		set_firmware_false(status, kube_object_generation(object),
				   MODEL_REASON_SPEC_INVALID, FALSE, error->message);
	else
		judge(world, class, status);
	result = world_write_status(world, WORLD_CLASS, object, status);
	if (result.outcome == KUBE_RESULT_DONE &&
	    kube_condition_is_true(status, MODEL_CONDITION_RECONCILING))
		return kube_again_after(RETRY_S * G_USEC_PER_SEC);
	return result;
}
