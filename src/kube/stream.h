/* kube/stream.h — lists and watches as they come over the wire, read piece by piece. Pure; used by
 * one thread at a time. Not for other rooms: they have kube/cache.h. */
#pragma once

#include "base/json.h"

#include <glib.h>

enum {
	KUBE_STREAM_MAX_KEY_BYTES = 64,             /* a member of the list object itself */
	KUBE_STREAM_MAX_METADATA_BYTES = 64 * 1024, /* the list's own metadata */
};

/* Takes the text of one item of a list; FALSE ends the reading. */
typedef gboolean (*KubeItemFunc)(const char *text, gsize size_bytes, gpointer user_data);

/* Reads a list object as its bytes arrive and hands out each item as soon as it is whole, so that
 * no more than one is held. It checks the frame; items are handed out as they came. */
typedef struct KubeListReader KubeListReader;
KubeListReader *kube_list_reader_new(KubeItemFunc on_item, gpointer user_data);

/* The next bytes. FALSE with KUBE_ERROR_PROTOCOL (it is no list, or a limit was passed) or, where
 * on_item said FALSE, without an error. */
gboolean kube_list_reader_feed(KubeListReader *reader, const char *data, gsize size_bytes,
			       GError **error);

/* The end. FALSE with KUBE_ERROR_PROTOCOL if the list is not whole. */
gboolean kube_list_reader_finish(KubeListReader *reader, GError **error);

/* metadata.resourceVersion and metadata.continue after a good finish; NULL where missing or empty.
 * Borrowed. */
const char *kube_list_reader_resource_version(const KubeListReader *reader);
const char *kube_list_reader_continue(const KubeListReader *reader);

void kube_list_reader_free(KubeListReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KubeListReader, kube_list_reader_free)

typedef enum {
	KUBE_WATCH_ADDED,
	KUBE_WATCH_MODIFIED,
	KUBE_WATCH_DELETED,
	KUBE_WATCH_BOOKMARK, /* only resource_version counts */
	KUBE_WATCH_ERROR,    /* object is a Status */
} KubeWatchType;

/* One event of a watch. */
typedef struct {
	KubeWatchType type;
	json_t *object;
	const char
		*resource_version; /* the object's; NULL for KUBE_WATCH_ERROR; borrowed from it */
} KubeWatchEvent;

/* Reads one line. FALSE with KUBE_ERROR_PROTOCOL, `event` untouched. */
gboolean kube_watch_event_read(const char *line, gsize size_bytes, KubeWatchEvent *event,
			       GError **error);
void kube_watch_event_clear(KubeWatchEvent *event);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KubeWatchEvent, kube_watch_event_clear)

/* TRUE if `object` has the name (and, unless it is cluster-scoped, a namespace) that a key can be
 * made of. */
gboolean kube_object_is_addressable(const json_t *object);
