/* cmd/apply_patch.h — what applying a manifest changes: a three-way comparison of what was applied
 * last, what is there, and what is to be. Pure. */
#pragma once

#include "base/json.h"

#define CMD_LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* A copy of `manifest` ready to be created: with the annotation that remembers it. A Secret gets
 * none, since the annotation would repeat its content, and its stringData become data. Yours. */
json_t *cmd_apply_prepared(const json_t *manifest);

/* The merge patch (RFC 7386) that brings `current` to `prepared`: what it says, and null for what
 * the annotation of `current` says and `prepared` no longer does. A Secret's data are the
 * manifest's alone. Yours; NULL if nothing changes. */
json_t *cmd_apply_patch(const json_t *prepared, const json_t *current);
