/* A device's Secret: its credentials and, laid out of all layers, its configuration partition. */
#include "controllers/device_round.h"

#include "artefact/bundle.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/timezone.h"
#include "controllers/secret_data.h"
#include "model/plan.h"
#include "model/secret.h"

#include <string.h>
#include <unistd.h>

enum {
	TAKEN_RETRY_S = 10,
	MISSING_RETRY_S = 30, /* one that comes without the label is not watched */
};

static gboolean is_ours(const DeviceRound *round, const json_t *secret)
{
	const json_t *owners = base_json_get(secret, "metadata", "ownerReferences", NULL);

	return g_strcmp0(base_json_get_string(secret, "type", NULL), MODEL_SECRET_TYPE_DEVICE) ==
		       0 &&
	       (json_array_size(owners) == 0 || kube_is_owned_by(secret, round->device->meta.uid));
}

DeviceStep device_load_secret(DeviceRound *round, GError **error)
{
	g_autofree char *name = model_device_secret_name(round->device->meta.name);
	g_autofree char *username = NULL;
	g_autoptr(GError) fault = NULL;

	round->secret = kube_get(round->world->client, &kube_secrets, round->device->meta.namespace,
				 name, &fault);
	if (round->secret == NULL && !g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return STEP_FAULT;
	}
	if (round->secret != NULL && !is_ours(round, round->secret)) {
		/* Foreign Secrets are not watched. */
		round->again_us = TAKEN_RETRY_S * G_USEC_PER_SEC;
		return device_block(
			round, MODEL_CONDITION_CONFIG_READY, MODEL_REASON_SECRET_NAME_TAKEN,
			"Secret '%s' is somebody else's and is left untouched: delete or "
			"rename it, or give the Device another name",
			name);
	}
	base_json_set_string(round->status, "secretName", name);
	if (round->secret != NULL) {
		username = model_secret_text(round->secret, MODEL_SECRET_KEY_USERNAME);
		if (g_strcmp0(username, round->device->meta.name) == 0)
			round->password =
				model_secret_text(round->secret, MODEL_SECRET_KEY_PASSWORD);
	}
	if (round->password == NULL) {
		round->password = base_random_password();
		round->minted = TRUE;
		device_tell(round, KUBE_EVENT_NORMAL,
			    round->secret == NULL ? MODEL_EVENT_CREDENTIALS_MINTED
						  : MODEL_EVENT_CREDENTIALS_ROTATED,
			    round->secret == NULL ? "Secret '%s' has the device's own password"
						  : "Secret '%s' was damaged and has a new "
						    "password: flash the device again",
			    name);
	}
	/* The broker needs a while: it has it while the configuration is laid out and written. A
	 * password that then is not kept is replaced by the next round. */
	if (!round->device->suspended && device_cluster_has_broker(round))
		round->login =
			broker_ensure_user_begin(round->world->broker, round->device->meta.name,
						 round->password, BROKER_ROLE_DEVICE);
	return STEP_DONE;
}

/* The table of a pushed bundle wins over the class's text. NULL: the class's own. */
static EspPartitionTable *pushed_table(DeviceRound *round)
{
	const char *hash =
		base_json_get_string(round->class->status, "firmware", "inputHash", NULL);
	ArtefactKey key = {round->class->meta.namespace, round->class->meta.name, hash};
	g_autofree char *message = NULL;
	const char *reason;
	g_autoptr(ModelStorage) storage = NULL;
	g_autoptr(ArtefactPlace) place = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_auto(BaseFd) fd = -1;

	if (round->class->firmware_origin != MODEL_FIRMWARE_PREBUILT || hash == NULL)
		return NULL;
	storage = world_storage_of_class(round->world, round->class, &reason, &message);
	place = storage == NULL ? NULL : world_place(round->world, storage, NULL);
	if (place == NULL)
		return NULL;
	fd = artefact_place_open(place, &key, ARTEFACT_TABLE, NULL, NULL);
	if (fd < 0)
		return NULL;
	bytes = base_file_read_fd(fd, ARTEFACT_TABLE, ESP_PARTITION_TABLE_SECTOR_BYTES, NULL);
	return bytes == NULL ? NULL
			     : esp_partition_table_from_binary(g_bytes_get_data(bytes, NULL),
							       g_bytes_get_size(bytes), NULL);
}

