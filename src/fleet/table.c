#include "fleet/table.h"

#include "wire/homie5.h"
#include "wire/text.h"
#include "wire/topics.h"

#include <string.h>

#define FLEET_PREFIX "fleet/1/"

/* One device. Few bytes: there may be very many. */
typedef struct {
	WireInfo *info; /* NULL until heard */
	gint64 info_wall_us;
	gint64 last_seen_wall_us;
	gint64 presence_wall_us;
	gint64 heard_us;
	gint64 seen_told_us; /* monotonic, of the last FLEET_CHANGED_SEEN */
	guint round;         /* of the session in which a state was heard */
	guint8 presence;
	guint8 connected;
	guint8 declared;
	char name[];
} Entry;

struct FleetTable {
	char *root;
	GHashTable *entries; /* its name → Entry */
	guint round;
	gsize declared;
	gsize online;
};

static void entry_free(gpointer data)
{
	Entry *entry = data;

	g_free(entry->info);
	g_free(entry);
}

FleetTable *fleet_table_new(const char *root)
{
	FleetTable *table = g_new0(FleetTable, 1);

	table->root = g_strdup(root);
	table->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
	return table;
}

void fleet_table_free(FleetTable *table)
{
	if (table == NULL)
		return;
	g_hash_table_unref(table->entries);
	g_free(table->root);
	g_free(table);
}

void fleet_table_set_root(FleetTable *table, const char *root)
{
	g_free(table->root);
	table->root = g_strdup(root);
}

static Entry *entry_add(FleetTable *table, const char *device)
{
	gsize name_bytes = strlen(device) + 1;
	Entry *entry = g_malloc0(sizeof(Entry) + name_bytes);

	memcpy(entry->name, device, name_bytes);
	g_hash_table_insert(table->entries, entry->name, entry);
	return entry;
}

gsize fleet_table_strangers(const FleetTable *table)
{
	return g_hash_table_size(table->entries) - table->declared;
}

/* The entry of a device that was heard; NULL if it is one stranger too many. */
static Entry *entry_heard(FleetTable *table, const char *device)
{
	Entry *entry = g_hash_table_lookup(table->entries, device);

	if (entry != NULL)
		return entry;
	return fleet_table_strangers(table) < FLEET_STRANGERS_MAX ? entry_add(table, device) : NULL;
}

/* Changes what counts for `online`. */
static void set_flags(FleetTable *table, Entry *entry, gboolean declared, gboolean connected)
{
	table->declared -= entry->declared;
	table->online -= entry->declared && entry->connected ? 1 : 0;
	entry->declared = declared ? 1 : 0;
	entry->connected = connected ? 1 : 0;
	table->declared += entry->declared;
	table->online += entry->declared && entry->connected ? 1 : 0;
}

static FleetChange set_presence(FleetTable *table, Entry *entry, FleetPresence presence,
				const FleetNow *now)
{
	gboolean connected = presence == FLEET_PRESENCE_READY ||
			     presence == FLEET_PRESENCE_SLEEPING ||
			     (presence == FLEET_PRESENCE_CONNECTING && entry->connected);

	if (entry->presence == presence)
		return 0;
	set_flags(table, entry, entry->declared, connected);
	entry->presence = (guint8)presence;
	entry->presence_wall_us = now->wall_us;
	entry->heard_us = now->monotonic_us;
	return FLEET_CHANGED_PRESENCE;
}

