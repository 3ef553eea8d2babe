#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_cipher.h"

static CmdExit run(int argc, char **argv)
{
	static const NvsCipher cipher = {"nvs decrypt", &cmd_nvs_decrypt, esp_nvs_decrypt,
					 CMD_MODE_SECRET};

	return nvs_cipher_run(&cipher, argc, argv);
}

const CmdCommand cmd_nvs_decrypt = {
	.usage = "IN.bin OUT.bin --keys KEYS",
	.examples = "  espalier nvs decrypt nvs-encrypted.bin nvs.bin --keys keys.bin\n",
	.options = nvs_cipher_options,
	.run = run,
};
