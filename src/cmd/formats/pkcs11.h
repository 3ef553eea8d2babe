/* cmd/formats/pkcs11.h — keys in PKCS#11 tokens (a smart card, an HSM, SoftHSM), through OpenSSL's
 * engine pkcs11 of libp11: Debian 12 has it as libengine-pkcs11-openssl; it has no PKCS#11
 * provider. The private key stays in the token, which signs. */
#pragma once

#include "esp/signature.h"

enum { PKCS11_PIN_MAX_BYTES = 255 };

/* TRUE for "pkcs11:…" (RFC 7512). */
gboolean pkcs11_is_uri(const char *name);

/* Finds the key of a URI and logs in to its token. `module_path` may be NULL: then it is the URI's
 * attribute module-path, else p11-kit's or PKCS11_MODULE_PATH. `pin_path` is as
 * cmd_secret_read_line takes it; NULL: the terminal is asked. A PIN within the URI is refused:
 * others can read arguments. Yours, or NULL with an error that names the URI: BASE_ERROR_INVALID,
 * BASE_ERROR_NOT_FOUND (no engine, no module, no key), ESP_ERROR_NOT_SUPPORTED. */
EspSignatureKey *pkcs11_key_load(const char *uri, const char *module_path, const char *pin_path,
				 GError **error);
