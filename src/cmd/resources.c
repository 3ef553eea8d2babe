#include "cmd/resources.h"

#include "base/error.h"
#include "model/kinds.h"

#include <string.h>

/* One row a kind. Names beside the plural and the kind's own are in `words`. */
static const struct {
	const KubeResource *resource;
	const char *words[4];
} rows[] = {
	{&kube_storages, {"storage", "dstore", "dstores"}},
	{&kube_device_clusters, {"devicecluster", "devcl", "devclusters"}},
	{&kube_device_classes, {"deviceclass", "devclass", "devclasses"}},
	{&kube_device_groups, {"devicegroup", "devgrp", "devgroups"}},
	{&kube_devices, {"device", "dev", "devs"}},
	{&kube_secrets, {"secret"}},
	{&kube_config_maps, {"configmap", "cm"}},
	{&kube_namespaces, {"namespace", "ns"}},
	{&kube_core_events, {"event", "ev"}},
	{&kube_crds, {"customresourcedefinition", "crd", "crds"}},
};

static gboolean row_is_called(gsize row, const char *word)
{
	const KubeResource *resource = rows[row].resource;
	g_autofree char *full = g_strconcat(resource->plural, ".", resource->group, NULL);

	if (g_ascii_strcasecmp(word, resource->plural) == 0 ||
	    g_ascii_strcasecmp(word, resource->kind) == 0 || g_ascii_strcasecmp(word, full) == 0)
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(rows[row].words) && rows[row].words[i] != NULL; i++)
		if (g_ascii_strcasecmp(word, rows[row].words[i]) == 0)
			return TRUE;
	return FALSE;
}

const KubeResource *cmd_resource_find(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		if (row_is_called(i, word))
			return rows[i].resource;
	return NULL;
}

const KubeResource *cmd_resource_of(const char *api_version, const char *kind)
{
	for (gsize i = 0; api_version != NULL && kind != NULL && i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *own = kube_resource_api_version(rows[i].resource);

		if (strcmp(own, api_version) == 0 && strcmp(rows[i].resource->kind, kind) == 0)
			return rows[i].resource;
	}
	return NULL;
}

static void add_ours(GPtrArray *found)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		if (strcmp(rows[i].resource->group, MODEL_GROUP) == 0)
			g_ptr_array_add(found, (gpointer)rows[i].resource);
}

GPtrArray *cmd_resources_parse(const char *words, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(words, ",", -1);
	g_autoptr(GPtrArray) found = g_ptr_array_new();

	for (char **part = parts; *part != NULL; part++) {
		const KubeResource *resource;

		if (strcmp(*part, MODEL_CATEGORY) == 0) {
			add_ours(found);
			continue;
		}
		resource = cmd_resource_find(*part);
		if (resource == NULL) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
				    "there is no kind '%s'; there are devices, devclasses, "
				    "devgroups, devclusters, "
				    "dstores, secrets, configmaps, events, namespaces, or "
				    "'espalier' for all of ours",
				    *part);
			return NULL;
		}
		g_ptr_array_add(found, (gpointer)resource);
	}
	return g_steal_pointer(&found);
}

char *cmd_resource_word(const KubeResource *resource)
{
	g_autofree char *kind = g_ascii_strdown(resource->kind, -1);

	return resource->group[0] == '\0' ? g_steal_pointer(&kind)
					  : g_strconcat(kind, ".", resource->group, NULL);
}
