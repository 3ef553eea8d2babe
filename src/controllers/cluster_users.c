#include "controllers/cluster_users.h"

#include "base/digest.h"
#include "controllers/secret_data.h"
#include "model/secret.h"

#include <string.h>

#define NOT_INJECTABLE (g_quark_from_static_string("espalier-not-injectable"))

typedef struct {
	char *secret_name; /* also the broker's user */
	char *password;    /* secret */
	char *broker_url;
} Credentials;

static void credentials_clear(Credentials *credentials)
{
	g_free(credentials->secret_name);
	base_secret_free(credentials->password);
	g_free(credentials->broker_url);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Credentials, credentials_clear)

gboolean cluster_has_user(const ModelDeviceCluster *cluster, const char *name)
{
	for (gsize i = 0; i < cluster->n_users; i++)
		if (strcmp(cluster->users[i].name, name) == 0)
			return TRUE;
	return FALSE;
}

const char *cluster_users_reason(const GError *error)
{
	if (error->domain == NOT_INJECTABLE)
		return "SecretNotInjectable";
	if (error->domain == BROKER_ERROR)
		return MODEL_REASON_BROKER_UNREACHABLE;
	return MODEL_REASON_INTERNAL_ERROR;
}

static json_t *own_secret(World *world, const ModelDeviceCluster *cluster,
			  const Credentials *credentials)
{
	KubeRef owner = kube_ref_of(&kube_device_clusters, cluster->object);
	json_t *data = json_object();

	secret_data_set_string(data, "username", credentials->secret_name);
	secret_data_set_string(data, "password", credentials->password);
	secret_data_set_string(data, "brokerUrl", credentials->broker_url);
	secret_data_set_string(data, "rootTopic", cluster->root_topic);
	secret_data_set_string(data, "ca.crt", broker_endpoint(world->broker).ca_pem);
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:{s:s}, s:[o]}, s:o}", "apiVersion", "v1",
			 "kind", "Secret", "type", CLUSTER_USERS_SECRET_TYPE, "metadata", "name",
			 credentials->secret_name, "namespace", cluster->meta.namespace, "labels",
			 CLUSTER_USERS_LABEL_CLUSTER, cluster->meta.name, "ownerReferences",
			 kube_owner_reference(&owner), "data", data);
}

/* Patches `secret` so that its data hold `wanted`; writes nothing if they do. */
static gboolean bring_data(World *world, const json_t *secret, json_t *wanted,
			   const json_t *annotations, GError **error)
{
	g_autoptr(json_t) patch = json_object();
	g_autoptr(json_t) result = NULL;
	const char *key;
	json_t *value;

	json_object_foreach (wanted, key, value)
		if (!json_equal(base_json_get(secret, "data", key, NULL), value))
			json_object_set(base_json_ensure_object(patch, "data"), key, value);
	json_object_foreach ((json_t *)annotations, key, value)
		if (!json_equal(base_json_get(secret, "metadata", "annotations", key, NULL), value))
			json_object_set(
				base_json_ensure_object(base_json_ensure_object(patch, "metadata"),
							"annotations"),
				key, value);
	if (json_object_size(patch) == 0)
		return TRUE;
	result = kube_merge_patch(world->client, &kube_secrets, kube_object_namespace(secret),
				  kube_object_name(secret), NULL, patch, NULL, error);
	return result != NULL;
}

static gboolean ensure_own(World *world, const ModelDeviceCluster *cluster,
			   Credentials *credentials, GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) secret = kube_get(world->client, &kube_secrets, cluster->meta.namespace,
					    credentials->secret_name, &fault);
	g_autoptr(json_t) wanted = NULL;

	if (secret == NULL && !g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	if (secret != NULL && !kube_is_owned_by(secret, cluster->meta.uid)) {
		g_set_error(error, NOT_INJECTABLE, 0,
			    "Secret '%s' is not ours: delete it or rename the user",
			    credentials->secret_name);
		return FALSE;
	}
	if (secret != NULL)
		credentials->password = model_secret_text(secret, "password");
	if (credentials->password == NULL)
		credentials->password = base_random_password();
	wanted = own_secret(world, cluster, credentials);
	if (secret == NULL) {
		g_autoptr(json_t) made = kube_create(world->client, &kube_secrets,
						     cluster->meta.namespace, wanted, NULL, error);

		return made != NULL;
	}
	return bring_data(world, secret, json_object_get(wanted, "data"), NULL, error);
}