static ModelPlan *plan(DeviceRound *round, GError **error)
{
	const ModelDeviceCluster *cluster = round->cluster;
	World *world = round->world;
	BrokerEndpoint endpoint = {0};
	g_autoptr(GPtrArray) groups = world_groups_of(world, &round->device->meta);
	g_autoptr(EspPartitionTable) table = pushed_table(round);
	g_autofree char *zone =
		cluster->time_zone == NULL ? NULL : base_timezone_posix(cluster->time_zone, NULL);
	const char *base_url = cluster->artefacts_public_url != NULL ? cluster->artefacts_public_url
								     : world->artefact_url;
	g_autofree char *url =
		g_strdup_printf("%s/v1/%s/classes/%s", base_url, round->class->meta.namespace,
				round->class->meta.name);
	ModelPlanInputs inputs;

	if (world->broker != NULL)
		endpoint = broker_endpoint(world->broker);
	inputs = (ModelPlanInputs){
		.device = round->device,
		.device_class = round->class,
		.cluster = cluster,
		.groups = (const ModelDeviceGroup *const *)groups->pdata,
		.n_groups = groups->len,
		.lookup = world_lookup,
		.lookup_data = world,
		.username = round->device->meta.name,
		.password = round->password,
		.broker_host =
			cluster->endpoint_host != NULL ? cluster->endpoint_host : endpoint.host,
		.broker_port = cluster->endpoint_port != 0 ? cluster->endpoint_port : endpoint.port,
		.broker_tls = TRUE,
		.broker_ca_pem = endpoint.ca_pem,
		.artefact_url = url,
		.posix_tz = zone,
		.table = table,
	};
	return model_plan_new(&inputs, error);
}

/* TRUE if the Secret's outputs are those of `inputs_hash` and nobody changed them. */
static gboolean is_current(const json_t *secret, const char *inputs_hash)
{
	g_autoptr(GBytes) image = model_secret_bytes(secret, MODEL_SECRET_KEY_CONFIG);
	g_autofree char *claimed = model_secret_text(secret, MODEL_SECRET_KEY_CONFIG_SHA256);
	g_autofree char *actual = NULL;

	if (image == NULL || claimed == NULL ||
	    g_strcmp0(kube_object_annotation(secret, MODEL_ANNOTATION_CONFIG_INPUTS),
		      inputs_hash) != 0)
		return FALSE;
	actual = base_sha256_hex_of_bytes(image);
	return strcmp(actual, claimed) == 0;
}

static json_t *secret_content(const DeviceRound *round, GBytes *image, const char *inputs_hash)
{
	KubeRef owner = kube_ref_of(&kube_devices, round->object);
	json_t *data = json_object();

	secret_data_set_string(data, MODEL_SECRET_KEY_USERNAME, round->device->meta.name);
	secret_data_set_string(data, MODEL_SECRET_KEY_PASSWORD, round->password);
	if (image != NULL) {
		g_autofree char *digest = base_sha256_hex_of_bytes(image);

		secret_data_set_bytes(data, MODEL_SECRET_KEY_CONFIG, g_bytes_get_data(image, NULL),
				      g_bytes_get_size(image));
		secret_data_set_string(data, MODEL_SECRET_KEY_CONFIG_SHA256, digest);
	}
	return json_pack("{s:{s:{s:s}, s:{s:s*}, s:[o]}, s:o}", "metadata", "labels",
			 MODEL_LABEL_DEVICE, round->device->meta.name, "annotations",
			 MODEL_ANNOTATION_CONFIG_INPUTS, inputs_hash, "ownerReferences",
			 kube_owner_reference(&owner), "data", data);
}

