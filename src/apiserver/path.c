#include "apiserver/path.h"

#include <string.h>

void api_path_clear(ApiPath *parts)
{
	g_free(parts->group);
	g_free(parts->version);
	g_free(parts->resource);
	g_free(parts->namespace);
	g_free(parts->name);
	g_free(parts->subresource);
	memset(parts, 0, sizeof *parts);
}

/* Reads plural, name and subresource. */
static gboolean read_resource(char **part, guint n_parts, ApiPath *parts)
{
	if (n_parts < 1 || n_parts > 3)
		return FALSE;
	parts->resource = g_strdup(part[0]);
	parts->name = n_parts > 1 ? g_strdup(part[1]) : NULL;
	parts->subresource = n_parts > 2 ? g_strdup(part[2]) : NULL;
	return TRUE;
}

/* A Namespace is addressed by the word that also leads into it. */
static gboolean names_a_namespace(char **part, guint n_parts)
{
	return n_parts < 3 || (n_parts == 3 && (strcmp(part[2], "status") == 0 ||
						strcmp(part[2], "finalize") == 0));
}

static gboolean read_scope(char **part, guint n_parts, ApiPath *parts)
{
	if (n_parts == 0 || strcmp(part[0], "namespaces") != 0 || names_a_namespace(part, n_parts))
		return read_resource(part, n_parts, parts);
	parts->namespace = g_strdup(part[1]);
	return read_resource(part + 2, n_parts - 2, parts);
}

static gboolean has_empty_part(char **part)
{
	for (; *part != NULL; part++)
		if (**part == '\0')
			return TRUE;
	return FALSE;
}

gboolean api_path_parse(const char *path, ApiPath *parts)
{
	g_auto(GStrv) part = NULL;
	g_auto(ApiPath) read = {0};
	guint n_parts;
	guint head;

	if (path[0] != '/')
		return FALSE;
	part = g_strsplit(path + 1, "/", API_PATH_MAX_PARTS);
	n_parts = g_strv_length(part);
	if (n_parts < 3 || n_parts >= API_PATH_MAX_PARTS || has_empty_part(part))
		return FALSE;
	if (strcmp(part[0], "api") == 0) {
		head = 2;
		read.group = g_strdup("");
	} else if (strcmp(part[0], "apis") == 0 && n_parts > 3) {
		head = 3;
		read.group = g_strdup(part[1]);
	} else {
		return FALSE;
	}
	read.version = g_strdup(part[head - 1]);
	if (!read_scope(part + head, n_parts - head, &read))
		return FALSE;
	*parts = read;
	memset(&read, 0, sizeof read);
	return TRUE;
}
