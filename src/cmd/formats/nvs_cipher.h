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

/* The option --keys of both. */
extern char *nvs_cipher_keys_option;
#define NVS_CIPHER_KEYS_OPTION                                                                     \
	{                                                                                          \
		"keys", 'k', 0, G_OPTION_ARG_FILENAME, &nvs_cipher_keys_option,                    \
			"file with the keys (espalier nvs keys)", "KEYS"                           \
	}

/* Runs one of them: IN OUT --keys KEYS. */
CmdExit nvs_cipher_run(const NvsCipher *cipher, int argc, char **argv);
