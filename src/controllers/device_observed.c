/* What a device says of itself becomes status: Flashed, Connected, UpToDate, and the rest. */
#include "controllers/device_round.h"

#include "base/clock.h"

#include <string.h>

enum {
	CHIP_REVISION_MAJOR = 100, /* WireInfo.revision is major * 100 + minor */
};

/* One row a presence: what it means for the condition Connected. */
static const struct {
	FleetPresence presence;
	KubeTruth truth;
	const char *message;
} presences[] = {
	{FLEET_PRESENCE_READY, KUBE_TRUE, "the device's session is up"},
	{FLEET_PRESENCE_SLEEPING, KUBE_TRUE, "the device sleeps and comes back by itself"},
	{FLEET_PRESENCE_CONNECTING, KUBE_FALSE, "the device is starting up"},
	{FLEET_PRESENCE_DISCONNECTED, KUBE_FALSE, "the device said good-bye"},
	{FLEET_PRESENCE_LOST, KUBE_FALSE, "the broker lost the device's session"},
};

static void set_unknown_yet(DeviceRound *round)
{
	/* After a restart of the server what was known stands until something newer is heard. */
	if (kube_condition_find(round->status, MODEL_CONDITION_CONNECTED) == NULL)
		device_block(round, MODEL_CONDITION_CONNECTED, "NeverConnected",
			     "the device has not been heard of");
	if (kube_condition_find(round->status, MODEL_CONDITION_FLASHED) == NULL)
		device_block(round, MODEL_CONDITION_FLASHED, "NeverFlashed",
			     "flash it: `espalier flash %s`", round->device->meta.name);
}

static void tell_presence(DeviceRound *round)
{
	gboolean was = kube_condition_is_true(round->before, MODEL_CONDITION_CONNECTED);
	gboolean is = kube_condition_is_true(round->status, MODEL_CONDITION_CONNECTED);

	if (!was && is)
		device_tell(round, KUBE_EVENT_NORMAL, MODEL_EVENT_DEVICE_CONNECTED, "%s",
			    kube_condition_message(round->status, MODEL_CONDITION_CONNECTED));
	else if (was && !is)
		device_tell(round, KUBE_EVENT_WARNING, MODEL_EVENT_DEVICE_LOST, "%s",
			    kube_condition_message(round->status, MODEL_CONDITION_CONNECTED));
}

/* Remembers who is overdue, so that its next word is attended to at once. */
static void note_overdue(const DeviceRound *round, gboolean overdue)
{
	World *world = round->world;

	g_mutex_lock(&world->mutex);
	if (overdue)
		g_hash_table_add(world->overdue, g_strdup(round->key));
	else
		g_hash_table_remove(world->overdue, round->key);
	g_mutex_unlock(&world->mutex);
}

static void look_again(DeviceRound *round, gint64 after_us)
{
	if (after_us > 0 && (round->again_us == 0 || after_us < round->again_us))
		round->again_us = after_us;
}

/* Late after some expected intervals, offline after a long silence, whatever the broker says.
 * Silence is measured from when this process heard of the device, on the clock that never jumps. */
static void judge_silence(DeviceRound *round, const FleetDevice *seen)
{
	gint64 silent_us = seen->heard_us == 0 ? 0 : base_clock_monotonic_us() - seen->heard_us;
	gint64 late_us, offline_us;

	if (round->class == NULL || round->cluster == NULL ||
	    seen->presence == FLEET_PRESENCE_SLEEPING)
		return;
	late_us = round->cluster->late_intervals * round->class->expected_interval_us;
	offline_us = round->cluster->offline_after_us;
	note_overdue(round, (offline_us > 0 && silent_us >= offline_us) ||
				    (late_us > 0 && silent_us >= late_us));
	if (offline_us > 0 && silent_us >= offline_us) {
		device_block(round, MODEL_CONDITION_CONNECTED, "Silent",
			     "nothing was heard for as long as spec.presence.offline");
		return;
	}
	if (late_us > 0 && silent_us >= late_us)
		device_pass(round, MODEL_CONDITION_CONNECTED, "Late",
			    "the session is up, but nothing was heard for %" G_GINT64_FORMAT
			    " expected intervals",
			    round->cluster->late_intervals);
	else
		look_again(round, late_us - silent_us);
	look_again(round, offline_us - silent_us);
}

