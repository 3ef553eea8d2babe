#include "cmd/formats/sign_key.h"

#include "base/error.h"
#include "cmd/formats/io.h"
#include "cmd/formats/pkcs11.h"
#include "cmd/formats/secret.h"
#include "esp/error.h"

#include <string.h>

static int passphrase(char *buffer, gsize buffer_bytes, gpointer user_data, GError **error)
{
	const char *path = user_data;
	gsize most = MIN(buffer_bytes, ESP_SIGNATURE_PASSPHRASE_MAX_BYTES);
	g_auto(CmdSecret) secret = {0};

	if (path != NULL
		    ? !cmd_secret_read_line(path, most, &secret, error)
		    : !cmd_secret_ask("passphrase of the key", "give a file with --passphrase-file",
				      most, &secret, error))
		return -1;
	memcpy(buffer, secret.data, secret.size_bytes);
	return (int)secret.size_bytes;
}

static EspSignatureKey *read_private(const CmdSecret *secret, const char *name,
				     const SignKeyOptions *options, GError **error)
{
	EspSignatureKey *key =
		esp_signature_key_read_private(secret->data, secret->size_bytes, passphrase,
					       (gpointer)options->passphrase_path, error);

	if (key == NULL)
		g_prefix_error(error, "%s: ", cmd_input_name(name));
	return key;
}

EspSignatureKey *sign_key_load(const char *name, const SignKeyOptions *options, GError **error)
{
	g_auto(CmdSecret) secret = {0};
	gboolean is_private = FALSE;

	if (pkcs11_is_uri(name))
		return pkcs11_key_load(name, options->module_path, options->pin_path, error);
	if (!cmd_secret_read_any(name, ESP_SIGNATURE_KEY_FILE_MAX_BYTES, &secret, &is_private,
				 error))
		return NULL;
	if (strstr((const char *)secret.data, "BEGIN PUBLIC KEY") != NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s holds a public key: the private one signs", cmd_input_name(name));
		return NULL;
	}
	return cmd_secret_check(name, is_private, error)
		       ? read_private(&secret, name, options, error)
		       : NULL;
}

/* A private key where a public one would do. In PEM it says what it is; DER it may be, if its
 * file's modes are those of one. */
static EspSignatureKey *read_private_instead(const CmdSecret *secret, gboolean is_private,
					     const char *name, const SignKeyOptions *options,
					     GError **error)
{
	if (strstr((const char *)secret->data, "PRIVATE KEY") != NULL)
		return cmd_secret_check(name, is_private, error)
			       ? read_private(secret, name, options, error)
			       : NULL;
	if (is_private)
		return read_private(secret, name, options, NULL);
	return NULL;
}

EspSignatureKey *sign_key_load_public(const char *name, const SignKeyOptions *options,
				      GError **error)
{
	g_auto(CmdSecret) secret = {0};
	g_autoptr(GError) not_public = NULL;
	g_autoptr(GError) not_private = NULL;
	gboolean is_private = FALSE;
	EspSignatureKey *key;

	if (pkcs11_is_uri(name))
		return pkcs11_key_load(name, options->module_path, options->pin_path, error);
	if (!cmd_secret_read_any(name, ESP_SIGNATURE_KEY_FILE_MAX_BYTES, &secret, &is_private,
				 error))
		return NULL;
	key = esp_signature_key_read_public(secret.data, secret.size_bytes, &not_public);
	if (key == NULL && g_error_matches(not_public, ESP_ERROR, ESP_ERROR_INVALID))
		key = read_private_instead(&secret, is_private, name, options, &not_private);
	if (key != NULL)
		return key;
	if (not_private != NULL)
		g_propagate_error(error, g_steal_pointer(&not_private));
	else
		g_propagate_prefixed_error(error, g_steal_pointer(&not_public),
					   "%s: ", cmd_input_name(name));
	return NULL;
}
