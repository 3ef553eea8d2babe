/* cmd/formats/sign_key.h — signing keys as the commands name them: a file, or the PKCS#11 URI of a
 * key that never leaves its token. */
#pragma once

#include "esp/signature.h"

/* Where the secrets that open a key come from; each may be NULL: then the terminal is asked. */
typedef struct {
	const char *passphrase_path; /* of an encrypted PEM file */
	const char *pin_path;        /* of a PKCS#11 token */
	const char *module_path; /* PKCS#11 module; NULL: the URI's, then the system's (p11-kit) */
} SignKeyOptions;

/* The options of the commands that take keys, for their GOptionEntry tables. */
#define SIGN_KEY_OPTION_ENTRIES(options)                                                           \
	{"passphrase-file",                                                                        \
	 0,                                                                                        \
	 0,                                                                                        \
	 G_OPTION_ARG_FILENAME,                                                                    \
	 &(options).passphrase_path,                                                               \
	 "file whose first line is the passphrase of an encrypted key (default: ask)",             \
	 "FILE"},                                                                                  \
		{"pin-file",                                                                       \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_FILENAME,                                                            \
		 &(options).pin_path,                                                              \
		 "file whose first line is the PIN of a PKCS#11 token (default: ask)",             \
		 "FILE"},                                                                          \
	{                                                                                          \
		"pkcs11-module", 0, 0, G_OPTION_ARG_FILENAME, &(options).module_path,              \
			"PKCS#11 module of the token (default: the system's)", "FILE"              \
	}

/* A private key: PEM or DER from a file that only its owner may read, or by a URI that begins with
 * "pkcs11:". Yours, or NULL with an error that names it. */
EspSignatureKey *sign_key_load(const char *name, const SignKeyOptions *options, GError **error);

/* A key whose public half is wanted: a public key from a file of any mode, or as above. */
EspSignatureKey *sign_key_load_public(const char *name, const SignKeyOptions *options,
				      GError **error);
