/* A Device: credentials, configuration, and the truth about it. */
#include "controllers/device_round.h"

#include "base/digest.h"

#include <string.h>

static void round_clear(DeviceRound *round)
{
	if (round->login != NULL)
		broker_finish(round->login, NULL);
	model_device_free(round->device);
	model_device_class_free(round->class);
	model_device_cluster_free(round->cluster);
	g_free(round->cluster_key);
	json_decref(round->before);
	json_decref(round->status);
	json_decref(round->secret);
	base_secret_free(round->password);
	g_free(round->inputs_hash);
	json_decref(round->object);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeviceRound, round_clear)

DeviceStep device_block(DeviceRound *round, const char *condition, const char *reason,
			const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	kube_condition_set(round->status, condition, KUBE_FALSE, reason,
			   round->device->meta.generation, "%s", message);
	return STEP_BLOCKED;
}

void device_pass(DeviceRound *round, const char *condition, const char *reason, const char *format,
		 ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	kube_condition_set(round->status, condition, KUBE_TRUE, reason,
			   round->device->meta.generation, "%s", message);
}

void device_tell(DeviceRound *round, KubeEventType type, const char *reason, const char *format,
		 ...)
{
	g_autofree char *note = NULL;
	va_list args;

	va_start(args, format);
	note = g_strdup_vprintf(format, args);
	va_end(args);
	world_event(round->world, type, &kube_devices, round->object, reason, "%s", note);
}

gboolean device_had_reason(const DeviceRound *round, const char *condition, const char *reason)
{
	return strcmp(kube_condition_reason(round->before, condition), reason) == 0;
}

gboolean device_cluster_has_broker(const DeviceRound *round)
{
	FleetSessionStatus session;

	/* A session is made only once the cluster has claimed the broker. */
	return round->world->broker != NULL && round->cluster_key != NULL &&
	       fleet_session_status(round->world->fleet, round->cluster_key, &session);
}

gboolean device_cluster_awaits_broker(const DeviceRound *round)
{
	return round->world->broker != NULL && round->cluster != NULL &&
	       !device_cluster_has_broker(round) &&
	       kube_condition_is_true(round->cluster->status, MODEL_CONDITION_BROKER_READY);
}

static void find_class_and_cluster(DeviceRound *round)
{
	const char *name_space = round->device->meta.namespace;
	const char *cluster_name = base_json_get_string(round->before, "deviceCluster", NULL);

	round->class = world_class(round->world, name_space, round->device->class_name);
	if (round->class != NULL)
		cluster_name = round->class->cluster_name;
	round->cluster = world_cluster(round->world, name_space, cluster_name);
	if (cluster_name != NULL)
		round->cluster_key = kube_key(name_space, cluster_name);
}

static DeviceStep not_there(DeviceRound *round, WorldKind kind, const char *reason,
			    const char *name, const char *where)
{
	const char *kind_name = world_resource(kind)->kind;
	gboolean unreadable =
		kube_cache_has(round->world->caches[kind], round->device->meta.namespace, name);

	if (unreadable)
		return device_block(round, MODEL_CONDITION_CONFIG_READY, MODEL_REASON_SPEC_INVALID,
				    "%s '%s'%s is there but cannot be used: its own condition "
				    "Ready says why",
				    kind_name, name, where);
	return device_block(round, MODEL_CONDITION_CONFIG_READY, reason,
			    "%s '%s'%s is not there: apply it%s", kind_name, name, where,
			    kind == WORLD_CLASS ? ", or correct spec.deviceClassReference" : "");
}

/* What class or cluster ask for and is not built yet holds for their devices, too: where
 * encryption was asked, plaintext is never written. */
static DeviceStep check_supported(DeviceRound *round)
{
	const char *of_device = model_device_unsupported(round->device);
	const char *of_class =
		round->class == NULL ? NULL : model_device_class_unsupported(round->class);
	const char *of_cluster =
		round->cluster == NULL ? NULL : model_device_cluster_unsupported(round->cluster);

	if (of_device != NULL)
		return device_block(
			round, MODEL_CONDITION_CONFIG_READY, MODEL_REASON_NOT_SUPPORTED_YET,
			"%s is accepted but not supported yet: remove it to go on without it",
			of_device);
	if (of_class != NULL)
		return device_block(round, MODEL_CONDITION_CONFIG_READY,
				    MODEL_REASON_NOT_SUPPORTED_YET,
				    "%s of DeviceClass '%s' is accepted but not supported yet: "
				    "remove it there to go on without it",
				    of_class, round->class->meta.name);
	if (of_cluster != NULL)
		return device_block(round, MODEL_CONDITION_CONFIG_READY,
				    MODEL_REASON_NOT_SUPPORTED_YET,
				    "%s of DeviceCluster '%s' is accepted but not supported yet: "
				    "remove it there to go on without it",
				    of_cluster, round->cluster->meta.name);
	return STEP_DONE;
}

/* The parts that need the class and the cluster. */
static DeviceStep check_references(DeviceRound *round, GError **error)
{
	if (check_supported(round) != STEP_DONE)
		return STEP_BLOCKED;
	if (round->class == NULL)
		return not_there(round, WORLD_CLASS, MODEL_REASON_CLASS_NOT_FOUND,
				 round->device->class_name, "");
	if (round->cluster == NULL) {
		g_autofree char *of = g_strdup_printf(" of class '%s'", round->class->meta.name);

		return not_there(round, WORLD_CLUSTER, MODEL_REASON_CLUSTER_NOT_FOUND,
				 round->class->cluster_name, of);
	}
	if (device_leave_former_cluster(round, error) == STEP_FAULT)
		return STEP_FAULT;
	base_json_set_string(round->status, "deviceCluster", round->cluster->meta.name);
	return STEP_DONE;
}

