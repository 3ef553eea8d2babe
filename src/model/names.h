/* model/names.h — what may be a name in Kubernetes, and what it says of one that may not
 * (k8s.io/apimachinery/pkg/util/validation). Pure. The `…_problems` return an array of char *,
 * yours, empty if the name is good. */
#pragma once

#include <glib.h>

GPtrArray *model_dns_subdomain_problems(const char *name);
GPtrArray *model_dns_label_problems(const char *name);
/* [prefix/]name, as labels, annotations and finalizers have. */
GPtrArray *model_qualified_name_problems(const char *name);
GPtrArray *model_label_value_problems(const char *value);
/* A key of a Secret or ConfigMap. */
GPtrArray *model_config_key_problems(const char *key);

gboolean model_is_dns_subdomain(const char *name);
gboolean model_is_dns_label(const char *name);
gboolean model_is_qualified_name(const char *name);
