#include "cmd/commands.h"
#include "cmd/formats/flash_crypt.h"
#include "cmd/formats/io.h"

static CmdExit run(int argc, char **argv)
{
	static const FlashCrypt crypt = {"image encrypt", &cmd_image_encrypt, ESP_FLASH_ENCRYPT,
					 CMD_MODE_PUBLIC};

	return flash_crypt_run(&crypt, argc, argv);
}

const CmdCommand cmd_image_encrypt = {
	.usage = "IN OUT --key KEY.bin --address N --chip CHIP [--crypt-config N]",
	.examples = "  espalier image encrypt app.bin app-encrypted.bin --key flash-key.bin \\\n"
		    "      --address 0x10000 --chip esp32c3\n",
	.options = flash_crypt_options,
	.run = run,
};
