/* apiserver/path.h — the parts of a request's path. Pure; any thread. */
#pragma once

#include <glib.h>

/* What a path names. Members that it does not have are NULL. */
typedef struct {
	char *group; /* "" for the core group */
	char *version;
	char *resource; /* plural */
	char *namespace;
	char *name;
	char *subresource;
} ApiPath;

enum {
	API_PATH_MAX_PARTS = 9, /* apis, group, version, namespaces, ns, plural, name, sub, rest */
};

/* Splits "/api/v1/…" and "/apis/<group>/<version>/…". FALSE if `path` names no resource. */
gboolean api_path_parse(const char *path, ApiPath *parts);

void api_path_clear(ApiPath *parts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApiPath, api_path_clear)
