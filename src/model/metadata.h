/* model/metadata.h — what kube-apiserver checks of any object, ours or core: metadata, and the data
 * of Secrets and ConfigMaps. Pure. Each appends to `errors` (model/field_error.h) and returns TRUE
 * if nothing is wrong. */
#pragma once

#include "model/field_error.h"
#include "model/names.h"

typedef enum {
	MODEL_NAME_DNS_SUBDOMAIN, /* most kinds: 253 characters, dots allowed */
	MODEL_NAME_DNS_LABEL,     /* Namespace: 63 characters */
} ModelNameForm;

/* What cannot be decoded into the Go types that clients and servers share, in Go's words ("json:
 * cannot unmarshal number into Go struct field ObjectMeta.labels of type string", "illegal base64
 * data at input byte 0"): a 400, before anything is validated. `kind` says what else than metadata
 * is looked at (Secret, ConfigMap). Yours; NULL if all can. */
char *model_object_decode_problem(const char *kind, const json_t *object);

/* name, generateName, namespace, labels, annotations, finalizers, ownerReferences. */
gboolean model_metadata_validate(const json_t *object, ModelNameForm form, GPtrArray *errors);

/* `data`, `stringData` of a Secret: valid keys, base64, at most 1 MiB together. With `old`: type
 * and an immutable Secret's data do not change. */
gboolean model_secret_validate(const json_t *secret, const json_t *old, GPtrArray *errors);

/* `data`, `binaryData` of a ConfigMap, likewise. */
gboolean model_config_map_validate(const json_t *config_map, const json_t *old, GPtrArray *errors);