static void judge_connected(DeviceRound *round, const FleetDevice *seen)
{
	gint64 generation = round->device->meta.generation;

	for (gsize i = 0; i < G_N_ELEMENTS(presences); i++) {
		if (presences[i].presence != seen->presence)
			continue;
		/* Between init and ready a device that was connected still is. */
		kube_condition_set(round->status, MODEL_CONDITION_CONNECTED,
				   seen->connected ? KUBE_TRUE : presences[i].truth,
				   fleet_presence_name(seen->presence), generation, "%s",
				   presences[i].message);
		if (seen->connected)
			judge_silence(round, seen);
		tell_presence(round);
		return;
	}
	set_unknown_yet(round);
}

static void set_hardware(DeviceRound *round, const WireInfo *info)
{
	json_t *hardware = base_json_ensure_object(round->status, "hardware");
	g_autofree char *revision = g_strdup_printf("%u.%u", info->revision / CHIP_REVISION_MAJOR,
						    info->revision % CHIP_REVISION_MAJOR);

	base_json_set_string(hardware, "mac", info->mac);
	base_json_set_string(hardware, "chip", info->chip);
	base_json_set_string(hardware, "revision", revision);
	if (round->class != NULL)
		base_json_set_string(hardware, "flashSize", round->class->flash_size);
}

/* TRUE if this is the board that was bound at the first flash. */
static gboolean judge_hardware(DeviceRound *round, const WireInfo *info)
{
	const char *bound = base_json_get_string(round->status, "hardware", "mac", NULL);

	if (bound == NULL || strcmp(bound, info->mac) == 0) {
		set_hardware(round, info);
		return TRUE;
	}
	if (!device_had_reason(round, MODEL_CONDITION_FLASHED, MODEL_REASON_HARDWARE_CHANGED))
		device_tell(round, KUBE_EVENT_WARNING, MODEL_REASON_HARDWARE_CHANGED,
			    "board %s reports with the credentials of board %s", info->mac, bound);
	device_block(round, MODEL_CONDITION_FLASHED, MODEL_REASON_HARDWARE_CHANGED,
		     "board %s reports, board %s was flashed first. If it was replaced: kubectl "
		     "patch device %s -n %s --subresource=status --type=merge -p "
		     "'{\"status\":{\"hardware\":null}}'",
		     info->mac, bound, round->device->meta.name, round->device->meta.namespace);
	return FALSE;
}

static void judge_flashed(DeviceRound *round, const WireInfo *info)
{
	const char *running = base_json_get_string(round->before, "config", "running", NULL);

	if (g_strcmp0(running, info->config) != 0) {
		json_t *last = base_json_ensure_object(round->status, "lastFlash");
		g_autofree char *now = base_clock_format_time(base_clock_wall_us());

		base_json_set_string(last, "at", now);
		base_json_set_string(last, "by", "observed");
		device_tell(round, KUBE_EVENT_NORMAL, MODEL_EVENT_DEVICE_FLASHED,
			    "board %s runs configuration %.12s, firmware %s", info->mac,
			    info->config, info->firmware_version);
	}
	device_pass(round, MODEL_CONDITION_FLASHED, "Observed",
		    "the device reported with its own credentials");
}

static void judge_up_to_date(DeviceRound *round, const WireInfo *info)
{
	const char *wanted_config = base_json_get_string(round->status, "config", "digest", NULL);
	const char *wanted_firmware =
		round->class == NULL
			? NULL
			: base_json_get_string(round->class->status, "firmware", "digest", NULL);
	g_autofree char *firmware = g_strconcat(MODEL_DIGEST_PREFIX, info->firmware_sha256, NULL);

	if (g_strcmp0(wanted_config, info->config) != 0)
		device_block(
			round, MODEL_CONDITION_UP_TO_DATE, "ConfigOutdated",
			"the device runs configuration %.12s, %.12s is desired: flash it again",
			info->config[0] != '\0' ? info->config : "(none)",
			wanted_config != NULL ? wanted_config : "none");
	else if (g_strcmp0(wanted_firmware, firmware) != 0)
		device_block(round, MODEL_CONDITION_UP_TO_DATE, "FirmwareOutdated",
			     "the device runs firmware %s, %s is desired: flash it again",
			     info->firmware_version,
			     base_json_get_string(round->status, "firmware", "desired", NULL));
	else
		device_pass(round, MODEL_CONDITION_UP_TO_DATE, "Current",
			    "configuration and firmware are the desired ones");
}

