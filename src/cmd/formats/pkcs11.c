#include "cmd/formats/pkcs11.h"

#include "base/error.h"
#include "cmd/formats/secret.h"
#include "esp/signature_key.h"

#include <string.h>

#define SCHEME "pkcs11:"
#define ENGINE_NAME "pkcs11"
#define ENGINE_PACKAGE "libengine-pkcs11-openssl"
#define MODULE_ATTRIBUTE "module-path="
#define PIN_ATTRIBUTES "pin-" /* pin-value, pin-source */

gboolean pkcs11_is_uri(const char *name)
{
	return g_str_has_prefix(name, SCHEME);
}

/* The URI's path, and its attribute module-path if it has one: the only one of its query that is
 * taken. */
static gboolean split(const char *uri, char **path, char **module, GError **error)
{
	g_auto(GStrv) halves = g_strsplit(uri, "?", 2);

	if (strstr(uri, PIN_ATTRIBUTES) != NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "the PKCS#11 URI has a PIN or its source in it, and others can read "
			    "arguments: give it with --pin-file, or when asked");
		return FALSE;
	}
	if (halves[1] != NULL && !g_str_has_prefix(halves[1], MODULE_ATTRIBUTE)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "after its '?' a PKCS#11 URI takes module-path=FILE, not '%s'",
			    halves[1]);
		return FALSE;
	}
	*path = g_strdup(halves[0]);
	*module = halves[1] != NULL
			  ? g_uri_unescape_string(halves[1] + strlen(MODULE_ATTRIBUTE), NULL)
			  : NULL;
	return TRUE;
}

/* OpenSSL's reason, if it has one, behind the message. */
static gboolean set_error(GError **error, const char *message)
{
	const EspOpenssl *ssl = esp_openssl();
	const char *reason = ssl->ERR_reason_error_string(ssl->ERR_peek_error());

	g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND, "%s%s%s%s", message,
		    reason != NULL ? " (" : "", reason != NULL ? reason : "",
		    reason != NULL ? ")" : "");
	ssl->ERR_clear_error();
	return FALSE;
}

/* The engine, ready and logged in by itself when a key is asked for. NULL with an error. */
static ENGINE *engine_open(const char *module, const char *pin, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	ENGINE *engine = ssl->ENGINE_by_id(ENGINE_NAME);

	if (engine == NULL) {
		set_error(error, "OpenSSL has no engine " ENGINE_NAME ": install " ENGINE_PACKAGE);
		return NULL;
	}
	ssl->ERR_clear_error();
	if ((module == NULL ||
	     ssl->ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) == 1) &&
	    ssl->ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 0) == 1 &&
	    ssl->ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) == 1 &&
	    ssl->ENGINE_init(engine) == 1)
		return engine;
	set_error(error, "the PKCS#11 module does not start: name it with --pkcs11-module");
	ssl->ENGINE_free(engine);
	return NULL;
}

static GSList *loaded;

static EspSignatureKey *load(const char *path, const char *module, const char *pin, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	ENGINE *engine = engine_open(module, pin, error);
	EspSignatureKey *key = NULL;
	EVP_PKEY *pkey;

	if (engine == NULL)
		return NULL;
	pkey = ssl->ENGINE_load_private_key(engine, path, NULL, NULL);
	if (pkey == NULL)
		set_error(error, "no private key from the token");
	else
		key = signature_key_new(pkey, error);
	/* The key holds a reference of its own; without a key what was kept for the token, the
	 * PIN too, is given up now. The engine stays loaded: unloaded, it would leave its tables
	 * behind. */
	ssl->ENGINE_finish(engine);
	loaded = g_slist_prepend(loaded, engine);
	return key;
}

EspSignatureKey *pkcs11_key_load(const char *uri, const char *module_path, const char *pin_path,
				 GError **error)
{
	g_autofree char *path = NULL, *module = NULL;
	g_auto(CmdSecret) pin = {0};
	EspSignatureKey *key;

	if (!split(uri, &path, &module, error))
		return NULL;
	if (pin_path != NULL ? !cmd_secret_read_line(pin_path, PKCS11_PIN_MAX_BYTES, &pin, error)
			     : !cmd_secret_ask("PIN of the token", "give a file with --pin-file",
					       PKCS11_PIN_MAX_BYTES, &pin, error))
		return NULL;
	key = load(path, module_path != NULL ? module_path : module, (const char *)pin.data, error);
	if (key == NULL)
		g_prefix_error(error, "%s: ", path);
	return key;
}
