/* apiserver/access.h — what each persona may do. One table of rules, read by authorisation, by
 * SelfSubjectAccessReview and by SelfSubjectRulesReview. Pure; any thread. */
#pragma once

#include "apiserver/server.h"
#include "apiserver/status.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
	const char *verb;        /* "get", "list", …; for paths "get", "post", … */
	const char *path;        /* NULL for a resource; else "/version" */
	const char *group;       /* "" = core */
	const char *resource;    /* plural */
	const char *subresource; /* NULL or "" = none */
	const char *namespace;   /* NULL or "" = all, or not namespaced */
	const char *name;        /* NULL or "" = any */
} ApiAccess;

/* May the persona do it? `reason` (may be NULL) gets a sentence or "". Borrowed. */
gboolean api_access_allowed(ApiPersona persona, const ApiAccess *access, const char **reason);

/* What a self review lacks to be answered: 400 or 422. NULL if it is whole. */
ApiStatus *api_review_validate(const json_t *request);

/* The answers to self reviews: the request's object with `status` added. `request` is not changed.
 * Yours. */
json_t *api_access_review(ApiPersona persona, const json_t *request);
json_t *api_rules_review(ApiPersona persona, const json_t *request);
json_t *api_self_review(ApiPersona persona, const json_t *request);

/* The user's groups, ended by NULL: "system:authenticated" and, for the administrator,
 * "system:masters". Borrowed. */
const char *const *api_persona_groups(ApiPersona persona);
