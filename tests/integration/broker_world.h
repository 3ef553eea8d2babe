/* A local broker in a folder of its own with a certificate, and MQTT clients that tests drive. */
#pragma once

#include "base/digest.h"
#include "base/file.h"
#include "broker/local.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WORLD_OWNER "default/greenhouse"

enum {
	WORLD_PATIENCE_US = 30 * 1000 * 1000,
	WORLD_MESSAGES_MAX = 4096,
};

typedef struct {
	char *folder;
	char *ca_path;
	guint16 port;
	Broker *broker;
	GMutex mutex;
	GCond changed;
	guint ups;
	guint downs;
} World;

/* Below the range of outgoing connections (32768 …): one of those could sit on it while the broker
 * is restarted. */
static inline guint16 world_free_port(void)
{
	for (;;) {
		guint16 port = (guint16)g_random_int_range(15000, 32768);
		struct sockaddr_in address = {.sin_family = AF_INET,
					      .sin_port = htons(port),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		gboolean is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

		close(fd);
		if (is_free)
			return port;
	}
}

static inline void world_write_pem(const char *folder, const char *name, X509 *certificate,
				   EVP_PKEY *key)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	BIO *memory = BIO_new(BIO_s_mem());
	char *text;
	long size;

	if (certificate != NULL)
		assert_int_equal(PEM_write_bio_X509(memory, certificate), 1);
	else
		assert_int_equal(PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL),
				 1);
	size = BIO_get_mem_data(memory, &text);
	assert_true(base_file_write(path, text, (gsize)size, 0600, NULL));
	BIO_free(memory);
}

/* ca.crt, server.crt and server.key for 127.0.0.1: one certificate that is its own authority. */
static inline void world_make_certificate(const char *folder)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600L * 24);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const guint8 *)"127.0.0.1", -1, -1,
				   0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, names, -1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	world_write_pem(folder, "ca.crt", certificate, NULL);
	world_write_pem(folder, "server.crt", certificate, NULL);
	world_write_pem(folder, "server.key", NULL, key);
	X509_EXTENSION_free(names);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static inline void world_note_change(Broker *broker, const BrokerStatus *status, gpointer user_data)
{
	World *world = user_data;

	(void)broker;
	g_mutex_lock(&world->mutex);
	world->ups += status->up ? 1 : 0;
	world->downs += status->up ? 0 : 1;
	g_cond_broadcast(&world->changed);
	g_mutex_unlock(&world->mutex);
}

/* Waits until the broker came up `ups` times. */
static inline void world_wait_ups(World *world, guint ups)
{
	gint64 end_us = g_get_monotonic_time() + WORLD_PATIENCE_US;

	g_mutex_lock(&world->mutex);
	while (world->ups < ups)
		assert_true(g_cond_wait_until(&world->changed, &world->mutex, end_us));
	g_mutex_unlock(&world->mutex);
}

static inline Broker *world_make_broker(World *world)
{
	GError *error = NULL;
	Broker *broker = broker_local_new(&(BrokerLocalOptions){.folder = world->folder,
								.address = "127.0.0.1",
								.port = world->port,
								.on_change = world_note_change,
								.on_change_data = world},
					  &error);

	if (broker == NULL)
		fail_msg("%s", error->message);
	return broker;
}

static inline void world_start(World *world)
{
	GError *error = NULL;

	world->broker = world_make_broker(world);
	if (!broker_start(world->broker, &error))
		fail_msg("%s", error->message);
}

static inline World *world_prepare(void)
{
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("espalier-broker-XXXXXX", NULL);
	assert_non_null(world->folder);
	world->ca_path = g_build_filename(world->folder, "ca.crt", NULL);
	world->port = world_free_port();
	world_make_certificate(world->folder);
	return world;
}

/* Started, claimed with the root topic "homie". */
static inline World *world_new(void)
{
	World *world = world_prepare();

	world_start(world);
	assert_true(broker_claim(world->broker, WORLD_OWNER, "homie", NULL));
	return world;
}

static inline void world_free(World *world)
{
	broker_free(world->broker);
	assert_true(base_tree_remove(world->folder, NULL));
	g_free(world->ca_path);
	g_free(world->folder);
	g_free(world);
}

static inline void world_user(World *world, const char *name, const char *password, BrokerRole role)
{
	GError *error = NULL;

	if (!broker_ensure_user(world->broker, name, password, role, &error))
		fail_msg("%s", error->message);
}

/* One client on a thread of libmosquitto's. */
typedef struct {
	struct mosquitto *mosq;
	GMutex mutex;
	GCond changed;
	int code; /* of the last CONNACK; -1 = none yet */
	guint connects;
	guint disconnects;
	int last_mid;        /* acknowledged */
	GPtrArray *messages; /* "topic=payload", retained ones with "*" in front */
} Client;

static inline void client_note(Client *client)
{
	g_cond_broadcast(&client->changed);
	g_mutex_unlock(&client->mutex);
}

