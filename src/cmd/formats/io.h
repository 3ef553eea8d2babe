/* cmd/formats/io.h — what the commands of the formats share: files or `-`, sizes, JSON. */
#pragma once

#include "base/json.h"
#include "cmd/command.h"
#include "esp/chips.h"

#include <glib.h>

enum {
	CMD_INPUT_MAX_BYTES = 128 * 1024 * 1024, /* the largest flash */
	CMD_MODE_PUBLIC = 0666,                  /* what the umask leaves of it */
	CMD_MODE_SECRET = 0600,                  /* keys, and what was decrypted with them */
};

/* Reads a file, or standard input for "-", of at most `max_bytes`. Yours, or NULL with
 * BASE_ERROR_NOT_FOUND, _TOO_LARGE, _IO. */
GBytes *cmd_input_read(const char *path, gsize max_bytes, GError **error);

/* "standard input" for "-", else `path`; for messages. Borrowed. */
const char *cmd_input_name(const char *path);

/* Writes a file, or standard output for "-". A file is whole or not there, after a power cut too; a
 * symbolic link is followed, a device or a pipe written straight. `mode` is CMD_MODE_PUBLIC or
 * CMD_MODE_SECRET, also for a file that was there. Bytes do not go to a terminal. FALSE with
 * BASE_ERROR_*. */
gboolean cmd_output_write(const char *path, const void *data, gsize size_bytes, guint mode,
			  GError **error);

/* The option `--output`: NULL or "text" is FALSE, "json" TRUE. Anything else prints a usage error
 * of the command `name` and returns FALSE with `exit` set, which was CMD_DONE. */
gboolean cmd_output_is_json(const char *name, const char *output, CmdExit *exit);

/* Prints a document with two spaces of indentation, and drops the reference. */
void cmd_json_print(json_t *document);

/* The chip that the option `--chip` names; borrowed, or NULL with BASE_ERROR_INVALID. */
const EspChip *cmd_chip_parse(const char *text, GError **error);

/* Reads "4096", "0x1000", "4K", "1M" (k and m, too) from `min` to `max`. FALSE, `value` untouched,
 * with BASE_ERROR_INVALID: "OPTION takes …, not 'text'". */
gboolean cmd_number_parse(const char *option, const char *text, guint64 min, guint64 max,
			  guint64 *value, GError **error);
