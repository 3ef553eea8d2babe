/* cmd/formats/nvs_image.h — an NVS image as the commands show it: what can be read in it, and what
 * is wrong with it. One thread. */
#pragma once

#include "base/json.h"
#include "esp/nvs.h"
#include "esp/nvs_inspect.h"

#include <stdio.h>

typedef struct {
	const char *name; /* for messages: the file's, or "standard input" */
	gsize size_bytes;
	EspNvsContents *contents; /* empty where nothing can be read */
	EspNvsInspection *inspection;
} NvsImage;

/* Reads an image, "-" for standard input, and the file of its keys, if `keys_path` is not NULL.
 * Damaged and foreign bytes are no error. FALSE with BASE_ERROR_* or
 * ESP_ERROR_* of the keys. */
gboolean nvs_image_open(NvsImage *image, const char *path, const char *keys_path, GError **error);

void nvs_image_clear(NvsImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NvsImage, nvs_image_clear)

/* Prints findings from `least` on, a line each: "image.bin: page 1, entry 7 (0x1120): …". */
void nvs_findings_print(FILE *out, const NvsImage *image, EspNvsSeverity least);

/* The same as an array of objects. */
json_t *nvs_findings_json(const NvsImage *image, EspNvsSeverity least);
