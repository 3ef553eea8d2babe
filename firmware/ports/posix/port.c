#include "ports/posix/port.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "ports/posix/log.h"
#include "ports/posix/mqtt.h"
#include "wire/text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct PosixPort {
	CorePort functions;
	const PosixFlash *flash;
	CoreHardware hardware;
	char *label;
	gboolean quiet;
	gboolean restarts;
	EspNvsContents *config;
	GQueue events;       /* PosixEvent */
	PosixEvent *current; /* its texts are lent to the core */
	PosixMqtt *mqtt;
	BaseFd signals;
};

/* ---- Functions for the core ---- */

static const EspNvsEntry *find(const PosixPort *port, const char *space, const char *key)
{
	return port->config == NULL ? NULL : esp_nvs_find(port->config, space, key);
}

static bool config_string(void *context, const char *space, const char *key, char *out,
			  size_t size_bytes)
{
	const EspNvsEntry *entry = find(context, space, key);

	return entry != NULL && entry->type == ESP_NVS_STRING &&
	       strlen(entry->value.text) < size_bytes &&
	       wire_copy(out, size_bytes, entry->value.text);
}

static bool config_number(void *context, const char *space, const char *key, uint64_t *out)
{
	const EspNvsEntry *entry = find(context, space, key);

	if (entry == NULL || (entry->type != ESP_NVS_U8 && entry->type != ESP_NVS_U16 &&
			      entry->type != ESP_NVS_U32 && entry->type != ESP_NVS_U64))
		return false;
	*out = entry->value.u;
	return true;
}

static bool config_blob(void *context, const char *space, const char *key, uint8_t *out,
			size_t size_bytes)
{
	const EspNvsEntry *entry = find(context, space, key);

	if (entry == NULL || entry->type != ESP_NVS_BLOB ||
	    entry->value.blob.size_bytes != size_bytes)
		return false;
	memcpy(out, entry->value.blob.data, size_bytes);
	return true;
}

static bool own_get(void *context, const char *key, uint32_t *out)
{
	const PosixPort *port = context;

	return posix_flash_own_get(port->flash, key, out);
}

static bool own_set(void *context, const char *key, uint32_t value)
{
	const PosixPort *port = context;
	g_autoptr(GError) error = NULL;

	if (posix_flash_own_set(port->flash, key, value, &error))
		return true;
	posix_log(port->label, CORE_LOG_WARNING, error->message);
	return false;
}

static uint64_t monotonic_ms(void *context)
{
	(void)context;
	return (uint64_t)base_clock_monotonic_us() / 1000;
}

static uint64_t wall_s(void *context)
{
	gint64 now_us = base_clock_wall_us();

	(void)context;
	return now_us < 0 ? 0 : (uint64_t)now_us / G_USEC_PER_SEC;
}

static uint32_t random_bits(void *context)
{
	uint32_t bits;

	(void)context;
	base_random_bytes(&bits, sizeof(bits));
	return bits;
}

static void hardware(void *context, CoreHardware *out)
{
	const PosixPort *port = context;

	*out = port->hardware;
}

static void link_state(void *context, CoreLink *out)
{
	const PosixPort *port = context;

	memset(out, 0, sizeof(*out));
	if (!posix_mqtt_address(port->mqtt, out->ip, sizeof(out->ip)))
		out->ip[0] = '\0';
}

static void push(PosixPort *port, CoreEventType type)
{
	PosixEvent *event = g_new0(PosixEvent, 1);

	event->event.type = type;
	g_queue_push_tail(&port->events, event);
}

/* The host's network is its operating system's affair: up from the start. */
static void network_start(void *context)
{
	push(context, CORE_EVENT_NETWORK_UP);
}

static bool mqtt_connect(void *context, const CoreLogin *login)
{
	PosixPort *port = context;

	return posix_mqtt_connect(port->mqtt, login);
}

static uint32_t mqtt_publish(void *context, const char *topic, const char *payload,
			     size_t payload_bytes, bool retain)
{
	PosixPort *port = context;

	return posix_mqtt_publish(port->mqtt, topic, payload, payload_bytes, retain);
}

