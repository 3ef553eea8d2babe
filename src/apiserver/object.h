/* apiserver/object.h — objects between JSON and the store: keys, and the bytes that are kept, which
 * are also the bytes that are served. Pure; any thread.
 *
 * Stored bytes are compact JSON that begins with apiVersion, kind and metadata, whose first member
 * is the resourceVersion: so the store can put the revision in, and metadata can be taken out
 * without reading the rest. */
#pragma once

#include "apiserver/kinds.h"

#include <glib.h>
#include <jansson.h>

/* The store's key of an object, yours. `namespace` is ignored for kinds of the cluster scope. */
char *api_object_key(const ApiKind *kind, const char *namespace, const char *name);

/* The prefix of the keys of a kind, in one namespace or (NULL) in all. Yours. */
char *api_object_prefix(const ApiKind *kind, const char *namespace);

/* The name at the end of a key. Borrowed. */
const char *api_object_key_name(const char *key);

/* `object` as the bytes to keep, yours; its resourceVersion is left out and `revision_at` is where
 * the store inserts it. apiVersion and kind are the object's own. */
GBytes *api_object_encode(json_t *object, gsize *revision_at);

/* The same with its resourceVersion, for an answer that was not stored. Yours. */
GBytes *api_object_encode_whole(json_t *object);

/* Parses stored bytes. Yours; never NULL for what api_object_encode made. */
json_t *api_object_decode(GBytes *value);

/* The text of metadata within stored bytes, borrowed from them. FALSE if `value` does not begin as
 * described above. */
gboolean api_object_metadata_text(GBytes *value, const char **text, gsize *size_bytes);

/* Metadata alone, parsed. Yours; NULL as above. */
json_t *api_object_decode_metadata(GBytes *value);

/* A meta.k8s.io/v1 PartialObjectMetadata of stored bytes. Yours. */
GBytes *api_object_partial_metadata(GBytes *value);

/* The resourceVersion in metadata as a number; 0 if there is none. */
gint64 api_object_revision(const json_t *object);
void api_object_set_revision(json_t *object, gint64 revision);

/* Metadata's member as a string, borrowed; NULL if absent or empty. */
const char *api_object_meta(const json_t *object, const char *member);

/* TRUE if metadata has a deletionTimestamp. */
gboolean api_object_is_deleting(const json_t *object);

/* TRUE if metadata has finalizers. */
gboolean api_object_has_finalizers(const json_t *object);

/* Equal but for the resourceVersion. */
gboolean api_object_same(json_t *a, json_t *b);
