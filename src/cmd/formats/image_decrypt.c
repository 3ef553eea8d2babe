#include "cmd/commands.h"
#include "cmd/formats/flash_crypt.h"
#include "cmd/formats/io.h"

static CmdExit run(int argc, char **argv)
{
	static const FlashCrypt crypt = {"image decrypt", &cmd_image_decrypt, ESP_FLASH_DECRYPT,
					 CMD_MODE_SECRET};

	return flash_crypt_run(&crypt, argc, argv);
}

const CmdCommand cmd_image_decrypt = {
	.usage = "IN OUT --key KEY.bin --address N --chip CHIP [--crypt-config N]",
	.examples = "  espalier image decrypt read-back.bin app.bin --key flash-key.bin \\\n"
		    "      --address 0x10000 --chip esp32c3\n",
	.options = flash_crypt_options,
	.run = run,
};
