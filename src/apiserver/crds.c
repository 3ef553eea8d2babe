#include "apiserver/crds.h"

#include "base/digest.h"
#include "base/json.h"
#include "model/schema.h"

#include <string.h>

/* The definitions change only with the program, so what a server makes up is made up the same way
 * each time. */
#define CRD_TIME "2026-01-01T00:00:00Z"
#define CRD_REVISION 1

static char *steady_uid(const char *name)
{
	g_autofree char *hex = base_sha256_hex(name, strlen(name));

	return g_strdup_printf("%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
			       hex + 18);
}

static json_t *condition(const char *type, const char *reason, const char *message)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type, "status", "True",
			 "lastTransitionTime", CRD_TIME, "reason", reason, "message", message);
}

static json_t *show(const ModelKind *kind)
{
	json_t *crd = model_crd_json(kind->kind);
	json_t *metadata = base_json_ensure_object(crd, "metadata");
	g_autofree char *uid = steady_uid(kind->crd_name);
	json_t *names = json_deep_copy(base_json_get(crd, "spec", "names", NULL));
	json_t *status = json_pack("{s:[o, o], s:o, s:[s]}", "conditions",
				   condition("NamesAccepted", "NoConflicts", "no conflicts found"),
				   condition("Established", "InitialNamesAccepted",
					     "the initial names have been accepted"),
				   "acceptedNames", names, "storedVersions", MODEL_VERSION);

	base_json_set_string(metadata, "uid", uid);
	base_json_set_string(metadata, "creationTimestamp", CRD_TIME);
	api_object_set_revision(crd, CRD_REVISION);
	json_object_set_new(metadata, "generation", json_integer(1));
	json_object_set_new(crd, "status", status);
	return crd;
}

json_t *api_crd_get(const char *name)
{
	gsize n_kinds;
	const ModelKind *kinds = model_kinds(&n_kinds);

	for (gsize i = 0; i < n_kinds; i++)
		if (strcmp(kinds[i].crd_name, name) == 0)
			return show(&kinds[i]);
	return NULL;
}

json_t *api_crds_all(const ApiFilter *filter)
{
	gsize n_kinds;
	const ModelKind *kinds = model_kinds(&n_kinds);
	json_t *all = json_array();

	for (gsize i = 0; i < n_kinds; i++) {
		g_auto(ApiView) view = {.whole = show(&kinds[i])};
		g_autofree char *key = g_strconcat("/", kinds[i].crd_name, NULL);

		if (api_filter_matches(filter, key, &view))
			json_array_append(all, view.whole);
	}
	return all;
}

ApiStatus *api_crds_list(ApiCall *call, const ApiFilter *filter)
{
	g_autoptr(json_t) all = api_crds_all(filter);
	ApiList *list = api_list_new(call->kind, call->form, call->include);
	g_autoptr(GBytes) body = NULL;
	gsize i;
	json_t *crd;

	json_array_foreach (all, i, crd) {
		api_list_add(list, NULL, crd, NULL);
	}
	body = api_list_finish(list, MAX(store_revision(call->store), CRD_REVISION), NULL, -1);
	api_call_reply_json(call, 200, body);
	return NULL;
}
