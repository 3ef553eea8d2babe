/* The world around the firmware's core, as a test writes it: a clock that stands until moved, an
 * NVS out of a table, and a broker that loses what it is told to lose. */
#pragma once

#include "core/device.h"

#include <glib.h>
#include <string.h>

/* What goes wrong at the operation number `fault_at` (connect, publish and subscribe count from 0).
 */
typedef enum {
	FAULT_NONE,
	FAULT_NOT_SENT,    /* the call itself fails */
	FAULT_UNDELIVERED, /* sent, lost with the connection before the broker has it */
	FAULT_DELIVERED,   /* the broker has it, the connection is lost before its answer */
	FAULT_SILENCE,     /* from now on this connection gives no answer */
	FAULT_REFUSED,     /* connect: wrong password; subscribe: not granted */
	FAULT_BUSY,        /* connect: the broker is not available */
	N_FAULTS,
} Fault;

typedef struct {
	char *topic;
	char *payload;
	gboolean retain;
	guint connection; /* number of the connection, from 1; 0 = the broker itself (will) */
} Publication;

typedef struct {
	const char *space, *key, *text; /* text, or NULL: then number */
	guint64 number;
} WorldEntry;

typedef struct {
	CoreEvent event;
	char *topic, *payload;
} WorldEvent;

typedef struct {
	CorePort port;
	guint64 now_ms, wall_s;
	guint32 random;
	GArray *config;      /* WorldEntry */
	GHashTable *own;     /* key → number */
	GQueue *events;      /* WorldEvent */
	WorldEvent *current; /* borrowed by the core */
	GPtrArray *log;
	GPtrArray *publications; /* all that the broker got */
	GHashTable *retained;    /* topic → payload */
	GPtrArray *subscriptions;
	GArray *connects_ms; /* when it tried */
	gboolean connected, silent, network_answers;
	guint connection, operation;
	guint32 message;
	gint fault_at;
	Fault fault;
	gboolean fault_stays; /* also at all later operations of the same kind */
	CoreLogin login;
	char *will_topic, *will_payload;
	guint identified, reboots;
	gboolean own_is_broken;
	const char *reboot_reason;
} World;

static void world_event_free(WorldEvent *event)
{
	if (event == NULL)
		return;
	g_free(event->topic);
	g_free(event->payload);
	g_free(event);
}

static void publication_free(gpointer data)
{
	Publication *publication = data;

	g_free(publication->topic);
	g_free(publication->payload);
	g_free(publication);
}

static void world_push(World *world, CoreEvent event)
{
	WorldEvent *copy = g_new0(WorldEvent, 1);

	copy->event = event;
	copy->topic = g_strdup(event.topic);
	copy->payload = g_strndup(event.payload, event.payload_bytes);
	copy->event.topic = copy->topic;
	copy->event.payload = copy->payload;
	g_queue_push_tail(world->events, copy);
}

static G_GNUC_UNUSED void world_command(World *world, const char *topic, const char *payload)
{
	world_push(world, (CoreEvent){.type = CORE_EVENT_MESSAGE,
				      .topic = topic,
				      .payload = payload,
				      .payload_bytes = strlen(payload)});
}

static void broker_receives(World *world, const char *topic, const char *payload, gsize size,
			    gboolean retain, guint connection)
{
	Publication *publication = g_new0(Publication, 1);

	publication->topic = g_strdup(topic);
	publication->payload = g_strndup(payload, size);
	publication->retain = retain;
	publication->connection = connection;
	g_ptr_array_add(world->publications, publication);
	if (retain)
		g_hash_table_replace(world->retained, g_strdup(topic), g_strndup(payload, size));
}

static void broker_drops(World *world, gboolean with_will)
{
	if (!world->connected)
		return;
	world->connected = FALSE;
	if (with_will)
		broker_receives(world, world->will_topic, world->will_payload,
				strlen(world->will_payload), TRUE, 0);
}

/* The connection breaks; the device hears of it. */
static void world_break(World *world)
{
	broker_drops(world, TRUE);
	world_push(world, (CoreEvent){.type = CORE_EVENT_DISCONNECTED, .text = "reset by peer"});
}

