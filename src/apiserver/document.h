/* apiserver/document.h — a body that does not depend on what is stored. */
#pragma once

#include <glib.h>

typedef struct {
	GBytes *body; /* yours: clear it */
	const char *content_type;
	char *etag; /* quoted; may be NULL */
} ApiDocument;

static inline void api_document_clear(ApiDocument *document)
{
	g_clear_pointer(&document->body, g_bytes_unref);
	g_clear_pointer(&document->etag, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApiDocument, api_document_clear)
