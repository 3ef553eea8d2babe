/* apiserver/read.h — GET of one object and lists. Within the room only. */
#pragma once

#include "apiserver/call.h"

ApiStatus *api_get(ApiCall *call);
ApiStatus *api_list(ApiCall *call);

/* What `continue` carries: after which key a list goes on, and the revision of its first page. */
char *api_continue_make(const char *after_key, gint64 revision);
gboolean api_continue_read(const char *token, const char *prefix, char **after_key,
			   gint64 *revision);
