/* http/range.h — header fields that choose a part or a version of a file (RFC 9110, 13 and 14).
 * Pure. */
#pragma once

#include <glib.h>

typedef enum {
	HTTP_RANGE_WHOLE,         /* none, several, or not understood: the field is ignored */
	HTTP_RANGE_PART,          /* `first`, `length` are set and lie within the file */
	HTTP_RANGE_UNSATISFIABLE, /* 416 */
} HttpRangeKind;

/* `text` is the value of Range, or NULL; `size` the file's. */
HttpRangeKind http_range_parse(const char *text, guint64 size, guint64 *first, guint64 *length);

/* Does `etag` (quoted) stand in the list `text` of If-None-Match, or is that "*"? Weak comparison.
 */
gboolean http_etag_matches(const char *text, const char *etag);
