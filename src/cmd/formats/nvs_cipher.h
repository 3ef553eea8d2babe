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
extern char *nvs_cipher_keys_option;
extern char *nvs_cipher_output_option;
#define NVS_CIPHER_OPTIONS                                                                         \
	{"keys",                                                                                   \
	 'k',                                                                                      \
	 0,                                                                                        \
	 G_OPTION_ARG_FILENAME,                                                                    \
	 &nvs_cipher_keys_option,                                                                  \
	 "file with the keys (espalier nvs keys)",                                                 \
	 "KEYS"},                                                                                  \
	{                                                                                          \
		"output", 0, 0, G_OPTION_ARG_STRING, &nvs_cipher_output_option,                    \
			"text (default) or json", "FORMAT"                                         \
	}

/* Runs one of them: IN OUT --keys KEYS. */
CmdExit nvs_cipher_run(const NvsCipher *cipher, int argc, char **argv);
