/* model/selector.h — label and field selectors as Kubernetes reads them. Pure; a selector may be
 * used by many threads at once. */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct ModelSelector ModelSelector;

enum { MODEL_SELECTOR_MAX_TERMS = 64 };

/* Out of a query string: "a=b,c!=d,e in (f,g),h notin (i),j,!k". Empty selects everything. Yours,
 * or NULL with MODEL_ERROR_SELECTOR. */
ModelSelector *model_selector_parse(const char *text, GError **error);

/* Out of a metav1.LabelSelector {matchLabels, matchExpressions}. Empty selects everything; a NULL
 * `selector` nothing. Yours, or NULL with MODEL_ERROR_SELECTOR. */
ModelSelector *model_selector_from_json(const json_t *selector, GError **error);

/* TRUE if every term holds for `labels` (an object of strings, or NULL for none). */
gboolean model_selector_matches(const ModelSelector *selector, const json_t *labels);

/* In the form that model_selector_parse reads. Yours. */
char *model_selector_to_string(const ModelSelector *selector);

void model_selector_free(ModelSelector *selector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelSelector, model_selector_free)

/* One term of a field selector. */
typedef struct {
	char *field;    /* "metadata.name" */
	char *value;    /* may be empty */
	gboolean equal; /* = or ==; FALSE for != */
} ModelFieldTerm;

typedef struct {
	ModelFieldTerm *terms;
	gsize n_terms;
} ModelFieldSelector;

/* Out of a query string: "metadata.name=a,spec.x!=b", with \\ \, \= escaped in values. Yours, or
 * NULL with MODEL_ERROR_SELECTOR. Which fields may be selected is for the caller to say. */
ModelFieldSelector *model_field_selector_parse(const char *text, GError **error);

/* TRUE if every term holds for what stands at the fields' paths in `object`; a missing one is the
 * empty string, integers and booleans are their text, as in Kubernetes. */
gboolean model_field_selector_matches(const ModelFieldSelector *selector, const json_t *object);

void model_field_selector_free(ModelFieldSelector *selector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelFieldSelector, model_field_selector_free)
