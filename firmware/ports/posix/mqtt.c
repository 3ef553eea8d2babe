#include "ports/posix/mqtt.h"

#include "ports/posix/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mosquitto.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CONNACK_BAD_CREDENTIALS = 4, /* MQTT 3.1.1, 3.2.2.3 */
	CONNACK_NOT_AUTHORISED = 5,
	SUBACK_FAILURE = 0x80,
	QOS = 1,
	FLUSH_ROUNDS = 20,
	FLUSH_WAIT_MS = 25,
	MS_PER_QUARTER_S = 250,
};

struct PosixMqtt {
	GQueue *events;
	struct mosquitto *client;
	char *problem;       /* what the library last complained of */
	const char *refusal; /* what is wrong with the broker's certificate */
	int keepalive_s;
	gboolean ended; /* the connection is gone and was reported */
};

void posix_event_free(PosixEvent *event)
{
	if (event == NULL)
		return;
	g_free(event->text);
	g_free(event->topic);
	g_free(event->payload);
	g_free(event);
}

static PosixEvent *push(PosixMqtt *mqtt, CoreEventType type)
{
	PosixEvent *event = g_new0(PosixEvent, 1);

	event->event.type = type;
	g_queue_push_tail(mqtt->events, event);
	return event;
}

/* Reports the end of the connection, once. */
static void end(PosixMqtt *mqtt, CoreEventType type, bool unauthorised, const char *why)
{
	PosixEvent *event;

	if (mqtt->ended)
		return;
	mqtt->ended = TRUE;
	event = push(mqtt, type);
	event->text = g_strdup(why);
	event->event.text = event->text;
	event->event.unauthorised = unauthorised;
}

/* Ends the connection unless the library's call went well, with the best reason there is. */
static void check(PosixMqtt *mqtt, int code)
{
	const char *why = code == MOSQ_ERR_ERRNO ? g_strerror(errno) : mosquitto_strerror(code);
	g_autofree char *refused = NULL;

	if (code == MOSQ_ERR_SUCCESS)
		return;
	if (mqtt->refusal != NULL)
		why = refused = g_strconcat("its certificate is refused: ", mqtt->refusal, NULL);
	else if (mqtt->problem != NULL)
		why = mqtt->problem;
	end(mqtt, CORE_EVENT_DISCONNECTED, false, why);
}

/* ---- What the library calls ---- */

static void on_connect(struct mosquitto *client, void *user_data, int code)
{
	PosixMqtt *mqtt = user_data;
	bool unauthorised = code == CONNACK_BAD_CREDENTIALS || code == CONNACK_NOT_AUTHORISED;

	(void)client;
	if (code == 0)
		push(mqtt, CORE_EVENT_CONNECTED);
	else
		end(mqtt, CORE_EVENT_REFUSED, unauthorised,
		    unauthorised ? "user name or password refused"
				 : mosquitto_connack_string(code));
}

static void on_disconnect(struct mosquitto *client, void *user_data, int code)
{
	PosixMqtt *mqtt = user_data;

	(void)client;
	/* Within a handshake the caller knows more: see check. */
	if (mqtt->refusal == NULL)
		end(mqtt, CORE_EVENT_DISCONNECTED, false,
		    mqtt->problem != NULL ? mqtt->problem : mosquitto_strerror(code));
}

static void on_publish(struct mosquitto *client, void *user_data, int message)
{
	(void)client;
	push(user_data, CORE_EVENT_PUBLISHED)->event.message = (uint32_t)message;
}

static void on_subscribe(struct mosquitto *client, void *user_data, int message, int n_granted,
			 const int *granted)
{
	PosixEvent *event = push(user_data, CORE_EVENT_SUBSCRIBED);

	(void)client;
	event->event.message = (uint32_t)message;
	event->event.accepted = n_granted == 1 && granted[0] < SUBACK_FAILURE;
}

static void on_message(struct mosquitto *client, void *user_data,
		       const struct mosquitto_message *message)
{
	PosixEvent *event = push(user_data, CORE_EVENT_MESSAGE);

	(void)client;
	event->topic = g_strdup(message->topic);
	event->payload = g_malloc0((gsize)message->payloadlen + 1);
	if (message->payloadlen > 0)
		memcpy(event->payload, message->payload, (gsize)message->payloadlen);
	event->event.topic = event->topic;
	event->event.payload = event->payload;
	event->event.payload_bytes = (size_t)message->payloadlen;
	event->event.retained = message->retain;
}

