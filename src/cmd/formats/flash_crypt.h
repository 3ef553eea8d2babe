/* cmd/formats/flash_crypt.h — what `image encrypt` and `image decrypt` are both made of. */
#pragma once

#include "cmd/command.h"
#include "esp/flash_encryption.h"

typedef struct {
	const char *name;
	const CmdCommand *command;
	EspFlashDirection direction;
	guint mode; /* of the output */
} FlashCrypt;

/* The options of both. */
extern const GOptionEntry flash_crypt_options[];

/* Runs one of them: IN OUT --key KEY.bin --address N --chip CHIP. */
CmdExit flash_crypt_run(const FlashCrypt *crypt, int argc, char **argv);
