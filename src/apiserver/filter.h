/* apiserver/filter.h — label and field selectors of a list or watch, over stored bytes that are
 * parsed only as far as a selector asks. Within the room only. */
#pragma once

#include "apiserver/kinds.h"
#include "apiserver/status.h"

/* An object of which bytes are given and the rest is parsed when it is asked for. */
typedef struct {
	GBytes *value; /* borrowed */
	json_t *metadata;
	json_t *whole;
} ApiView;

/* Borrowed from the view. */
json_t *api_view_metadata(ApiView *view);
json_t *api_view_whole(ApiView *view);
void api_view_clear(ApiView *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApiView, api_view_clear)

typedef struct ApiFilter ApiFilter;

/* Parses the two query parameters (NULL = everything). Yours; NULL with `refusal`: 400 in the words
 * of kube-apiserver. */
ApiFilter *api_filter_new(const ApiKind *kind, const char *labels, const char *fields,
			  ApiStatus **refusal);
void api_filter_free(ApiFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApiFilter, api_filter_free)

/* TRUE if it lets everything through. */
gboolean api_filter_is_empty(const ApiFilter *filter);

gboolean api_filter_matches(const ApiFilter *filter, const char *key, ApiView *view);
