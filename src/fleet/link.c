#include "fleet/link.h"

#include <errno.h>
#include <mosquitto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PACKETS_AT_ONCE = 256, /* then others get their turn */
	CA_CERTIFICATES_MAX = 64,
};

struct FleetLink {
	struct mosquitto *mosq;
	FleetLinkHandlers handlers;
	gboolean refused;
};

static gboolean add_authorities(SSL_CTX *tls, const char *ca_pem)
{
	BIO *memory = BIO_new_mem_buf(ca_pem, -1);
	int added = 0;
	X509 *certificate;

	while (added < CA_CERTIFICATES_MAX &&
	       (certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL)) != NULL) {
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), certificate) == 1)
			added++;
		X509_free(certificate);
	}
	ERR_clear_error(); /* the end of the text is one */
	BIO_free(memory);
	return added > 0;
}

SSL_CTX *fleet_link_tls_new(const char *ca_pem, const char *host, GError **error)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	X509_VERIFY_PARAM *expected = SSL_CTX_get0_param(tls);

	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	if (X509_VERIFY_PARAM_set1_ip_asc(expected, host) != 1)
		X509_VERIFY_PARAM_set1_host(expected, host, 0);
	ERR_clear_error();
	if (add_authorities(tls, ca_pem))
		return tls;
	SSL_CTX_free(tls);
	g_set_error(error, FLEET_ERROR, FLEET_ERROR_INVALID,
		    "the authority of the broker at %s is no PEM certificate", host);
	return NULL;
}

static void on_connect(struct mosquitto *mosq, void *user_data, int code)
{
	FleetLink *link = user_data;

	(void)mosq;
	link->refused = code != 0;
	link->handlers.connected(code == 0 ? NULL : mosquitto_connack_string(code),
				 link->handlers.user_data);
}

static void on_message(struct mosquitto *mosq, void *user_data,
		       const struct mosquitto_message *message)
{
	FleetLink *link = user_data;
	FleetMessage heard = {
		.topic = message->topic,
		.payload = message->payloadlen > 0 ? message->payload : NULL,
		.size_bytes = message->payloadlen > 0 ? (gsize)message->payloadlen : 0,
		.retained = message->retain,
	};

	(void)mosq;
	link->handlers.message(&heard, link->handlers.user_data);
}

static gboolean set_ended(int code, GError **error)
{
	const char *why =
		code == MOSQ_ERR_ERRNO && errno != 0 ? g_strerror(errno) : mosquitto_strerror(code);

	g_set_error(error, FLEET_ERROR, FLEET_ERROR_NO_SESSION, "the broker's connection: %s", why);
	return FALSE;
}

FleetLink *fleet_link_new(const FleetSessionOptions *options, SSL_CTX *tls,
			  const FleetLinkHandlers *handlers, GError **error)
{
	FleetLink *link = g_new0(FleetLink, 1);
	int code;

	link->handlers = *handlers;
	link->mosq = mosquitto_new(options->user, true, link);
	if (link->mosq == NULL) {
		g_free(link);
		set_ended(MOSQ_ERR_INVAL, error);
		return NULL;
	}
	mosquitto_connect_callback_set(link->mosq, on_connect);
	mosquitto_message_callback_set(link->mosq, on_message);
	if (tls != NULL) { /* with its own defaults the library wants a CA in a file */
		mosquitto_int_option(link->mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
		mosquitto_void_option(link->mosq, MOSQ_OPT_SSL_CTX, tls);
	}
	mosquitto_int_option(link->mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_username_pw_set(link->mosq, options->user, options->password);
	errno = 0;
	code = mosquitto_connect_async(link->mosq, options->host, options->port, FLEET_KEEPALIVE_S);
	if (code == MOSQ_ERR_SUCCESS)
		return link;
	set_ended(code, error);
	fleet_link_free(link);
	return NULL;
}

void fleet_link_free(FleetLink *link)
{
	if (link == NULL)
		return;
	mosquitto_disconnect(link->mosq);
	mosquitto_destroy(link->mosq);
	g_free(link);
}

int fleet_link_fd(FleetLink *link)
{
	return mosquitto_socket(link->mosq);
}

short fleet_link_events(FleetLink *link)
{
	return mosquitto_want_write(link->mosq) ? POLLIN | POLLOUT : POLLIN;
}

/* A connect that was refused, or that the peer ended before a byte: libmosquitto 2.0.11 takes the
 * first for a handshake that goes on, and would wait for its end. */
static gboolean came_to_nothing(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;

	return fd >= 0 && getpeername(fd, (struct sockaddr *)&peer, &length) != 0;
}

gboolean fleet_link_serve(FleetLink *link, short events, GError **error)
{
	int code = MOSQ_ERR_SUCCESS;

	errno = 0;
	if ((events & (POLLERR | POLLHUP)) != 0 && came_to_nothing(fleet_link_fd(link)))
		return set_ended(MOSQ_ERR_CONN_REFUSED, error);
	if ((events & (POLLIN | POLLERR | POLLHUP)) != 0)
		code = mosquitto_loop_read(link->mosq, PACKETS_AT_ONCE);
	if (code == MOSQ_ERR_SUCCESS && mosquitto_want_write(link->mosq))
		code = mosquitto_loop_write(link->mosq, PACKETS_AT_ONCE);
	if (code == MOSQ_ERR_SUCCESS)
		code = mosquitto_loop_misc(link->mosq);
	if (code == MOSQ_ERR_SUCCESS && link->refused)
		code = MOSQ_ERR_CONN_REFUSED;
	return code == MOSQ_ERR_SUCCESS || set_ended(code, error);
}

void fleet_link_subscribe(FleetLink *link, const char *filter)
{
	mosquitto_subscribe(link->mosq, NULL, filter, 0);
}

void fleet_link_unsubscribe(FleetLink *link, const char *filter)
{
	mosquitto_unsubscribe(link->mosq, NULL, filter);
}

void fleet_link_publish(FleetLink *link, const char *topic, const char *payload, int qos,
			gboolean retain)
{
	mosquitto_publish(link->mosq, NULL, topic, payload != NULL ? (int)strlen(payload) : 0,
			  payload, qos, retain);
}
