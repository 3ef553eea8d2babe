/* base/digest.h — SHA-256 over OpenSSL, constant-time comparison, random bytes. Any thread. */
#pragma once

#include "base/hex.h"

#include <glib.h>

enum {
	BASE_SHA256_BYTES = 32,
	BASE_SHA256_HEX_CHARS = 64,
};

/* The digest of `size_bytes` bytes at `data`. */
void base_sha256(const void *data, gsize size_bytes, guint8 digest[static BASE_SHA256_BYTES]);

/* The same in lower-case hex. Yours. */
char *base_sha256_hex(const void *data, gsize size_bytes);
char *base_sha256_hex_of_bytes(GBytes *bytes);

/* The digest of a file's bytes read from `fd` (from its start; the position is not moved), in hex.
 * Yours, or NULL with BASE_ERROR_IO. */
char *base_sha256_hex_of_fd(int fd, GError **error);

/* A digest fed in parts, each with its length in front, so that ("ab","c") differs from ("a","bc").
 * For the hash of inputs. NULL parts count as absent, which differs from empty. */
typedef struct BaseInputsHash BaseInputsHash;
BaseInputsHash *base_inputs_hash_new(void);
void base_inputs_hash_add(BaseInputsHash *hash, const void *data, gsize size_bytes);
void base_inputs_hash_add_string(BaseInputsHash *hash, const char *text);
/* Ends the hash and frees it: 64 hex characters. Yours. */
char *base_inputs_hash_finish(BaseInputsHash *hash);

/* TRUE if both are the same; takes as long for any difference. NULL equals nothing. */
gboolean base_secret_equal(const char *a, const char *b);

/* Fills `data` from the system's random source. Never fails: aborts where the system has none. */
void base_random_bytes(void *data, gsize size_bytes);

/* A password of 128 random bits, 22 characters of base64url. Yours; wipe it with base_secret_free.
 */
char *base_random_password(void);

/* An RFC 4122 version 4 UUID. Yours. */
char *base_random_uuid(void);

/* Overwrites and frees. NULL is nothing. */
void base_secret_free(char *secret);
