#include "cmd/formats/nvs_cipher.h"

#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "esp/nvs_keys.h"

#include <string.h>

static char *keys_option;
static char *output_option;

const GOptionEntry nvs_cipher_options[] = {
	{"keys", 'k', 0, G_OPTION_ARG_FILENAME, &keys_option,
	 "file with the keys (espalier nvs keys)", "KEYS"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static gboolean turn_file(const NvsCipher *cipher, const char *from, const char *to,
			  gsize *size_written, GError **error)
{
	g_autoptr(GBytes) bytes = nvs_image_load(from, error);
	g_auto(EspNvsKeys) keys = {0};
	gsize size_bytes;
	guint8 *image;
	gboolean done;

	if (bytes == NULL || !nvs_keys_load(keys_option, &keys, error))
		return FALSE;
	image = g_bytes_unref_to_data(g_steal_pointer(&bytes), &size_bytes);
	done = cipher->turn(image, size_bytes, &keys, error);
	if (!done)
		g_prefix_error(error, "%s: ", cmd_input_name(from));
	done = done && cmd_output_write(to, image, size_bytes, cipher->mode, error);
	if (size_bytes > 0)
		explicit_bzero(image, size_bytes);
	g_free(image);
	*size_written = size_bytes;
	return done;
}

CmdExit nvs_cipher_run(const NvsCipher *cipher, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	gboolean json;

	if (!cmd_parse(cipher->command, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(cipher->name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 3)
		return cmd_usage_error(cipher->name, "name two files: IN.bin OUT.bin");
	if (keys_option == NULL)
		return cmd_usage_error(cipher->name, "name the file with the keys with --keys");
	if (json && strcmp(argv[2], "-") == 0)
		return cmd_usage_error(cipher->name, "the image and the JSON cannot both go to "
						     "standard output");
	if (!turn_file(cipher, argv[1], argv[2], &size_bytes, &error))
		return cmd_fail(cipher->name, error);
	if (json)
		cmd_json_print(json_pack("{s:s,s:I}", "file", argv[2], "sizeBytes",
					 (json_int_t)size_bytes));
	return CMD_DONE;
}
