#include "apiserver/read.h"

#include "apiserver/crds.h"
#include "apiserver/event_views.h"
#include "apiserver/filter.h"
#include "base/json.h"

#include <string.h>

enum {
	CONTINUE_MAX_CHARS = 4096,
};

ApiStatus *api_get(ApiCall *call)
{
	g_autofree char *key = NULL;
	g_auto(StoreRecord) record = {0};
	g_autoptr(json_t) crd = NULL;
	GError *error = NULL;

	if (call->kind->rules == API_RULES_NONE) {
		crd = api_crd_get(api_call_name(call));
		if (crd == NULL)
			return api_call_not_found(call, api_call_name(call));
		api_call_reply_object(call, 200, crd);
		return NULL;
	}
	key = api_object_key(call->kind, api_call_namespace(call), api_call_name(call));
	if (!store_get(call->store, key, &record, &error)) {
		if (!g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
			return api_store_failure(error);
		g_error_free(error);
		return api_call_not_found(call, api_call_name(call));
	}
	api_call_reply_stored(call, 200, record.value);
	return NULL;
}

/* The token is opaque to clients; we want it short, and to carry no secret. */
char *api_continue_make(const char *after_key, gint64 revision)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "%s", revision, after_key);

	return g_base64_encode((const guchar *)text, strlen(text));
}

gboolean api_continue_read(const char *token, const char *prefix, char **after_key,
			   gint64 *revision)
{
	gsize size_bytes = 0;
	g_autofree guchar *bytes = NULL;
	g_autofree char *text = NULL;
	char *end = NULL;
	gint64 number;

	if (strlen(token) > CONTINUE_MAX_CHARS)
		return FALSE;
	bytes = g_base64_decode(token, &size_bytes);
	text = g_strndup((const char *)bytes, size_bytes);
	number = g_ascii_strtoll(text, &end, 10);
	if (end == text || number <= 0 || !g_str_has_prefix(end, prefix))
		return FALSE;
	*after_key = g_strdup(end);
	*revision = number;
	return TRUE;
}

/* A list while the store walks. */
typedef struct {
	ApiCall *call;
	const ApiFilter *filter;
	ApiList *list;
	gint64 left; /* < 0: no limit */
	char *last_key;
	gboolean more;
} Listing;

static void add_record(Listing *listing, const StoreRecord *record, ApiView *view)
{
	const ApiKind *kind = listing->call->kind;
	g_autoptr(json_t) converted = NULL;

	if (api_kind_is_event_view(kind)) {
		converted = api_event_to_v1(api_view_whole(view));
		api_list_add(listing->list, NULL, converted, NULL);
	} else if (listing->call->form == API_FORM_METADATA) {
		converted = json_object();
		json_object_set(converted, "metadata", api_view_metadata(view));
		api_list_add(listing->list, NULL, converted, NULL);
	} else {
		api_list_add(listing->list, record->value, view->whole, NULL);
	}
}

static gboolean list_record(const StoreRecord *record, gpointer user_data)
{
	Listing *listing = user_data;
	g_auto(ApiView) view = {.value = record->value};

	if (!api_filter_matches(listing->filter, record->key, &view))
		return TRUE;
	if (listing->left == 0) {
		listing->more = TRUE;
		return FALSE;
	}
	listing->left--;
	g_free(listing->last_key);
	listing->last_key = g_strdup(record->key);
	add_record(listing, record, &view);
	return TRUE;
}

/* resourceVersion of a list: what is there now is at least as new as anything that was, but not
 * what is to come. */
static ApiStatus *check_revision(const ApiCall *call)
{
	const char *text = call->query.resource_version;
	gint64 asked = 0;
	gint64 newest = store_revision(call->store);

	if (text == NULL)
		return NULL;
	if (!g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &asked, NULL))
		return api_status_bad_request("resourceVersion: Invalid value: \"%.64s\"", text);
	if (asked > newest)
		return api_status_too_large_resource_version(asked, newest);
	if (g_strcmp0(call->query.resource_version_match, "Exact") == 0 && asked != newest)
		return api_status_expired_watch(asked, newest);
	return NULL;
}

static ApiStatus *run_list(ApiCall *call, const ApiFilter *filter, const char *prefix,
			   const char *after_key, gint64 first_revision)
{
	Listing listing = {
		.call = call,
		.filter = filter,
		.list = api_list_new(call->kind, call->form, call->include),
		.left = call->query.limit > 0 ? call->query.limit : -1,
	};
	g_autoptr(GBytes) body = NULL;
	g_autofree char *token = NULL;
	GError *error = NULL;
	gint64 revision = 0;

	if (!store_list(call->store, prefix, after_key, list_record, &listing, &revision, &error)) {
		api_list_free(listing.list);
		g_free(listing.last_key);
		return api_store_failure(error);
	}
	/* All pages say the revision of the first: whoever watches from there misses nothing. */
	if (first_revision > 0)
		revision = first_revision;
	if (listing.more)
		token = api_continue_make(listing.last_key, revision);
	g_free(listing.last_key);
	body = api_list_finish(listing.list, revision, token, -1);
	api_call_reply_json(call, 200, body);
	return NULL;
}

ApiStatus *api_list(ApiCall *call)
{
	g_autofree char *prefix = api_object_prefix(call->kind, api_call_namespace(call));
	g_autofree char *after_key = NULL;
	g_autoptr(ApiFilter) filter = NULL;
	ApiStatus *refusal = check_revision(call);
	gint64 revision = 0;

	if (refusal != NULL)
		return refusal;
	filter = api_filter_new(call->kind, call->query.label_selector, call->query.field_selector,
				&refusal);
	if (filter == NULL)
		return refusal;
	if (call->kind->rules == API_RULES_NONE)
		return api_crds_list(call, filter);
	if (call->query.continue_token != NULL) {
		if (!api_continue_read(call->query.continue_token, prefix, &after_key, &revision))
			return api_status_bad_request("continue key is not valid");
		if (revision < store_compacted_revision(call->store))
			return api_status_expired_continue();
	}
	return run_list(call, filter, prefix, after_key, revision);
}