static void judge_firmware(DeviceRound *round)
{
	json_t *firmware = base_json_ensure_object(round->status, "firmware");
	const json_t *class_status;

	if (round->class == NULL) {
		device_block(round, MODEL_CONDITION_FIRMWARE_READY, MODEL_REASON_CLASS_NOT_FOUND,
			     "DeviceClass '%s' is not there", round->device->class_name);
		return;
	}
	class_status = round->class->status;
	if (kube_condition_is_true(class_status, MODEL_CONDITION_FIRMWARE_READY)) {
		const char *version =
			base_json_get_string(class_status, "firmware", "version", NULL);

		base_json_set_string(firmware, "desired", version);
		device_pass(round, MODEL_CONDITION_FIRMWARE_READY, MODEL_REASON_READY,
			    "version %s of class '%s'", version, round->class->meta.name);
		return;
	}
	if (kube_condition_find(class_status, MODEL_CONDITION_FIRMWARE_READY) == NULL)
		device_block(round, MODEL_CONDITION_FIRMWARE_READY, MODEL_REASON_PROGRESSING,
			     "class '%s' has not been looked at yet", round->class->meta.name);
	else
		device_block(round, MODEL_CONDITION_FIRMWARE_READY,
			     kube_condition_reason(class_status, MODEL_CONDITION_FIRMWARE_READY),
			     "class '%s': %s", round->class->meta.name,
			     kube_condition_message(class_status, MODEL_CONDITION_FIRMWARE_READY));
}

/* Ready is what the server has to do; the first part that is not done gives the reason. */
static void judge_ready(DeviceRound *round)
{
	static const char *const parts[] = {
		MODEL_CONDITION_CONFIG_READY,
		MODEL_CONDITION_CREDENTIALS_READY,
		MODEL_CONDITION_FIRMWARE_READY,
	};
	static const char *const passing[] = {
		MODEL_REASON_PROGRESSING,
		MODEL_REASON_BROKER_UNREACHABLE,
		MODEL_REASON_STORAGE_UNREACHABLE,
	};

	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		const char *reason = kube_condition_reason(round->status, parts[i]);
		gboolean transient = FALSE;

		if (kube_condition_is_true(round->status, parts[i]))
			continue;
		for (gsize p = 0; p < G_N_ELEMENTS(passing); p++)
			transient |= strcmp(reason, passing[p]) == 0;
		world_set_ready(round->status, round->device->meta.generation, reason, transient,
				kube_condition_message(round->status, parts[i]));
		return;
	}
	world_set_ready(round->status, round->device->meta.generation, NULL, FALSE,
			"credentials, configuration and firmware are there");
}

static DeviceStep make(DeviceRound *round, GError **error)
{
	DeviceStep step = check_references(round, error);

	if (step == STEP_DONE)
		step = device_load_secret(round, error);
	if (step == STEP_DONE)
		step = device_ensure_config(round, error);
	/* A configuration that cannot be made now is no reason to lock the device out, nor to let a
	 * suspended one in. */
	if (step != STEP_FAULT && (round->password != NULL || round->device->suspended))
		step = device_ensure_credentials(round, error);
	else if (step == STEP_BLOCKED)
		device_block(round, MODEL_CONDITION_CREDENTIALS_READY,
			     kube_condition_reason(round->status, MODEL_CONDITION_CONFIG_READY),
			     "waits for the configuration");
	return step;
}

static KubeResult finish(DeviceRound *round)
{
	KubeResult result;

	judge_ready(round);
	device_observe_volatile(round);
	result = world_write_status(round->world, WORLD_DEVICE, round->object, round->status);
	if (result.outcome == KUBE_RESULT_DONE && round->again_us > 0)
		return kube_again_after(round->again_us);
	return result;
}

/* The finalizer comes before anything outside is touched. */
static gboolean hold(DeviceRound *round, GError **error)
{
	json_t *held;

	if (model_meta_has_finalizer(&round->device->meta, MODEL_FINALIZER_DEVICE))
		return TRUE;
	held = kube_add_finalizer(round->world->client, &kube_devices, round->object,
				  MODEL_FINALIZER_DEVICE, error);
	json_decref(held);
	return held != NULL;
}

static KubeResult refuse(DeviceRound *round, const GError *error)
{
	gint64 generation = kube_object_generation(round->object);

	world_set_ready(round->status, generation, MODEL_REASON_SPEC_INVALID, FALSE,
			error->message);
	return world_write_status(round->world, WORLD_DEVICE, round->object, round->status);
}

KubeResult device_reconcile(const char *key, gpointer data)
{
	World *world = data;
	g_auto(DeviceRound) round = {.world = world, .key = key};
	g_autoptr(GError) error = NULL;

	round.object = kube_cache_get_by_key(world->caches[WORLD_DEVICE], key);
	if (round.object == NULL)
		return kube_done();
	round.before = kube_status_copy(round.object);
	round.status = kube_status_copy(round.object);
	round.device = model_device_from_json(round.object, &error);
	if (round.device == NULL)
		return refuse(&round, error);
	find_class_and_cluster(&round);
	if (round.device->meta.deletion_wall_us != 0)
		return device_finalise(&round);
	if (!hold(&round, &error) || make(&round, &error) == STEP_FAULT)
		return world_fault(WORLD_DEVICE, key, g_steal_pointer(&error));
	judge_firmware(&round);
	device_observe(&round);
	return finish(&round);
}
