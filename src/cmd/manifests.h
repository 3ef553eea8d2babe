/* cmd/manifests.h — manifests out of files and folders, with the place of everything in them for
 * messages. */
#pragma once

#include "base/yaml.h"
#include "kube/resource.h"

enum {
	CMD_MANIFEST_MAX_BYTES = 16 * 1024 * 1024, /* one file */
};

/* One object. All its own. */
typedef struct {
	json_t *object;
	char *file;
	BaseYamlDocument *document; /* shared by the items of a List; freed with the array of
				       cmd_manifests_load */
	char *path_in_document;     /* "" or "items[3]." */
} CmdManifest;

typedef struct CmdManifests CmdManifests;

/* Loads files ("-" is standard input), and of folders all *.yaml, *.yml and *.json (not of their
 * sub-folders), in order of their names. Objects of a List are taken out. What cannot be read is
 * told in `faults` (char *, "file:line:column: …"), the rest goes on. Yours.
 */
CmdManifests *cmd_manifests_load(const char *const *paths, GPtrArray *faults);

/* The objects (CmdManifest *) in the order read. Borrowed. */
const GPtrArray *cmd_manifests_objects(const CmdManifests *manifests);

/* "file:line" of a field ("spec.settings[0].key"), or of the object for NULL. Yours. */
char *cmd_manifest_where(const CmdManifest *manifest, const char *field_path);

void cmd_manifests_free(CmdManifests *manifests);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmdManifests, cmd_manifests_free)
