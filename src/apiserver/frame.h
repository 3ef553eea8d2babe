/* apiserver/frame.h — one line of a watch, made once for all who want it in the same form. Within
 * the room only. */
#pragma once

#include "apiserver/filter.h"
#include "apiserver/table.h"
#include "store/store.h"

typedef enum {
	API_FRAME_ADDED,
	API_FRAME_MODIFIED,
	API_FRAME_DELETED,
	API_FRAME_LEFT, /* DELETED, since it no longer matches: its last state that did */
	API_FRAME_COUNT,
} ApiFrameType;

/* What StoreEvent.shared points to: the parsed event and the lines made of it so far. */
typedef struct ApiFrames ApiFrames;

/* The event's frames, made at the first call for it. Borrowed, valid during the event. */
ApiFrames *api_frames_of(const StoreEvent *event);
/* For store_set_shared_free. */
void api_frames_free(gpointer frames);

ApiView *api_frames_now(ApiFrames *frames);
/* NULL if the object was created. */
ApiView *api_frames_before(ApiFrames *frames);

/* The line {"type","object"} with its line feed. Borrowed. */
GBytes *api_frames_line(ApiFrames *frames, const ApiKind *kind, ApiForm form, ApiInclude include,
			ApiFrameType type);

/* Lines that are nobody else's. Yours. */
GBytes *api_frame_added(const ApiKind *kind, ApiForm form, ApiInclude include, ApiView *view);
GBytes *api_frame_bookmark(const ApiKind *kind, ApiForm form, gint64 revision,
			   gboolean ends_initial);
GBytes *api_frame_error(const ApiStatus *status);
