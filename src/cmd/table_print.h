/* cmd/table_print.h — the server's Tables, aligned for people. */
#pragma once

#include "kube/client.h"

#include <stdio.h>

typedef struct {
	gboolean wide;       /* columns of priority 1, too */
	gboolean namespaces; /* a column NAMESPACE in front */
	gboolean no_headers;
	const char
		*prefix; /* put in front of names with a slash ("device.espalier.dev"), or NULL */
} CmdTableOptions;

/* Asks for `path` as a meta.k8s.io/v1 Table. Yours, or NULL with KUBE_ERROR_*. */
json_t *cmd_table_get(KubeClient *client, const char *path, GError **error);

/* Prints it. True and False are coloured on a terminal only. */
void cmd_table_print(FILE *out, const json_t *table, const CmdTableOptions *options);