static Fault next_fault(World *world)
{
	gint operation = (gint)world->operation++;

	if (operation == world->fault_at || (world->fault_stays && operation > world->fault_at))
		return world->fault;
	return FAULT_NONE;
}

/* ---- The port ---- */

static const WorldEntry *find_entry(World *world, const char *space, const char *key)
{
	for (guint i = 0; i < world->config->len; i++) {
		const WorldEntry *entry = &g_array_index(world->config, WorldEntry, i);

		if (strcmp(entry->space, space) == 0 && strcmp(entry->key, key) == 0)
			return entry;
	}
	return NULL;
}

static bool config_string(void *context, const char *space, const char *key, char *out,
			  size_t size_bytes)
{
	const WorldEntry *entry = find_entry(context, space, key);

	return entry != NULL && entry->text != NULL && strlen(entry->text) < size_bytes &&
	       wire_copy(out, size_bytes, entry->text);
}

static bool config_number(void *context, const char *space, const char *key, uint64_t *out)
{
	const WorldEntry *entry = find_entry(context, space, key);

	if (entry == NULL || entry->text != NULL)
		return false;
	*out = entry->number;
	return true;
}

static bool config_blob(void *context, const char *space, const char *key, uint8_t *out,
			size_t size_bytes)
{
	const WorldEntry *entry = find_entry(context, space, key);

	if (entry == NULL || entry->text == NULL)
		return false;
	memset(out, entry->text[0], size_bytes);
	return true;
}

static bool own_get(void *context, const char *key, uint32_t *out)
{
	World *world = context;
	gpointer value;

	if (!g_hash_table_lookup_extended(world->own, key, NULL, &value))
		return false;
	*out = GPOINTER_TO_UINT(value);
	return true;
}

static bool own_set(void *context, const char *key, uint32_t value)
{
	World *world = context;

	if (world->own_is_broken)
		return false;
	g_hash_table_replace(world->own, g_strdup(key), GUINT_TO_POINTER(value));
	return true;
}

static uint64_t monotonic_ms(void *context)
{
	return ((World *)context)->now_ms;
}

static uint64_t wall_s(void *context)
{
	World *world = context;

	return world->wall_s == 0 ? 0 : world->wall_s + world->now_ms / 1000;
}

static uint32_t random_bits(void *context)
{
	World *world = context;

	world->random = (guint32)((guint64)world->random * 1664525U + 1013904223U);
	return world->random;
}

static void hardware(void *context, CoreHardware *out)
{
	(void)context;
	*out = (CoreHardware){.chip = "host",
			      .revision = 100,
			      .mac = {2, 0, 0x5e, 0x10, 0, 1},
			      .firmware_version = "1.4.2",
			      .firmware_sha256 = "ab12",
			      .slot = "ota_0",
			      .reset = WIRE_RESET_POWER_ON};
}

static void link_state(void *context, CoreLink *out)
{
	(void)context;
	*out = (CoreLink){.ip = "127.0.0.1"};
}

static void network_start(void *context)
{
	World *world = context;

	if (world->network_answers)
		world_push(world, (CoreEvent){.type = CORE_EVENT_NETWORK_UP});
}

static bool mqtt_connect(void *context, const CoreLogin *login)
{
	World *world = context;
	Fault fault = next_fault(world);

	g_array_append_val(world->connects_ms, world->now_ms);
	world->login = *login;
	world->silent = FALSE;
	g_free(world->will_topic);
	g_free(world->will_payload);
	world->will_topic = g_strdup(login->will_topic);
	world->will_payload = g_strdup(login->will_payload);
	if (fault == FAULT_NOT_SENT)
		return false;
	if (fault == FAULT_UNDELIVERED || fault == FAULT_DELIVERED)
		world_push(world, (CoreEvent){.type = CORE_EVENT_DISCONNECTED, .text = "refused"});
	else if (fault == FAULT_REFUSED || fault == FAULT_BUSY)
		world_push(world, (CoreEvent){.type = CORE_EVENT_REFUSED,
					      .unauthorised = fault == FAULT_REFUSED,
					      .text = "not authorised"});
	if (fault != FAULT_NONE)
		return true;
	world->connected = TRUE;
	world->connection++;
	world_push(world, (CoreEvent){.type = CORE_EVENT_CONNECTED});
	return true;
}

