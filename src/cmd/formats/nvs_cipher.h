/* cmd/formats/nvs_cipher.h — what `nvs encrypt` and `nvs decrypt` are both made of. */
#pragma once

#include "cmd/command.h"
#include "esp/nvs.h"

typedef struct {
	const char *name;
	const CmdCommand *command;
	gboolean (*turn)(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, GError **error);
	guint mode; /* of the output */
} NvsCipher;

/* The options of both. */
extern const GOptionEntry nvs_cipher_options[];

/* Runs one of them: IN OUT --keys KEYS. */
CmdExit nvs_cipher_run(const NvsCipher *cipher, int argc, char **argv);
