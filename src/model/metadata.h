/* model/metadata.h — what kube-apiserver checks of any object, ours or core: metadata, and the data
 * of Secrets and ConfigMaps. Pure. Each appends to `errors` (model/field_error.h) and returns TRUE
 * if nothing is wrong. */
#pragma once

#include "model/field_error.h"

typedef enum {
	MODEL_NAME_DNS_SUBDOMAIN, /* most kinds: 253 characters, dots allowed */
	MODEL_NAME_DNS_LABEL,     /* Namespace: 63 characters */
} ModelNameForm;

/* name, generateName, namespace, labels, annotations, finalizers, ownerReferences. */
gboolean model_metadata_validate(const json_t *object, ModelNameForm form, GPtrArray *errors);

/* `data`, `stringData` of a Secret: valid keys, base64, at most 1 MiB together. With `old`: type
 * and an immutable Secret's data do not change. */
gboolean model_secret_validate(const json_t *secret, const json_t *old, GPtrArray *errors);

/* `data`, `binaryData` of a ConfigMap, likewise. */
gboolean model_config_map_validate(const json_t *config_map, const json_t *old, GPtrArray *errors);

/* TRUE for [-._a-zA-Z0-9]+ of at most 253 bytes that is not "." and does not begin with "..". */
gboolean model_is_config_key(const char *key);
/* TRUE for the value of a label: at most 63 characters, may be empty. */
gboolean model_is_label_value(const char *value);
/* TRUE for [prefix/]name as labels and annotations have. */
gboolean model_is_qualified_name(const char *name);
gboolean model_is_dns_subdomain(const char *name);
gboolean model_is_dns_label(const char *name);