/* What publish and subscribe share: the number of the message, 0 if it was not sent. `delivered`
 * says whether the broker has it. */
static guint32 send_message(World *world, CoreEventType answer, gboolean *delivered)
{
	Fault fault = next_fault(world);

	*delivered = FALSE;
	if (!world->connected || fault == FAULT_NOT_SENT) {
		broker_drops(world, TRUE);
		return 0;
	}
	world->message++;
	*delivered = fault != FAULT_UNDELIVERED;
	if (fault == FAULT_SILENCE)
		world->silent = TRUE;
	if (fault == FAULT_UNDELIVERED)
		world_break(world);
	else if (fault != FAULT_DELIVERED && !world->silent)
		world_push(world, (CoreEvent){.type = answer,
					      .message = world->message,
					      .accepted = fault != FAULT_REFUSED});
	return world->message;
}

static uint32_t mqtt_publish(void *context, const char *topic, const char *payload,
			     size_t payload_bytes, bool retain)
{
	World *world = context;
	gboolean delivered;
	guint operation = world->operation;
	guint32 message = send_message(world, CORE_EVENT_PUBLISHED, &delivered);

	if (delivered)
		broker_receives(world, topic, payload, payload_bytes, retain, world->connection);
	if (message != 0 && (gint)operation == world->fault_at && world->fault == FAULT_DELIVERED)
		world_break(world);
	return message;
}

static uint32_t mqtt_subscribe(void *context, const char *topic)
{
	World *world = context;
	gboolean delivered;
	guint operation = world->operation;
	guint32 message = send_message(world, CORE_EVENT_SUBSCRIBED, &delivered);

	if (delivered)
		g_ptr_array_add(world->subscriptions, g_strdup(topic));
	if (message != 0 && (gint)operation == world->fault_at && world->fault == FAULT_DELIVERED)
		world_break(world);
	return message;
}

static void mqtt_disconnect(void *context, bool clean)
{
	World *world = context;

	broker_drops(world, !clean);
	/* As port.h promises: nothing of that connection comes afterwards. */
	for (GList *link = world->events->head, *next; link != NULL; link = next) {
		CoreEventType type = ((WorldEvent *)link->data)->event.type;

		next = link->next;
		if (type != CORE_EVENT_NETWORK_UP && type != CORE_EVENT_NETWORK_DOWN &&
		    type != CORE_EVENT_STOP) {
			world_event_free(link->data);
			g_queue_delete_link(world->events, link);
		}
	}
}

static bool poll_event(void *context, CoreEvent *event)
{
	World *world = context;

	world_event_free(world->current);
	world->current = g_queue_pop_head(world->events);
	if (world->current == NULL)
		return false;
	*event = world->current->event;
	return true;
}

static void identify(void *context)
{
	((World *)context)->identified++;
}

static void reboot_now(void *context, const char *reason)
{
	World *world = context;

	world->reboots++;
	world->reboot_reason = reason;
}

static void log_line(void *context, CoreLogLevel level, const char *line)
{
	World *world = context;

	g_ptr_array_add(world->log, g_strdup_printf("%d %s", (int)level, line));
}

/* ---- For the tests ---- */

static G_GNUC_UNUSED void world_set_text(World *world, const char *space, const char *key,
					 const char *text)
{
	WorldEntry entry = {space, key, text, 0};

	for (guint i = 0; i < world->config->len; i++) {
		WorldEntry *old = &g_array_index(world->config, WorldEntry, i);

		if (strcmp(old->space, space) == 0 && strcmp(old->key, key) == 0) {
			g_array_remove_index(world->config, i);
			break;
		}
	}
	g_array_append_val(world->config, entry);
}

