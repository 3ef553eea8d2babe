/* kube/query.h — what requests of client and cache have in common. Not for other rooms. */
#pragma once

#include <glib.h>

#define KUBE_ACCEPT_JSON "Accept: application/json"
/* Metadata alone. The last type is for servers that know no other. */
#define KUBE_ACCEPT_PARTIAL                                                                        \
	"Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
#define KUBE_ACCEPT_PARTIAL_LIST                                                                   \
	"Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"                \
	"application/json"

/* Adds "?key=value" or "&key=value", escaped; nothing if `value` is NULL. */
void kube_query_append(GString *path, const char *key, const char *value);