/* Remembers the version that we left, so that our own change does not bring us here again. */
static void remember_written(DeviceRound *round, const json_t *secret)
{
	World *world = round->world;

	g_mutex_lock(&world->mutex);
	g_hash_table_insert(world->secret_written, g_strdup(round->key),
			    g_strdup(kube_object_resource_version(secret)));
	g_mutex_unlock(&world->mutex);
}

/* Writes the Secret: created, or patched on the condition that nobody was faster. */
static gboolean write_secret(DeviceRound *round, GBytes *image, const char *inputs_hash,
			     GError **error)
{
	const char *name_space = round->device->meta.namespace;
	g_autofree char *name = model_device_secret_name(round->device->meta.name);
	json_t *content = secret_content(round, image, inputs_hash);
	json_t *metadata = json_object_get(content, "metadata");
	const KubeWriteOptions write = {.metadata_only = TRUE};
	json_t *written;

	if (round->secret == NULL) {
		json_object_set_new(content, "apiVersion", json_string("v1"));
		json_object_set_new(content, "kind", json_string("Secret"));
		json_object_set_new(content, "type", json_string(MODEL_SECRET_TYPE_DEVICE));
		base_json_set_string(metadata, "name", name);
		base_json_set_string(metadata, "namespace", name_space);
		written = kube_create(round->world->client, &kube_secrets, name_space, content,
				      &write, error);
	} else {
		base_json_set_string(metadata, "resourceVersion",
				     kube_object_resource_version(round->secret));
		written = kube_merge_patch(round->world->client, &kube_secrets, name_space, name,
					   NULL, content, &write, error);
	}
	json_decref(content);
	if (written == NULL)
		return FALSE;
	remember_written(round, written);
	json_decref(round->secret);
	round->secret = written;
	return TRUE;
}

static void set_config_status(DeviceRound *round, const ModelPlan *plan, gsize used_bytes,
			      gboolean built)
{
	json_t *config = base_json_ensure_object(round->status, "config");
	g_autofree char *now = base_clock_format_time(base_clock_wall_us());

	base_json_set_string(config, "digest", plan->inputs_hash);
	json_object_set_new(config, "sizeBytes", json_integer(plan->size_bytes));
	json_object_set_new(config, "sources", model_plan_sources_json(plan));
	json_object_set_new(config, "usedBytes", json_integer((json_int_t)used_bytes));
	if (built || json_object_get(config, "builtAt") == NULL)
		base_json_set_string(config, "builtAt", now);
}

/* The plan failed: the last good configuration stays, the condition says why. A Secret that was
 * never there is made with the credentials alone. */
static DeviceStep keep_last(DeviceRound *round, const GError *reason_error, GError **error)
{
	const char *reason = model_error_reason(reason_error);

	if (round->secret == NULL && !write_secret(round, NULL, NULL, error))
		return STEP_FAULT;
	if (!device_had_reason(round, MODEL_CONDITION_CONFIG_READY, reason))
		device_tell(round, KUBE_EVENT_WARNING,
			    strcmp(reason, MODEL_REASON_SETTING_CONFLICT) == 0
				    ? MODEL_EVENT_SETTING_CONFLICT
				    : MODEL_EVENT_SPEC_INVALID,
			    "%s", reason_error->message);
	if (strcmp(reason, MODEL_REASON_SECRET_NOT_FOUND) == 0)
		round->again_us = MISSING_RETRY_S * G_USEC_PER_SEC;
	return device_block(round, MODEL_CONDITION_CONFIG_READY, reason, "%s",
			    reason_error->message);
}

