/* cmd/formats/image_describe.h — an image told to people and to programs. */
#pragma once

#include "base/json.h"
#include "esp/image_check.h"

/* A file as it was read. */
typedef struct {
	const char *name; /* as messages call it; borrowed */
	GBytes *bytes;
	gboolean is_signed; /* a signature sector follows the image */
	EspImageReport *report;
} CmdImage;

/* Reads `path` ("-": standard input) and checks it for `target`. FALSE with BASE_ERROR_*. */
gboolean cmd_image_open(CmdImage *file, const char *path, const EspImageTarget *target,
			GError **error);
void cmd_image_clear(CmdImage *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdImage, cmd_image_clear)

/* The document of `image info --output json`. Yours. */
json_t *cmd_image_json(const CmdImage *file);

/* The same for people, on standard output. */
void cmd_image_print(const CmdImage *file);

/* "app", "bootloader" or "unknown". Static. */
const char *cmd_image_kind_name(EspImageKind kind);

/* The checks that speak of damage, not of a chip or a slot. */
gboolean cmd_image_check_is_of_damage(const EspImageCheck *check);

/* TRUE if a maximum revision is one, and not a mark that there is none. */
gboolean cmd_image_is_limit(guint revision);
