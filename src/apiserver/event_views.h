/* apiserver/event_views.h — one Event, two APIs: core/v1 and events.k8s.io/v1. Stored as core/v1.
 * Pure; any thread. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* The same event as a core/v1 or as an events.k8s.io/v1 object, whichever it was. Yours. */
json_t *api_event_to_core(const json_t *event);
json_t *api_event_to_v1(const json_t *event);