static uint32_t mqtt_subscribe(void *context, const char *topic)
{
	PosixPort *port = context;

	return posix_mqtt_subscribe(port->mqtt, topic);
}

static void mqtt_disconnect(void *context, bool clean)
{
	PosixPort *port = context;

	posix_mqtt_disconnect(port->mqtt, clean);
}

static bool poll_event(void *context, CoreEvent *event)
{
	PosixPort *port = context;

	posix_event_free(port->current);
	port->current = g_queue_pop_head(&port->events);
	if (port->current == NULL)
		return false;
	*event = port->current->event;
	return true;
}

static void identify(void *context)
{
	const PosixPort *port = context;

	posix_log(port->label, CORE_LOG_INFO, "*** here I am ***");
}

static void reboot(void *context, const char *reason)
{
	PosixPort *port = context;

	(void)reason; /* the exit status says it */
	port->restarts = TRUE;
}

static void log_line(void *context, CoreLogLevel level, const char *line)
{
	const PosixPort *port = context;

	if (!port->quiet || level < CORE_LOG_INFO)
		posix_log(port->label, level, line);
}

static const CorePort functions = {
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
	.reboot = reboot,
	.log = log_line,
};

/* ---- The port itself ---- */

/* From now on SIGTERM and SIGINT are read, not delivered. A peer that is gone must not kill us. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

PosixPort *posix_port_new(const PosixFlash *flash, const CoreHardware *device, const char *label,
			  gboolean quiet, GError **error)
{
	g_autoptr(PosixPort) port = g_new0(PosixPort, 1);

	port->functions = functions;
	port->functions.context = port;
	port->flash = flash;
	port->hardware = *device;
	port->label = g_strdup(label);
	port->quiet = quiet;
	g_queue_init(&port->events);
	port->mqtt = posix_mqtt_new(&port->events);
	port->signals = take_signals();
	if (port->signals < 0) {
		base_error_set_errno(error, errno, "signalfd");
		return NULL;
	}
	port->config = posix_flash_config(flash, error);
	if (port->config == NULL)
		return NULL;
	return g_steal_pointer(&port);
}

void posix_port_free(PosixPort *port)
{
	if (port == NULL)
		return;
	posix_mqtt_free(port->mqtt);
	posix_event_free(port->current);
	g_queue_clear_full(&port->events, (GDestroyNotify)posix_event_free);
	esp_nvs_contents_free(port->config);
	base_fd_close(&port->signals);
	g_free(port->label);
	g_free(port);
}

const CorePort *posix_port_functions(PosixPort *port)
{
	return &port->functions;
}

void posix_port_forget_config(PosixPort *port)
{
	esp_nvs_contents_free(port->config);
	port->config = NULL;
}

gboolean posix_port_restarts(const PosixPort *port)
{
	return port->restarts;
}

static void read_signal(PosixPort *port)
{
	struct signalfd_siginfo info;

	if (read(port->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		push(port, CORE_EVENT_STOP);
}

void posix_port_wait(PosixPort *port, guint32 wait_ms)
{
	int mqtt_ms = posix_mqtt_wait_ms(port->mqtt);
	int timeout_ms = (int)MIN(wait_ms, (guint32)G_MAXINT);
	struct pollfd pollers[2] = {{port->signals, POLLIN, 0}, {-1, 0, 0}};

	if (!g_queue_is_empty(&port->events))
		timeout_ms = 0;
	else if (mqtt_ms >= 0)
		timeout_ms = MIN(timeout_ms, mqtt_ms);
	pollers[1].fd = posix_mqtt_fd(port->mqtt, &pollers[1].events);
	if (poll(pollers, G_N_ELEMENTS(pollers), timeout_ms) < 0)
		return;
	if ((pollers[0].revents & POLLIN) != 0)
		read_signal(port);
	posix_mqtt_work(port->mqtt, pollers[1].revents);
}
