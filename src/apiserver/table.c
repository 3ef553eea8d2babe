#include "apiserver/table.h"

#include "apiserver/columns.h"
#include "apiserver/event_views.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>

#define META_VERSION "meta.k8s.io/v1"

/* --- the form asked for --- */

/* The parameters of one clause of an Accept header that matter here. */
static ApiForm form_of_clause(const char *clause)
{
	g_auto(GStrv) parts = g_strsplit(clause, ";", -1);
	gboolean json = FALSE, meta = FALSE, version = FALSE;
	ApiForm form = API_FORM_OBJECT;

	for (gsize i = 0; parts[i] != NULL; i++) {
		const char *part = g_strstrip(parts[i]);

		if (i == 0)
			json = g_str_equal(part, "application/json");
		else if (g_str_equal(part, "g=meta.k8s.io"))
			meta = TRUE;
		else if (g_str_equal(part, "v=v1"))
			version = TRUE;
		else if (g_str_equal(part, "as=Table"))
			form = API_FORM_TABLE;
		else if (g_str_equal(part, "as=PartialObjectMetadata") ||
			 g_str_equal(part, "as=PartialObjectMetadataList"))
			form = API_FORM_METADATA;
	}
	return json && meta && version ? form : API_FORM_OBJECT;
}

ApiForm api_form_of_accept(const char *accept)
{
	g_auto(GStrv) clauses = NULL;

	if (accept == NULL)
		return API_FORM_OBJECT;
	clauses = g_strsplit(accept, ",", -1);
	for (gsize i = 0; clauses[i] != NULL; i++) {
		const char *clause = g_strstrip(clauses[i]);
		ApiForm form = form_of_clause(clause);

		if (form != API_FORM_OBJECT)
			return form;
		if (g_str_equal(clause, "application/json") || g_str_equal(clause, "*/*"))
			return API_FORM_OBJECT;
	}
	return API_FORM_OBJECT;
}

gboolean api_include_parse(const char *text, ApiInclude *include)
{
	if (text == NULL || *text == '\0' || g_str_equal(text, "Metadata"))
		*include = API_INCLUDE_METADATA;
	else if (g_str_equal(text, "Object"))
		*include = API_INCLUDE_OBJECT;
	else if (g_str_equal(text, "None"))
		*include = API_INCLUDE_NONE;
	else
		return FALSE;
	return TRUE;
}

/* --- objects --- */

json_t *api_partial_metadata(const json_t *object)
{
	json_t *partial = json_pack("{s:s, s:s}", "kind", "PartialObjectMetadata", "apiVersion",
				    META_VERSION);
	json_t *metadata = json_object_get(object, "metadata");

	json_object_set_new(partial, "metadata",
			    metadata == NULL ? json_object() : json_deep_copy(metadata));
	return partial;
}

/* A new reference; cells are made of the event as core/v1, whichever it is. */
static json_t *object_for_cells(const ApiKind *kind, const json_t *object)
{
	return g_str_equal(kind->group, "events.k8s.io") ? api_event_to_core(object)
							 : json_incref((json_t *)object);
}

static json_t *row_of(const ApiKind *kind, ApiInclude include, const json_t *object, gint64 now_us)
{
	g_autoptr(json_t) source = object_for_cells(kind, object);
	json_t *cells = json_array();
	json_t *row = json_object();

	for (gsize i = 0; i < kind->n_columns; i++) {
		const ApiColumn *column = &kind->columns[i];

		json_array_append_new(cells, column->cell(column, source, now_us));
	}
	json_object_set_new(row, "cells", cells);
	if (include == API_INCLUDE_METADATA)
		json_object_set_new(row, "object", api_partial_metadata(object));
	else if (include == API_INCLUDE_OBJECT)
		json_object_set_new(row, "object", json_deep_copy(object));
	return row;
}

static json_t *definitions_of(const ApiKind *kind)
{
	json_t *definitions = json_array();

	for (gsize i = 0; i < kind->n_columns; i++) {
		const ApiColumn *column = &kind->columns[i];

		json_array_append_new(definitions,
				      json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", column->name,
						"type", column->type, "format", column->format,
						"description", column->description, "priority",
						(json_int_t)column->priority));
	}
	return definitions;
}

static json_t *table_of(const ApiKind *kind, ApiInclude include, const json_t *object,
			gboolean with_definitions)
{
	json_t *table = json_pack("{s:s, s:s, s:{}}", "kind", "Table", "apiVersion", META_VERSION,
				  "metadata");
	json_t *rows = json_array();

	base_json_set_string(json_object_get(table, "metadata"), "resourceVersion",
			     base_json_get_string(object, "metadata", "resourceVersion", NULL));
	json_object_set_new(table, "columnDefinitions",
			    with_definitions ? definitions_of(kind) : json_null());
	json_array_append_new(rows, row_of(kind, include, object, base_clock_wall_us()));
	json_object_set_new(table, "rows", rows);
	return table;
}

