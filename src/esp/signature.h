/* esp/signature.h — signatures of secure boot version 2 (ESP-IDF,
 * docs/en/security/secure-boot-v2.rst, components/bootloader_support/src/secure_boot_v2;
 * espsecure sign-data, verify-signature, digest-sbv2-public-key). Pure: bytes in, bytes out.
 *
 * What is signed (an app, a bootloader, a partition table) is filled up with 0xFF to a multiple of
 * 4096 bytes; one more sector of 4096 bytes behind it holds up to three signature blocks of 1216
 * bytes, the rest 0xFF. A block has the digest of all bytes before the sector, the public key and
 * the signature; numbers are little-endian, in fields of fixed size:
 *
 *                         RSA-3072       ECDSA P-192, P-256   ECDSA P-384
 *     0     magic         0xE7
 *     1     version       2              3                    3
 *     2     hash          0              0 (SHA-256)          1 (SHA-384)
 *     4     digest        32 bytes       32                   48
 *     then  public key    36: n 384      36: curve 1, 2       52: curve 3
 *                         420: e 4       37: X, Y in 64       53: X, Y in 96
 *                         424: R 384
 *                         808: M' 4
 *     then  signature     812: 384       101: r, s in 64      149: r, s in 96
 *     1196  CRC-32 (esp_crc_std) of the bytes before
 *     1200  0
 *
 * R is 2^6144 mod n and M' is -1/n mod 2^32: the chip multiplies with them, so here they are
 * computed anew and compared. RSA signatures are PSS with SHA-256, MGF1 with SHA-256 and 32 bytes
 * of salt.
 *
 * A chip trusts a key whose digest is in its eFuses: SHA-256 of the public key's bytes in the
 * block, curve included. ESP32-C2 keeps the first 16 bytes of that. A chip starts an image of which
 * any block's key is trusted and its signature right. ESP32 and ESP32-C2 look at the first block
 * only. */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_SIGNATURE_MAGIC = 0xE7,
	ESP_SIGNATURE_SECTOR_BYTES = 4096,
	ESP_SIGNATURE_BLOCK_BYTES = 1216,
	ESP_SIGNATURE_BLOCKS_MAX = 3,
	ESP_SIGNATURE_DIGEST_MAX_BYTES = 48,    /* of the image: 32, or 48 by SHA-384 */
	ESP_SIGNATURE_KEY_DIGEST_BYTES = 32,    /* as all chips but one keep it */
	ESP_SIGNATURE_KEY_DIGEST_C2_BYTES = 16, /* as the ESP32-C2 keeps it */
	ESP_SIGNATURE_KEY_FILE_MAX_BYTES = 64 * 1024,
	ESP_SIGNATURE_PASSPHRASE_MAX_BYTES = 1024,
};

typedef enum {
	ESP_SIGNATURE_RSA_3072,
	ESP_SIGNATURE_ECDSA_P192,
	ESP_SIGNATURE_ECDSA_P256,
	ESP_SIGNATURE_ECDSA_P384,
} EspSignatureScheme;

/* "rsa3072", "ecdsa192", "ecdsa256", "ecdsa384", as espsecure calls them. Borrowed. */
const char *esp_signature_scheme_name(EspSignatureScheme scheme);

/* -- keys ------------------------------------------------------------------------------------ */

/* A key of one of the schemes: public, or both halves. The private half is wiped at its end; it
 * never leaves here. Used by one thread at a time. */
typedef struct _EspSignatureKey EspSignatureKey;

/* Asks for the passphrase of an encrypted key: writes at most `buffer_bytes` bytes, no NUL, and
 * returns how many; -1 with `error` set if there is none to be had. */
typedef int (*EspPassphraseFunc)(char *buffer, gsize buffer_bytes, gpointer user_data,
				 GError **error);

/* Reads a private key, PEM (PKCS#8, encrypted or not, or the older forms) or DER. `passphrase` is
 * called at most once and only for encrypted PEM; NULL: those are refused. Copies of the passphrase
 * made here are wiped; wiping `data` is the caller's. Yours, or NULL with ESP_ERROR_INVALID (no
 * private key, wrong passphrase), ESP_ERROR_NOT_SUPPORTED (a key of another kind or size) or
 * `passphrase`'s error. */
EspSignatureKey *esp_signature_key_read_private(const guint8 *data, gsize size_bytes,
						EspPassphraseFunc passphrase, gpointer user_data,
						GError **error);

/* Reads a public key, PEM or DER (SubjectPublicKeyInfo). Yours, or NULL as above. */
EspSignatureKey *esp_signature_key_read_public(const guint8 *data, gsize size_bytes,
					       GError **error);

/* Wipes and frees; NULL is nothing. */
void esp_signature_key_free(EspSignatureKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspSignatureKey, esp_signature_key_free)

EspSignatureScheme esp_signature_key_scheme(const EspSignatureKey *key);

