/* model/rules.h — the CEL rules of the CRDs and their twins in C, one table. A rule is known by its
 * text; its message stands in the CRD. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct {
	const char *cel;     /* exactly as in the CRD */
	gboolean transition; /* compares with the old object: holds on create */
	gboolean (*holds)(const json_t *self, const json_t *old_self);
} ModelRule;

/* Borrowed. */
const ModelRule *model_rules(gsize *n_rules);
/* The twin of a rule's text, borrowed, or NULL. */
const ModelRule *model_rule_find(const char *cel);