static void on_log(struct mosquitto *client, void *user_data, int level, const char *text)
{
	PosixMqtt *mqtt = user_data;
	const char *reason;

	(void)client;
	if (level != MOSQ_LOG_ERR)
		return;
	/* "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed" */
	reason = strrchr(text, ':');
	g_free(mqtt->problem);
	mqtt->problem = g_strdup(reason == NULL ? text : reason + 1);
}

/* ---- What the core calls ---- */

PosixMqtt *posix_mqtt_new(GQueue *events)
{
	PosixMqtt *mqtt = g_new0(PosixMqtt, 1);

	mosquitto_lib_init();
	mqtt->events = events;
	mqtt->ended = TRUE;
	return mqtt;
}

void posix_mqtt_free(PosixMqtt *mqtt)
{
	if (mqtt == NULL)
		return;
	posix_mqtt_disconnect(mqtt, false);
	mosquitto_lib_cleanup();
	g_free(mqtt);
}

static gboolean set_tls(PosixMqtt *mqtt, struct mosquitto *client, const CoreLogin *login,
			GError **error)
{
	SSL_CTX *context = posix_tls_new(login->ca_pem, login->host, &mqtt->refusal, error);
	gboolean set;

	if (context == NULL)
		return FALSE;
	set = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) == MOSQ_ERR_SUCCESS &&
	      mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, context) == MOSQ_ERR_SUCCESS;
	SSL_CTX_free(context); /* the client has taken its own reference */
	if (!set)
		g_set_error(error, g_quark_from_static_string("mqtt"), 0,
			    "the MQTT library takes no TLS settings");
	return set;
}

static struct mosquitto *make_client(PosixMqtt *mqtt, const CoreLogin *login, GError **error)
{
	struct mosquitto *client = mosquitto_new(login->client_id, true, mqtt);

	if (client == NULL)
		return NULL;
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_disconnect_callback_set(client, on_disconnect);
	mosquitto_publish_callback_set(client, on_publish);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_message_callback_set(client, on_message);
	mosquitto_log_callback_set(client, on_log);
	if (mosquitto_username_pw_set(client, login->user, login->password) != MOSQ_ERR_SUCCESS ||
	    mosquitto_will_set(client, login->will_topic, (int)strlen(login->will_payload),
			       login->will_payload, QOS, true) != MOSQ_ERR_SUCCESS ||
	    (login->tls && !set_tls(mqtt, client, login, error))) {
		mosquitto_destroy(client);
		return NULL;
	}
	return client;
}

bool posix_mqtt_connect(PosixMqtt *mqtt, const CoreLogin *login)
{
	g_autoptr(GError) error = NULL;

	posix_mqtt_disconnect(mqtt, false);
	mqtt->client = make_client(mqtt, login, &error);
	mqtt->keepalive_s = login->keepalive_s;
	mqtt->ended = FALSE;
	if (mqtt->client == NULL) {
		end(mqtt, CORE_EVENT_DISCONNECTED, false,
		    error == NULL ? "the MQTT library refuses the settings" : error->message);
		return true;
	}
	/* Blocks for the host's address only. */
	check(mqtt,
	      mosquitto_connect_async(mqtt->client, login->host, login->port, login->keepalive_s));
	return true;
}

uint32_t posix_mqtt_publish(PosixMqtt *mqtt, const char *topic, const char *payload,
			    size_t payload_bytes, bool retain)
{
	int message;

	if (mqtt->client == NULL || mqtt->ended ||
	    mosquitto_publish(mqtt->client, &message, topic, (int)payload_bytes, payload, QOS,
			      retain) != MOSQ_ERR_SUCCESS)
		return 0;
	return (uint32_t)message;
}

uint32_t posix_mqtt_subscribe(PosixMqtt *mqtt, const char *topic)
{
	int message;

	if (mqtt->client == NULL || mqtt->ended ||
	    mosquitto_subscribe(mqtt->client, &message, topic, QOS) != MOSQ_ERR_SUCCESS)
		return 0;
	return (uint32_t)message;
}

static bool is_of_connection(const PosixEvent *event)
{
	CoreEventType type = event->event.type;

	return type != CORE_EVENT_NETWORK_UP && type != CORE_EVENT_NETWORK_DOWN &&
	       type != CORE_EVENT_STOP;
}

static void forget_events(PosixMqtt *mqtt)
{
	for (GList *link = mqtt->events->head, *next; link != NULL; link = next) {
		next = link->next;
		if (!is_of_connection(link->data))
			continue;
		posix_event_free(link->data);
		g_queue_delete_link(mqtt->events, link);
	}
}

