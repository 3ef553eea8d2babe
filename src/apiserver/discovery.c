#include "apiserver/discovery.h"

#include "apiserver/kinds.h"
#include "base/digest.h"
#include "base/json.h"

#include <string.h>

#define JSON_MEDIA_TYPE "application/json"
#define AGGREGATED_MEDIA_TYPE "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

/* A group with a status sub-resource offers these verbs on it. */
static const guint status_verbs = API_VERB_GET | API_VERB_PATCH | API_VERB_UPDATE;

static json_t *strings(const char *const *list)
{
	json_t *array = json_array();

	for (gsize i = 0; list[i] != NULL; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

static json_t *verbs_of(guint verbs)
{
	json_t *array = json_array();

	for (guint verb = 1; verb <= API_VERBS_ALL; verb <<= 1) {
		if ((verbs & verb) != 0)
			json_array_append_new(array, json_string(api_verb_name((ApiVerb)verb)));
	}
	return array;
}

/* Two rows of one group and version; rows of a group stand together, and there is one version of
 * each. */
static gboolean same_group(const ApiKind *a, const ApiKind *b)
{
	return g_str_equal(a->group, b->group);
}

static gboolean first_of_group(const ApiKind *kinds, gsize index)
{
	return index == 0 || !same_group(&kinds[index], &kinds[index - 1]);
}

/* --- legacy --- */

static void add_resource(json_t *resources, const ApiKind *kind)
{
	json_t *resource = json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", kind->plural,
				     "singularName", kind->singular, "namespaced", kind->namespaced,
				     "kind", kind->kind, "verbs", verbs_of(kind->verbs));

	if (kind->short_names[0] != NULL)
		json_object_set_new(resource, "shortNames", strings(kind->short_names));
	if (kind->categories[0] != NULL)
		json_object_set_new(resource, "categories", strings(kind->categories));
	json_array_append_new(resources, resource);
	if (kind->has_status) {
		g_autofree char *name = g_strdup_printf("%s/status", kind->plural);

		json_array_append_new(resources, json_pack("{s:s, s:s, s:b, s:s, s:o}", "name",
							   name, "singularName", "", "namespaced",
							   kind->namespaced, "kind", kind->kind,
							   "verbs", verbs_of(status_verbs)));
	}
}

/* NULL if there is no such group and version. */
static json_t *resource_list(const char *group, const char *version)
{
	g_autoptr(json_t) resources = json_array();
	g_autofree char *group_version = NULL;
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if (!g_str_equal(kinds[i].group, group) || !g_str_equal(kinds[i].version, version))
			continue;
		if (group_version == NULL)
			group_version = api_kind_group_version(&kinds[i]);
		add_resource(resources, &kinds[i]);
	}
	if (group_version == NULL)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:O}", "kind", "APIResourceList", "apiVersion", "v1",
			 "groupVersion", group_version, "resources", resources);
}

static json_t *group_of(const ApiKind *kind)
{
	g_autofree char *group_version = api_kind_group_version(kind);
	json_t *version =
		json_pack("{s:s, s:s}", "groupVersion", group_version, "version", kind->version);

	return json_pack("{s:s, s:[O], s:o}", "name", kind->group, "versions", version,
			 "preferredVersion", version);
}

static json_t *group_list(void)
{
	json_t *groups = json_array();
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if (*kinds[i].group != '\0' && first_of_group(kinds, i))
			json_array_append_new(groups, group_of(&kinds[i]));
	}
	return json_pack("{s:s, s:s, s:o}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
			 groups);
}

static json_t *one_group(const char *group)
{
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if (*group != '\0' && g_str_equal(kinds[i].group, group)) {
			json_t *json = group_of(&kinds[i]);

			base_json_set_string(json, "kind", "APIGroup");
			base_json_set_string(json, "apiVersion", "v1");
			return json;
		}
	}
	return NULL;
}

static json_t *core_versions(void)
{
	return json_pack("{s:s, s:[s], s:[]}", "kind", "APIVersions", "versions", "v1",
			 "serverAddressByClientCIDRs");
}

/* --- aggregated --- */

static json_t *response_kind(const ApiKind *kind)
{
	return json_pack("{s:s, s:s, s:s}", "group", kind->group, "version", kind->version, "kind",
			 kind->kind);
}

