/* cmd/formats/batch_names.h — sees that no two devices of a batch have one name, in constant memory
 * for any number of them: hashes of the names wait in a temporary file and are looked at a share at
 * a time. One thread. */
#pragma once

#include <glib.h>

typedef struct BatchNames BatchNames;

/* Yours, or NULL with BASE_ERROR_* if there can be no temporary file. */
BatchNames *batch_names_new(GError **error);

/* NULL is nothing. */
void batch_names_free(BatchNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BatchNames, batch_names_free)

/* Adds the name that stands in `line`. */
gboolean batch_names_add(BatchNames *names, const char *name, guint line, GError **error);

/* FALSE with BASE_ERROR_EXISTS and the two lines if a name was added twice. */
gboolean batch_names_check(BatchNames *names, GError **error);
