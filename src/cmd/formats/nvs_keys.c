#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "cmd/formats/secret.h"
#include "esp/nvs_keys.h"

#include <string.h>

static const char name[] = "nvs keys";

static char *hmac_option;
static gboolean force_option;
static char *output_option;

static const GOptionEntry options[] = {
	{"hmac-key", 0, 0, G_OPTION_ARG_FILENAME, &hmac_option,
	 "derive the keys from the 32 bytes in this file, as chips do from an eFuse key", "FILE"},
	{"force", 0, 0, G_OPTION_ARG_NONE, &force_option, "replace a file that is there", NULL},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static gboolean derive(const char *path, EspNvsKeys *keys, GError **error)
{
	g_auto(CmdSecret) secret = {0};

	if (!cmd_secret_read(path, NVS_KEYS_FILE_MAX_BYTES, &secret, error))
		return FALSE;
	if (secret.size_bytes != ESP_NVS_HMAC_KEY_BYTES) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s has %" G_GSIZE_FORMAT " bytes; an HMAC key has %d",
			    cmd_input_name(path), secret.size_bytes, ESP_NVS_HMAC_KEY_BYTES);
		return FALSE;
	}
	esp_nvs_keys_derive(secret.data, keys);
	return TRUE;
}

/* Who overwrites keys loses what was encrypted with them. */
static gboolean may_write(const char *path, GError **error)
{
	if (force_option || strcmp(path, "-") == 0 || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_EXISTS,
		    "%s is there already, and keys that are overwritten are lost; choose another "
		    "name, or --force",
		    path);
	return FALSE;
}

static gboolean make(const char *path, GError **error)
{
	guint8 partition[ESP_NVS_KEYS_PARTITION_BYTES];
	g_auto(EspNvsKeys) keys = {0};
	gboolean done;

	if (!may_write(path, error) || !(hmac_option == NULL ? esp_nvs_keys_generate(&keys, error)
							     : derive(hmac_option, &keys, error)))
		return FALSE;
	esp_nvs_keys_write(&keys, partition);
	done = cmd_output_write(path, partition, sizeof partition, CMD_MODE_SECRET, error);
	explicit_bzero(partition, sizeof partition);
	return done;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_keys, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(name, "name the file for the keys: OUT.bin");
	if (json && strcmp(argv[1], "-") == 0)
		return cmd_usage_error(name, "the keys and the JSON cannot both go to standard "
					     "output");
	if (!make(argv[1], &error))
		return cmd_fail(name, error);
	if (json)
		cmd_json_print(json_pack("{s:s,s:I,s:s}", "file", argv[1], "sizeBytes",
					 (json_int_t)ESP_NVS_KEYS_PARTITION_BYTES, "source",
					 hmac_option == NULL ? "random" : "hmac"));
	return CMD_DONE;
}

const CmdCommand cmd_nvs_keys = {
	.usage = "OUT.bin [--hmac-key FILE] [--force]",
	.examples = "  espalier nvs keys keys.bin\n"
		    "  espalier nvs keys keys.bin --hmac-key efuse-key.bin\n",
	.options = options,
	.run = run,
};
