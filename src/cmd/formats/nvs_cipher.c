#include "cmd/formats/nvs_cipher.h"

#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "esp/nvs_keys.h"

#include <string.h>

char *nvs_cipher_keys_option;

static gboolean turn_file(const NvsCipher *cipher, const char *from, const char *to, GError **error)
{
	g_autoptr(GBytes) bytes = nvs_image_load(from, error);
	g_auto(EspNvsKeys) keys = {0};
	gsize size_bytes;
	guint8 *image;
	gboolean done;

	if (bytes == NULL || !nvs_keys_load(nvs_cipher_keys_option, &keys, error))
		return FALSE;
	image = g_bytes_unref_to_data(g_steal_pointer(&bytes), &size_bytes);
	done = cipher->turn(image, size_bytes, &keys, error);
	if (!done)
		g_prefix_error(error, "%s: ", cmd_input_name(from));
	done = done && cmd_output_write(to, image, size_bytes, cipher->mode, error);
	if (size_bytes > 0)
		explicit_bzero(image, size_bytes);
	g_free(image);
	return done;
}

CmdExit nvs_cipher_run(const NvsCipher *cipher, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;

	if (!cmd_parse(cipher->command, &argc, &argv, &exit))
		return exit;
	if (argc != 3)
		return cmd_usage_error(cipher->name, "name two files: IN.bin OUT.bin");
	if (nvs_cipher_keys_option == NULL)
		return cmd_usage_error(cipher->name, "name the file with the keys with --keys");
	if (!turn_file(cipher, argv[1], argv[2], &error))
		return cmd_fail(cipher->name, error);
	return CMD_DONE;
}
