/* cmd/apply.h — manifests onto a server. */
#pragma once

#include "kube/client.h"

#include <glib.h>

/* Applies the objects of `paths` (files or folders, NULL-ended): created where missing, else merged
 * on what was applied last, as kubectl does (same annotation, so both can be used on one object).
 * Prints a line for each object to standard output unless `quiet`, and every fault to standard
 * error; one bad object does not stop the others. Appends what is there now to `applied` (CmdObject
 * *, may be NULL). TRUE if all went well. */
gboolean cmd_apply(KubeClient *client, const char *const *paths, const char *name_space,
		   gboolean quiet, GPtrArray *applied);
