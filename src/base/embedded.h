/* base/embedded.h — files compiled into the program (cmake/embed.cmake). */
#pragma once

#include <glib.h>

/* One file: `text` is NUL-terminated after `size_bytes` bytes. Borrowed, lives as long as the
 * program. */
typedef struct {
	const char *name; /* base name, for example "devices.yaml" */
	const char *text;
	gsize size_bytes;
} BaseEmbeddedFile;
