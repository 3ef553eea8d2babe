/* artefact/login_limit.h — counts failed logins of one address and user, a minute at a time. Any
 * thread. */
#pragma once

#include <glib.h>

typedef struct ArtefactLoginLimit ArtefactLoginLimit;

/* At most `max_failures` a minute; at most `max_entries` pairs are remembered. */
ArtefactLoginLimit *artefact_login_limit_new(guint max_failures, guint max_entries);
void artefact_login_limit_free(ArtefactLoginLimit *limit);

/* May `user` at `address` try now? `now_us` is monotonic. */
gboolean artefact_login_limit_allows(ArtefactLoginLimit *limit, const char *address,
				     const char *user, gint64 now_us);
void artefact_login_limit_failed(ArtefactLoginLimit *limit, const char *address, const char *user,
				 gint64 now_us);
