/* artefact/place.h — where artefacts live: one interface, a driver per place. Any thread.
 *
 * A place holds versions: folders of files, named by namespace, class and the hash of the inputs.
 * A version is whole or not there; once there, it never changes. */
#pragma once

#include <glib.h>

#define ARTEFACT_ERROR (artefact_error_quark())
GQuark artefact_error_quark(void);

typedef enum {
	ARTEFACT_ERROR_NOT_FOUND,  /* no such version, file, folder or program */
	ARTEFACT_ERROR_INVALID,    /* a name, a file or a text is wrong; the message says where */
	ARTEFACT_ERROR_DAMAGED,    /* sums or sizes do not match */
	ARTEFACT_ERROR_WRONG_CHIP, /* made for another chip */
	ARTEFACT_ERROR_OVERLAP,    /* two parts on one place, or a part larger than its partition */
	ARTEFACT_ERROR_TOO_LARGE,  /* a named limit was passed */
	ARTEFACT_ERROR_BUSY,       /* the device of that flash file is on */
	ARTEFACT_ERROR_UNREACHABLE, /* the place does not answer, is full or is not writable */
} ArtefactError;

enum {
	ARTEFACT_MAX_FILES = 24,                    /* of one version */
	ARTEFACT_MAX_FILE_BYTES = 64 * 1024 * 1024, /* app.elf is the largest */
	ARTEFACT_MAX_FILE_NAME = 64,
	ARTEFACT_HASH_CHARS = 64,
};

/* One version of one class. */
typedef struct {
	const char *space;      /* Kubernetes namespace */
	const char *class_name; /* DeviceClass */
	const char *hash;       /* hex SHA-256, lower case, without "sha256:" */
} ArtefactKey;

/* A version as listed. */
typedef struct {
	char *hash;
	gint64 stored_wall_us;
	guint64 size_bytes;
} ArtefactVersion;
void artefact_version_free(ArtefactVersion *version);

/* Named bytes: a file of a version. */
typedef struct {
	char *name;
	GBytes *bytes;
} ArtefactFile;
ArtefactFile *artefact_file_new(const char *name, GBytes *bytes);
void artefact_file_free(ArtefactFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactFile, artefact_file_free)

typedef struct ArtefactPlace ArtefactPlace;

/* The folder ROOT/NAME, made if it is missing (0700); `name` is a DNS label. What an interrupted
 * process left unfinished is swept. Returns it, yours, or NULL with ARTEFACT_ERROR_INVALID or
 * _UNREACHABLE. */
ArtefactPlace *artefact_place_directory_new(const char *root, const char *name, GError **error);

ArtefactPlace *artefact_place_ref(ArtefactPlace *place);
void artefact_place_unref(ArtefactPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactPlace, artefact_place_unref)

/* TRUE if `key`'s three names are of the right form (DNS names; 64 hex digits). */
gboolean artefact_key_is_valid(const ArtefactKey *key);
/* TRUE if `name` may be a file of a version: [A-Za-z0-9][A-Za-z0-9._-]*, at most
 * ARTEFACT_MAX_FILE_NAME. */
gboolean artefact_file_name_is_valid(const char *name);

/* Stores a version of `files` (ArtefactFile *). If it is there already, nothing is written and TRUE
 * returned. Visible only when all bytes are on disk. */
gboolean artefact_place_put(ArtefactPlace *place, const ArtefactKey *key, const GPtrArray *files,
			    GError **error);

/* Is that version there, whole? FALSE with `error` unset means no. */
gboolean artefact_place_has(ArtefactPlace *place, const ArtefactKey *key, GError **error);

/* A file of a version, open for reading: a file descriptor, yours, or -1 with
 * ARTEFACT_ERROR_NOT_FOUND or _UNREACHABLE. `size_bytes` may be NULL. */
int artefact_place_open(ArtefactPlace *place, const ArtefactKey *key, const char *file,
			guint64 *size_bytes, GError **error);

/* The versions of a class, the newest first (ArtefactVersion *). Yours; empty for none. */
GPtrArray *artefact_place_versions(ArtefactPlace *place, const char *space, const char *class_name,
				   GError **error);

/* The classes that have versions in `space`, sorted. Yours, NULL-ended. */
char **artefact_place_classes(ArtefactPlace *place, const char *space, GError **error);

/* Removes a version; one that is not there is fine. A download that is under way is completed. */
gboolean artefact_place_remove(ArtefactPlace *place, const ArtefactKey *key, GError **error);

/* Keeps the `keep` newest versions of a class and those in `in_use` (hashes, NULL-ended, may be
 * NULL), removes the others. `n_removed` may be NULL. */
gboolean artefact_place_retain(ArtefactPlace *place, const char *space, const char *class_name,
			       guint keep, const char *const *in_use, guint *n_removed,
			       GError **error);

/* What the place holds. */
gboolean artefact_place_usage(ArtefactPlace *place, guint64 *used_bytes, guint64 *n_objects,
			      GError **error);

/* Writes, reads and deletes a small file. FALSE with ARTEFACT_ERROR_UNREACHABLE. */
gboolean artefact_place_probe(ArtefactPlace *place, GError **error);

/* An upload in progress: files arrive one by one, in any order, and become a version when
 * SHA256SUMS is there and every file that it names matches. An upload belongs to one key; a second
 * one of the same key shares its files. Files are replaced whole.
 *
 * artefact_place_stage opens a file to write to (0600); artefact_place_commit_file checks and adds
 * it, artefact_staged_free without it throws it away. */
typedef struct ArtefactStaged ArtefactStaged;
ArtefactStaged *artefact_place_stage(ArtefactPlace *place, const ArtefactKey *key, const char *file,
				     GError **error);
int artefact_staged_fd(const ArtefactStaged *staged); /* borrowed */
void artefact_staged_free(ArtefactStaged *staged);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactStaged, artefact_staged_free)
/* The file is complete. `published` says whether the version is now visible. With
 * ARTEFACT_ERROR_DAMAGED the file did not match SHA256SUMS, or SHA256SUMS did not hash to
 * `key->hash`, and was dropped. */
gboolean artefact_place_commit_file(ArtefactPlace *place, ArtefactStaged *staged,
				    gboolean *published, GError **error);
/* Throws away uploads that nothing was added to for `older_than_s` seconds. */
gboolean artefact_place_sweep_uploads(ArtefactPlace *place, guint older_than_s, GError **error);
