/* apiserver/core_kinds.h — what a real server does by hand to Namespace, Secret, ConfigMap and
 * Event (rows with API_RULES_HAND): defaults, unknown fields, validation. And the part that all
 * kinds share: ObjectMeta. Pure; any thread. Causes are apiserver/status.h's. */
#pragma once

#include "apiserver/kinds.h"

#include <glib.h>
#include <jansson.h>

/* Reads `object` as the kind does: members of the wrong type are an error in the decoder's words
 * (for api_status_undecodable); unknown members are removed, their paths added to `unknown_paths`
 * (strings, "metadata.foo"; may be NULL). FALSE with BASE_ERROR_INVALID. */
gboolean api_core_prune(const ApiKind *kind, json_t *object, GPtrArray *unknown_paths,
			GError **error);

/* Secret: stringData goes into data, type Opaque. Namespace: label kubernetes.io/metadata.name,
 * spec.finalizers, status.phase. */
void api_core_default(const ApiKind *kind, json_t *object);

/* Adds causes; `old` is the object being updated, NULL for a creation. */
void api_core_validate(const ApiKind *kind, const json_t *object, const json_t *old,
		       GPtrArray *causes);

/* Reads metadata alone, for every kind: wrong types and unknown members as above. */
gboolean api_meta_prune(json_t *object, GPtrArray *unknown_paths, GError **error);

/* Validates metadata for every kind: name, generateName, namespace, labels, annotations,
 * finalizers, ownerReferences; on update that name, namespace, uid and creationTimestamp stay and
 * that no finalizer is added while it is being deleted. */
void api_meta_validate(const ApiKind *kind, const json_t *object, const json_t *old,
		       GPtrArray *causes);
