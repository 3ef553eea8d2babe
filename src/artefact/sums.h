/* artefact/sums.h — SHA256SUMS as sha256sum writes and reads it. Pure. */
#pragma once

#include "artefact/place.h"

#include <glib.h>

enum {
	ARTEFACT_SUMS_MAX_BYTES = 16 * 1024,
};

typedef struct {
	char hash[ARTEFACT_HASH_CHARS + 1]; /* lower case */
	char *name;
} ArtefactSum;

/* Reads lines "HASH  NAME" (or " *NAME"). Returns ArtefactSum *, yours, or NULL with
 * ARTEFACT_ERROR_INVALID ("SHA256SUMS, line 3: …"): a bad hash or file name, a name twice, the list
 * itself, more than ARTEFACT_MAX_FILES lines, or none. */
GPtrArray *artefact_sums_parse(const char *text, gsize size_bytes, GError **error);

/* The list for `files` (ArtefactFile *), sorted by name; SHA256SUMS itself is left out. Yours. */
GBytes *artefact_sums_new(const GPtrArray *files);

/* The entry for `name`, or NULL. Borrowed. */
const ArtefactSum *artefact_sums_find(const GPtrArray *sums, const char *name);