static void world_configure(World *world)
{
	static const WorldEntry entries[] = {
		{"espalier", "name", "probe-1", 0},
		{"espalier", "cfg", "\x5a", 0},
		{"mqtt", "host", "broker.example", 0},
		{"mqtt", "port", NULL, 8884},
		{"mqtt", "tls", NULL, 1},
		{"mqtt", "ca", "-----BEGIN CERTIFICATE-----", 0},
		{"mqtt", "user", "probe-1", 0},
		{"mqtt", "pass", "canary-password", 0},
		{"mqtt", "conv", "homie5", 0},
		{"mqtt", "root", "garden", 0},
		{"mqtt", "keepalive", NULL, 30},
		{"sensors", "s0",
		 "{\"name\":\"climate\",\"driver\":\"bme280\",\"i2c\":{\"sda\":21,\"scl\":22},"
		 "\"interval\":\"30s\"}",
		 0},
		{"sensors", "s1", "{\"name\":\"bed\",\"driver\":\"soil\",\"interval\":60}", 0},
		{"sensors", "s2", "{\"name\":\"power\",\"driver\":\"battery\",\"interval\":60}", 0},
	};

	g_array_append_vals(world->config, entries, G_N_ELEMENTS(entries));
}

static World *world_new(void)
{
	World *world = g_new0(World, 1);

	world->now_ms = 5000;
	world->wall_s = 1767225600;
	world->fault_at = -1;
	world->network_answers = TRUE;
	world->config = g_array_new(FALSE, FALSE, sizeof(WorldEntry));
	world->own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	world->events = g_queue_new();
	world->log = g_ptr_array_new_with_free_func(g_free);
	world->publications = g_ptr_array_new_with_free_func(publication_free);
	world->retained = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	world->subscriptions = g_ptr_array_new_with_free_func(g_free);
	world->connects_ms = g_array_new(FALSE, FALSE, sizeof(guint64));
	world->port = (CorePort){.context = world,
				 .config_string = config_string,
				 .config_number = config_number,
				 .config_blob = config_blob,
				 .own_get = own_get,
				 .own_set = own_set,
				 .monotonic_ms = monotonic_ms,
				 .wall_s = wall_s,
				 .random = random_bits,
				 .hardware = hardware,
				 .link = link_state,
				 .network_start = network_start,
				 .mqtt_connect = mqtt_connect,
				 .mqtt_publish = mqtt_publish,
				 .mqtt_subscribe = mqtt_subscribe,
				 .mqtt_disconnect = mqtt_disconnect,
				 .poll_event = poll_event,
				 .identify = identify,
				 .reboot = reboot_now,
				 .log = log_line};
	world_configure(world);
	return world;
}

static void world_free(World *world)
{
	world_event_free(world->current);
	g_queue_free_full(world->events, (GDestroyNotify)world_event_free);
	g_array_unref(world->config);
	g_hash_table_unref(world->own);
	g_ptr_array_unref(world->log);
	g_ptr_array_unref(world->publications);
	g_hash_table_unref(world->retained);
	g_ptr_array_unref(world->subscriptions);
	g_array_unref(world->connects_ms);
	g_free(world->will_topic);
	g_free(world->will_payload);
	g_free(world);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

/* Lets the device live for `for_ms`, or until it is in `phase` (-1: any). TRUE if it got there. */
static gboolean world_run(World *world, CoreDevice *device, guint64 for_ms, gint phase)
{
	guint64 end_ms = world->now_ms + for_ms;

	for (guint i = 0; i < 100000; i++) {
		guint32 wait_ms = core_step(device);

		if ((gint)device->phase == phase)
			return TRUE;
		if (!g_queue_is_empty(world->events))
			continue;
		if (world->now_ms + wait_ms >= end_ms)
			break;
		/* A wait of nothing, for ever, would be a busy loop on a chip. */
		world->now_ms += MAX(wait_ms, 1);
	}
	world->now_ms = end_ms;
	core_step(device);
	return phase == -1 || (gint)device->phase == phase;
}

static G_GNUC_UNUSED const char *world_retained(const World *world, const char *topic)
{
	return g_hash_table_lookup(world->retained, topic);
}

/* The last line that contains `text`, or NULL. */
static G_GNUC_UNUSED const char *world_logged(const World *world, const char *text)
{
	for (guint i = world->log->len; i > 0; i--)
		if (strstr(world->log->pdata[i - 1], text) != NULL)
			return world->log->pdata[i - 1];
	return NULL;
}

/* How many publications to `topic` the broker got. */
static G_GNUC_UNUSED guint world_count(const World *world, const char *topic)
{
	guint count = 0;

	for (guint i = 0; i < world->publications->len; i++)
		count += strcmp(((Publication *)world->publications->pdata[i])->topic, topic) == 0;
	return count;
}