static FleetChange hear_state(FleetTable *table, Entry *entry, const FleetMessage *message,
			      const FleetNow *now)
{
	static const FleetPresence presences[] = {
		[WIRE_HOMIE5_INIT] = FLEET_PRESENCE_CONNECTING,
		[WIRE_HOMIE5_READY] = FLEET_PRESENCE_READY,
		[WIRE_HOMIE5_DISCONNECTED] = FLEET_PRESENCE_DISCONNECTED,
		[WIRE_HOMIE5_SLEEPING] = FLEET_PRESENCE_SLEEPING,
		[WIRE_HOMIE5_LOST] = FLEET_PRESENCE_LOST,
	};
	WireHomie5State state;

	if (message->size_bytes == 0) { /* the device was removed from the tree */
		entry->round = table->round;
		return set_presence(table, entry, FLEET_PRESENCE_UNKNOWN, now);
	}
	if (!wire_homie5_state_parse(message->payload, message->size_bytes, &state))
		return 0;
	entry->round = table->round;
	return set_presence(table, entry, presences[state], now);
}

/* What changes with every report does not count. */
static gboolean info_matters(const WireInfo *old, const WireInfo *new)
{
	WireInfo a = *old, b = *new;

	a.heap_bytes = b.heap_bytes;
	a.rssi_dbm = b.rssi_dbm;
	a.uptime_s = b.uptime_s;
	return strcmp(a.firmware_version, b.firmware_version) != 0 ||
	       strcmp(a.firmware_sha256, b.firmware_sha256) != 0 || strcmp(a.slot, b.slot) != 0 ||
	       strcmp(a.config, b.config) != 0 || strcmp(a.chip, b.chip) != 0 ||
	       a.revision != b.revision || strcmp(a.mac, b.mac) != 0 || strcmp(a.ip, b.ip) != 0 ||
	       strcmp(a.reset, b.reset) != 0 || a.boots != b.boots;
}

static FleetChange hear_info(Entry *entry, const FleetMessage *message, const FleetNow *now)
{
	WireInfo info;
	gboolean matters;

	if (message->size_bytes == 0 ||
	    !wire_info_decode(message->payload, message->size_bytes, &info))
		return 0;
	matters = entry->info == NULL || info_matters(entry->info, &info);
	if (entry->info == NULL)
		entry->info = g_new(WireInfo, 1);
	*entry->info = info;
	if (!message->retained)
		entry->info_wall_us = now->wall_us;
	return matters ? FLEET_CHANGED_INFO : 0;
}

static FleetChange see(Entry *entry, const FleetNow *now)
{
	entry->last_seen_wall_us = now->wall_us;
	entry->heard_us = now->monotonic_us;
	if (entry->seen_told_us != 0 &&
	    now->monotonic_us - entry->seen_told_us < (gint64)FLEET_LAST_SEEN_STEP_MS * 1000)
		return 0;
	entry->seen_told_us = now->monotonic_us;
	return FLEET_CHANGED_SEEN;
}

static gboolean says(const FleetMessage *message, const char *text)
{
	return message->size_bytes == strlen(text) &&
	       memcmp(message->payload, text, message->size_bytes) == 0;
}

/* Only what the device itself says now: not what is repeated, what others say to it, or what the
 * broker says in its place. */
static gboolean is_own_word(const FleetMessage *message, const char *rest)
{
	if (message->retained || message->size_bytes == 0 || g_str_has_suffix(rest, "/set"))
		return FALSE;
	return strcmp(rest, WIRE_HOMIE5_STATE) != 0 ||
	       !says(message, wire_homie5_state_name(WIRE_HOMIE5_LOST));
}

static void hear_homie(FleetTable *table, const FleetMessage *message, const char *rest,
		       const FleetNow *now, FleetHeard *out)
{
	Entry *entry = entry_heard(table, out->device);

	if (entry == NULL) {
		out->device[0] = '\0';
		return;
	}
	if (strcmp(rest, WIRE_HOMIE5_STATE) == 0)
		out->changed |= hear_state(table, entry, message, now);
	if (is_own_word(message, rest))
		out->changed |= see(entry, now);
}