static json_t *aggregated_resource(const ApiKind *kind)
{
	json_t *resource =
		json_pack("{s:s, s:o, s:s, s:s, s:o}", "resource", kind->plural, "responseKind",
			  response_kind(kind), "scope", kind->namespaced ? "Namespaced" : "Cluster",
			  "singularResource", kind->singular, "verbs", verbs_of(kind->verbs));

	if (kind->short_names[0] != NULL)
		json_object_set_new(resource, "shortNames", strings(kind->short_names));
	if (kind->categories[0] != NULL)
		json_object_set_new(resource, "categories", strings(kind->categories));
	if (kind->has_status)
		json_object_set_new(resource, "subresources",
				    json_pack("[{s:s, s:o, s:o}]", "subresource", "status",
					      "responseKind", response_kind(kind), "verbs",
					      verbs_of(status_verbs)));
	return resource;
}

/* The groups of /api (only the core group) or of /apis (all others). */
static json_t *aggregated(gboolean core)
{
	json_t *items = json_array();
	json_t *resources = NULL;
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	for (gsize i = 0; i < n; i++) {
		if ((*kinds[i].group == '\0') != core)
			continue;
		if (resources == NULL || first_of_group(kinds, i)) {
			json_t *item;

			resources = json_array();
			item = json_pack("{s:{}, s:[{s:s, s:o, s:s}]}", "metadata", "versions",
					 "version", kinds[i].version, "resources", resources,
					 "freshness", "Current");
			if (!core)
				base_json_set_string(json_object_get(item, "metadata"), "name",
						     kinds[i].group);
			json_array_append_new(items, item);
		}
		json_array_append_new(resources, aggregated_resource(&kinds[i]));
	}
	return json_pack("{s:s, s:s, s:{}, s:o}", "kind", "APIGroupDiscoveryList", "apiVersion",
			 "apidiscovery.k8s.io/v2", "metadata", "items", items);
}

/* --- answers --- */

/* TRUE if a clause of Accept asks for apidiscovery.k8s.io/v2. */
static gboolean wants_aggregated(const char *accept)
{
	g_auto(GStrv) clauses = g_strsplit(accept == NULL ? "" : accept, ",", -1);

	for (gsize i = 0; clauses[i] != NULL; i++) {
		g_auto(GStrv) parts = g_strsplit(clauses[i], ";", -1);

		for (gsize j = 0; parts[j] != NULL; j++)
			g_strstrip(parts[j]);
		if (parts[0] != NULL && g_str_equal(parts[0], JSON_MEDIA_TYPE) &&
		    g_strv_contains((const char *const *)parts, "g=apidiscovery.k8s.io") &&
		    g_strv_contains((const char *const *)parts, "v=v2") &&
		    g_strv_contains((const char *const *)parts, "as=APIGroupDiscoveryList"))
			return TRUE;
	}
	return FALSE;
}

static json_t *version(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "major", API_SERVER_MAJOR,
			 "minor", API_SERVER_MINOR, "gitVersion",
			 "v" API_SERVER_MAJOR "." API_SERVER_MINOR ".0+espalier", "gitCommit", "",
			 "gitTreeState", "clean", "buildDate", "1970-01-01T00:00:00Z", "goVersion",
			 "", "compiler", "", "platform", "linux");
}

static json_t *legacy(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1); /* parts[0] is empty */
	guint n = g_strv_length(parts);

	if (g_str_equal(path, "/api"))
		return core_versions();
	if (g_str_equal(path, "/apis"))
		return group_list();
	if (g_str_equal(path, "/version"))
		return version();
	if (n == 3 && g_str_equal(parts[1], "api"))
		return resource_list("", parts[2]);
	if (n == 3 && g_str_equal(parts[1], "apis"))
		return one_group(parts[2]);
	if (n == 4 && g_str_equal(parts[1], "apis") && *parts[2] != '\0')
		return resource_list(parts[2], parts[3]);
	return NULL;
}

gboolean api_discovery_get(const char *path, const char *accept, ApiDocument *document)
{
	g_autofree char *plain = g_strdup(path);
	g_autoptr(json_t) body = NULL;
	g_autofree char *hash = NULL;
	gsize length = strlen(plain);
	gboolean core, merged;

	if (length > 1 && plain[length - 1] == '/')
		plain[length - 1] = '\0';
	core = g_str_equal(plain, "/api");
	merged = (core || g_str_equal(plain, "/apis")) && wants_aggregated(accept);
	body = merged ? aggregated(core) : legacy(plain);
	if (body == NULL)
		return FALSE;
	document->body = base_json_dump_bytes(body);
	document->content_type = merged ? AGGREGATED_MEDIA_TYPE : JSON_MEDIA_TYPE;
	hash = base_sha256_hex_of_bytes(document->body);
	document->etag = g_strdup_printf("\"%s\"", hash);
	return TRUE;
}
