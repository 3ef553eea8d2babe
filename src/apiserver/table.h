/* apiserver/table.h — the three forms in which objects are answered: whole, as rows of a Table, or
 * as metadata alone. Lists are written straight into text, an object at a time, so that a list of
 * any length never exists as a tree. Pure but for the clock (ages); any thread. */
#pragma once

#include "apiserver/kinds.h"

#include <glib.h>
#include <jansson.h>

typedef enum {
	API_FORM_OBJECT,   /* as it is stored */
	API_FORM_TABLE,    /* meta.k8s.io/v1 Table */
	API_FORM_METADATA, /* meta.k8s.io/v1 PartialObjectMetadata, PartialObjectMetadataList */
} ApiForm;

/* The form that an Accept header asks for; the first clause that is known wins, and everything
 * else (also NULL, also protobuf alone) means API_FORM_OBJECT in JSON, which every client takes. */
ApiForm api_form_of_accept(const char *accept);

/* What rows carry beside their cells: query parameter includeObject. */
typedef enum {
	API_INCLUDE_METADATA, /* PartialObjectMetadata, the default */
	API_INCLUDE_OBJECT,
	API_INCLUDE_NONE,
} ApiInclude;

/* Reads "Metadata", "Object", "None", NULL or "". FALSE, `include` untouched, otherwise. */
gboolean api_include_parse(const char *text, ApiInclude *include);

/* An object in the form asked (a Table has one row). Yours. The columns' definitions are left out
 * (null) of a Table if `with_definitions` is FALSE, as in all but the first event of a watch. */
json_t *api_form_object(const ApiKind *kind, ApiForm form, ApiInclude include, const json_t *object,
			gboolean with_definitions);

/* The PartialObjectMetadata of an object. Yours. */
json_t *api_partial_metadata(const json_t *object);

/* A list being written. */
typedef struct ApiList ApiList;
ApiList *api_list_new(const ApiKind *kind, ApiForm form, ApiInclude include);
void api_list_free(ApiList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiList, api_list_free)

/* Appends an object. `bytes` is its compact JSON, `object` the same parsed; each may be NULL if the
 * other is given. Form OBJECT with bytes copies them without parsing. FALSE if bytes are not JSON.
 */
gboolean api_list_add(ApiList *list, GBytes *bytes, const json_t *object, GError **error);

/* Ends the list and frees it. `continue_token` NULL or "" = the last page; `remaining` < 0 =
 * unknown. Returns the body, yours. */
GBytes *api_list_finish(ApiList *list, gint64 resource_version, const char *continue_token,
			gint64 remaining);