static void put_mapped(json_t *data, const char *key, const char *value)
{
	if (key != NULL)
		secret_data_set_string(data, key, value);
}

static gboolean inject(World *world, const ModelDeviceCluster *cluster,
		       const ModelInjectSecret *target, const Credentials *credentials,
		       GError **error)
{
	KubeRef owner = kube_ref_of(&kube_device_clusters, cluster->object);
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) secret = kube_get(world->client, &kube_secrets, cluster->meta.namespace,
					    target->name, &fault);
	g_autoptr(json_t) data = json_object();
	g_autoptr(json_t) made = NULL;

	put_mapped(data, target->username_key, credentials->secret_name);
	put_mapped(data, target->password_key, credentials->password);
	put_mapped(data, target->broker_url_key, credentials->broker_url);
	put_mapped(data, target->root_topic_key, cluster->root_topic);
	if (secret != NULL) {
		if (!kube_is_owned_by(secret, cluster->meta.uid) &&
		    g_strcmp0(kube_object_label(secret, CLUSTER_USERS_LABEL_INJECT), "true") != 0) {
			g_set_error(error, NOT_INJECTABLE, 0,
				    "Secret '%s' exists and does not allow to be written into: run "
				    "`kubectl label secret %s -n %s " CLUSTER_USERS_LABEL_INJECT
				    "=true`",
				    target->name, target->name, cluster->meta.namespace);
			return FALSE;
		}
		return bring_data(world, secret, data, target->annotations, error);
	}
	if (!g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	secret = json_pack("{s:s, s:s, s:{s:s, s:s, s:[o]}, s:O}", "apiVersion", "v1", "kind",
			   "Secret", "metadata", "name", target->name, "namespace",
			   cluster->meta.namespace, "ownerReferences", kube_owner_reference(&owner),
			   "data", data);
	if (target->annotations != NULL)
		json_object_set(json_object_get(secret, "metadata"), "annotations",
				(json_t *)target->annotations);
	made = kube_create(world->client, &kube_secrets, cluster->meta.namespace, secret, NULL,
			   error);
	return made != NULL;
}

static gboolean ensure_user(World *world, const ModelDeviceCluster *cluster,
			    const ModelClusterUser *user, GError **error)
{
	BrokerEndpoint endpoint = broker_endpoint(world->broker);
	g_auto(Credentials) credentials = {
		.secret_name = g_strconcat(cluster->meta.name, ".", user->name, NULL),
		.broker_url = g_strdup_printf("mqtts://%s:%u", endpoint.host, endpoint.port),
	};

	if (!ensure_own(world, cluster, &credentials, error) ||
	    !broker_ensure_user(world->broker, credentials.secret_name, credentials.password,
				BROKER_ROLE_READER, error))
		return FALSE;
	for (gsize i = 0; i < user->n_inject_secrets; i++)
		if (!inject(world, cluster, &user->inject_secrets[i], &credentials, error))
			return FALSE;
	return TRUE;
}

gboolean cluster_users_remove_stale(World *world, const ModelDeviceCluster *cluster, GError **error)
{
	g_autofree char *selector =
		g_strconcat(CLUSTER_USERS_LABEL_CLUSTER "=", cluster->meta.name, NULL);
	g_autofree char *mine = g_strconcat(cluster->meta.name, ".", NULL);
	KubeListOptions options = {.label_selector = selector, .metadata_only = TRUE};
	g_autoptr(json_t) list =
		kube_list(world->client, &kube_secrets, cluster->meta.namespace, &options, error);
	json_t *secret;
	gsize i;

	if (list == NULL)
		return FALSE;
	json_array_foreach (json_object_get(list, "items"), i, secret) {
		const char *name = kube_object_name(secret);

		if (!kube_is_owned_by(secret, cluster->meta.uid) || !g_str_has_prefix(name, mine) ||
		    cluster_has_user(cluster, name + strlen(mine)))
			continue;
		kube_delete(world->client, &kube_secrets, cluster->meta.namespace, name, NULL,
			    NULL);
	}
	return TRUE;
}

gboolean cluster_users_ensure(World *world, const ModelDeviceCluster *cluster, GError **error)
{
	for (gsize i = 0; i < cluster->n_users; i++)
		if (!ensure_user(world, cluster, &cluster->users[i], error)) {
			g_prefix_error(error, "user '%s': ", cluster->users[i].name);
			return FALSE;
		}
	return TRUE;
}
