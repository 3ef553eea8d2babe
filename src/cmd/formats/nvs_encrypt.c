#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_cipher.h"

static const GOptionEntry options[] = {NVS_CIPHER_OPTIONS, G_OPTION_ENTRY_NULL};

static CmdExit run(int argc, char **argv)
{
	static const NvsCipher cipher = {"nvs encrypt", &cmd_nvs_encrypt, esp_nvs_encrypt,
					 CMD_MODE_PUBLIC};

	return nvs_cipher_run(&cipher, argc, argv);
}

const CmdCommand cmd_nvs_encrypt = {
	.usage = "IN.bin OUT.bin --keys KEYS",
	.examples = "  espalier nvs encrypt nvs.bin nvs-encrypted.bin --keys keys.bin\n",
	.options = options,
	.run = run,
};