/* What the eFuses keep of it: SHA-256, of which the ESP32-C2 keeps the first 16 bytes. Borrowed;
 * ESP_SIGNATURE_KEY_DIGEST_BYTES. */
const guint8 *esp_signature_key_digest(const EspSignatureKey *key);

/* -- blocks ---------------------------------------------------------------------------------- */

/* What one block says; nothing of it is verified against an image or a trusted key yet. */
typedef struct {
	EspSignatureScheme scheme;
	gsize image_digest_bytes; /* 32 or 48 */
	guint8 image_digest[ESP_SIGNATURE_DIGEST_MAX_BYTES];
	guint8 key_digest[ESP_SIGNATURE_KEY_DIGEST_BYTES];
} EspSignatureBlock;

/* Reads a block: magic, version, CRC, curve, and for RSA that n has 3072 bits and is odd, that e is
 * odd and above 1, and that R and M' belong to n. FALSE, `block` untouched, with
 * ESP_ERROR_NOT_FOUND (no magic: an empty place), ESP_ERROR_NOT_SUPPORTED (version, hash or curve),
 * ESP_ERROR_CORRUPT (the CRC) or ESP_ERROR_INVALID (the numbers). */
gboolean esp_signature_block_read(const guint8 bytes[ESP_AT_LEAST ESP_SIGNATURE_BLOCK_BYTES],
				  EspSignatureBlock *block, GError **error);

/* -- images ---------------------------------------------------------------------------------- */

/* How a place for a block was judged. */
typedef enum {
	ESP_SIGNATURE_ABSENT,  /* nothing there */
	ESP_SIGNATURE_DAMAGED, /* a block that cannot be read: `reason`; `block` is zeros */
	ESP_SIGNATURE_WRONG,   /* not a signature of this image: `reason` */
	ESP_SIGNATURE_RIGHT,   /* by the key that the block carries */
} EspSignatureState;

typedef struct {
	EspSignatureState state;
	EspSignatureBlock block;
	gboolean trusted; /* the key is one of those that were asked for */
	char *reason;     /* or NULL */
} EspSignatureVerdict;

typedef struct {
	gsize signed_bytes; /* before the sector */
	EspSignatureVerdict verdicts[ESP_SIGNATURE_BLOCKS_MAX];
} EspSignatureReport;

/* Frees the reasons; `EspSignatureReport report = {0};` with g_auto. */
void esp_signature_report_clear(EspSignatureReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EspSignatureReport, esp_signature_report_clear)

/* A trusted key by its digest: ESP_SIGNATURE_KEY_DIGEST_BYTES or _C2_BYTES of it. */
typedef struct {
	guint8 bytes[ESP_SIGNATURE_KEY_DIGEST_BYTES];
	gsize size_bytes;
} EspSignatureDigest;

/* Verifies an image with its signature sector at its end: `size_bytes` is a multiple of 4096, 8192
 * at least. With `trusted` it is right if one block's key is trusted and its signature right, as on
 * a chip. Without (n_trusted = 0) it is right if all blocks that are there are: that says nothing
 * about who signed. `report` (may be NULL; it must be zeros or cleared) is filled if there is a
 * sector, whatever the answer. FALSE with
 *
 *     ESP_ERROR_TRUNCATED      no room for a sector
 *     ESP_ERROR_NOT_FOUND      no block at all: it is not signed
 *     ESP_ERROR_CORRUPT        a signature or a block is wrong; the message says why
 *     ESP_ERROR_INVALID        none of the blocks is by a trusted key */
gboolean esp_signature_verify(const guint8 *data, gsize size_bytes,
			      const EspSignatureDigest *trusted, gsize n_trusted,
			      EspSignatureReport *report, GError **error);

typedef enum {
	ESP_SIGNATURE_FRESH,  /* the image has no sector yet */
	ESP_SIGNATURE_APPEND, /* it has one, with a free place for every key */
} EspSignatureMode;

/* Signs an image with each of `keys`, in their order: fills it up and adds the sector, or adds
 * blocks to the sector behind those that are there. An app image that names its chip is only signed
 * with what that chip reads. RSA (salt) and ECDSA (nonce) signatures are other bytes every time.
 * Yours, or NULL with
 *
 *     ESP_ERROR_INVALID        nothing to sign; FRESH: signed already; the same key twice; a key
 *                              without a private half
 *     ESP_ERROR_NOT_FOUND      APPEND: not signed yet
 *     ESP_ERROR_CORRUPT        APPEND: a block that is there is damaged or not of this image
 *     ESP_ERROR_TOO_LARGE      more keys than free places
 *     ESP_ERROR_NOT_SUPPORTED  not what the image's chip reads; or the key's holder (PKCS#11)
 *                              refused: its reason is in the message */
GBytes *esp_signature_sign(const guint8 *data, gsize size_bytes, EspSignatureKey *const *keys,
			   gsize n_keys, EspSignatureMode mode, GError **error);

G_END_DECLS
