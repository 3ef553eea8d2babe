/* cmd/formats/nvs_files.h — what the NVS commands read: sizes, keys, images, CSVs and the files
 * that CSVs name. */
#pragma once

#include "cmd/command.h"
#include "esp/nvs.h"
#include "esp/nvs_csv.h"

enum {
	NVS_FILE_MAX_BYTES = 4 * 1024 * 1024, /* of a `file` row */
	NVS_KEYS_FILE_MAX_BYTES = 64 * 1024,
};

/* Reads the option --size: a partition's size, a multiple of 0x1000. FALSE with BASE_ERROR_INVALID.
 */
gboolean nvs_size_parse(const char *text, gsize *size_bytes, GError **error);

/* Reads the option --format-version, 1 or 2. FALSE after a usage error of the command `name`. */
gboolean nvs_version_check(const char *name, int version);

/* Reads a key partition's image from a file that nobody else may read. FALSE with what
 * cmd_secret_read or esp_nvs_keys_read says. */
gboolean nvs_keys_load(const char *path, EspNvsKeys *keys, GError **error);

/* An image, or other bytes, of up to ESP_NVS_MAX_BYTES; "-" is standard input. Yours, or NULL. */
GBytes *nvs_image_load(const char *path, GError **error);

/* The bytes of a file that a `file` row names, relative to the working directory as Espressif's
 * tools take it. An EspNvsCsvLoad; `user_data` is not used. */
GBytes *nvs_files_load(const char *path, gpointer user_data, GError **error);

/* Reads `n` CSVs, "-" for standard input, as one. Yours, or NULL with an error that names file and
 * line. */
EspNvsContents *nvs_csv_load(char **paths, int n, GError **error);
