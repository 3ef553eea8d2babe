#include "apiserver/event_views.h"

#include "base/json.h"

/* The members that have another name in the other API. All others are the same in both. */
static const struct {
	const char *core;
	const char *v1;
} renamed[] = {
	{"involvedObject", "regarding"},
	{"message", "note"},
	{"source", "deprecatedSource"},
	{"firstTimestamp", "deprecatedFirstTimestamp"},
	{"lastTimestamp", "deprecatedLastTimestamp"},
	{"count", "deprecatedCount"},
	{"reportingComponent", "reportingController"},
};

static const char *name_in(const char *member, gboolean core)
{
	for (gsize i = 0; i < G_N_ELEMENTS(renamed); i++) {
		if (g_str_equal(member, core ? renamed[i].v1 : renamed[i].core))
			return core ? renamed[i].core : renamed[i].v1;
	}
	return member;
}

static json_t *convert(const json_t *event, gboolean core)
{
	json_t *view = json_object();
	const char *key;
	json_t *value;

	json_object_set_new(view, "apiVersion", json_string(core ? "v1" : "events.k8s.io/v1"));
	json_object_set_new(view, "kind", json_string("Event"));
	json_object_foreach ((json_t *)event, key, value) {
		const char *name = name_in(key, core);

		if (json_object_get(view, name) == NULL)
			json_object_set_new(view, name, json_deep_copy(value));
	}
	return view;
}

json_t *api_event_to_core(const json_t *event)
{
	return convert(event, TRUE);
}

json_t *api_event_to_v1(const json_t *event)
{
	return convert(event, FALSE);
}
