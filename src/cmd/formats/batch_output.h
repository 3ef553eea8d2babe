/* cmd/formats/batch_output.h — the folder of a batch: bin/ with an image a device, keys/ with its
 * keys. A file is whole or not there whenever the process ends; on the disk it is for certain only
 * after batch_output_sync. */
#pragma once

#include <glib.h>

enum {
	BATCH_WRITERS_MAX = 256,
	BATCH_NAME_MAX_BYTES = 200, /* of prefix and device; a file's name has at most 255 */
};

typedef enum {
	BATCH_IMAGES,
	BATCH_KEYS,
	BATCH_FOLDERS,
} BatchFolder;

typedef struct {
	char *path;
	int root;                   /* locked while it is open */
	int folders[BATCH_FOLDERS]; /* -1: not used */
} BatchOutput;

/* Makes what is missing of the folder, with keys/ of mode 0700 if `with_keys`, and removes what a
 * killed process left half-written. FALSE with BASE_ERROR_BUSY if another process has the folder,
 * or BASE_ERROR_*. */
gboolean batch_output_open(BatchOutput *output, const char *path, gboolean with_keys,
			   GError **error);

void batch_output_clear(BatchOutput *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BatchOutput, batch_output_clear)

/* FALSE with BASE_ERROR_EXISTS, naming one of the files, if there is any in bin/ or keys/. */
gboolean batch_output_is_empty(const BatchOutput *output, GError **error);

/* TRUE if `device` can be part of a file's name: 1 to 200 bytes of UTF-8 with `prefix`, no '/', no
 * control characters, no '.' in front. FALSE with BASE_ERROR_INVALID. */
gboolean batch_output_name_check(const char *prefix, const char *device, GError **error);

/* Writes a file of mode 0600: first under a name that belongs to `writer` (0 … BATCH_WRITERS_MAX -
 * 1, one thread at a time), then renamed; over one that is there only if `replace`. The name is
 * "PREFIX-DEVICE.bin", with "keys-" in front in keys/; `prefix` may be NULL. FALSE with
 * BASE_ERROR_EXISTS, _NO_SPACE, _IO. */
gboolean batch_output_put(const BatchOutput *output, BatchFolder folder, guint writer,
			  const char *prefix, const char *device, const void *data,
			  gsize size_bytes, gboolean replace, GError **error);

/* Returns when all that was put is on the disk. */
gboolean batch_output_sync(const BatchOutput *output, GError **error);
