/* base/yaml_scalar.h — what a YAML scalar is, by the core schema of YAML 1.2 (chapter 10.3), less
 * what other readers take for something else. Part of base/yaml.h; any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
	const char *text; /* NUL-terminated after size_bytes */
	gsize size_bytes;
	const char *tag; /* resolved, or NULL */
	gboolean plain;  /* written without quotes */
} BaseYamlScalar;

/* The value, yours, or NULL with BASE_ERROR_INVALID whose message has no position yet. */
json_t *base_yaml_scalar_value(const BaseYamlScalar *scalar, GError **error);

/* FALSE with BASE_ERROR_INVALID if `key` cannot be a mapping's key. */
gboolean base_yaml_key_check(const char *key, gsize size_bytes, gboolean plain, GError **error);
