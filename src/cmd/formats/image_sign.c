#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/sign_key.h"
#include "cmd/formats/signature_json.h"

#include <string.h>

#define NAME "image sign"

static char **key_options, *output_option;
static gboolean append_option;
static SignKeyOptions key_sources;

static const GOptionEntry options[] = {
	{"key", 'k', 0, G_OPTION_ARG_FILENAME_ARRAY, &key_options,
	 "private key: PEM or DER that only you may read, or a PKCS#11 URI; up to three times",
	 "KEY"},
	{"append", 'a', 0, G_OPTION_ARG_NONE, &append_option,
	 "add to the signatures that the image has", NULL},
	SIGN_KEY_OPTION_ENTRIES(key_sources),
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

static GPtrArray *load_keys(GError **error)
{
	g_autoptr(GPtrArray) keys =
		g_ptr_array_new_with_free_func((GDestroyNotify)esp_signature_key_free);

	for (char **name = key_options; *name != NULL; name++) {
		EspSignatureKey *key = sign_key_load(*name, &key_sources, error);

		if (key == NULL)
			return NULL;
		g_ptr_array_add(keys, key);
	}
	return g_steal_pointer(&keys);
}

/* What the signed image holds now, of all its signatures. */
static void tell(const char *to, GBytes *image, gboolean is_json)
{
	g_auto(EspSignatureReport) report = {0};
	gsize size_bytes;
	const guint8 *data = g_bytes_get_data(image, &size_bytes);

	if (!is_json)
		return;
	esp_signature_verify(data, size_bytes, NULL, 0, &report, NULL);
	cmd_json_print(json_pack("{s:s, s:I, s:I, s:o}", "file", to, "sizeBytes",
				 (json_int_t)size_bytes, "signedBytes",
				 (json_int_t)report.signed_bytes, "blocks",
				 cmd_signature_blocks_json(&report)));
}

static gboolean sign(const char *from, const char *to, gboolean is_json, GError **error)
{
	g_autoptr(GBytes) bytes = cmd_input_read(from, CMD_INPUT_MAX_BYTES, error), image = NULL;
	g_autoptr(GPtrArray) keys = NULL;
	gsize size_bytes;
	const guint8 *data;

	if (bytes == NULL)
		return FALSE;
	data = g_bytes_get_data(bytes, &size_bytes);
	keys = load_keys(error);
	if (keys == NULL)
		return FALSE;
	image = esp_signature_sign(
		data, size_bytes, (EspSignatureKey *const *)keys->pdata, keys->len,
		append_option ? ESP_SIGNATURE_APPEND : ESP_SIGNATURE_FRESH, error);
	if (image == NULL) {
		g_prefix_error(error, "%s: ", cmd_input_name(from));
		return FALSE;
	}
	data = g_bytes_get_data(image, &size_bytes);
	if (!cmd_output_write(to, data, size_bytes, CMD_MODE_PUBLIC, error))
		return FALSE;
	tell(to, image, is_json);
	return TRUE;
}

static guint count_dashes(const char *from)
{
	guint n = strcmp(from, "-") == 0;

	for (char **name = key_options; *name != NULL; name++)
		n += strcmp(*name, "-") == 0;
	n += g_strcmp0(key_sources.passphrase_path, "-") == 0;
	n += g_strcmp0(key_sources.pin_path, "-") == 0;
	return n;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_image_sign, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 3)
		return cmd_usage_error(NAME, "name two files: IN OUT");
	if (key_options == NULL)
		return cmd_usage_error(NAME, "name a private key with --key");
	if (count_dashes(argv[1]) > 1)
		return cmd_usage_error(NAME, "only one thing can come from standard input");
	if (is_json && strcmp(argv[2], "-") == 0)
		return cmd_usage_error(NAME, "the image and the JSON cannot both go to standard "
					     "output");
	return sign(argv[1], argv[2], is_json, &error) ? CMD_DONE : cmd_fail(NAME, error);
}

const CmdCommand cmd_image_sign = {
	.usage = "IN OUT --key KEY.pem|pkcs11:… [--key …] [--append]",
	.examples =
		"  espalier image sign app.bin app-signed.bin --key signing.pem\n"
		"  espalier image sign app-signed.bin app-signed.bin --key second.pem --append\n"
		"  espalier image sign app.bin app-signed.bin --pin-file pin \\\n"
		"      --key 'pkcs11:token=factory;object=secure-boot;type=private'\n",
	.options = options,
	.run = run,
};