static DeviceStep build(DeviceRound *round, const ModelPlan *wanted, GError **error)
{
	const char *had =
		round->secret == NULL
			? NULL
			: kube_object_annotation(round->secret, MODEL_ANNOTATION_CONFIG_INPUTS);
	gboolean repair = g_strcmp0(had, wanted->inputs_hash) == 0;
	g_autoptr(GError) fault = NULL;
	g_autoptr(GBytes) image = NULL;
	gsize used_bytes = 0;

	image = model_plan_image(wanted, &used_bytes, &fault);
	if (image == NULL)
		return keep_last(round, fault, error);
	if (!write_secret(round, image, wanted->inputs_hash, error))
		return STEP_FAULT;
	set_config_status(round, wanted, used_bytes, TRUE);
	device_tell(round, KUBE_EVENT_NORMAL, MODEL_EVENT_CONFIG_BUILT,
		    "%sconfiguration %.12s, %" G_GSIZE_FORMAT " of %u bytes used",
		    repair ? "repaired a changed config.bin: " : "", wanted->inputs_hash,
		    used_bytes, wanted->size_bytes);
	return STEP_DONE;
}

DeviceStep device_ensure_config(DeviceRound *round, GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(ModelPlan) wanted = plan(round, &fault);
	DeviceStep step = STEP_DONE;

	if (wanted == NULL)
		return keep_last(round, fault, error);
	if (round->secret == NULL || !is_current(round->secret, wanted->inputs_hash))
		step = build(round, wanted, error);
	else
		set_config_status(
			round, wanted,
			(gsize)base_json_get_int(round->status, 0, "config", "usedBytes", NULL),
			FALSE);
	if (step != STEP_DONE)
		return step;
	round->inputs_hash = g_strdup(wanted->inputs_hash);
	device_pass(round, MODEL_CONDITION_CONFIG_READY, MODEL_REASON_READY,
		    "configuration %.12s is laid out", wanted->inputs_hash);
	return STEP_DONE;
}

DeviceStep device_ensure_credentials(DeviceRound *round, GError **error)
{
	const char *name = round->device->meta.name;
	g_autoptr(GError) fault = NULL;
	gboolean suspended = round->device->suspended;
	gboolean done = FALSE;

	(void)error;
	if (device_cluster_awaits_broker(round) &&
	    kube_condition_find(round->status, MODEL_CONDITION_CREDENTIALS_READY) != NULL)
		return STEP_DONE;
	if (!device_cluster_has_broker(round))
		return device_block(round, MODEL_CONDITION_CREDENTIALS_READY,
				    MODEL_REASON_BROKER_UNREACHABLE,
				    "the broker of DeviceCluster '%s' is not ready",
				    round->cluster == NULL ? "?" : round->cluster->meta.name);
	if (suspended)
		done = broker_remove_user(round->world->broker, name, &fault);
	else if (round->login != NULL)
		done = broker_finish(g_steal_pointer(&round->login), &fault);
	else
		done = broker_ensure_user(round->world->broker, name, round->password,
					  BROKER_ROLE_DEVICE, &fault);
	if (!done) {
		round->again_us = G_USEC_PER_SEC;
		return device_block(round, MODEL_CONDITION_CREDENTIALS_READY,
				    MODEL_REASON_BROKER_UNREACHABLE, "%s", fault->message);
	}
	/* The broker says nothing of a session that it ends because its user is another. */
	if ((suspended || round->minted) &&
	    !fleet_device_ended(round->world->fleet, round->cluster_key, name, NULL))
		round->again_us = G_USEC_PER_SEC;
	if (!suspended) {
		device_pass(round, MODEL_CONDITION_CREDENTIALS_READY, MODEL_REASON_READY,
			    "the broker knows the device");
		return STEP_DONE;
	}
	if (!device_had_reason(round, MODEL_CONDITION_CREDENTIALS_READY, MODEL_REASON_SUSPENDED))
		device_tell(round, KUBE_EVENT_NORMAL, MODEL_EVENT_CREDENTIALS_REVOKED,
			    "suspended: the broker no longer knows the device");
	return device_block(round, MODEL_CONDITION_CREDENTIALS_READY, MODEL_REASON_SUSPENDED,
			    "spec.suspended is true: set it to false to let the device in again");
}
