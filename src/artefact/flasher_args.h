/* artefact/flasher_args.h — flasher_args.json of an ESP-IDF build: what goes where. Pure.
 *
 * Read in both spellings ("flash_mode" of ESP-IDF 4 and 5, "flash-mode" and "--flash-mode" of 6),
 * written with those of 5. */
#pragma once

#include <glib.h>

enum {
	ARTEFACT_ARGS_MAX_BYTES = 64 * 1024,
	ARTEFACT_ARGS_MAX_FILES = 16,
};

/* One file: `path` is relative, without "..". */
typedef struct {
	guint32 offset_bytes;
	char *path;
} ArtefactArgsFile;

typedef struct {
	char *chip;      /* "esp32c3" */
	char *mode;      /* "dio"; NULL if not given, so below */
	char *size;      /* "4MB", also "detect" or "keep" */
	char *frequency; /* "40m" */
	char *before, *after;
	gboolean stub;
	GPtrArray *files; /* ArtefactArgsFile *, by offset */
	/* Those of `files` that have a role; NULL if there is none. */
	const ArtefactArgsFile *bootloader, *table, *otadata, *app;
} ArtefactFlasherArgs;

/* Yours, or NULL with ARTEFACT_ERROR_INVALID ("flasher_args.json: …") or _TOO_LARGE. */
ArtefactFlasherArgs *artefact_flasher_args_parse(const char *text, gsize size_bytes,
						 GError **error);

/* The same as JSON with ESP-IDF 5.x's keys. Yours. */
GBytes *artefact_flasher_args_text(const ArtefactFlasherArgs *args);

ArtefactFlasherArgs *artefact_flasher_args_new(const char *chip);
/* Adds a file; borrowed. The order by offset is kept. */
const ArtefactArgsFile *artefact_flasher_args_add(ArtefactFlasherArgs *args, guint32 offset_bytes,
						  const char *path);
void artefact_flasher_args_free(ArtefactFlasherArgs *args);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArtefactFlasherArgs, artefact_flasher_args_free)