/* Lets DISCONNECT go out, for half a second at most. */
static void flush(PosixMqtt *mqtt)
{
	for (int i = 0; i < FLUSH_ROUNDS && mosquitto_want_write(mqtt->client); i++) {
		struct pollfd poller = {mosquitto_socket(mqtt->client), POLLOUT, 0};

		if (poller.fd < 0 || poll(&poller, 1, FLUSH_WAIT_MS) < 0 ||
		    mosquitto_loop_write(mqtt->client, 1) != MOSQ_ERR_SUCCESS)
			return;
	}
}

void posix_mqtt_disconnect(PosixMqtt *mqtt, bool clean)
{
	if (mqtt->client == NULL)
		return;
	if (clean && !mqtt->ended) {
		mosquitto_disconnect(mqtt->client);
		flush(mqtt);
	}
	mqtt->ended = TRUE;
	mosquitto_destroy(mqtt->client);
	mqtt->client = NULL;
	g_clear_pointer(&mqtt->problem, g_free);
	mqtt->refusal = NULL;
	forget_events(mqtt);
}

/* ---- What the port calls ---- */

/* The library (2.0.11) asks to write all through a TLS handshake, and takes a connection that
 * failed within one for a handshake that goes on: waiting as it says would spin. So the handshake
 * is looked after here. */
static const SSL *handshake(PosixMqtt *mqtt)
{
	const SSL *ssl = mosquitto_ssl_get(mqtt->client);

	return ssl != NULL && !SSL_is_init_finished(ssl) ? ssl : NULL;
}

static gboolean is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &length) == 0;
}

int posix_mqtt_fd(PosixMqtt *mqtt, short *poll_events)
{
	int fd = mqtt->client == NULL || mqtt->ended ? -1 : mosquitto_socket(mqtt->client);
	const SSL *ssl = fd < 0 ? NULL : handshake(mqtt);
	gboolean wants_write;

	if (fd < 0)
		return -1;
	if (ssl == NULL)
		wants_write = mosquitto_want_write(mqtt->client);
	else
		wants_write = SSL_want_write(ssl) || !is_connected(fd);
	*poll_events = (short)(POLLIN | POLLRDHUP | (wants_write ? POLLOUT : 0));
	return fd;
}

/* What the system says of a socket that came to nothing. */
static const char *socket_problem(int fd, const char *fallback)
{
	int problem = 0;
	socklen_t length = sizeof(problem);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0 || problem == 0)
		return fallback;
	return g_strerror(problem);
}

static void work_on_handshake(PosixMqtt *mqtt, short poll_events)
{
	bool hung_up = (poll_events & (POLLHUP | POLLERR | POLLRDHUP)) != 0;
	int fd = mosquitto_socket(mqtt->client);

	if (poll_events == 0)
		return;
	if (hung_up && !is_connected(fd)) {
		end(mqtt, CORE_EVENT_DISCONNECTED, false,
		    socket_problem(fd, g_strerror(ECONNREFUSED)));
		return;
	}
	check(mqtt, mosquitto_loop_read(mqtt->client, 1));
	if (!mqtt->ended && hung_up && handshake(mqtt) != NULL)
		end(mqtt, CORE_EVENT_DISCONNECTED, false, "closed within the TLS handshake");
}

void posix_mqtt_work(PosixMqtt *mqtt, short poll_events)
{
	if (mqtt->client == NULL || mqtt->ended)
		return;
	if (handshake(mqtt) != NULL) {
		work_on_handshake(mqtt, poll_events);
		return;
	}
	if ((poll_events & (POLLIN | POLLHUP | POLLERR | POLLRDHUP)) != 0)
		check(mqtt, mosquitto_loop_read(mqtt->client, 1));
	if (!mqtt->ended && (poll_events & POLLOUT) != 0)
		check(mqtt, mosquitto_loop_write(mqtt->client, 1));
	if (!mqtt->ended)
		check(mqtt, mosquitto_loop_misc(mqtt->client));
}

int posix_mqtt_wait_ms(const PosixMqtt *mqtt)
{
	return mqtt->client == NULL || mqtt->ended ? -1 : mqtt->keepalive_s * MS_PER_QUARTER_S;
}

bool posix_mqtt_address(PosixMqtt *mqtt, char *out, size_t size_bytes)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd = mqtt->client == NULL ? -1 : mosquitto_socket(mqtt->client);

	return fd >= 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       getnameinfo((struct sockaddr *)&address, length, out, (socklen_t)size_bytes, NULL, 0,
			   NI_NUMERICHOST) == 0;
}
