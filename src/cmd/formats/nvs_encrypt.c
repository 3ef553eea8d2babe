#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_cipher.h"

static CmdExit run(int argc, char **argv)
{
	static const NvsCipher cipher = {"nvs encrypt", &cmd_nvs_encrypt, esp_nvs_encrypt,
					 CMD_MODE_PUBLIC};

	return nvs_cipher_run(&cipher, argc, argv);
}

const CmdCommand cmd_nvs_encrypt = {
	.usage = "IN.bin OUT.bin --keys KEYS",
	.examples = "  espalier nvs encrypt nvs.bin nvs-encrypted.bin --keys keys.bin\n",
	.options = nvs_cipher_options,
	.run = run,
};
