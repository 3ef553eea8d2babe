/* cmd/resources.h — kinds as people type them: "devices", "dev", "Device", "devices.espalier.dev".
 */
#pragma once

#include "kube/resource.h"

/* The resource that `word` names (any case), or NULL. Borrowed. */
const KubeResource *cmd_resource_find(const char *word);

/* The resource of a manifest's apiVersion and kind, or NULL. Borrowed. */
const KubeResource *cmd_resource_of(const char *api_version, const char *kind);

/* Splits "devices,devclass" ("espalier": all of ours) into an array of const KubeResource *, yours.
 * NULL with BASE_ERROR_NOT_FOUND, naming the word and what there is. */
GPtrArray *cmd_resources_parse(const char *words, GError **error);

/* "device.espalier.dev", "secret": as kubectl prints it in front of a name. Yours. */
char *cmd_resource_word(const KubeResource *resource);