static inline void client_on_connect(struct mosquitto *mosq, void *user_data, int code)
{
	Client *client = user_data;

	(void)mosq;
	g_mutex_lock(&client->mutex);
	client->code = code;
	client->connects += code == 0 ? 1 : 0;
	client_note(client);
}

static inline void client_on_disconnect(struct mosquitto *mosq, void *user_data, int code)
{
	Client *client = user_data;

	(void)mosq;
	(void)code;
	g_mutex_lock(&client->mutex);
	client->disconnects++;
	client_note(client);
}

static inline void client_on_mid(struct mosquitto *mosq, void *user_data, int mid)
{
	Client *client = user_data;

	(void)mosq;
	g_mutex_lock(&client->mutex);
	client->last_mid = mid;
	client_note(client);
}

static inline void client_on_subscribe(struct mosquitto *mosq, void *user_data, int mid, int count,
				       const int *granted)
{
	(void)count;
	(void)granted;
	client_on_mid(mosq, user_data, mid);
}

static inline void client_on_message(struct mosquitto *mosq, void *user_data,
				     const struct mosquitto_message *message)
{
	Client *client = user_data;

	(void)mosq;
	g_mutex_lock(&client->mutex);
	if (client->messages->len < WORLD_MESSAGES_MAX)
		g_ptr_array_add(client->messages,
				g_strdup_printf("%s%s=%.*s", message->retain ? "*" : "",
						message->topic, message->payloadlen,
						(const char *)message->payload));
	client_note(client);
}

/* Waits until `condition`, which is read with the client's mutex held. */
#define client_wait(client, condition)                                                             \
	do {                                                                                       \
		gint64 wait_end_us = g_get_monotonic_time() + WORLD_PATIENCE_US;                   \
		g_mutex_lock(&(client)->mutex);                                                    \
		while (!(condition))                                                               \
			assert_true(g_cond_wait_until(&(client)->changed, &(client)->mutex,        \
						      wait_end_us));                               \
		g_mutex_unlock(&(client)->mutex);                                                  \
	} while (0)

/* Connects, with a will unless `will_topic` is NULL; waits for the broker's answer, which is in
 * `code` then. */
static inline Client *client_new_with_will(World *world, const char *id, const char *user,
					   const char *password, const char *will_topic)
{
	Client *client = g_new0(Client, 1);

	mosquitto_lib_init();
	client->code = -1;
	client->messages = g_ptr_array_new_with_free_func(g_free);
	client->mosq = mosquitto_new(id, true, client);
	assert_int_equal(mosquitto_tls_set(client->mosq, world->ca_path, NULL, NULL, NULL, NULL),
			 0);
	mosquitto_username_pw_set(client->mosq, user, password);
	if (will_topic != NULL)
		mosquitto_will_set(client->mosq, will_topic, 4, "lost", 1, true);
	mosquitto_connect_callback_set(client->mosq, client_on_connect);
	mosquitto_disconnect_callback_set(client->mosq, client_on_disconnect);
	mosquitto_message_callback_set(client->mosq, client_on_message);
	mosquitto_publish_callback_set(client->mosq, client_on_mid);
	mosquitto_subscribe_callback_set(client->mosq, client_on_subscribe);
	assert_int_equal(mosquitto_connect(client->mosq, "127.0.0.1", world->port, 60), 0);
	assert_int_equal(mosquitto_loop_start(client->mosq), 0);
	client_wait(client, client->code >= 0);
	return client;
}

static inline Client *client_new(World *world, const char *id, const char *user,
				 const char *password)
{
	return client_new_with_will(world, id, user, password, NULL);
}

static inline void client_free(Client *client)
{
	mosquitto_disconnect(client->mosq);
	mosquitto_loop_stop(client->mosq, client->code != 0);
	mosquitto_destroy(client->mosq);
	g_ptr_array_unref(client->messages);
	g_free(client);
}

static inline void client_publish(Client *client, const char *topic, const char *payload,
				  gboolean retain)
{
	int mid;

	assert_int_equal(mosquitto_publish(client->mosq, &mid, topic, (int)strlen(payload), payload,
					   1, retain),
			 0);
	client_wait(client, client->last_mid == mid);
}

static inline void client_subscribe(Client *client, const char *filter)
{
	int mid;

	assert_int_equal(mosquitto_subscribe(client->mosq, &mid, filter, 1), 0);
	client_wait(client, client->last_mid == mid);
}

static inline gboolean client_has_locked(Client *client, const char *message)
{
	for (guint i = 0; i < client->messages->len; i++)
		if (strcmp(g_ptr_array_index(client->messages, i), message) == 0)
			return TRUE;
	return FALSE;
}

static inline gboolean client_has(Client *client, const char *message)
{
	gboolean has;

	g_mutex_lock(&client->mutex);
	has = client_has_locked(client, message);
	g_mutex_unlock(&client->mutex);
	return has;
}

static inline void client_expect(Client *client, const char *message)
{
	client_wait(client, client_has_locked(client, message));
}