static void take_info(DeviceRound *round, const WireInfo *info)
{
	if (!judge_hardware(round, info))
		return;
	judge_flashed(round, info);
	judge_up_to_date(round, info);
	base_json_set_string(base_json_ensure_object(round->status, "config"), "running",
			     info->config);
	base_json_set_string(base_json_ensure_object(round->status, "firmware"), "running",
			     info->firmware_version);
	base_json_set_string(round->status, "resetReason", info->reset);
	base_json_set_string(round->status, "address", info->ip);
}

/* Nothing was heard since this start: what is desired may have moved all the same. */
static void judge_without_info(DeviceRound *round)
{
	const char *running = base_json_get_string(round->status, "config", "running", NULL);
	const char *wanted = base_json_get_string(round->status, "config", "digest", NULL);
	const char *firmware = base_json_get_string(round->status, "firmware", "running", NULL);
	const char *desired = base_json_get_string(round->status, "firmware", "desired", NULL);

	if (running == NULL)
		device_block(round, MODEL_CONDITION_UP_TO_DATE, "NeverReported",
			     "the device has not reported what it runs");
	else if (g_strcmp0(running, wanted) != 0)
		device_block(
			round, MODEL_CONDITION_UP_TO_DATE, "ConfigOutdated",
			"the device runs configuration %.12s, %.12s is desired: flash it again",
			running, wanted != NULL ? wanted : "none");
	else if (firmware != NULL && desired != NULL && strcmp(firmware, desired) != 0)
		device_block(round, MODEL_CONDITION_UP_TO_DATE, "FirmwareOutdated",
			     "the device runs firmware %s, %s is desired: flash it again", firmware,
			     desired);
	else if (kube_condition_is_true(round->status, MODEL_CONDITION_UP_TO_DATE))
		device_pass(round, MODEL_CONDITION_UP_TO_DATE, "Current",
			    "configuration and firmware are the desired ones");
}

void device_observe(DeviceRound *round)
{
	Fleet *fleet = round->world->fleet;
	FleetDevice seen = {0};

	if (round->cluster_key == NULL) {
		set_unknown_yet(round);
		judge_without_info(round);
		return;
	}
	fleet_device_declare(fleet, round->cluster_key, round->device->meta.name, NULL);
	if (!fleet_device_get(fleet, round->cluster_key, round->device->meta.name, &seen))
		memset(&seen, 0, sizeof seen);
	judge_connected(round, &seen);
	if (seen.has_info)
		take_info(round, &seen.info);
	else
		judge_without_info(round);
}

void device_observe_volatile(DeviceRound *round)
{
	FleetDevice seen = {0};
	gint64 written_us = 0;
	gboolean due;

	if (round->cluster_key == NULL ||
	    !fleet_device_get(round->world->fleet, round->cluster_key, round->device->meta.name,
			      &seen) ||
	    seen.last_seen_wall_us == 0)
		return;
	base_clock_parse_time(base_json_get_string(round->before, "lastSeen", NULL), &written_us);
	/* A clock that was set back must not silence us for hours: any jump counts as due. */
	due = ABS(seen.last_seen_wall_us - written_us) >= CONTROLLERS_LAST_SEEN_S * G_USEC_PER_SEC;
	if (due || !kube_status_equal(round->before, round->status)) {
		g_autofree char *at = base_clock_format_time(seen.last_seen_wall_us);

		base_json_set_string(round->status, "lastSeen", at);
		if (seen.has_info && seen.info.rssi_dbm != 0)
			json_object_set_new(round->status, "rssi",
					    json_integer(seen.info.rssi_dbm));
	}
}
