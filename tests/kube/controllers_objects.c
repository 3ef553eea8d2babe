/* What people do at the API, and what they then see there. */
#include "kube/controllers_suite.h"

#include "base/file.h"
#include "base/yaml.h"

#include <string.h>

enum {
	PASSWORD_FILE_MAX_BYTES = 1024 * 1024,
};

/* One row a kind that manifests of cases hold. */
static const KubeResource *const kinds[] = {
	&kube_storages, &kube_device_clusters, &kube_device_classes, &kube_device_groups,
	&kube_devices,  &kube_secrets,         &kube_config_maps,
};

static gboolean create(Site *site, const json_t *object, GError **error)
{
	const char *kind = base_json_get_string(object, "kind", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_strcmp0(kinds[i]->kind, kind) == 0) {
			g_autoptr(json_t) made = kube_create(site->client, kinds[i],
							     site->name_space, object, NULL, error);

			return made != NULL;
		}
	return suite_fail(error, SUITE_WHERE, "no resource for kind %s", kind);
}

gboolean site_apply(Site *site, const char *yaml, GError **error)
{
	g_autoptr(GPtrArray) documents =
		base_yaml_parse_documents(yaml, strlen(yaml), "case", error);

	if (documents == NULL)
		return FALSE;
	for (guint i = 0; i < documents->len; i++)
		if (!create(site, base_yaml_document_value(g_ptr_array_index(documents, i)), error))
			return FALSE;
	return TRUE;
}

gboolean site_patch(Site *site, const KubeResource *resource, const char *name, const char *yaml,
		    GError **error)
{
	g_autoptr(json_t) patch = base_yaml_parse(yaml, strlen(yaml), "patch", error);
	g_autoptr(json_t) made = NULL;

	if (patch == NULL)
		return FALSE;
	made = kube_merge_patch(site->client, resource, site->name_space, name, NULL, patch, NULL,
				error);
	return made != NULL;
}

gboolean site_delete(Site *site, const KubeResource *resource, const char *name, GError **error)
{
	return kube_delete(site->client, resource, site->name_space, name, NULL, error);
}

json_t *site_get(Site *site, const KubeResource *resource, const char *name, GError **error)
{
	return kube_get(site->client, resource, site->name_space, name, error);
}

/* --- waiting --- */

/* One object, and what it is to be. */
typedef struct {
	Site *site;
	const KubeResource *resource;
	const char *name;
	const char *condition;
	KubeTruth truth;
	const char *reason;
	const char *field;
	gint64 count;
	char *seen; /* the last answer, for the message */
} Wanted;

static void wanted_clear(Wanted *wanted)
{
	g_free(wanted->seen);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wanted, wanted_clear)

static gboolean condition_is_so(gpointer data)
{
	Wanted *wanted = data;
	g_autoptr(json_t) object = site_get(wanted->site, wanted->resource, wanted->name, NULL);
	const json_t *status = json_object_get(object, "status");
	KubeTruth truth = kube_condition_truth(status, wanted->condition);
	const char *reason = kube_condition_reason(status, wanted->condition);
	const json_t *found = kube_condition_find(status, wanted->condition);

	if (object != NULL && truth == wanted->truth && (truth == KUBE_UNKNOWN || found != NULL) &&
	    (wanted->reason == NULL || strcmp(reason, wanted->reason) == 0) &&
	    base_json_get_int(found, 0, "observedGeneration", NULL) ==
		    kube_object_generation(object))
		return TRUE;
	g_free(wanted->seen);
	wanted->seen = object == NULL ? g_strdup("not there")
				      : (found == NULL ? g_strdup("no such condition")
						       : base_json_dump(found, NULL));
	return FALSE;
}

gboolean site_await(Site *site, const KubeResource *resource, const char *name,
		    const char *condition, KubeTruth truth, const char *reason, GError **error)
{
	g_auto(Wanted) wanted = {.site = site,
				 .resource = resource,
				 .name = name,
				 .condition = condition,
				 .truth = truth,
				 .reason = reason};

	CHECK(suite_wait(condition_is_so, &wanted, SITE_PATIENCE_S),
	      "%s %s did not come to %s=%s/%s: %s", resource->kind, name, condition,
	      truth == KUBE_TRUE ? "True" : "False", reason != NULL ? reason : "*", wanted.seen);
	return TRUE;
}

static gboolean count_is_so(gpointer data)
{
	Wanted *wanted = data;
	g_autoptr(json_t) object = site_get(wanted->site, wanted->resource, wanted->name, NULL);
	gint64 count = base_json_get_int(object, -1, "status", wanted->field, NULL);

	g_free(wanted->seen);
	wanted->seen = g_strdup_printf("%" G_GINT64_FORMAT, count);
	return count == wanted->count;
}

gboolean site_await_count(Site *site, const KubeResource *resource, const char *name,
			  const char *field, gint64 count, GError **error)
{
	g_auto(Wanted) wanted = {
		.site = site, .resource = resource, .name = name, .field = field, .count = count};

	CHECK(suite_wait(count_is_so, &wanted, SITE_PATIENCE_S),
	      "status.%s of %s %s is %s, not %" G_GINT64_FORMAT, field, resource->kind, name,
	      wanted.seen, count);
	return TRUE;
}

