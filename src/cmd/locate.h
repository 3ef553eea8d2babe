/* cmd/locate.h — where the artefact server of a class is, and with what it is spoken to. */
#pragma once

#include "base/json.h"
#include "http/client.h"
#include "kube/client.h"

#include <glib.h>

typedef struct {
	char *url;   /* "https://127.0.0.1:8443" */
	char *token; /* secret; the person's, out of the kubeconfig; NULL if it has none */
	HttpClient *http;
} CmdArtefacts;

/* The server of a DeviceClass as it was read: spec.artefacts.publicUrl of its cluster, else what
 * its status says, else, for a kubeconfig in the data folder of `espalier up`, the port kept there.
 * It is trusted by the kubeconfig's authority. `artefacts` is all zero before; FALSE with
 * KUBE_ERROR_CONFIG or another KUBE_ERROR. */
gboolean cmd_artefacts_locate(KubeClient *client, const json_t *device_class,
			      CmdArtefacts *artefacts, GError **error);
void cmd_artefacts_clear(CmdArtefacts *artefacts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdArtefacts, cmd_artefacts_clear)

/* GET of a bundle's file: `hash` is 64 hex digits. Yours, or NULL with an error that says what to
 * do. */
GBytes *cmd_artefacts_get(const CmdArtefacts *artefacts, const json_t *device_class,
			  const char *hash, const char *file, GError **error);

/* PUT of a bundle's file. `published` says whether the bundle is now whole and visible. */
gboolean cmd_artefacts_put(const CmdArtefacts *artefacts, const json_t *device_class,
			   const char *hash, const char *file, GBytes *bytes, gboolean *published,
			   GError **error);
