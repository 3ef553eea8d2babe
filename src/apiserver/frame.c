#include "apiserver/frame.h"

#include "apiserver/call.h"
#include "apiserver/event_views.h"
#include "base/json.h"

#include <string.h>

#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

enum {
	FORMS = API_FORM_METADATA + 1,
	INCLUDES = API_INCLUDE_NONE + 1,
	VIEWS = 2, /* core and, for Events, events.k8s.io */
};

struct ApiFrames {
	ApiView now;
	ApiView before;
	gint64 revision;
	GBytes *lines[API_FRAME_COUNT][VIEWS][FORMS][INCLUDES];
};

static const char *const type_names[API_FRAME_COUNT] = {
	[API_FRAME_ADDED] = "ADDED",
	[API_FRAME_MODIFIED] = "MODIFIED",
	[API_FRAME_DELETED] = "DELETED",
	[API_FRAME_LEFT] = "DELETED",
};

ApiFrames *api_frames_of(const StoreEvent *event)
{
	ApiFrames *frames = *event->shared;

	if (frames != NULL)
		return frames;
	frames = g_new0(ApiFrames, 1);
	frames->now.value = event->value;
	frames->before.value = event->previous;
	frames->revision = event->revision;
	*event->shared = frames;
	return frames;
}

void api_frames_free(gpointer data)
{
	ApiFrames *frames = data;
	GBytes **line = &frames->lines[0][0][0][0];

	for (gsize i = 0; i < sizeof frames->lines / sizeof *line; i++)
		g_clear_pointer(&line[i], g_bytes_unref);
	api_view_clear(&frames->now);
	api_view_clear(&frames->before);
	g_free(frames);
}

ApiView *api_frames_now(ApiFrames *frames)
{
	return &frames->now;
}

ApiView *api_frames_before(ApiFrames *frames)
{
	return frames->before.value != NULL ? &frames->before : NULL;
}

static GBytes *wrap(const char *type, GBytes *object)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(object, &size_bytes);
	GString *line = g_string_sized_new(size_bytes + 48);

	g_string_append_printf(line, "{\"type\":\"%s\",\"object\":", type);
	g_string_append_len(line, text, (gssize)size_bytes);
	g_string_append(line, "}\n");
	return g_string_free_to_bytes(line);
}

/* The object of a line in the form that was asked for. Yours. */
static GBytes *form_view(const ApiKind *kind, ApiForm form, ApiInclude include, ApiView *view)
{
	g_autoptr(json_t) shown = NULL;
	g_autoptr(json_t) formed = NULL;

	if (view->value != NULL && form == API_FORM_METADATA)
		return api_object_partial_metadata(view->value);
	if (view->value != NULL && form == API_FORM_OBJECT && !api_kind_is_event_view(kind))
		return g_bytes_ref(view->value);
	shown = api_kind_is_event_view(kind) ? api_event_to_v1(api_view_whole(view))
					     : json_incref(api_view_whole(view));
	formed = api_form_object(kind, form, include, shown, TRUE);
	return base_json_dump_bytes(formed);
}

/* The last state that matched carries the revision at which it left. */
static GBytes *form_left(ApiFrames *frames, const ApiKind *kind, ApiForm form, ApiInclude include)
{
	g_auto(ApiView) view = {.whole = json_deep_copy(api_view_whole(&frames->before))};

	api_object_set_revision(view.whole, frames->revision);
	return form_view(kind, form, include, &view);
}

GBytes *api_frames_line(ApiFrames *frames, const ApiKind *kind, ApiForm form, ApiInclude include,
			ApiFrameType type)
{
	guint kind_view = api_kind_is_event_view(kind) ? 1 : 0;
	GBytes **line = &frames->lines[type][kind_view][form][include];
	g_autoptr(GBytes) object = NULL;

	if (*line != NULL)
		return *line;
	object = type == API_FRAME_LEFT ? form_left(frames, kind, form, include)
					: form_view(kind, form, include, &frames->now);
	*line = wrap(type_names[type], object);
	return *line;
}

GBytes *api_frame_added(const ApiKind *kind, ApiForm form, ApiInclude include, ApiView *view)
{
	g_autoptr(GBytes) object = form_view(kind, form, include, view);

	return wrap(type_names[API_FRAME_ADDED], object);
}

GBytes *api_frame_bookmark(const ApiKind *kind, ApiForm form, gint64 revision,
			   gboolean ends_initial)
{
	g_autofree char *group_version = api_kind_group_version(kind);
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, revision);
	json_t *metadata = json_pack("{s:s}", "resourceVersion", text);
	g_autoptr(json_t) object = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (form == API_FORM_TABLE)
		object = json_pack("{s:s, s:s, s:o, s:n, s:[]}", "kind", "Table", "apiVersion",
				   "meta.k8s.io/v1", "metadata", metadata, "columnDefinitions",
				   "rows");
	else if (form == API_FORM_METADATA)
		object = json_pack("{s:s, s:s, s:o}", "kind", "PartialObjectMetadata", "apiVersion",
				   "meta.k8s.io/v1", "metadata", metadata);
	else
		object = json_pack("{s:s, s:s, s:o}", "kind", kind->kind, "apiVersion",
				   group_version, "metadata", metadata);
	if (ends_initial)
		json_object_set_new(metadata, "annotations",
				    json_pack("{s:s}", INITIAL_EVENTS_END, "true"));
	bytes = base_json_dump_bytes(object);
	return wrap("BOOKMARK", bytes);
}

GBytes *api_frame_error(const ApiStatus *status)
{
	g_autoptr(GBytes) body = api_status_bytes(status);

	return wrap("ERROR", body);
}