static gboolean is_gone(gpointer data)
{
	Wanted *wanted = data;
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) object = site_get(wanted->site, wanted->resource, wanted->name, &fault);

	return g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND);
}

gboolean site_await_gone(Site *site, const KubeResource *resource, const char *name, guint seconds,
			 GError **error)
{
	g_auto(Wanted) wanted = {.site = site, .resource = resource, .name = name};

	CHECK(suite_wait(is_gone, &wanted, seconds), "%s %s is still there", resource->kind, name);
	return TRUE;
}

gboolean site_has_event(Site *site, const char *name, const char *reason)
{
	g_autoptr(json_t) list =
		kube_list(site->client, &kube_events, site->name_space, NULL, NULL);
	gsize i;
	json_t *event;

	json_array_foreach (json_object_get(list, "items"), i, event)
		if (g_strcmp0(base_json_get_string(event, "regarding", "name", NULL), name) == 0 &&
		    g_strcmp0(base_json_get_string(event, "reason", NULL), reason) == 0)
			return TRUE;
	return FALSE;
}

static gboolean event_is_there(gpointer data)
{
	Wanted *wanted = data;

	return site_has_event(wanted->site, wanted->name, wanted->reason);
}

gboolean site_await_event(Site *site, const char *name, const char *reason, GError **error)
{
	g_auto(Wanted) wanted = {.site = site, .name = name, .reason = reason};

	CHECK(suite_wait(event_is_there, &wanted, SITE_PATIENCE_S), "no Event %s about %s", reason,
	      name);
	return TRUE;
}

gboolean site_says(Site *site, const KubeResource *resource, const char *name,
		   const char *condition, const char *text, GError **error)
{
	g_autoptr(json_t) object = site_get(site, resource, name, error);
	const char *message = kube_condition_message(json_object_get(object, "status"), condition);

	if (object == NULL)
		return FALSE;
	CHECK(strstr(message, text) != NULL, "'%s' is not in the message of %s of %s %s: %s", text,
	      condition, resource->kind, name, message);
	return TRUE;
}

guint64 site_writes(Site *site)
{
	KubeClientCounters counters = {0};

	kube_client_counters(site->watched, &counters);
	return counters.writes;
}

gboolean site_settle(Site *site, GError **error)
{
	gint64 end_us = g_get_monotonic_time() + (gint64)SITE_PATIENCE_S * G_USEC_PER_SEC;
	guint64 before = G_MAXUINT64;

	while (g_get_monotonic_time() < end_us) {
		guint64 now = site_writes(site);

		if (now == before)
			return TRUE;
		before = now;
		g_usleep(SITE_SETTLED_US);
	}
	return suite_fail(error, SUITE_WHERE, "the controllers do not stop writing");
}

/* --- Secrets --- */

char *site_version(Site *site, const KubeResource *resource, const char *name)
{
	g_autoptr(json_t) object = site_get(site, resource, name, NULL);

	return g_strdup(object == NULL ? "" : kube_object_resource_version(object));
}

char *site_secret_value(Site *site, const char *name, const char *key)
{
	g_autoptr(json_t) secret = site_get(site, &kube_secrets, name, NULL);
	const char *text = base_json_get_string(secret, "data", key, NULL);
	g_autofree guchar *bytes = NULL;
	gsize size_bytes = 0;

	if (text == NULL)
		return NULL;
	bytes = g_base64_decode(text, &size_bytes);
	return g_strndup((const char *)bytes, size_bytes);
}

char **site_config_versions(Site *site, const char *devices)
{
	g_auto(GStrv) names = g_strsplit(devices, " ", -1);
	guint n_names = g_strv_length(names);
	char **versions = g_new0(char *, n_names + 1);

	for (guint i = 0; i < n_names; i++) {
		g_autofree char *secret = g_strconcat(names[i], MODEL_DEVICE_SECRET_SUFFIX, NULL);

		versions[i] = site_version(site, &kube_secrets, secret);
	}
	return versions;
}

char *site_rebuilt(Site *site, const char *devices, char **versions)
{
	g_auto(GStrv) names = g_strsplit(devices, " ", -1);
	g_auto(GStrv) now = site_config_versions(site, devices);
	g_autoptr(GString) rebuilt = g_string_new(NULL);

	for (guint i = 0; names[i] != NULL; i++)
		if (strcmp(now[i], versions[i]) != 0)
			g_string_append_printf(rebuilt, "%s%s", rebuilt->len > 0 ? " " : "",
					       names[i]);
	return g_strdup(rebuilt->str);
}

gboolean site_broker_knows(Site *site, const char *user)
{
	g_autofree char *path = g_build_filename(site->broker_folder, "passwd", NULL);
	g_autofree char *begin = g_strconcat(user, ":", NULL);
	g_autoptr(GBytes) bytes = base_file_read(path, PASSWORD_FILE_MAX_BYTES, NULL);
	g_autofree char *text =
		bytes == NULL ? g_strdup("")
			      : g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line != NULL; line++)
		if (g_str_has_prefix(*line, begin))
			return TRUE;
	return FALSE;
}
