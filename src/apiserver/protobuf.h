/* apiserver/protobuf.h — reads the bodies that kubectl ≥ 1.32 sends as
 * application/vnd.kubernetes.protobuf. Only ever in, never out. Pure; any thread.
 *
 * Known: Secret, ConfigMap, Namespace, SelfSubjectAccessReview, SelfSubjectRulesReview,
 * SelfSubjectReview, DeleteOptions. Empty strings and messages count as absent; unknown fields are
 * skipped. Field numbers: k8s.io/api and k8s.io/apimachinery generated.proto, 1.34. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define API_PROTOBUF_MEDIA_TYPE "application/vnd.kubernetes.protobuf"

enum {
	API_PROTOBUF_MAX_BYTES = 4 * 1024 * 1024,
	API_PROTOBUF_MAX_ENTRIES = 65536, /* fields and map entries in one body */
};

/* Decodes an enveloped object to JSON with apiVersion and kind. Returns it, yours, or NULL with
 * BASE_ERROR_INVALID (the message names the field), BASE_ERROR_TOO_LARGE or, for a kind that is not
 * known, BASE_ERROR_NOT_FOUND. */
json_t *api_protobuf_decode(const guint8 *data, gsize size_bytes, GError **error);
