/* esp/signature_key.h — signing keys and the layout of blocks by scheme, for the sources of
 * esp/signature.h, and for those that hold a key in OpenSSL's form (PKCS#11). */
#pragma once

#include "esp/openssl.h"
#include "esp/signature.h"

enum {
	SIGNATURE_DIGEST_OFFSET = 4, /* of the image, in a block */
	SIGNATURE_RSA_BYTES = 384,
	SIGNATURE_RSA_BITS = 3072,
	/* n, e, R, M': the longest of the public keys in a block */
	SIGNATURE_KEY_PART_MAX_BYTES = 2 * SIGNATURE_RSA_BYTES + 8,
};

/* Where a scheme has its parts in a block (docs/en/security/secure-boot-v2.rst). */
typedef struct {
	const char *name;
	guint8 version;
	guint8 hash;        /* byte 2: 0 SHA-256, 1 SHA-384 */
	guint8 curve;       /* 0: RSA */
	gsize digest_bytes; /* of the image, at 4 */
	gsize key_offset;   /* the public key, whose hash is the key digest */
	gsize key_bytes;    /* of it */
	gsize signature_offset;
	gsize number_bytes; /* of X, Y, r, s; of n for RSA */
	const char *group;  /* as OpenSSL names the curve, or NULL */
} SignatureLayout;

/* Borrowed; any scheme has one. */
const SignatureLayout *signature_layout(EspSignatureScheme scheme);

struct _EspSignatureKey {
	EspSignatureScheme scheme;
	EVP_PKEY *private;                         /* or NULL */
	guint8 part[SIGNATURE_KEY_PART_MAX_BYTES]; /* as in a block, `key_bytes` of the layout */
	guint8 digest[ESP_SIGNATURE_KEY_DIGEST_BYTES];
};

/* A signing key of OpenSSL's, of which a reference is taken over, on failure too. NULL with
 * ESP_ERROR_NOT_SUPPORTED: another kind or size. */
EspSignatureKey *signature_key_new(EVP_PKEY *private, GError **error);

/* "prefix: OpenSSL's reason for its last error", as `code`. Always returns FALSE; OpenSSL's errors
 * are cleared. */
gboolean signature_set_ssl_error(GError **error, int code, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* The R of RSA's modulus `n` (both 384 bytes little-endian), and its M'. `n` is odd. */
void signature_rsa_r(const guint8 *n, guint8 *r);
guint32 signature_rsa_m(const guint8 *n);

/* Writes a block but for the signature and the CRC. `image_digest` is the layout's `digest_bytes`
 * long. */
void signature_block_write(const EspSignatureKey *key, const guint8 *image_digest, guint8 *block);

/* Signs a block that signature_block_write made. The key has a private half. FALSE with
 * ESP_ERROR_NOT_SUPPORTED: OpenSSL, or what holds the key for it, refused. */
gboolean signature_block_sign(const EspSignatureKey *key, guint8 *block, GError **error);

/* Writes the CRC, at last. */
void signature_block_seal(guint8 *block);

/* TRUE if the signature is one by the block's own key over the digest in the block, which
 * esp_signature_block_read has read. FALSE with ESP_ERROR_CORRUPT: it is not, or the key is none.
 */
gboolean signature_block_check(const SignatureLayout *layout, const guint8 *block, GError **error);

/* Where the signature sector begins: the last one. FALSE, `offset` untouched, with
 * ESP_ERROR_TRUNCATED if the size has no room for one. */
gboolean signature_sector_find(gsize size_bytes, gsize *offset, GError **error);

/* What the bytes before the sector hash to, as `scheme` wants it. */
void signature_image_digest(EspSignatureScheme scheme, const guint8 *data, gsize size_bytes,
			    guint8 *digest);