json_t *api_form_object(const ApiKind *kind, ApiForm form, ApiInclude include, const json_t *object,
			gboolean with_definitions)
{
	switch (form) {
	case API_FORM_TABLE:
		return table_of(kind, include, object, with_definitions);
	case API_FORM_METADATA:
		return api_partial_metadata(object);
	case API_FORM_OBJECT:
		break;
	}
	return json_deep_copy(object);
}

/* --- lists --- */

struct ApiList {
	const ApiKind *kind;
	ApiForm form;
	ApiInclude include;
	gint64 now_us; /* one for all rows */
	gsize n_items;
	GString *items;
};

ApiList *api_list_new(const ApiKind *kind, ApiForm form, ApiInclude include)
{
	ApiList *list = g_new0(ApiList, 1);

	list->kind = kind;
	list->form = form;
	list->include = include;
	list->now_us = base_clock_wall_us();
	list->items = g_string_new(NULL);
	return list;
}

void api_list_free(ApiList *list)
{
	if (list == NULL)
		return;
	g_string_free(list->items, TRUE);
	g_free(list);
}

static void append_text(ApiList *list, const char *text, gsize size_bytes)
{
	if (list->n_items++ > 0)
		g_string_append_c(list->items, ',');
	g_string_append_len(list->items, text, (gssize)size_bytes);
}

static void append_json(ApiList *list, const json_t *value)
{
	gsize size_bytes = 0;
	g_autofree char *text = base_json_dump(value, &size_bytes);

	append_text(list, text, size_bytes);
}

gboolean api_list_add(ApiList *list, GBytes *bytes, const json_t *object, GError **error)
{
	g_autoptr(json_t) parsed = NULL;
	g_autoptr(json_t) item = NULL;

	if (list->form == API_FORM_OBJECT && bytes != NULL) {
		gsize size_bytes = 0;
		const char *text = g_bytes_get_data(bytes, &size_bytes);

		append_text(list, text, size_bytes);
		return TRUE;
	}
	if (object == NULL) {
		gsize size_bytes = 0;
		const char *text = g_bytes_get_data(bytes, &size_bytes);

		parsed = base_json_parse(text, size_bytes, error);
		if (parsed == NULL)
			return FALSE;
		object = parsed;
	}
	if (list->form == API_FORM_TABLE)
		item = row_of(list->kind, list->include, object, list->now_us);
	else if (list->form == API_FORM_METADATA)
		item = api_partial_metadata(object);
	append_json(list, item == NULL ? object : item);
	return TRUE;
}

static json_t *list_metadata(gint64 resource_version, const char *continue_token, gint64 remaining)
{
	json_t *metadata = json_object();

	if (resource_version > 0) {
		g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, resource_version);

		json_object_set_new(metadata, "resourceVersion", json_string(text));
	}
	if (continue_token != NULL && *continue_token != '\0') {
		json_object_set_new(metadata, "continue", json_string(continue_token));
		if (remaining >= 0)
			json_object_set_new(metadata, "remainingItemCount",
					    json_integer(remaining));
	}
	return metadata;
}

GBytes *api_list_finish(ApiList *list, gint64 resource_version, const char *continue_token,
			gint64 remaining)
{
	g_autoptr(json_t) head = json_object();
	g_autofree char *version = api_kind_group_version(list->kind);
	g_autofree char *text = NULL;
	gboolean table = list->form == API_FORM_TABLE;
	gboolean metadata_only = list->form == API_FORM_METADATA;
	gsize size_bytes = 0;
	GString *body = g_steal_pointer(&list->items);

	json_object_set_new(head, "kind",
			    json_string(table           ? "Table"
					: metadata_only ? "PartialObjectMetadataList"
							: list->kind->list_kind));
	json_object_set_new(head, "apiVersion",
			    json_string(table || metadata_only ? META_VERSION : version));
	json_object_set_new(head, "metadata",
			    list_metadata(resource_version, continue_token, remaining));
	if (table)
		json_object_set_new(head, "columnDefinitions", definitions_of(list->kind));
	text = base_json_dump(head, &size_bytes);

	/* The head's closing brace gives way to the items. */
	text[size_bytes - 1] = ',';
	g_string_prepend(body, table ? "\"rows\":[" : "\"items\":[");
	g_string_prepend_len(body, text, (gssize)size_bytes);
	g_string_append(body, "]}");
	list->items = g_string_new(NULL);
	api_list_free(list);
	size_bytes = body->len;
	return g_bytes_new_take(g_string_free(body, FALSE), size_bytes);
}
