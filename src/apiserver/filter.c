#include "apiserver/filter.h"

#include "apiserver/object.h"
#include "base/json.h"
#include "model/selector.h"

#include <string.h>

#define FIELD_NAME "metadata.name"
#define FIELD_NAMESPACE "metadata.namespace"

struct ApiFilter {
	const ApiKind *kind;
	ModelSelector *labels;
	ModelFieldSelector *fields;
	const char *name;       /* of a term metadata.name=…; borrowed from fields */
	gboolean only_name;     /* there is no other term and no label selector */
	gboolean only_metadata; /* metadata suffices to decide */
};

json_t *api_view_metadata(ApiView *view)
{
	if (view->whole != NULL)
		return json_object_get(view->whole, "metadata");
	if (view->metadata == NULL)
		view->metadata = api_object_decode_metadata(view->value);
	return view->metadata;
}

json_t *api_view_whole(ApiView *view)
{
	if (view->whole == NULL)
		view->whole = api_object_decode(view->value);
	return view->whole;
}

void api_view_clear(ApiView *view)
{
	g_clear_pointer(&view->metadata, json_decref);
	g_clear_pointer(&view->whole, json_decref);
}

static gboolean is_metadata_field(const char *field)
{
	return strcmp(field, FIELD_NAME) == 0 || strcmp(field, FIELD_NAMESPACE) == 0;
}

/* A real server says it in two ways: kinds without selectable fields of their own list what there
 * is. */
static ApiStatus *unknown_field(const ApiKind *kind, const char *field)
{
	if (kind->rules == API_RULES_HAND && kind->selectable[0] == NULL)
		return api_status_bad_request("\"%s\" is not a known field selector: only "
					      "\"metadata.name\", \"metadata.namespace\"",
					      field);
	return api_status_bad_request("field label not supported: %s", field);
}

/* Checks the fields and finds what makes matching cheap. */
static ApiStatus *read_fields(ApiFilter *filter)
{
	for (gsize i = 0; i < filter->fields->n_terms; i++) {
		const ModelFieldTerm *term = &filter->fields->terms[i];

		if (!api_kind_selects(filter->kind, term->field))
			return unknown_field(filter->kind, term->field);
		if (term->equal && strcmp(term->field, FIELD_NAME) == 0)
			filter->name = term->value;
		filter->only_metadata &= is_metadata_field(term->field);
	}
	filter->only_name = filter->fields->n_terms == 1 && filter->name != NULL;
	return NULL;
}

static ApiStatus *read_selectors(ApiFilter *filter, const char *labels, const char *fields)
{
	g_autoptr(GError) error = NULL;
	ApiStatus *refusal = NULL;

	if (fields != NULL) {
		filter->fields = model_field_selector_parse(fields, &error);
		refusal = filter->fields != NULL ? read_fields(filter)
						 : api_status_bad_request("%s", error->message);
	}
	if (refusal != NULL || labels == NULL)
		return refusal;
	filter->only_name = FALSE;
	filter->labels = model_selector_parse(labels, &error);
	return filter->labels != NULL ? NULL : api_status_bad_request("%s", error->message);
}

ApiFilter *api_filter_new(const ApiKind *kind, const char *labels, const char *fields,
			  ApiStatus **refusal)
{
	ApiFilter *filter = g_new0(ApiFilter, 1);

	filter->kind = kind;
	filter->only_metadata = TRUE;
	*refusal = read_selectors(filter, labels, fields);
	if (*refusal != NULL)
		g_clear_pointer(&filter, api_filter_free);
	return filter;
}

void api_filter_free(ApiFilter *filter)
{
	if (filter == NULL)
		return;
	model_selector_free(filter->labels);
	model_field_selector_free(filter->fields);
	g_free(filter);
}

gboolean api_filter_is_empty(const ApiFilter *filter)
{
	return filter->labels == NULL && filter->fields == NULL;
}

static gboolean fields_match(const ApiFilter *filter, ApiView *view)
{
	g_autoptr(json_t) shell = NULL;
	const json_t *object;

	if (filter->only_metadata) {
		shell = json_object();
		json_object_set(shell, "metadata", api_view_metadata(view));
		object = shell;
	} else {
		object = api_view_whole(view);
	}
	for (gsize i = 0; i < filter->fields->n_terms; i++) {
		const ModelFieldTerm *term = &filter->fields->terms[i];
		char scratch[API_FIELD_SCRATCH_BYTES];
		const char *value = api_kind_field(filter->kind, object, term->field, scratch);

		if ((strcmp(value, term->value) == 0) != term->equal)
			return FALSE;
	}
	return TRUE;
}

gboolean api_filter_matches(const ApiFilter *filter, const char *key, ApiView *view)
{
	if (filter->name != NULL && strcmp(api_object_key_name(key), filter->name) != 0)
		return FALSE;
	if (filter->only_name || api_filter_is_empty(filter))
		return TRUE;
	if (filter->labels != NULL &&
	    !model_selector_matches(filter->labels,
				    json_object_get(api_view_metadata(view), "labels")))
		return FALSE;
	return filter->fields == NULL || fields_match(filter, view);
}