static void hear_fleet(FleetTable *table, const FleetMessage *message, WireFleetTopic kind,
		       const FleetNow *now, FleetHeard *out)
{
	Entry *entry = entry_heard(table, out->device);

	if (entry == NULL) {
		out->device[0] = '\0';
		return;
	}
	if (kind == WIRE_FLEET_INFO)
		out->changed |= hear_info(entry, message, now);
	if (kind == WIRE_FLEET_ACK && !message->retained && message->size_bytes > 0)
		out->has_ack = wire_ack_decode(message->payload, message->size_bytes, &out->ack);
	if (kind != WIRE_FLEET_CMD && !message->retained && message->size_bytes > 0)
		out->changed |= see(entry, now);
}

void fleet_table_hear(FleetTable *table, const FleetMessage *message, const FleetNow *now,
		      FleetHeard *out)
{
	WireFleetTopic kind;
	const char *rest;

	*out = (FleetHeard){0};
	if (wire_topic_homie5_parse(message->topic, table->root, out->device, &rest))
		hear_homie(table, message, rest, now, out);
	else if (wire_topic_fleet_parse(message->topic, out->device, &kind))
		hear_fleet(table, message, kind, now, out);
}

void fleet_table_begin(FleetTable *table)
{
	table->round++;
}

char **fleet_table_end(FleetTable *table, const FleetNow *now)
{
	GPtrArray *lost = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, table->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Entry *entry = value;

		if (entry->round == table->round ||
		    (!entry->connected && entry->presence != FLEET_PRESENCE_CONNECTING))
			continue;
		if (set_presence(table, entry, FLEET_PRESENCE_LOST, now) != 0)
			g_ptr_array_add(lost, g_strdup(entry->name));
	}
	g_ptr_array_add(lost, NULL);
	return (char **)g_ptr_array_free(lost, FALSE);
}

gboolean fleet_table_declare(FleetTable *table, const char *device)
{
	Entry *entry = g_hash_table_lookup(table->entries, device);

	if (entry != NULL && entry->declared)
		return TRUE;
	if (!wire_is_id(device, WIRE_DEVICE_NAME_MAX) || table->declared >= FLEET_DEVICES_MAX)
		return FALSE;
	if (entry == NULL)
		entry = entry_add(table, device);
	set_flags(table, entry, TRUE, entry->connected);
	return TRUE;
}

void fleet_table_forget(FleetTable *table, const char *device)
{
	Entry *entry = g_hash_table_lookup(table->entries, device);

	if (entry == NULL)
		return;
	set_flags(table, entry, FALSE, FALSE);
	g_hash_table_remove(table->entries, device);
}

gboolean fleet_table_get(const FleetTable *table, const char *device, FleetDevice *out)
{
	const Entry *entry = g_hash_table_lookup(table->entries, device);

	if (entry == NULL)
		return FALSE;
	*out = (FleetDevice){
		.presence = (FleetPresence)entry->presence,
		.connected = entry->connected,
		.has_info = entry->info != NULL,
		.info_wall_us = entry->info_wall_us,
		.last_seen_wall_us = entry->last_seen_wall_us,
		.presence_wall_us = entry->presence_wall_us,
		.heard_us = entry->heard_us,
	};
	if (entry->info != NULL)
		out->info = *entry->info;
	return TRUE;
}

gsize fleet_table_devices(const FleetTable *table)
{
	return table->declared;
}

gsize fleet_table_online(const FleetTable *table)
{
	return table->online;
}

gboolean fleet_table_device_of(const FleetTable *table, const char *topic,
			       char device[static WIRE_DEVICE_NAME_MAX + 1])
{
	const char *rest;
	const char *slash;

	if (wire_topic_homie5_parse(topic, table->root, device, &rest))
		return TRUE;
	if (!g_str_has_prefix(topic, FLEET_PREFIX))
		return FALSE;
	topic += strlen(FLEET_PREFIX);
	slash = strchr(topic, '/');
	if (slash == NULL || slash - topic > WIRE_DEVICE_NAME_MAX)
		return FALSE;
	memcpy(device, topic, (gsize)(slash - topic));
	device[slash - topic] = '\0';
	return TRUE;
}
