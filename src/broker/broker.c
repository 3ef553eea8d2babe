#include "broker/broker.h"

#include <string.h>

G_DEFINE_QUARK(espalier - broker - error - quark, broker_error)

gboolean broker_start(Broker *broker, GError **error)
{
	return broker->driver->start(broker, error);
}

void broker_stop(Broker *broker)
{
	broker->driver->stop(broker);
}

void broker_free(Broker *broker)
{
	if (broker == NULL)
		return;
	broker->driver->stop(broker);
	broker->driver->free(broker);
}

gboolean broker_root_check(const char *root, GError **error)
{
	gsize length = strlen(root);
	const char *wrong = NULL;

	if (length == 0 || length > BROKER_ROOT_MAX)
		wrong = "has no or too many characters";
	else if (root[0] == '/' || root[length - 1] == '/' || strstr(root, "//") != NULL)
		wrong = "has an empty level";
	for (gsize i = 0; wrong == NULL && i < length; i++)
		if (root[i] <= ' ' || root[i] > '~' || strchr("+#$%", root[i]) != NULL)
			wrong = "has a character that topics for people and devices cannot have";
	if (wrong == NULL)
		return TRUE;
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_INVALID,
		    "root topic '%s' %s: use 1 to %d printable ASCII characters without spaces and "
		    "+ # $ "
		    "%%, for example 'homie'",
		    root, wrong, BROKER_ROOT_MAX);
	return FALSE;
}

static const char *const role_names[] = {"device", "reader", "server"};

/* The role that the shape of a name says. */
static BrokerRole role_of(const char *name)
{
	if (name[0] == '.')
		return BROKER_ROLE_SERVER;
	return strchr(name, '.') != NULL ? BROKER_ROLE_READER : BROKER_ROLE_DEVICE;
}

gboolean broker_name_check(const char *name, BrokerRole role, GError **error)
{
	gsize length = strlen(name);
	gboolean good = length > 0 && length <= BROKER_NAME_MAX && role_of(name) == role;

	for (gsize i = 0; good && i < length; i++)
		good = g_ascii_islower(name[i]) || g_ascii_isdigit(name[i]) || name[i] == '-' ||
		       name[i] == '.';
	if (!good)
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_INVALID,
			    "'%s' is no broker user of the role %s: names have 1 to %d of a-z 0-9 "
			    "- . ; a "
			    "device's no dot, a reader's one inside",
			    name, role_names[role], BROKER_NAME_MAX);
	return good;
}

/* Fails a change at once. */
static void refuse(BrokerDone done, gpointer user_data, const GError *error)
{
	if (done != NULL)
		done(error, user_data);
}

void broker_ensure_user_async(Broker *broker, const char *name, const char *password,
			      BrokerRole role, BrokerDone done, gpointer user_data)
{
	g_autoptr(GError) error = NULL;

	if (!broker_name_check(name, role, &error)) {
		refuse(done, user_data, error);
		return;
	}
	if (*password == '\0' || strlen(password) > BROKER_PASSWORD_MAX) {
		g_set_error(&error, BROKER_ERROR, BROKER_ERROR_INVALID,
			    "the password of broker user '%s' is empty or longer than %d bytes",
			    name, BROKER_PASSWORD_MAX);
		refuse(done, user_data, error);
		return;
	}
	broker->driver->ensure_user(broker, name, password, role, done, user_data);
}

void broker_remove_user_async(Broker *broker, const char *name, BrokerDone done, gpointer user_data)
{
	broker->driver->remove_user(broker, name, done, user_data);
}

/* A caller that waits for its change. */
struct BrokerPending {
	GMutex mutex;
	GCond changed;
	gboolean done;
	GError *error;
};
typedef struct BrokerPending Waiter;

static void wake_waiter(const GError *error, gpointer user_data)
{
	Waiter *waiter = user_data;

	g_mutex_lock(&waiter->mutex);
	waiter->done = TRUE;
	waiter->error = error != NULL ? g_error_copy(error) : NULL;
	g_cond_signal(&waiter->changed);
	g_mutex_unlock(&waiter->mutex);
}

static gboolean wait_for(Waiter *waiter, GError **error)
{
	g_mutex_lock(&waiter->mutex);
	while (!waiter->done)
		g_cond_wait(&waiter->changed, &waiter->mutex);
	g_mutex_unlock(&waiter->mutex);
	if (waiter->error == NULL)
		return TRUE;
	g_propagate_error(error, waiter->error);
	return FALSE;
}

gboolean broker_ensure_user(Broker *broker, const char *name, const char *password, BrokerRole role,
			    GError **error)
{
	Waiter waiter = {0};

	broker_ensure_user_async(broker, name, password, role, wake_waiter, &waiter);
	return wait_for(&waiter, error);
}

BrokerPending *broker_ensure_user_begin(Broker *broker, const char *name, const char *password,
					BrokerRole role)
{
	BrokerPending *pending = g_new0(BrokerPending, 1);

	g_mutex_init(&pending->mutex);
	g_cond_init(&pending->changed);
	broker_ensure_user_async(broker, name, password, role, wake_waiter, pending);
	return pending;
}

gboolean broker_finish(BrokerPending *pending, GError **error)
{
	gboolean known = wait_for(pending, error);

	g_mutex_clear(&pending->mutex);
	g_cond_clear(&pending->changed);
	g_free(pending);
	return known;
}

gboolean broker_remove_user(Broker *broker, const char *name, GError **error)
{
	Waiter waiter = {0};

	broker_remove_user_async(broker, name, wake_waiter, &waiter);
	return wait_for(&waiter, error);
}

char *broker_owner(Broker *broker)
{
	return broker->driver->owner(broker);
}

char **broker_list_users(Broker *broker, GError **error)
{
	return broker->driver->list_users(broker, error);
}

gboolean broker_claim(Broker *broker, const char *owner, const char *root, GError **error)
{
	Waiter waiter = {0};

	if (!broker_root_check(root, error))
		return FALSE;
	broker->driver->claim(broker, owner, root, wake_waiter, &waiter);
	return wait_for(&waiter, error);
}

gboolean broker_release(Broker *broker, const char *owner, GError **error)
{
	Waiter waiter = {0};

	broker->driver->release(broker, owner, wake_waiter, &waiter);
	return wait_for(&waiter, error);
}

gboolean broker_reload_certificate(Broker *broker, GError **error)
{
	Waiter waiter = {0};

	broker->driver->reload_certificate(broker, wake_waiter, &waiter);
	return wait_for(&waiter, error);
}

void broker_status(Broker *broker, BrokerStatus *out)
{
	broker->driver->status(broker, out);
}

BrokerEndpoint broker_endpoint(Broker *broker)
{
	return broker->driver->endpoint(broker);
}
