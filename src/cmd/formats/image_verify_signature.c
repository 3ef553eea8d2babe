#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/sign_key.h"
#include "cmd/formats/signature_json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>

#define NAME "image verify-signature"

static char **public_options, **digest_options, *output_option;
static SignKeyOptions key_sources;

static const GOptionEntry options[] = {
	{"public-key", 'k', 0, G_OPTION_ARG_FILENAME_ARRAY, &public_options,
	 "trust this key: public, PEM or DER (or private, or a PKCS#11 URI)", "KEY"},
	{"digest", 'd', 0, G_OPTION_ARG_FILENAME_ARRAY, &digest_options,
	 "trust the key with this digest: 64 hex digits (32 on ESP32-C2), or a file with them or "
	 "with the bytes",
	 "HEX|FILE"},
	SIGN_KEY_OPTION_ENTRIES(key_sources),
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

static gboolean is_digest_size(gsize size_bytes)
{
	return size_bytes == ESP_SIGNATURE_KEY_DIGEST_BYTES ||
	       size_bytes == ESP_SIGNATURE_KEY_DIGEST_C2_BYTES;
}

/* What 64 or 32 hex digits say; NULL if `text` is something else. */
static GBytes *digest_of_hex(const char *text)
{
	g_autofree char *digits = g_strstrip(g_strdup(text));
	g_autoptr(GBytes) bytes = base_unhex(digits);

	return bytes != NULL && is_digest_size(g_bytes_get_size(bytes)) ? g_steal_pointer(&bytes)
									: NULL;
}

static GBytes *digest_of_file(const char *path, GError **error)
{
	g_autoptr(GBytes) file = base_file_read(path, 4 * ESP_SIGNATURE_KEY_DIGEST_BYTES, error);
	g_autofree char *text = NULL;
	GBytes *bytes;

	if (file == NULL) {
		g_prefix_error(error, "--digest takes 64 hex digits (or 32) or a file: ");
		return NULL;
	}
	if (is_digest_size(g_bytes_get_size(file)))
		return g_steal_pointer(&file);
	text = g_strndup(g_bytes_get_data(file, NULL), g_bytes_get_size(file));
	bytes = digest_of_hex(text);
	if (bytes == NULL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s holds no key digest: 32 bytes (16 of ESP32-C2), or as many in hex",
			    path);
	return bytes;
}

static gboolean trust_digests(GArray *trusted, GError **error)
{
	for (char **option = digest_options; option != NULL && *option != NULL; option++) {
		g_autoptr(GBytes) bytes = digest_of_hex(*option);
		EspSignatureDigest digest = {0};

		if (bytes == NULL)
			bytes = digest_of_file(*option, error);
		if (bytes == NULL)
			return FALSE;
		digest.size_bytes = g_bytes_get_size(bytes);
		memcpy(digest.bytes, g_bytes_get_data(bytes, NULL), digest.size_bytes);
		g_array_append_val(trusted, digest);
	}
	return TRUE;
}

static gboolean trust_keys(GArray *trusted, GError **error)
{
	for (char **option = public_options; option != NULL && *option != NULL; option++) {
		g_autoptr(EspSignatureKey) key = sign_key_load_public(*option, &key_sources, error);
		EspSignatureDigest digest = {.size_bytes = ESP_SIGNATURE_KEY_DIGEST_BYTES};

		if (key == NULL)
			return FALSE;
		memcpy(digest.bytes, esp_signature_key_digest(key), digest.size_bytes);
		g_array_append_val(trusted, digest);
	}
	return TRUE;
}

static void print(const EspSignatureReport *report)
{
	printf("%-5s  %-8s  %-64s  %s\n", "BLOCK", "SCHEME", "KEY DIGEST", "SIGNATURE");
	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++) {
		const EspSignatureVerdict *verdict = &report->verdicts[i];
		g_autofree char *digest =
			base_hex(verdict->block.key_digest, sizeof verdict->block.key_digest);
		gboolean readable = verdict->state != ESP_SIGNATURE_DAMAGED;

		if (verdict->state != ESP_SIGNATURE_ABSENT)
			printf("%-5u  %-8s  %-64s  %s%s%s%s\n", i,
			       readable ? esp_signature_scheme_name(verdict->block.scheme) : "-",
			       readable ? digest : "-", cmd_signature_state_name(verdict->state),
			       verdict->trusted ? ", trusted key" : "",
			       verdict->reason != NULL ? ": " : "",
			       verdict->reason != NULL ? verdict->reason : "");
	}
}

static void print_json(const char *name, const EspSignatureReport *report, gboolean with_trust,
		       const GError *error)
{
	json_t *root =
		json_pack("{s:s, s:I, s:b, s:b, s:o}", "file", name, "signedBytes",
			  (json_int_t)report->signed_bytes, "valid", error == NULL, "keysGiven",
			  with_trust, "blocks", cmd_signature_blocks_json(report));

	if (error != NULL)
		json_object_set_new(root, "reason", json_string(error->message));
	cmd_json_print(root);
}

static CmdExit verify(const char *path, const GArray *trusted, gboolean is_json)
{
	g_auto(EspSignatureReport) report = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = cmd_input_read(path, CMD_INPUT_MAX_BYTES, &error);
	const char *name = cmd_input_name(path);
	gsize size_bytes;
	const guint8 *data;

	if (bytes == NULL)
		return cmd_fail(NAME, error);
	data = g_bytes_get_data(bytes, &size_bytes);
	esp_signature_verify(data, size_bytes, (const EspSignatureDigest *)trusted->data,
			     trusted->len, &report, &error);
	if (is_json)
		print_json(name, &report, trusted->len > 0, error);
	else if (report.signed_bytes > 0)
		print(&report);
	fflush(stdout);
	if (error != NULL) {
		g_prefix_error(&error, "%s: ", name);
		return cmd_fail(NAME, error);
	}
	if (trusted->len == 0)
		g_printerr("espalier " NAME ": no key was given to trust: this says that nothing "
			   "was changed since, not who signed\n");
	return CMD_DONE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GArray) trusted = g_array_new(FALSE, FALSE, sizeof(EspSignatureDigest));
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean is_json;

	if (!cmd_parse(&cmd_image_verify_signature, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 2)
		return cmd_usage_error(NAME, "one image is needed");
	if (!trust_keys(trusted, &error) || !trust_digests(trusted, &error))
		return cmd_fail(NAME, error);
	return verify(argv[1], trusted, is_json);
}

const CmdCommand cmd_image_verify_signature = {
	.usage = "IMAGE|- [--public-key KEY …] [--digest HEX|FILE …]",
	.examples = "  espalier image verify-signature app-signed.bin --public-key public.pem\n"
		    "  espalier image verify-signature app-signed.bin --digest digest.bin\n",
	.options = options,
	.run = run,
};
