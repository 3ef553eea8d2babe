#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/sign_key.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

#define NAME "image key-digest"

static char *output_option;
static SignKeyOptions key_sources;

static const GOptionEntry options[] = {
	SIGN_KEY_OPTION_ENTRIES(key_sources),
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

static void tell(const char *name, const EspSignatureKey *key, gboolean is_json)
{
	const guint8 *digest = esp_signature_key_digest(key);
	g_autofree char *whole = base_hex(digest, ESP_SIGNATURE_KEY_DIGEST_BYTES);
	g_autofree char *c2 = base_hex(digest, ESP_SIGNATURE_KEY_DIGEST_C2_BYTES);
	const char *scheme = esp_signature_scheme_name(esp_signature_key_scheme(key));

	if (is_json)
		cmd_json_print(json_pack("{s:s, s:s, s:s, s:s}", "key", name, "scheme", scheme,
					 "keyDigest", whole, "keyDigestEsp32c2", c2));
	else
		printf("%s\n", whole);
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(EspSignatureKey) key = NULL;
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_image_key_digest, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2 && argc != 3)
		return cmd_usage_error(NAME, "a key is needed, and may be a file for the digest");
	if (is_json && argc == 3 && strcmp(argv[2], "-") == 0)
		return cmd_usage_error(NAME, "the digest and the JSON cannot both go to standard "
					     "output");
	key = sign_key_load_public(argv[1], &key_sources, &error);
	if (key == NULL)
		return cmd_fail(NAME, error);
	if (argc == 3 && !cmd_output_write(argv[2], esp_signature_key_digest(key),
					   ESP_SIGNATURE_KEY_DIGEST_BYTES, CMD_MODE_PUBLIC, &error))
		return cmd_fail(NAME, error);
	if (argc == 2 || is_json)
		tell(cmd_input_name(argv[1]), key, is_json);
	return CMD_DONE;
}

const CmdCommand cmd_image_key_digest = {
	.usage = "KEY [OUT]",
	.examples = "  espalier image key-digest public.pem\n"
		    "  espalier image key-digest public.pem digest.bin\n",
	.options = options,
	.run = run,
};
