/* esp/aes.h — AES block by block (FIPS 197, mode ECB) out of OpenSSL, of which this room's ciphers
 * are made: esp/xts.h and esp/flash_encryption.h. */
#pragma once

#include "esp/openssl.h"

#include <glib.h>

/* A context for keys of `key_bytes`, 16 or 32; `encrypt` 1 or 0. Without a key (NULL) one is set by
 * EVP_CipherInit_ex before the first block. Free it with EVP_CIPHER_CTX_free. An OpenSSL without
 * AES is a broken installation: the process ends. */
EVP_CIPHER_CTX *aes_new(const guint8 *key, gsize key_bytes, int encrypt);

/* Turns whole blocks in place. */
void aes_turn(EVP_CIPHER_CTX *aes, guint8 *data, gsize size_bytes);
