/* artefact/place_driver.h — what a kind of place has to offer; place.c checks names and calls it.
 * A new kind is a new file with one of these. */
#pragma once

#include "artefact/place.h"

typedef struct {
	void (*free)(ArtefactPlace *place);
	gboolean (*put)(ArtefactPlace *place, const ArtefactKey *key, const GPtrArray *files,
			GError **error);
	gboolean (*has)(ArtefactPlace *place, const ArtefactKey *key, GError **error);
	int (*open)(ArtefactPlace *place, const ArtefactKey *key, const char *file,
		    guint64 *size_bytes, GError **error);
	GPtrArray *(*versions)(ArtefactPlace *place, const char *space, const char *class_name,
			       GError **error);
	char **(*classes)(ArtefactPlace *place, const char *space, GError **error);
	gboolean (*remove)(ArtefactPlace *place, const ArtefactKey *key, GError **error);
	gboolean (*usage)(ArtefactPlace *place, guint64 *used_bytes, guint64 *n_objects,
			  GError **error);
	gboolean (*probe)(ArtefactPlace *place, GError **error);
	ArtefactStaged *(*stage)(ArtefactPlace *place, const ArtefactKey *key, const char *file,
				 GError **error);
	gboolean (*commit_file)(ArtefactPlace *place, ArtefactStaged *staged, gboolean *published,
				GError **error);
	gboolean (*sweep_uploads)(ArtefactPlace *place, guint older_than_s, GError **error);
} ArtefactPlaceDriver;

/* The head of every driver's struct. */
struct ArtefactPlace {
	gatomicrefcount references;
	const ArtefactPlaceDriver *driver;
};

/* A file that is being uploaded; `fd` is closed and the temporary removed by artefact_staged_free.
 */
struct ArtefactStaged {
	int fd;
	char *space, *class_name, *hash, *file;
	char *folder;    /* the upload's */
	char *temporary; /* NULL once it is committed */
};
